// An image with boxes on it: drawn, moved and resized by mouse, finger, keys or numbers; frames led through by a
// slider.
//
// A box is {x, y, width, height} in pixels of the image, whole numbers, from its top left corner; whatever else it has
// (a label, `fixed` for one that cannot be changed) is kept. Marks are boxes that are only shown.

import { draw, dressed, fresh, make, watchWidth } from "./dom.js";
import { fill, sentences } from "./words.js";

const SMALLEST = 2; // pixels of the image; a smaller box was a click
const GRIPS = [
  [0, 0],
  [0.5, 0],
  [1, 0],
  [1, 0.5],
  [1, 1],
  [0.5, 1],
  [0, 1],
  [0, 0.5],
];
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

const between = (value, low, high) => Math.min(Math.max(value, low), high);

/** A box as it may be: whole pixels, inside the image, its corners in order. */
function tidy(box, image) {
  const [left, right] = [box.x, box.x + box.width]
    .sort((a, b) => a - b)
    .map((at) => between(Math.round(at), 0, image.width));
  const [top, bottom] = [box.y, box.y + box.height]
    .sort((a, b) => a - b)
    .map((at) => between(Math.round(at), 0, image.height));
  return { ...box, x: left, y: top, width: right - left, height: bottom - top };
}

/** The same box elsewhere, as large as before. */
function moved(box, right, down, image) {
  return {
    ...box,
    x: between(Math.round(box.x + right), 0, image.width - box.width),
    y: between(Math.round(box.y + down), 0, image.height - box.height),
  };
}

/** The box after one of its grips was drawn along; the other side stays. */
function pulled(box, [across, along], right, down, image) {
  const next = { ...box };
  if (across !== 0.5) next.width += across ? right : -right;
  if (along !== 0.5) next.height += along ? down : -down;
  if (across === 0) next.x += right;
  if (along === 0) next.y += down;
  return tidy(next, image);
}

/**
 * An image with boxes in `parent`.
 *
 * width, height: of the image, in pixels; count: frames (1); url(frame from 0): where each is; alt: what it shows
 * value: boxes; marks: [{x, y, width, height, label}]; readOnly; words: over those of sentences.js
 * changed(value): after each change a person has made; shown(frame): after another frame was chosen
 *
 * Answers {value, marks, frame (all read and written), focus(), destroy()}.
 */
export function boxes(parent, options) {
  dressed();
  const { width, height, count = 1, url, alt = "", readOnly = false, changed, shown } = options;
  const words = sentences("boxes", options.words);
  const image = { width, height };
  const hint = fresh("boxes-hint");
  let value = (options.value ?? []).map((box) => ({ ...box }));
  let marks = options.marks ?? [];
  let frame = -1;
  let grab = null;
  let listed = -1; // rows that stand in the list

  const picture = make("img", { alt, draggable: "false", width, height });
  const layer = draw("svg", { viewBox: `0 0 ${width} ${height}`, class: readOnly ? "boxes-fixed" : null });
  const paper = make("div", { class: "boxes-paper" }, picture, layer);
  const stage = make(
    "div",
    { class: "boxes-stage", tabindex: 0, role: "group", "aria-label": alt || words.numbers },
    paper,
  );
  const zoom = make(
    "select",
    { id: fresh("boxes-zoom"), onchange: () => size() },
    make("option", { value: "fit" }, words.fit),
    ...["1", "2", "4"].map((factor) => make("option", { value: factor }, `${factor}00 %`)),
  );
  const slider = make("input", { id: fresh("boxes-frame"), type: "range", min: 0, max: count - 1, step: 1, value: 0 });
  const where = make("span", { "aria-hidden": true, class: "boxes-where" });
  const add = make("button", { type: "button", class: "button", onclick: added }, words.add);
  const bar = make(
    "div",
    { class: "boxes-bar" },
    ...(readOnly ? [] : [add]),
    make("label", { for: zoom.id }, words.zoom),
    zoom,
    ...(count > 1 ? [make("label", { for: slider.id }, words.frame), slider, where] : []),
  );
  const trouble = make("p", { class: "boxes-trouble", role: "status" });
  const rows = make("ol", { class: "boxes-rows" });
  const numbers = make("details", { class: "boxes-numbers" }, make("summary", {}, words.numbers), rows);
  const help = make("p", { id: hint, class: "module-hint" }, readOnly ? words.hint_fixed : words.hint);
  const host = make(
    "div",
    { class: "boxes" },
    bar,
    stage,
    trouble,
    ...(readOnly && count === 1 ? [] : [help]),
    numbers,
  );
  parent.append(host);

  /** Pixels of the image for one pixel of the screen. */
  const scale = () => width / (layer.getBoundingClientRect().width || width);
  const named = (box, at) => [box.label, fill(words.described, { number: at + 1, ...box })].filter(Boolean).join(". ");

  function size() {
    const factor = zoom.value === "fit" ? 0 : Number(zoom.value);
    paper.style.width = factor ? `${width * factor}px` : "";
    paper.style.maxWidth = factor ? "none" : `calc(75vh * ${width / height})`;
    requestAnimationFrame(redraw);
  }

  /** Draws all boxes anew; the focus stays where it was. */
  function redraw() {
    const focused = layer.contains(document.activeElement) ? Number(document.activeElement.dataset.at) : -1;
    const unit = scale();
    const shownMarks = marks.map((mark) =>
      draw(
        "rect",
        { class: "boxes-mark", x: mark.x, y: mark.y, width: mark.width, height: mark.height },
        draw("title", {}, mark.label ?? ""),
      ),
    );
    const groups = value.map((box, at) => {
      const fixed = readOnly || box.fixed;
      const grips = fixed
        ? []
        : GRIPS.map(([across, along]) =>
            draw("circle", {
              class: "boxes-grip",
              "data-across": across,
              "data-along": along,
              cx: box.x + box.width * across,
              cy: box.y + box.height * along,
              r: 6 * unit,
            }),
          );
      const rect = draw("rect", { x: box.x, y: box.y, width: box.width, height: box.height });
      const number = draw(
        "text",
        { x: box.x + 4 * unit, y: box.y + 15 * unit, "font-size": 13 * unit },
        String(at + 1),
      );
      return draw(
        "g",
        {
          class: fixed ? "boxes-box boxes-box-fixed" : "boxes-box",
          "data-at": at,
          role: "group",
          "aria-roledescription": words.box,
          "aria-label": named(box, at),
          "aria-describedby": fixed ? null : hint,
          tabindex: 0,
        },
        draw("title", {}, named(box, at)),
        rect,
        number,
        ...grips,
      );
    });
    layer.replaceChildren(...shownMarks, ...groups);
    if (focused >= 0) groups[Math.min(focused, groups.length - 1)]?.focus({ preventScroll: true });
    relist();
  }

  /** The numbers of all boxes, to be typed. Fields that are there stay: somebody may be typing in one. */
  function relist() {
    if (listed !== value.length) {
      listed = value.length;
      rows.replaceChildren(...(value.length ? value.map((_, at) => row(at)) : [make("li", {}, words.none)]));
    }
    value.forEach((box, at) => {
      for (const field of rows.children[at].querySelectorAll("input")) {
        if (field !== document.activeElement) field.value = box[field.name];
        field.disabled = readOnly || Boolean(box.fixed);
      }
    });
  }

  function row(at) {
    const fields = ["x", "y", "width", "height"].map((name) => {
      const most = name === "x" || name === "width" ? width : height;
      const field = make("input", {
        type: "number",
        name,
        min: 0,
        max: most,
        step: 1,
        onchange: () => typed(at, field),
      });
      return make("label", {}, words[name], " ", field);
    });
    const away = make(
      "button",
      { type: "button", class: "button", onclick: () => remove(at) },
      fill(words.remove, { number: at + 1 }),
    );
    return make("li", {}, ...fields, ...(readOnly || value[at].fixed ? [] : [away]));
  }

  function typed(at, field) {
    const number = field.valueAsNumber;
    const next = Number.isFinite(number) ? tidy({ ...value[at], [field.name]: number }, image) : value[at];
    put(at, next.width >= SMALLEST && next.height >= SMALLEST ? next : value[at], true);
    field.value = value[at][field.name];
  }

  /** Changes one box; `said`: tell the page. */
  function put(at, box, said) {
    value[at] = box;
    redraw();
    if (said) changed?.(copy());
  }

  const copy = () => value.map((box) => ({ ...box }));

  function added() {
    const [wide, high] = [Math.max(Math.round(width / 4), SMALLEST), Math.max(Math.round(height / 10), SMALLEST)];
    value.push({ x: Math.round((width - wide) / 2), y: Math.round((height - high) / 2), width: wide, height: high });
    put(value.length - 1, value.at(-1), true);
    layer.querySelector(`[data-at="${value.length - 1}"]`).focus();
  }

  function remove(at) {
    value.splice(at, 1);
    listed = -1;
    redraw();
    changed?.(copy());
    (layer.querySelector(`[data-at="${Math.min(at, value.length - 1)}"]`) ?? add).focus();
  }

  function pressed(event) {
    const at = Number(event.target.dataset?.at ?? -1);
    if (at < 0 || readOnly || value[at].fixed) return;
    const arrow = ARROWS[event.key];
    if (event.key === "Delete" || event.key === "Backspace") remove(at);
    else if (arrow) {
      const [right, down] = arrow.map((one) => one * (event.shiftKey ? 10 : 1));
      const next = event.ctrlKey ? pulled(value[at], [1, 1], right, down, image) : moved(value[at], right, down, image);
      if (next.width >= SMALLEST && next.height >= SMALLEST) put(at, next, true);
    } else return;
    event.preventDefault();
  }

  /** Where the pointer is, in pixels of the image. */
  function point(event) {
    const box = layer.getBoundingClientRect();
    return {
      x: ((event.clientX - box.left) / box.width) * width,
      y: ((event.clientY - box.top) / box.height) * height,
    };
  }

  function down(event) {
    if (readOnly || event.button !== 0) return;
    const start = point(event);
    const group = event.target.closest("[data-at]");
    if (group && value[group.dataset.at].fixed) return;
    const grip =
      event.target.dataset.across === undefined
        ? null
        : [Number(event.target.dataset.across), Number(event.target.dataset.along)];
    if (group) grab = { at: Number(group.dataset.at), grip, start, box: value[group.dataset.at] };
    else {
      value.push({ x: start.x, y: start.y, width: 0, height: 0 });
      grab = { at: value.length - 1, grip: [1, 1], start, box: value.at(-1), fresh: true };
    }
    layer.setPointerCapture(event.pointerId);
    event.preventDefault();
  }

  function move(event) {
    if (!grab) return;
    const now = point(event);
    const [right, low] = [now.x - grab.start.x, now.y - grab.start.y];
    put(
      grab.at,
      grab.grip ? pulled(grab.box, grab.grip, right, low, image) : moved(grab.box, right, low, image),
      false,
    );
  }

  function up(event) {
    if (!grab) return;
    const { at, box, fresh: made } = grab;
    const kept = event.type === "pointerup" && value[at].width >= SMALLEST && value[at].height >= SMALLEST;
    grab = null;
    if (kept) put(at, value[at], true);
    else if (made) value.splice(at, 1);
    else value[at] = box;
    redraw();
    layer.querySelector(`[data-at="${at}"]`)?.focus({ preventScroll: true });
  }

  /** Shows a frame: the one before stays until it is here. */
  function lead(next, said) {
    const to = between(Math.round(next), 0, count - 1);
    if (to === frame) return;
    frame = to;
    slider.value = to;
    where.textContent = fill(words.frame_of, { frame: to + 1, count });
    slider.setAttribute("aria-valuetext", where.textContent);
    const coming = new Image();
    coming.onload = () => {
      if (frame !== to) return;
      picture.src = coming.src;
      trouble.textContent = "";
      if (to + 1 < count) new Image().src = url(to + 1);
    };
    coming.onerror = () => {
      if (frame === to) trouble.textContent = words.unseen;
    };
    coming.src = url(to);
    if (said) shown?.(to);
  }

  slider.addEventListener("input", () => lead(slider.valueAsNumber, true));
  layer.addEventListener("pointerdown", down);
  layer.addEventListener("pointermove", move);
  layer.addEventListener("pointerup", up);
  layer.addEventListener("pointercancel", up);
  layer.addEventListener("keydown", pressed);
  const unwatch = watchWidth(paper, redraw);
  size();
  redraw();
  lead(options.frame ?? 0, false);
  return {
    get value() {
      return copy();
    },
    set value(next) {
      value = next.map((box) => ({ ...box }));
      listed = -1;
      redraw();
    },
    get marks() {
      return marks;
    },
    set marks(next) {
      marks = next;
      redraw();
    },
    get frame() {
      return frame;
    },
    set frame(next) {
      lead(next, false);
    },
    focus: () => (layer.querySelector("[data-at]") ?? stage).focus(),
    destroy() {
      unwatch();
      host.remove();
    },
  };
}
