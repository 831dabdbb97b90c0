// Completes fields and values in the search box: a combobox as in ARIA 1.2. Without it, the box is a plain input.

// Every field: its name, its kind (text, number or time), and its words where it has no others. The server fills it in.
{
  const FIELDS = [];
  const PERIODS = ["15m", "1h", "24h", "7d", "30d", "today", "yesterday"];
  const box = document.getElementById("q");
  const offers = document.createElement("ul");
  let shown = [], active = -1, waited = 0, known = new Map();

  // The word before the caret: where it begins, its sign, its field and what stands behind the colon.
  function word() {
    const text = box.value.slice(0, box.selectionStart);
    let begin = 0, quoted = false;
    for (let at = 0; at < text.length; at++) {
      if (text[at] === "\\" && quoted) at++;
      else if (text[at] === '"') quoted = !quoted;
      else if (!quoted && /[\s(]/.test(text[at])) begin = at + 1;
    }
    if (/^[-!]/.test(text.slice(begin))) begin++;
    const rest = text.slice(begin), colon = rest.indexOf(":");
    if (colon < 0) return quoted ? null : { begin, name: rest.toLowerCase(), value: null };
    const comma = quoted ? -1 : rest.lastIndexOf(",");
    const start = Math.max(colon, comma) + 1;
    return { begin: begin + start, name: rest.slice(0, colon).toLowerCase(), value: rest.slice(start).replace(/^"/, "") };
  }

  // A value as the language writes it.
  function written(value) {
    return /^[\w.\/:+-]+$/.test(value) && value !== "none" && !/^[-:]/.test(value) ? value : `"${value.replace(/["\\]/g, "\\$&")}"`;
  }

  // The values of a field that the viewer may see, the most frequent first, with their numbers. They are fetched once.
  async function values(field) {
    if (field.words) return field.words.map((text) => ({ text }));
    if (!field.groups) return [];
    if (!known.has(field.name)) known.set(field.name, fetched(field.name));
    const found = await known.get(field.name);
    // Not now may be later.
    if (!found) known.delete(field.name);
    const usual = (one) => one.text !== null && !HIDDEN.test(one.text);
    return (found ?? []).filter(usual).map((one) => ({ ...one, text: String(one.text) }));
  }

  async function fetched(name) {
    const ask = (path) => fetch(`${document.body.dataset.base}/api/v1/${path}`, { credentials: "same-origin" });
    let answer = await ask(`groups?by=${name}&sort=count&limit=200`);
    if (answer.ok) return (await answer.json()).groups.map((group) => ({ text: group.keys[name], count: group.count }));
    if (answer.status === 429) return null;
    // Too many to count.
    answer = await ask(`values/${name}?limit=200`);
    return answer.ok ? (await answer.json()).values.map((text) => ({ text })) : null;
  }

  async function options(at) {
    if (at.value === null) {
      const begins = (field) => [field.name, field.short, field.label.toLowerCase()].some((name) => name?.startsWith(at.name));
      return FIELDS.filter(begins).map((field) => ({ put: `${field.short ?? field.name}:`, text: field.short ?? field.name, note: field.label }));
    }
    if (["since", "from", "until", "to"].includes(at.name)) {
      return PERIODS.filter((period) => period.startsWith(at.value)).map((period) => ({ put: `${period} `, text: period, note: "" }));
    }
    const field = FIELDS.find((field) => [field.name, field.short].includes(at.name));
    if (!field) return [];
    const asked = at.value.toLowerCase();
    const found = (await values(field)).filter((one) => one.text.toLowerCase().includes(asked));
    found.sort((one, two) => two.text.toLowerCase().startsWith(asked) - one.text.toLowerCase().startsWith(asked));
    const numbers = field.kind === "text" ? [] : [">", ">=", "<", "<="].filter((sign) => sign !== at.value && sign.startsWith(at.value));
    return found.map((one) => ({ put: `${written(one.text)} `, text: one.text, note: one.count?.toLocaleString("en").replaceAll(",", "\u202f") ?? "" }))
      .concat(numbers.map((sign) => ({ put: sign, text: sign, note: "compares" })))
      .concat("none".startsWith(asked) && !field.words ? [{ put: "none ", text: "none", note: "not set" }] : []);
  }

  function close() {
    waited++;
    shown = [];
    mark(-1);
    offers.hidden = true;
    box.setAttribute("aria-expanded", "false");
  }

  function mark(at) {
    active = at;
    [...offers.children].forEach((item, index) => item.setAttribute("aria-selected", String(index === at)));
    if (at < 0) box.removeAttribute("aria-activedescendant");
    else {
      box.setAttribute("aria-activedescendant", offers.children[at].id);
      offers.children[at].scrollIntoView({ block: "nearest" });
    }
  }

  async function open(all = false) {
    const mine = ++waited, at = word();
    // What is offered meanwhile belongs to what was typed before.
    if (shown.length) mark(-1);
    const found = at && (all || at.value !== null || at.name) ? (await options(at)).slice(0, 12) : [];
    if (mine !== waited) return;
    // What is typed already, or all of it, is no help.
    shown = found.filter((one) => one.put.trim() !== box.value.slice(at.begin, box.selectionStart));
    if (!shown.length || document.activeElement !== box) return close();
    offers.replaceChildren(...shown.map((one, index) => {
      const item = document.createElement("li"), note = document.createElement("span");
      item.id = `q-offer-${index}`;
      item.setAttribute("role", "option");
      note.className = "muted small";
      note.textContent = one.note;
      item.append(one.text, " ", note);
      return item;
    }));
    mark(-1);
    offers.style.left = `${box.offsetLeft}px`;
    offers.style.top = `${box.offsetTop + box.offsetHeight + 4}px`;
    offers.style.minWidth = `${Math.min(box.offsetWidth, 320)}px`;
    offers.hidden = false;
    box.setAttribute("aria-expanded", "true");
    say(shown.length === 1 ? "1 suggestion" : `${shown.length} suggestions`);
  }

  function take(index) {
    const at = word(), end = box.selectionStart, behind = box.value.slice(end);
    const put = shown[index].put;
    box.value = box.value.slice(0, at.begin) + put + (put.endsWith(" ") ? behind.replace(/^[^\s()]*\s?/, "") : behind);
    box.setSelectionRange(at.begin + put.length, at.begin + put.length);
    close();
    if (!put.endsWith(" ")) open(true);
  }

  function steer(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const last = shown.length - 1;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      if (!shown.length) open(true);
      else if (event.key === "ArrowDown") mark(active === last ? -1 : active + 1);
      else mark(active < 0 ? last : active - 1);
    } else if (event.key === "Enter" && active >= 0) take(active);
    else if (event.key === "Escape" && shown.length) close();
    else {
      if (["ArrowLeft", "ArrowRight", "Home", "End"].includes(event.key)) close();
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }

  if (box && box.form) {
    offers.id = "q-offers";
    offers.setAttribute("role", "listbox");
    offers.setAttribute("aria-label", "Suggestions");
    offers.className = "offers";
    offers.hidden = true;
    box.form.append(offers);
    // A search box may not be a combobox, and a text box may.
    box.type = "text";
    for (const [name, value] of [["role", "combobox"], ["aria-autocomplete", "list"], ["aria-expanded", "false"], ["aria-controls", "q-offers"]]) box.setAttribute(name, value);
    box.addEventListener("input", () => { open().catch(close); });
    box.addEventListener("keydown", steer);
    box.addEventListener("blur", close);
    // The focus stays in the box.
    offers.addEventListener("mousedown", (event) => event.preventDefault());
    offers.addEventListener("click", (event) => {
      const item = event.target.closest("li");
      if (item) take([...offers.children].indexOf(item));
      event.preventDefault();
    });
  }
}
