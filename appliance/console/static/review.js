// The page of one image in the review: the pictures, and keys for what becomes of it.

import { brought, call } from "./call.js";
import { regions } from "./regions.js";
import { twin } from "./twin.js";
import { fill } from "./words.js";

const at = (id) => document.getElementById(id);
const data = at("review-data") && brought("review-data");
const words = data && brought("review-words");
let seen = !at("viewer"); // what nobody has seen yet is not approved by a key
let view = null;
const leaving = new AbortController();
const address = (side, frame) => `/api/v1/review/entries/${data.id}/frames/${side}-${frame + 1}.png`;
const editor = at("boxes") && regions(data, words.regions, (frame) => address("before", frame));

if (data && at("viewer")) {
  view = twin(at("viewer"), {
    width: data.width,
    height: data.height,
    count: data.frames,
    sides: data.sides.map((name) => ({ name, label: words[name] })),
    boxes: data.boxes,
    offline: words.offline,
    url: address,
    loaded: () => {
      seen = true;
      look();
    },
  });
}

/** Marks text that is still seen, where something is installed that looks for it. */
async function look() {
  const place = at("text-found");
  if (!data.findsText) {
    place.textContent = words.missing;
    return;
  }
  place.textContent = words.looking;
  try {
    const { found } = await call("GET", `/review/entries/${data.id}/text`, { background: true, offline: words.offline, signal: leaving.signal });
    const marks = found.map((box) => ({ ...box, label: words.text }));
    if (view) view.marks = marks;
    if (editor) editor.marks = marks;
    place.textContent = fill([words.none, words.found_one][found.length] ?? words.found, { count: found.length });
    place.classList.toggle("text-seen", found.length > 0);
  } catch (error) {
    place.textContent = error.name === "AbortError" ? "" : error.message;
  }
}

if (editor && !at("viewer")) {
  // Held, and not cleaned: to draw is what there is to do.
  editor.open();
  look();
} else if (editor && location.hash === "#boxes") editor.open();
at("draw")?.addEventListener("click", () => editor.add());

function rejecting() {
  const form = at("rejecting");
  form.hidden = !form.hidden;
  at("reject").setAttribute("aria-expanded", String(!form.hidden));
  (form.hidden ? at("reject") : at("why")).focus();
}

at("reject")?.addEventListener("click", rejecting);
at("rejecting")?.addEventListener("keydown", (event) => event.key === "Escape" && rejecting());

/** A form is sent once, however often somebody presses. */
for (const form of [at("decide"), at("rejecting")])
  form?.addEventListener("submit", (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
    view?.stop();
    leaving.abort();
  });
addEventListener("pageshow", () => {
  for (const form of [at("decide"), at("rejecting")]) delete form?.dataset.sent;
});

const KEYS = {
  a: () => seen && at("approve")?.click(),
  r: () => at("reject")?.click(),
  n: () => at("next")?.click(),
  b: () => editor?.add(),
  d: () => view?.difference(),
  arrowleft: () => view?.step(-1),
  arrowright: () => view?.step(1),
};

document.addEventListener("keydown", (event) => {
  const key = event.key.toLowerCase();
  const work = KEYS[key];
  if (!work || event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.target.closest?.("input:not([type=checkbox]), textarea, select, dialog, .boxes")) return;
  // Held down, a key would approve what comes next.
  if (event.repeat && !key.startsWith("arrow")) return;
  event.preventDefault();
  work();
});
