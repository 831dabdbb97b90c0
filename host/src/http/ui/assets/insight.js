
// What runs is looked at again in place, until it has ended. Without scripts, a link does the same.
{
  const EVERY = 1500;

  const again = async (id) => {
    try {
      const answer = await fetch(location.pathname, { credentials: "same-origin", redirect: "error" });
      if (!answer.ok) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const [old, fresh] = [document.getElementById(id), page.getElementById(id)];
      if (!old || !fresh) return;
      old.replaceWith(document.adoptNode(fresh));
      watch(fresh);
    } catch {
      // The link is still there.
    }
  };

  const watch = (part) => {
    if (part.hasAttribute("data-poll")) setTimeout(again, EVERY, part.id);
  };

  document.querySelectorAll("[data-poll]").forEach(watch);
}
