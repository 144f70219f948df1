// An image before and after, side by side: zoomed, moved and led through its frames together, with boxes over both, and
// with what differs. Pixel by pixel: nothing is smoothed once it is larger than it is.

import { draw, dressed, fresh, make } from "./dom.js";
import { fill, sentences } from "./words.js";

const KEPT = 6; // frames that stay in memory
const STEP = 1.25;
const LARGEST = 32; // pixels of the screen for one of the image

const between = (value, low, high) => Math.min(Math.max(value, low), high);

/** An image of the console, or an Error with the words of the server. */
export async function picture(address, { signal, offline = "" } = {}) {
  let answer;
  try {
    answer = await fetch(address, { signal });
  } catch (error) {
    throw error.name === "AbortError" ? error : new Error(offline || error.message);
  }
  if (!answer.ok) throw new Error((await answer.json().catch(() => null))?.title ?? String(answer.status));
  return createImageBitmap(await answer.blob());
}

/** What differs between two pictures: changed pixels stand out, the rest is faint. Answers how many, and outside boxes. */
function difference(canvas, first, second, boxes) {
  const { width, height } = canvas;
  const data = [first, second].map((bitmap) => {
    const paper = new OffscreenCanvas(width, height).getContext("2d");
    paper.drawImage(bitmap, 0, 0);
    return paper.getImageData(0, 0, width, height);
  });
  const inside = new Uint8Array(width * height);
  for (const box of boxes)
    for (let y = Math.max(box.y, 0); y < Math.min(box.y + box.height, height); y += 1)
      inside.fill(1, y * width + Math.max(box.x, 0), y * width + Math.min(box.x + box.width, width));
  const [a, b] = data.map((one) => new Uint32Array(one.data.buffer));
  const [from, to] = [data[0].data, data[1].data];
  let [count, outside] = [0, 0];
  for (let at = 0; at < a.length; at += 1) {
    const place = at * 4;
    if (a[at] === b[at]) {
      for (let channel = 0; channel < 3; channel += 1) to[place + channel] = from[place + channel] / 3;
      continue;
    }
    count += 1;
    outside += 1 - inside[at];
    [to[place], to[place + 1], to[place + 2]] = inside[at] ? [255, 176, 0] : [255, 0, 255];
  }
  canvas.getContext("2d").putImageData(data[1], 0, 0);
  return { count, outside };
}

/**
 * The images in `parent`.
 *
 * width, height: in pixels; count: frames; sides: [{name, label}], one or two, the first as it was
 * url(side, frame from 0): where each is; boxes: [{x, y, width, height}]; marks: [{…, label}], which stand out
 * loaded(): once a first frame is there; words: over those of sentences.js
 *
 * Answers {frame, marks (read and written), step(by), difference(), stop(), destroy()}.
 */
export function twin(parent, options) {
  dressed();
  const { width, height, count = 1, sides, url, boxes = [], loaded, offline } = options;
  const words = sentences("twin", options.words);
  const shown = new Map(); // frame → its bitmaps, side by side
  const view = { factor: 1, x: 0, y: 0, fits: true };
  let [frame, wanted, loading, told] = [-1, 0, null, false];
  let [ahead, stopped] = [null, false]; // the frame that may be wanted next; nobody looks any more
  let marks = options.marks ?? [];
  let differs = false;

  const panes = sides.map(({ name, label }) => {
    const canvas = make("canvas", { width, height, role: "img", "aria-label": label });
    const layer = draw("svg", { viewBox: `0 0 ${width} ${height}`, width, height, "aria-hidden": "true" });
    const sheet = make("div", { class: "twin-sheet" }, canvas, layer);
    const stage = make("div", { class: "twin-stage", tabindex: 0, role: "group", "aria-label": label }, sheet);
    const caption = make("figcaption", {}, label);
    stage.style.aspectRatio = `${width} / ${height}`;
    sheet.style.width = `${width}px`;
    sheet.style.height = `${height}px`;
    return { name, label, canvas, layer, sheet, stage, caption, figure: make("figure", { class: "twin-pane" }, caption, stage) };
  });
  const button = (label, title, work) =>
    make("button", { type: "button", class: "button", title, "aria-label": title, onclick: work }, label);
  const tick = (label, checked, work) => {
    const box = make("input", { type: "checkbox", id: fresh("twin-tick"), checked, onchange: () => work(box.checked) });
    return { box, label: make("label", { for: box.id, class: "twin-tick" }, box, ` ${label}`) };
  };
  const slider = make("input", { id: fresh("twin-frame"), type: "range", min: 0, max: count - 1, step: 1, value: 0 });
  const where = make("span", { class: "twin-where", "aria-hidden": true });
  const boxed = tick(words.boxes, true, redraw);
  const changed = tick(words.difference, false, (now) => {
    differs = now;
    paint();
  });
  const said = make("span", { class: "twin-said", role: "status" });
  const trouble = make("p", { class: "notice bad", role: "alert", hidden: true });
  const bar = make(
    "div",
    { class: "twin-bar" },
    button("−", words.smaller, () => zoom(1 / STEP)),
    button("+", words.larger, () => zoom(STEP)),
    button(words.fit, words.fit_title, fit),
    button("100 %", words.real_title, () => zoom(1 / view.factor)),
    ...(count > 1 ? [make("label", { for: slider.id }, words.frame), slider, where] : []),
    boxed.label,
    ...(sides.length > 1 ? [changed.label] : []),
    said,
  );
  const hint = make("p", { class: "module-hint" }, count > 1 ? words.hint_frames : words.hint);
  const host = make(
    "div",
    { class: sides.length > 1 ? "twin" : "twin twin-one" },
    bar,
    trouble,
    make("div", { class: "twin-panes" }, ...panes.map((one) => one.figure)),
    hint,
  );
  parent.append(host);

  // --- what is seen ----------------------------------------------------------------------------------------

  const room = () => ({ wide: panes[0].stage.clientWidth, high: panes[0].stage.clientHeight });
  const fitting = () => Math.min(room().wide / width, room().high / height);

  /** Puts all sheets where they are looked at; a picture never leaves its stage. */
  function place() {
    const { wide, high } = room();
    const axis = (at, size, space) => (size <= space ? (space - size) / 2 : between(at, space - size, 0));
    view.x = axis(view.x, width * view.factor, wide);
    view.y = axis(view.y, height * view.factor, high);
    for (const { sheet, stage } of panes) {
      sheet.style.transform = `translate(${view.x}px, ${view.y}px) scale(${view.factor})`;
      sheet.classList.toggle("twin-exact", view.factor >= 1);
      stage.classList.toggle("twin-moves", width * view.factor > wide + 1 || height * view.factor > high + 1);
    }
  }

  function fit() {
    view.fits = true;
    view.factor = fitting();
    place();
  }

  /** Larger or smaller around a point of a stage, or its middle. */
  function zoom(by, point) {
    const { wide, high } = room();
    const { x, y } = point ?? { x: wide / 2, y: high / 2 };
    const next = between(view.factor * by, Math.min(fitting(), 1) / 2, LARGEST);
    view.fits = false;
    view.x = x - ((x - view.x) / view.factor) * next;
    view.y = y - ((y - view.y) / view.factor) * next;
    view.factor = next;
    place();
  }

  function redraw() {
    for (const { layer } of panes) {
      const rect = (kind) => (box) =>
        draw(
          "rect",
          { class: kind, x: box.x, y: box.y, width: box.width, height: box.height },
          draw("title", {}, box.label ?? ""),
        );
      layer.replaceChildren(
        ...(boxed.box.checked ? boxes.map(rect("twin-box")) : []),
        ...marks.map(rect("twin-mark")),
      );
    }
  }

  /** Draws the frame that is there, or what differs in it. */
  function paint() {
    const bitmaps = shown.get(frame);
    if (!bitmaps) return;
    for (const [at, { canvas }] of panes.entries()) canvas.getContext("2d").drawImage(bitmaps[at], 0, 0);
    said.textContent = "";
    const last = panes.at(-1);
    last.caption.textContent = differs ? words.changed : last.label;
    if (!differs || panes.length < 2) return;
    const found = difference(last.canvas, ...bitmaps, boxes);
    said.textContent = fill(found.count ? (found.outside ? words.outside : words.inside) : words.same, found);
  }

  // --- frames ----------------------------------------------------------------------------------------------

  async function bring(which, signal) {
    const there = shown.get(which);
    if (there) return there;
    const bitmaps = await Promise.all(sides.map(({ name }) => picture(url(name, which), { signal, offline })));
    shown.set(which, bitmaps);
    for (const old of [...shown.keys()].filter((one) => one !== frame && one !== which).slice(0, Math.max(0, shown.size - KEPT))) {
      for (const bitmap of shown.get(old)) bitmap.close();
      shown.delete(old);
    }
    return bitmaps;
  }

  /** Shows a frame; while one is on its way, only the last one that was asked for comes after it. */
  async function lead(to) {
    wanted = between(Math.round(to), 0, count - 1);
    slider.value = wanted;
    where.textContent = fill(words.frame_of, { frame: wanted + 1, count });
    slider.setAttribute("aria-valuetext", where.textContent);
    if (loading) return;
    while (wanted !== frame && !stopped) {
      const now = wanted;
      loading = new AbortController();
      host.setAttribute("aria-busy", "true");
      try {
        await bring(now, loading.signal);
        frame = now;
        trouble.hidden = true;
        paint();
        if (!told) loaded?.();
        told = true;
      } catch (error) {
        if (error.name === "AbortError") return;
        trouble.textContent = error.message;
        trouble.hidden = false;
        if (wanted === now) wanted = frame; // it stays at what can be seen
        if (frame < 0) break;
      } finally {
        loading = null;
        host.setAttribute("aria-busy", "false");
      }
    }
    if (frame >= 0 && frame + 1 < count && !stopped) {
      ahead = new AbortController();
      bring(frame + 1, ahead.signal).catch(() => {});
    }
  }

  // --- hands -----------------------------------------------------------------------------------------------

  const touches = new Map();

  function point(stage, event) {
    const box = stage.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  for (const { stage } of panes) {
    stage.addEventListener("wheel", (event) => {
      if (!event.ctrlKey) return;
      event.preventDefault();
      zoom(event.deltaY < 0 ? STEP : 1 / STEP, point(stage, event));
    }, { passive: false });
    stage.addEventListener("dblclick", (event) => (view.fits ? zoom(2 / view.factor, point(stage, event)) : fit()));
    stage.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      touches.set(event.pointerId, point(stage, event));
      stage.setPointerCapture(event.pointerId);
    });
    stage.addEventListener("pointermove", (event) => {
      const before = touches.get(event.pointerId);
      if (!before) return;
      const now = point(stage, event);
      touches.set(event.pointerId, now);
      if (touches.size === 1) {
        view.x += now.x - before.x;
        view.y += now.y - before.y;
        place();
        return;
      }
      const other = [...touches].find(([id]) => id !== event.pointerId)[1];
      const far = (one) => Math.hypot(one.x - other.x, one.y - other.y) || 1;
      zoom(far(now) / far(before), { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 });
    });
    for (const kind of ["pointerup", "pointercancel"])
      stage.addEventListener(kind, (event) => touches.delete(event.pointerId));
    stage.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.altKey || event.metaKey) return;
      const work = {
        "+": () => zoom(STEP),
        "-": () => zoom(1 / STEP),
        "0": fit,
        ArrowUp: () => (view.y += 40),
        ArrowDown: () => (view.y -= 40),
      }[event.key];
      if (!work || ((event.key === "ArrowUp" || event.key === "ArrowDown") && !stage.matches(".twin-moves"))) return;
      event.preventDefault();
      work();
      place();
    });
  }
  slider.addEventListener("input", () => lead(slider.valueAsNumber));
  const watcher = new ResizeObserver(() => requestAnimationFrame(() => (view.fits ? fit() : place())));
  watcher.observe(panes[0].stage);
  fit();
  redraw();
  lead(options.frame ?? 0);
  return {
    get frame() {
      return frame;
    },
    set frame(next) {
      lead(next);
    },
    get marks() {
      return marks;
    },
    set marks(next) {
      marks = next;
      redraw();
    },
    step: (by) => lead(wanted + by),
    difference() {
      if (sides.length < 2) return;
      changed.box.checked = differs = !differs;
      paint();
    },
    /** Asks for no frame any more: what is shown may be about to go. */
    stop() {
      stopped = true;
      loading?.abort();
      ahead?.abort();
    },
    destroy() {
      this.stop();
      watcher.disconnect();
      host.remove();
    },
  };
}
