// A row of the list: a click on a value opens a menu, a click elsewhere opens the entry, and space or → shows the entry
// below its row. Text can be selected. Without a script, the whole row is a link.

document.documentElement.classList.add("js");

// The actions for a value, as a menu that closes by itself.
const actions = document.createElement("div");
actions.popover = "auto";
actions.className = "actions";
actions.role = "menu";
let chosen = null;

// The column's head says which field a cell shows; the column of tools, resources and paths says it itself.
function fieldOf(cell) {
  const head = cell.closest("table").tHead.rows[0].cells[cell.cellIndex];
  const name = cell.dataset.field ?? head.dataset.field;
  const value = (cell.querySelector(".outcome") ?? cell).textContent.trim();
  // A value that was cut, or has hidden characters, would not be found by its text.
  if (!name || !value || value.endsWith("…") || /\\(u\{|[ntr])/.test(value)) return null;
  return { name, value, label: head.textContent.trim(), groups: cell.dataset.field !== undefined || head.dataset.groups !== undefined };
}

// The address of this search with a change.
function changed(change) {
  const address = new URL(location.href);
  address.searchParams.delete("cursor");
  change(address.searchParams);
  return address.href;
}

function without({ name, value }) {
  return changed((search) => {
    let terms = [];
    try { terms = JSON.parse(search.get("domain") ?? "[]"); } catch { /* the server says what is wrong */ }
    const isCount = document.querySelector(`th[data-field="${name}"]`)?.dataset.numbers !== undefined;
    search.set("domain", JSON.stringify([...terms, [name, "!=", isCount ? Number(value) : value]]));
  });
}

function item(text, act) {
  const element = document.createElement(typeof act === "string" ? "a" : "button");
  if (typeof act === "string") element.href = act;
  else { element.type = "button"; element.addEventListener("click", () => { actions.hidePopover(); act(); }); }
  element.role = "menuitem";
  element.tabIndex = -1;
  element.textContent = text;
  return element;
}

// Whether the value is in the clipboard now.
async function copy(cell, value) {
  try {
    await navigator.clipboard.writeText(value);
    say("Copied.");
    return true;
  } catch {
    // Browsers let a page write to the clipboard over HTTPS only; the viewer copies the selection.
    getSelection().selectAllChildren(cell.querySelector(".outcome") ?? cell);
    say("Selected. Copy it with the keys of your system.");
    return false;
  }
}

function offerActions(cell) {
  const field = cell && fieldOf(cell);
  if (!field) return false;
  chosen = cell;
  const link = cell.parentElement.querySelector(".time a");
  actions.ariaLabel = `${field.label}: ${field.value}`;
  const head = document.createElement("p");
  head.role = "presentation";
  head.textContent = field.value;
  const items = [
    item("Only this", changed((search) => { search.delete(field.name); search.set(field.name, field.value); })),
    item("Not this", without(field)),
    field.groups && item("Group by this", changed((search) => { search.delete("by"); search.set("by", field.name); })),
    item("Copy", () => copy(cell, field.value)),
    item("Show the entry here", () => unfold(link)),
  ].filter(Boolean);
  actions.replaceChildren(head, ...items);
  const box = cell.getBoundingClientRect();
  actions.showPopover();
  actions.style.left = `${Math.max(8, Math.min(box.left, innerWidth - actions.offsetWidth - 8))}px`;
  actions.style.top = `${Math.max(8, Math.min(box.bottom, innerHeight - actions.offsetHeight - 8))}px`;
  items[0].focus();
  return true;
}

// The next value of the row that has actions, in a direction.
function besides(cell, by) {
  const cells = [...cell.parentElement.cells].filter((other) => other.offsetParent && fieldOf(other));
  const at = cells.indexOf(cell) + by;
  return cells[(at + cells.length) % cells.length];
}

actions.addEventListener("keydown", (event) => {
  const items = [...actions.querySelectorAll("[role=menuitem]")];
  const at = items.indexOf(document.activeElement);
  const moves = { ArrowDown: 1, ArrowUp: -1 };
  if (event.key in moves) items[(at + moves[event.key] + items.length) % items.length].focus();
  else if (event.key === "ArrowRight" || event.key === "ArrowLeft") offerActions(besides(chosen, event.key === "ArrowRight" ? 1 : -1));
  else if (event.key === "Tab") actions.hidePopover();
  else return;
  event.preventDefault();
});
actions.addEventListener("toggle", (event) => {
  if (event.newState === "open") actions.dataset.open = "true"; else delete actions.dataset.open;
  if (event.newState === "closed" && (document.activeElement === document.body || actions.contains(document.activeElement))) {
    chosen?.parentElement.querySelector(".time a")?.focus({ preventScroll: true });
  }
});

// Shows the entry below its row, or hides it again. One is shown at a time.
async function unfold(link) {
  const row = link.closest("tr");
  if (fold(link)) return;
  for (const other of log.querySelectorAll(".time a[aria-expanded]")) fold(other);
  link.setAttribute("aria-expanded", "true");
  const shown = document.createElement("tr");
  shown.className = "shown-entry";
  const cell = shown.insertCell();
  cell.colSpan = [...row.cells].filter((other) => other.offsetParent).length;
  cell.textContent = "…";
  row.after(shown);
  try {
    const answer = await fetch(link.href, { credentials: "same-origin", redirect: "error" });
    if (!answer.ok) throw new Error(answer.statusText);
    if (!shown.isConnected) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const parts = ["#error", "#compare", "#changes", "#payload", "#fields", "#details"].map((part) => page.querySelector(part));
    const open = document.createElement("p");
    open.append(Object.assign(document.createElement("a"), { href: link.href, textContent: "Open the page of this entry" }));
    cell.replaceChildren(...parts.filter(Boolean).map((part) => document.adoptNode(part)), open);
    say("The entry is shown below its row.");
  } catch {
    if (shown.isConnected) location.href = link.href;
  }
}

function fold(link) {
  const shown = link.closest("tr").nextElementSibling;
  if (!shown?.classList.contains("shown-entry")) return false;
  shown.remove();
  link.removeAttribute("aria-expanded");
  return true;
}

// Whether a point is on the text of a cell.
function onText(cell, { clientX: x, clientY: y }) {
  const range = document.createRange();
  range.selectNodeContents(cell);
  return [...range.getClientRects()].some((box) => x >= box.left && x <= box.right && y >= box.top && y <= box.bottom);
}

function press(event) {
  const cell = event.target.closest("table.log tbody td");
  const link = cell?.parentElement.querySelector(".time a");
  if (!link || event.target.closest("a, button") || !getSelection().isCollapsed) return;
  const isMouse = event.pointerType !== "touch";
  if (isMouse && !event.ctrlKey && !event.metaKey && onText(cell, event) && offerActions(cell)) return;
  if (event.ctrlKey || event.metaKey) window.open(link.href, "_blank", "noopener");
  else link.click();
}

// What is to be copied whole.
for (const part of document.querySelectorAll(".snippet")) {
  const text = part.querySelector("pre");
  const button = Object.assign(document.createElement("button"), { type: "button", className: "quiet", textContent: "Copy" });
  button.addEventListener("click", async () => { button.textContent = await copy(text, text.textContent) ? "Copied" : "Selected"; });
  part.append(button);
}

// The values on an entry's page have links; the script adds what needs one.
for (const value of document.querySelectorAll("#fields dd")) {
  const button = Object.assign(document.createElement("button"), { type: "button", className: "copy", textContent: "Copy" });
  button.addEventListener("click", async () => {
    const text = value.querySelector(".value");
    button.textContent = await copy(text, text.textContent.trim()) ? "Copied" : "Selected";
  });
  value.querySelector(".acts")?.append(button);
}

if (log) {
  document.body.append(actions);
  log.addEventListener("click", press);
}
