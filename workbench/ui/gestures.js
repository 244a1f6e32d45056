// Keys, wheel and dragging for a view, and names for what ipywidgets leaves nameless.
// The pictures and all state stay in the kernel: this only says what the hands did, one
// message at a time, so that a key held down never runs ahead of what is seen.
const KEYS = ["ArrowLeft", "ArrowRight", " ", "o", "n", "u"];
const OWN_KEYS = "input, textarea, select, [contenteditable=true]";

function render({ model, el }) {
  let root = null, waiting = false;
  const queue = [];

  const kind = (message) => Object.keys(message)[0];
  const tell = (message, repeated) => {
    if (waiting && repeated) return;
    const last = queue.at(-1);  // of movements the latest counts, of keys each
    if (last && kind(message) !== "key" && kind(last) === kind(message)) queue.pop();
    queue.push(message);
    if (!waiting) send();
  };
  const send = () => {
    waiting = queue.length > 0;
    if (waiting) model.send(queue.shift());
  };
  const done = () => send();
  model.on("msg:custom", done);

  const onKey = (event) => {
    const target = event.target;
    if (!model.get("listens") || event.ctrlKey || event.metaKey || event.altKey) return;
    if (!KEYS.includes(event.key) || target.closest(OWN_KEYS)) return;
    if (target.closest("[role=slider]") && event.key.startsWith("Arrow")) return;
    if (event.key === " " && target.closest("button")) return;  // presses that button
    event.preventDefault();
    event.stopPropagation();
    tell({ key: event.key }, event.repeat);
  };

  // where in the picture, as fractions; it is letterboxed within its element
  const within = (image, event) => {
    const box = image.getBoundingClientRect();
    const scale = Math.min(box.width / image.naturalWidth, box.height / image.naturalHeight);
    const w = image.naturalWidth * scale, h = image.naturalHeight * scale;
    return [(event.clientX - box.left - (box.width - w) / 2) / w,
            (event.clientY - box.top - (box.height - h) / 2) / h];
  };
  const inside = (at) => at.every((x) => x >= 0 && x <= 1);

  let grip = null;
  const onDown = (event) => {
    const image = event.target.closest("img.wb-image");
    const chart = event.target.closest(".wb-histogram svg");
    if (image) grip = { image, from: within(image, event) };
    if (chart) { grip = { chart, start: event.clientX, moved: false }; onMove(event); }
    if (grip) { event.preventDefault(); root.focus({ preventScroll: true }); }
  };
  const onMove = (event) => {
    if (!grip) return;
    if (grip.image) {
      const at = within(grip.image, event);
      const [dx, dy] = [grip.from[0] - at[0], grip.from[1] - at[1]];
      if (waiting || Math.hypot(dx, dy) < 0.01) return;  // sums up until it can be sent
      grip.from = at;
      tell({ pan: [dx, dy] });
      return;
    }
    // the drawing is replaced at each move: measure the one that is there now
    const svg = root.querySelector(".wb-histogram svg");
    const at = (event.clientX - svg.getBoundingClientRect().left) /
      svg.getBoundingClientRect().width * svg.viewBox.baseVal.width;
    const line = +svg.dataset.line;
    if (grip.near === undefined) grip.near = Math.abs(at - line) < 14;
    grip.at = at;
    grip.moved = grip.moved || Math.abs(event.clientX - grip.start) > 3;
    if (grip.moved && grip.near) {
      const mark = svg.querySelector(".wb-line");  // moves at once; the kernel draws it anew
      if (mark) mark.setAttribute("transform", `translate(${at - line} 0)`);
      tell({ line: at });
    }
  };
  const onUp = () => {
    if (grip && grip.chart && !grip.moved) tell({ bar: grip.at });
    grip = null;
  };
  const onDouble = (event) => {
    const image = event.target.closest("img.wb-image");
    const at = image && within(image, event);
    if (at && inside(at)) tell({ zoom: event.shiftKey ? 0.5 : 2, at });
  };
  const onWheel = (event) => {
    const image = event.target.closest("img.wb-image");
    if (!image || !event.ctrlKey) return;  // the bare wheel scrolls the page
    event.preventDefault();
    const at = within(image, event);
    if (inside(at)) tell({ zoom: event.deltaY < 0 ? 1.25 : 0.8, at }, true);
  };

  const name = () => {
    root.setAttribute("tabindex", "0");
    root.setAttribute("role", "group");
    root.setAttribute("aria-label", model.get("label"));
    root.dataset.lmSuppressShortcuts = "true";  // else JupyterLab takes the keys
    for (const status of root.querySelectorAll(".wb-status")) {
      status.setAttribute("aria-live", "polite");
    }
    for (const handle of root.querySelectorAll(".noUi-handle")) {
      const label = handle.closest(".widget-inline-hbox, .widget-slider")
        ?.querySelector(".widget-label");
      if (label) handle.setAttribute("aria-label", label.textContent);
    }
    for (const [kind, words] of Object.entries(model.get("pictures"))) {
      for (const image of root.querySelectorAll(`img.${kind}`)) image.alt = words;
    }
  };

  const listeners = [
    ["keydown", onKey, true], ["pointerdown", onDown, false], ["dblclick", onDouble, false],
    ["wheel", onWheel, { passive: false }],
  ];
  const attach = () => {
    root = el.closest(".wb-view");
    if (!root) return;
    for (const [type, listener, how] of listeners) root.addEventListener(type, listener, how);
    window.addEventListener("pointermove", onMove);
    window.addEventListener("pointerup", onUp);
    name();
  };
  const waitForRoot = setInterval(() => {
    if (el.isConnected) { clearInterval(waitForRoot); attach(); }
  }, 30);
  model.on("change:pictures", () => root && name());

  return () => {
    clearInterval(waitForRoot);
    model.off("msg:custom", done);
    window.removeEventListener("pointermove", onMove);
    window.removeEventListener("pointerup", onUp);
    if (!root) return;
    for (const [type, listener, how] of listeners) root.removeEventListener(type, listener, how);
  };
}
export default { render };
