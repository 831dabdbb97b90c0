
// Polls a running job in place until it ends. Without scripts, a link does the same.
{
  const EVERY = 1500;
  const watched = new Set();

  // The part itself, and others that change with it.
  const parts = (part) => [part.id, ...part.dataset.poll.split(" ")].filter(Boolean);

  const again = async (ids) => {
    watched.delete(ids[0]);
    try {
      const answer = await fetch(location.pathname, { credentials: "same-origin", redirect: "error" });
      if (!answer.ok) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const id of ids) {
        const [old, fresh] = [document.getElementById(id), page.getElementById(id)];
        if (old && fresh) old.replaceWith(document.adoptNode(fresh));
      }
      const part = document.getElementById(ids[0]);
      if (part.hasAttribute("data-poll")) watch(part);
      else tell(`${part.querySelector("h2").textContent}: finished.`);
    } catch {
      // The link is still there.
    }
  };

  const watch = (part) => {
    if (watched.has(part.id)) return;
    watched.add(part.id);
    setTimeout(again, EVERY, parts(part));
  };

  const tell = (text) => {
    document.getElementById("ended").textContent = text;
  };

  addEventListener("pageshow", () => document.querySelectorAll("[data-poll]").forEach(watch));
}
