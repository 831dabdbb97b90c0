
// Dragging over the bars narrows the time range to them. A click on a single bar is a link and needs no script.
{
  // Live replaces the bars.
  let bars = null;
  let begun = null;
  let chosen = null;

  const at = (event) => {
    const box = bars.getBoundingClientRect();
    const bar = Math.floor((event.clientX - box.left) / box.width * bars.viewBox.baseVal.width);
    return Math.min(Math.max(bar, 0), bars.viewBox.baseVal.width - 1);
  };

  // The beginning of a bar, or the end of the last one. Bars over a change of the clocks are longer or shorter.
  const start = (bar) => {
    const { start, second, end, lengths } = bars.dataset;
    const all = lengths.split(" ").map(Number);
    if (bar === 0 || bar >= all.length) return bar === 0 ? start : end;
    return new Date(all.slice(1, bar).reduce((time, length) => time + length, Date.parse(second))).toISOString();
  };

  const forget = () => {
    chosen?.remove();
    begun = chosen = null;
  };

  const press = (event) => {
    bars = event.target.closest(".timebars");
    if (!bars || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey) return;
    begun = at(event);
  };

  const move = (event) => {
    if (begun === null) return;
    const bar = at(event);
    if (!chosen) {
      if (bar === begun) return;
      chosen = document.createElementNS(bars.namespaceURI, "rect");
      chosen.setAttribute("class", "chosen");
      chosen.setAttribute("height", "56");
      bars.append(chosen);
      bars.setPointerCapture(event.pointerId);
    }
    chosen.setAttribute("x", String(Math.min(begun, bar)));
    chosen.setAttribute("width", String(Math.abs(begun - bar) + 1));
  };

  const release = (event) => {
    if (!chosen) { begun = null; return; }
    const [first, last] = [begun, at(event)].sort((one, other) => one - other);
    const address = new URL(location.href);
    address.searchParams.delete("cursor");
    address.searchParams.set("from", start(first));
    address.searchParams.set("to", start(last + 1));
    forget();
    location.href = address.href;
  };

  if (log) {
    document.addEventListener("pointerdown", press);
    document.addEventListener("pointermove", move);
    document.addEventListener("pointerup", release);
    document.addEventListener("pointercancel", forget);
    document.addEventListener("dragstart", (event) => { if (event.target.closest?.(".timebars")) event.preventDefault(); });
    document.addEventListener("keydown", (event) => { if (event.key === "Escape") forget(); });
  }
}
