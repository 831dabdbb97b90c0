// Live: the tail reports new entries, and the page then fetches the rows newer than its newest. An idle log costs
// nothing.

const live = document.getElementById("live");
const MOST = 600;
let source = null;
let wanted = false;
let busy = false;
let again = false;

function follow() {
  source = new EventSource(log.dataset.tail);
  // Fetches at once what was recorded since the page was rendered.
  source.addEventListener("open", () => { say("Live: new entries appear at the top."); renew(); });
  source.addEventListener("entry", renew);
  source.addEventListener("end", ended);
  source.addEventListener("error", broken);
}

function unfollow() {
  source?.close();
  source = null;
}

function setLive(on, why = "") {
  wanted = on;
  live.setAttribute("aria-pressed", String(on));
  unfollow();
  if (on && !document.hidden) follow();
  if (!on) say(why, why !== "");
}

// One fetch serves many events: those during a fetch trigger one more.
async function renew() {
  if (busy) { again = true; return; }
  busy = true;
  try {
    do {
      again = false;
      await newest();
    } while (again && wanted);
  } catch {
    if (wanted) stop("Live has stopped: the new entries could not be fetched.");
  } finally {
    busy = false;
  }
}

async function newest() {
  const body = log.querySelector("tbody");
  const part = await load(body && log.dataset.newer && body.rows.length < MOST ? log.dataset.newer : location.href);
  log.dataset.now = part.dataset.now;
  shownAt = performance.now();
  const rows = [...part.querySelectorAll("tbody tr")];
  const next = part.querySelector("#newer");
  if (!body || !log.dataset.newer || body.rows.length >= MOST) {
    log.replaceChildren(...part.childNodes);
  } else if (rows.length > 0) {
    for (const row of rows) row.classList.add("new");
    body.prepend(...rows);
    say(rows.length === 1 ? "1 new entry" : `${rows.length} new entries`);
  }
  if (part.dataset.newer && part.dataset.newer !== log.dataset.newer) {
    log.dataset.newer = part.dataset.newer;
    renewBars();
  }
  if (next) again = true;
  tick();
  rove();
}

// The overview counts what is new as well, at most once in five seconds: it takes longer than the new rows.
const BARS_EVERY = 5_000;
let barsAt = -BARS_EVERY;
let barsWait = null;

function renewBars() {
  barsWait ??= setTimeout(async () => {
    barsWait = null;
    barsAt = performance.now();
    try {
      const answer = await fetch(location.href, { credentials: "same-origin", redirect: "error", headers: { "x-overview": "1" } });
      const fresh = answer.ok && new DOMParser().parseFromString(await answer.text(), "text/html").querySelector(".overview");
      const old = document.querySelector(".overview");
      // A viewer who is about to use it keeps it.
      if (!fresh || !wanted || old?.matches(":focus-within, :has(.chosen)")) return;
      if (old) old.replaceWith(fresh);
      else log.before(fresh);
    } catch { /* the next new entry tries again */ }
  }, Math.max(barsAt + BARS_EVERY - performance.now(), 0));
}

function ended(event) {
  const { reason, detail } = JSON.parse(event.data);
  // A closed log may be opened again: the browser reconnects by itself.
  if (reason !== "stopping") setLive(false, `Live has stopped: ${detail}`);
}

function broken() {
  if (source?.readyState === EventSource.CLOSED) stop("Live has stopped.");
  else say("Live: the connection is lost; retrying.", true);
}

// The browser does not report the reason, so this repeats the request to read it.
async function stop(why) {
  unfollow();
  const asked = new AbortController();
  try {
    const answer = await fetch(log.dataset.tail, { credentials: "same-origin", redirect: "error", signal: asked.signal });
    if (!answer.ok) why = `Live has stopped: ${(await answer.json()).detail}`;
  } catch { /* keep the text */ }
  asked.abort();
  setLive(false, why);
}

if (live) {
  live.hidden = false;
  live.addEventListener("click", () => setLive(!wanted));
  document.addEventListener("visibilitychange", () => { if (wanted) setLive(true); });
  window.addEventListener("pagehide", unfollow);
  window.addEventListener("pageshow", (event) => { if (event.persisted && wanted) setLive(true); });
}
