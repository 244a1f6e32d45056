// Keys, wheel and dragging for a view, and names for what ipywidgets leaves nameless.
// The pictures and all state stay in the kernel: this only says what the hands did, one
// message at a time, so that a key held down never runs ahead of what is seen. It also watches
// whether the kernel still answers: a page without one must not look alive.
const OWN_KEYS = "input:not([type=checkbox]), textarea, [contenteditable=true]";
const ANSWER = 2000;  // milliseconds
const app = () => document.body.dataset.voila !== undefined;
const visible = (element) => element.getClientRects().length > 0;

function watch(model, root) {
  const config = document.getElementById("jupyter-config-data");
  const { baseUrl = "/", token = "" } = JSON.parse(config?.textContent || "{}");
  const key = token || new URLSearchParams(location.search).get("token") || "";
  const about = key ? `?token=${encodeURIComponent(key)}` : "";
  const id = model.get("kernel");
  let asked = 0, bar = null;

  const busy = async () => {  // it computes and answers later
    try {
      const signal = AbortSignal.timeout(1000);
      const answer = await fetch(`${baseUrl}api/kernels/${id}${about}`, { signal });
      return answer.ok && (await answer.json()).execution_state === "busy";
    } catch { return false; }
  };
  const lost = () => {
    if (bar || !root.isConnected) return;
    const time = new Date().toLocaleTimeString([], { timeStyle: "short", hourCycle: "h23" });
    bar = document.createElement("div");
    bar.className = "wb-lost";
    bar.setAttribute("role", "alert");
    const place = parseInt([root, ...root.querySelectorAll(".wb-simulator")]
      .map((view) => view.querySelector(":scope > * .wb-position")?.textContent)
      .find((text) => text?.includes("/")));  // what is seen as judged is saved
    const say = (words) => words.replace("{time}", time).replace("{place}", place);
    const [lost, again] = model.get("lost").slice(place ? 2 : 0);
    bar.textContent = say(lost);
    if (app()) {
      const button = bar.appendChild(document.createElement("button"));
      button.textContent = say(again);
      button.onclick = () => location.reload();
    }
    for (const child of root.children) child.inert = true;
    root.prepend(bar);
  };
  const found = () => {
    asked = 0;
    if (!bar) return;
    bar.remove();
    bar = null;
    for (const child of root.children) child.inert = false;
  };
  const tick = async () => {
    if (!asked) {
      asked = performance.now();
      try { model.send({ ping: 1 }); } catch { /* no comm any more: it stays unanswered */ }
    } else if (performance.now() - asked > ANSWER && !(await busy()) && asked) lost();
  };
  const timer = setInterval(tick, 500);
  const stop = () => clearInterval(timer);
  window.addEventListener("beforeunload", stop);
  return { found, stop };
}

function render({ model, el }) {
  let root = null, pending = 0, watched = null, seen = null;
  const queue = [];

  const kind = (message) => Object.keys(message)[0];
  const send = (message) => { pending++; model.send(message); };
  const tell = (message, repeated) => {
    if (pending && repeated) return;
    const last = queue.at(-1);  // of movements the latest counts, of keys each
    if (last && !last.action && kind(last) === kind(message)) {
      queue.pop();
      if (last.zoom) message.zoom *= last.zoom;
    }
    queue.push(message);
    // what is done does not wait: a button that is pressed now must come after it
    while (queue.length && (message.done || !pending)) send(queue.shift());
  };
  const heard = (message) => {
    if (message.pong) watched?.found();
    else if (message.here) root?.scrollIntoView({ block: "nearest" });
    else if (pending > 0 && --pending === 0 && queue.length) send(queue.shift());
  };
  model.on("msg:custom", heard);

  // the photo lies over its heat map: behind a picture that is moved out of its own frame
  const bare = (on) => {
    const overlay = root.querySelector("img.wb-overlay"), photo = root.querySelector("img.wb-photo");
    if (!overlay) return;
    overlay.style.objectPosition = on ? "0 100000px" : "";
    overlay.style.backgroundImage = on ? `url("${photo.src}")` : "";
  };
  const full = () => document.fullscreenElement ? document.exitFullscreen()
    : (root.closest(".wb-app") || root).requestFullscreen();

  const onKey = (event) => {
    const target = event.target, drawing = root.classList.contains("wb-drawing");
    if (!visible(root) || event.ctrlKey || event.metaKey || event.altKey) return;
    const closes = event.key === "Enter" && drawing && !target.closest?.("button, summary");
    const action = closes ? "close" : model.get("actions")[event.key];
    if (!action || target.closest?.(OWN_KEYS) || target.closest?.(".wb-lost")) return;
    if (root.closest("[inert]") || root.querySelector(":scope > [inert]")) return;
    const control = target.closest?.("[role=slider], [role=tab]");
    if (control && /^(Arrow|Home|End)/.test(event.key)) return;
    if (event.key === " " && target.closest?.("button, summary")) return;  // presses it
    event.preventDefault();
    event.stopPropagation();
    if (action === "bare") bare(true);
    else if (action === "full") full();
    else if (closes) tell({ close: 1, done: 1 });
    else tell({ action }, event.repeat);
  };
  const onKeyUp = (event) => { if (model.get("actions")[event.key] === "bare") bare(false); };
  // a list that keeps the focus would swallow the next key
  const onChange = (event) => { if (event.target.matches("select")) event.target.blur(); };

  // while the next picture is decoded it has no size: then that of the last one counts
  const known = new WeakMap();
  const natural = (image) => {
    if (image.naturalWidth) known.set(image, [image.naturalWidth, image.naturalHeight]);
    return known.get(image) ?? [1, 1];
  };
  // where in the picture, as fractions; it is letterboxed within its element
  const within = (image, event) => {
    const box = image.getBoundingClientRect(), [width, height] = natural(image);
    const scale = Math.min(box.width / width, box.height / height);
    const w = width * scale, h = height * scale;
    return [(event.clientX - box.left - (box.width - w) / 2) / w,
            (event.clientY - box.top - (box.height - h) / 2) / h];
  };
  const pictureAt = (event) => {  // of this view, not of one within it
    const image = event.target.closest("img.wb-image");
    return image?.closest(".wb-view") === root ? image : null;
  };
  const inside = (at) => at.every((x) => x >= 0 && x <= 1);

  let grip = null;
  const onDown = (event) => {
    const image = pictureAt(event);
    const chart = event.target.closest(".wb-histogram svg");
    if (image) {
      const how = root.classList.contains("wb-drawing") ? "drawn" : "image";
      grip = { [how]: image, from: within(image, event), down: event };
    }
    if (chart) { grip = { chart, start: event.clientX, moved: false }; onMove(event); }
    if (grip) { event.preventDefault(); root.focus({ preventScroll: true }); }
  };
  const onMove = (event) => {
    if (!grip) return;
    if (grip.drawn) {
      const far = Math.hypot(event.clientX - grip.down.clientX, event.clientY - grip.down.clientY);
      if (!grip.at && far < 4) return;  // a click, if the hand is not quite still
      grip.at = within(grip.drawn, event);
      tell({ box: [...grip.from, ...grip.at] });
      return;
    }
    if (grip.image) {
      const at = within(grip.image, event);
      const [dx, dy] = [grip.from[0] - at[0], grip.from[1] - at[1]];
      if (pending || Math.hypot(dx, dy) < 0.01) return;  // sums up until it can be sent
      grip.from = at;
      tell({ pan: [dx, dy] });
      return;
    }
    // the drawing is replaced at each move: measure the one that is there now
    const svg = root.querySelector(".wb-histogram svg");
    const at = (event.clientX - svg.getBoundingClientRect().left) /
      svg.getBoundingClientRect().width * svg.viewBox.baseVal.width;
    const lines = svg.dataset.lines.split(" ").map(Number);
    if (grip.line === undefined) {
      const away = lines.map((x) => Math.abs(x - at)), nearest = Math.min(...away);
      grip.line = nearest < 14 ? away.indexOf(nearest) : -1;
    }
    grip.at = at;
    grip.moved = grip.moved || Math.abs(event.clientX - grip.start) > 3;
    if (grip.moved && grip.line >= 0) {
      const mark = svg.querySelectorAll(".wb-line")[grip.line];  // moves at once
      if (mark) mark.setAttribute("transform", `translate(${at - lines[grip.line]} 0)`);
      tell({ line: at, which: grip.line });
    }
  };
  const onUp = () => {
    if (grip?.chart && !grip.moved) tell({ bar: grip.at });
    else if (grip?.line >= 0) tell({ line: grip.at, which: grip.line, done: 1 });
    if (grip?.drawn) {
      tell({ ...(grip.at ? { box: [...grip.from, ...grip.at] } : { corner: grip.from }), done: 1 });
    }
    grip = null;
  };
  const onClick = (event) => {
    const chosen = event.target.closest("[data-open]");
    if (chosen && chosen.closest(".wb-view") === root) tell({ open: chosen.dataset.open });
  };
  const onDouble = (event) => {
    const image = pictureAt(event);
    const at = image && within(image, event);
    if (image && root.classList.contains("wb-drawing")) tell({ close: 1, done: 1 });
    else if (at && inside(at)) tell({ zoom: event.shiftKey ? 0.5 : 2, at });
  };
  const onWheel = (event) => {
    const image = pictureAt(event);
    // in a notebook the bare wheel scrolls, unless one works in the view
    if (!image || !(event.ctrlKey || app() || root.contains(document.activeElement))) return;
    event.preventDefault();
    const at = within(image, event);
    if (inside(at)) tell({ zoom: event.deltaY < 0 ? 1.25 : 0.8, at });
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
    const photo = root.querySelector(".wb-photos img.wb-photo");
    if (photo && photo !== seen) sizes.observe(seen = photo);
  };

  let later = 0;
  const sizes = new ResizeObserver(([{ contentRect }]) => {
    clearTimeout(later);
    const pixels = Math.max(contentRect.width, contentRect.height) * window.devicePixelRatio;
    if (pixels > 50) later = setTimeout(() => tell({ size: Math.round(pixels) }), 200);
  });
  let narrow = false;
  const widths = new ResizeObserver(([{ contentRect: { width } }]) => {
    if (width && narrow !== width < 560) tell({ narrow: (narrow = !narrow) ? 1 : 0 });
  });
  const listeners = { pointerdown: onDown, click: onClick, dblclick: onDouble, wheel: onWheel,
                      change: onChange };
  const life = new AbortController(), { signal } = life;  // which ends them all
  const attach = () => {
    root = el.closest(".wb-view");
    if (!root) return;
    const keys = app() ? document : root;  // on a page of its own the keys need no click first
    keys.addEventListener("keydown", onKey, { capture: true, signal });
    keys.addEventListener("keyup", onKeyUp, { capture: true, signal });
    for (const [type, listener] of Object.entries(listeners)) {
      root.addEventListener(type, listener, { passive: false, signal });
    }
    window.addEventListener("pointermove", onMove, { signal });
    window.addEventListener("pointerup", onUp, { signal });
    if (!root.parentElement.closest(".wb-view")) watched = watch(model, root);
    name();
    widths.observe(root);
    arrived.observe(root, { childList: true, subtree: true });
  };
  let soon = 0;  // controls arrive one after another, some later than this
  const arrived = new MutationObserver(() => { clearTimeout(soon); soon = setTimeout(name, 100); });
  const waitForRoot = setInterval(() => {
    if (el.isConnected) { clearInterval(waitForRoot); attach(); }
  }, 30);
  model.on("change:pictures", () => root && name());

  return () => {
    clearInterval(waitForRoot);
    model.off("msg:custom", heard);
    watched?.stop();
    sizes.disconnect();
    widths.disconnect();
    arrived.disconnect();
    life.abort();
  };
}
export default { render };
