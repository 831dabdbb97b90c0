// Optional: every page works without scripts. This file updates times, loads more entries in place and shortens URLs.
"use strict";

const log = document.getElementById("log");
const status = document.getElementById("status");

// Announces a text to screen readers, and shows it where `seen` is set.
function say(text, seen = false) {
  if (!status) return;
  status.textContent = text;
  status.classList.toggle("hidden", !seen);
  status.classList.toggle("shown", seen);
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
    const text = time.textContent.endsWith("ago") && ago(time.dateTime);
    if (text && time.textContent !== text) time.textContent = text;
  }
}

async function load(address) {
  const answer = await fetch(address, { credentials: "same-origin", redirect: "error" });
  if (!answer.ok) throw new Error(answer.statusText);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const part = page.getElementById("log");
  if (!part) throw new Error("no list in the response");
  return part;
}

// Appends the entries of the next page, and moves the link on. Returns the new rows; null if there are none.
async function older() {
  const link = document.getElementById("older");
  if (!link) return null;
  const part = await load(link.href);
  const rows = part.querySelectorAll("tbody tr");
  log.querySelector("tbody").append(...rows);
  const next = part.querySelector("#older");
  if (next) link.href = next.href;
  else link.remove();
  rove();
  return rows;
}

async function more(event) {
  const link = event.target.closest("#older");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  link.setAttribute("aria-busy", "true");
  try {
    const rows = await older();
    if (link.matches(":focus") || !link.isConnected) rows[0]?.querySelector("a").focus({ preventScroll: true });
    say(`${rows.length} more entries`);
  } catch {
    location.href = link.href;
  } finally {
    link.removeAttribute("aria-busy");
  }
}

// Keeps empty inputs out of the URL. Enables them again, because a viewer may return to the page.
function tidy(event) {
  const empty = [...event.target.elements].filter((input) => input.name && !input.disabled && input.value === "");
  for (const input of empty) input.disabled = true;
  setTimeout(() => { for (const input of empty) input.disabled = false; });
}

// Fetches the values of a field on focus, where the page does not have all of them.
async function offer(event) {
  const input = event.target;
  if (!input.matches?.("input[data-more]")) return;
  input.removeAttribute("data-more");
  const base = document.body.dataset.base;
  const answer = await fetch(`${base}/api/v1/values/${input.name}?limit=500`, { credentials: "same-origin" });
  if (!answer.ok) return;
  const texts = (await answer.json()).values.filter((value) => typeof value === "string");
  input.list.replaceChildren(...texts.filter((text) => !HIDDEN.test(text)).map((text) => new Option("", text)));
}

// Values with hidden characters look the same as others.
const HIDDEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;

// The server shows times in the browser's zone as soon as it knows the zone. The page of times can change it.
{
  const name = "mcp-audit-log-times=";
  const isKept = () => document.cookie.split("; ").some((cookie) => cookie.startsWith(name));
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone && zone !== "UTC" && !isKept()) {
    const secure = location.protocol === "https:" ? "; Secure" : "";
    document.cookie = `${name}${zone}; Path=${document.body.dataset.base || "/"}; Max-Age=31536000; SameSite=Lax${secure}`;
    if (log && isKept()) location.reload();
  }
}
if (log) {
  log.addEventListener("click", more);
  setInterval(tick, 5000);
  try { sessionStorage.setItem("mcp-audit-log-list", location.href); } catch { /* not allowed to keep anything */ }
}
document.addEventListener("focusin", (event) => { offer(event).catch(() => {}); });
for (const form of document.querySelectorAll("form[method=get]")) form.addEventListener("submit", tidy);
