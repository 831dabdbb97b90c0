// Comfort on top of pages that work without it: times that stay true, more entries in place, a live list.
"use strict";

const LIVE_EVERY = 2000;
const log = document.getElementById("log");
const status = document.getElementById("status");
const live = document.getElementById("live");

function say(text) {
  if (status) status.textContent = text;
}

// Relative times count on from the server's clock, as the browser's may be wrong.
let shownAt = performance.now();

function ago(iso) {
  const seconds = Math.floor((Date.parse(log.dataset.now) + performance.now() - shownAt - Date.parse(iso)) / 1000);
  if (seconds < 0 || seconds >= 86400) return null;
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  return `${Math.floor(seconds / 3600)} h ago`;
}

function tick() {
  for (const time of log.querySelectorAll("td time")) {
    const text = ago(time.dateTime);
    if (text && time.textContent !== text) time.textContent = text;
  }
}

async function load(address) {
  const answer = await fetch(address, { credentials: "same-origin", redirect: "error" });
  if (!answer.ok) throw new Error(answer.statusText);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const part = page.getElementById("log");
  if (!part) throw new Error("no list in the answer");
  return part;
}

// Entries of the next page are put below those that are there; the link then leads on from them.
async function more(event) {
  const link = event.target.closest("#older");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  link.setAttribute("aria-busy", "true");
  try {
    const part = await load(link.href);
    const rows = part.querySelectorAll("tbody tr");
    log.querySelector("tbody").append(...rows);
    const next = part.querySelector("#older");
    if (next) link.href = next.href;
    else link.remove();
    say(`${rows.length} more entries`);
    setLive(false);
  } catch {
    location.href = link.href;
  } finally {
    link.removeAttribute("aria-busy");
  }
}

let timer = null;

function setLive(on) {
  if (!live) return;
  clearTimeout(timer);
  live.setAttribute("aria-pressed", String(on));
  timer = on ? setTimeout(refresh, LIVE_EVERY) : null;
}

async function refresh() {
  try {
    if (!document.hidden) {
      const part = await load(location.href);
      // Whoever is reading a row with the keyboard keeps their place.
      const focused = document.activeElement?.closest("#log a")?.getAttribute("href");
      log.dataset.now = part.dataset.now;
      shownAt = performance.now();
      log.replaceChildren(...part.childNodes);
      if (focused) log.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
    }
    if (timer !== null) timer = setTimeout(refresh, LIVE_EVERY);
  } catch {
    setLive(false);
    say("Live refresh has stopped. Reload the page to see whether you are still signed in.");
    status.classList.remove("hidden");
  }
}

if (log) {
  log.addEventListener("click", more);
  setInterval(tick, 5000);
}
if (live) {
  live.hidden = false;
  live.addEventListener("click", () => setLive(live.getAttribute("aria-pressed") !== "true"));
}
