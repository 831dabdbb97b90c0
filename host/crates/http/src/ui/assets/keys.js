// Keyboard shortcuts. They are off while the viewer types, and can be switched off.

const keys = document.getElementById("keys");
const off = () => { try { return localStorage.getItem("mcp-audit-log-keys") === "off"; } catch { return false; } };

function links() {
  return log ? [...log.querySelectorAll("tbody .time a, tbody .key a")].filter((link) => link.offsetParent) : [];
}

// Tab stops once in the list, at the row that was visited last.
function rove() {
  const all = links();
  const here = all.find((link) => link === document.activeElement) ?? all.find((link) => link.tabIndex === 0 && link.dataset.here);
  for (const link of all) {
    const on = link === (here ?? all[0]);
    link.tabIndex = on ? 0 : -1;
    if (on) link.dataset.here = "1"; else delete link.dataset.here;
  }
}

function step(by) {
  const all = links();
  const at = all.indexOf(document.activeElement);
  const link = all[at < 0 ? Math.max(0, all.findIndex((other) => other.dataset.here)) : Math.min(Math.max(at + by, 0), all.length - 1)];
  link?.focus();
  link?.scrollIntoView({ block: "nearest" });
  return link !== undefined;
}

// Goes to the previous or next entry, on an entry's page.
function turn(rel) {
  const link = document.querySelector(`.near a[rel~="${rel}"]`);
  link?.click();
  return link !== null;
}

function typing(target) {
  return target.closest("input:not([type=checkbox]), select, textarea, [contenteditable]") !== null;
}

function escape(target) {
  const menu = document.querySelector(".menu[open]");
  if (menu) { menu.open = false; menu.querySelector("summary").focus(); return true; }
  if (onRow(target) && fold(target)) return true;
  if (typing(target) || target.closest("#log a")) { target.blur(); return true; }
  const back = document.getElementById("back");
  if (back) { location.href = back.href; return true; }
  return false;
}

// Whether the focus is on a row of entries; groups have rows too.
function onRow(target) {
  return target.matches("table.log .time a");
}

function act(event) {
  const inList = event.target.closest("#log a") !== null;
  switch (event.key) {
    case "/": { const q = document.getElementById("q"); q?.focus(); q?.select(); return q !== null; }
    case "j": return log ? step(1) : turn("next");
    case "k": return log ? step(-1) : turn("prev");
    case "ArrowDown": return inList && step(1);
    case "ArrowUp": return inList && step(-1);
    case " ":
    case "ArrowRight": return onRow(event.target) && (unfold(event.target), true);
    case "ArrowLeft": return onRow(event.target) && fold(event.target);
    case "m": { const row = event.target.closest("table.log tbody tr") ?? links().find((link) => link.dataset.here)?.closest("table.log tbody tr"); return row !== null && row !== undefined && offerActions(besides(row.cells[0], 1)); }
    case "t": { const link = document.querySelector("#timeline a"); link?.click(); return link !== null; }
    case "?": keys?.showModal(); return keys !== null;
    default: return false;
  }
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || keys?.open || actions.isConnected && actions.dataset.open) return;
  if (event.key === "Escape") { if (escape(event.target)) event.preventDefault(); return; }
  if (typing(event.target) || off() && !event.key.startsWith("Arrow")) return;
  if (act(event)) event.preventDefault();
});
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll(".menu[open]")) if (!menu.contains(event.target)) menu.open = false;
});
if (log) {
  log.addEventListener("focusin", (event) => { if (event.target.matches(".time a, .key a")) rove(); });
  rove();
}
const back = document.getElementById("back");
try {
  const list = sessionStorage.getItem("mcp-audit-log-list");
  if (back && list && new URL(list).origin === location.origin) back.href = list;
} catch { /* nothing is kept */ }

// A viewer who returns from an entry is where they left: at its row, also if that is on an older page.
const PLACE = "mcp-audit-log-place";

function leave(event) {
  const link = event.target.closest("table.log .time a");
  if (!link) return;
  const place = { list: location.href, entry: link.href, top: link.getBoundingClientRect().top };
  try { sessionStorage.setItem(PLACE, JSON.stringify(place)); } catch { /* not allowed to keep anything */ }
}

async function comeBack() {
  const place = JSON.parse(sessionStorage.getItem(PLACE) ?? "null");
  const isEntry = (address) => address && new URL(address).pathname.startsWith(`${document.body.dataset.base}/entries/`);
  const came = place && (isEntry(document.referrer) || performance.getEntriesByType("navigation")[0]?.type === "back_forward");
  if (!came || place.list !== location.href) return;
  sessionStorage.removeItem(PLACE);
  history.scrollRestoration = "manual";
  const find = () => links().find((link) => link.href === place.entry);
  for (let page = 0; page < 50 && !find() && await older(); page += 1);
  const link = find();
  if (!link) return;
  link.focus({ preventScroll: true });
  scrollBy(0, link.getBoundingClientRect().top - place.top);
}

if (log) {
  log.addEventListener("click", leave);
  addEventListener("load", () => { comeBack().catch(() => {}); });
}
if (keys) {
  const button = document.getElementById("show-keys");
  const box = keys.querySelector("input");
  button.hidden = false;
  box.checked = !off();
  button.addEventListener("click", () => keys.showModal());
  box.addEventListener("change", () => {
    try { localStorage.setItem("mcp-audit-log-keys", box.checked ? "on" : "off"); } catch { /* not allowed to keep anything */ }
  });
}
