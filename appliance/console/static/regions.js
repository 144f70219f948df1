// The editor of where a device burns text in: boxes are drawn on an image, tried on it and on others of the device, and
// saved as a definition into the rules. The server cleans, proves and writes; this only asks.

import { boxes as drawing } from "./boxes.js";
import { call } from "./call.js";
import { confirm } from "./dialog.js";
import { make } from "./dom.js";
import { fill } from "./words.js";

const PAUSE = 500; // milliseconds without a change, before the text of the definition is asked for
const at = (id) => document.getElementById(id);
const plain = ({ x, y, width, height }) => ({ x, y, width, height });

/**
 * The editor in the section `#boxes` of the page.
 *
 * data: {id, width, height, frames}; words: sentences; url(frame): of the image as it came
 *
 * Answers {open(), add(), marks (written: text that was found, from which boxes may be made)}.
 */
export function regions(data, words, url) {
  const path = (end) => `/review/entries/${data.id}/${end}`;
  const ask = (method, end, more = {}) => call(method, path(end), { offline: words.offline, ...more });
  let [known, editor, marks, later, asked, opening] = [null, null, [], 0, 0, null];

  const kept = () => document.querySelector("input[name=region-keep]:checked").value === "keep";
  const drawn = () => ({ boxes: editor.value.map(plain), keep: kept() });
  const name = () => at("region-name").value.trim();
  const redraws = () => Boolean(known.existing?.own && known.existing.name === name());

  function notice(kind, ...parts) {
    return make("div", { class: `notice ${kind}` }, ...parts.map((one) => (typeof one === "string" ? make("p", {}, one) : one)));
  }

  /** Runs what takes a while; the button says so, and what goes wrong stands in `place`. */
  async function busy(button, place, work) {
    const label = button.textContent;
    button.disabled = true;
    button.textContent = words.working;
    try {
      await work();
    } catch (error) {
      place.replaceChildren(notice("bad", error.message));
    } finally {
      button.disabled = false;
      button.textContent = label;
    }
  }

  // --- drawing ---------------------------------------------------------------------------------------------

  async function begin() {
    at("region-drawing").replaceChildren(make("p", { role: "status" }, words.working));
    known = await ask("GET", "regions");
    const { existing } = known;
    at("region-name").value = existing?.own ? existing.name : known.name;
    document.querySelector(`input[name=region-keep][value=${known.keep ? "keep" : "blank"}]`).checked = true;
    if (existing) {
      const place = existing.line ? `${existing.file}:${existing.line}` : existing.file;
      at("region-existing").textContent = fill(existing.own ? words.own : words.theirs, { name: existing.name, place });
    }
    at("region-file")?.replaceChildren(
      ...known.files.map((one) => make("option", { value: one, selected: one === known.file }, one)),
    );
    at("region-drawing").replaceChildren();
    editor = drawing(at("region-drawing"), {
      width: data.width,
      height: data.height,
      count: data.frames,
      url,
      alt: words.drawn_on,
      value: known.boxes,
      marks,
      changed,
    });
    at("take-text").hidden = !marks.length;
    define();
  }

  function changed() {
    at("region-tried").replaceChildren();
    at("region-tested").replaceChildren();
    clearTimeout(later);
    later = setTimeout(define, PAUSE);
  }

  /** The text of the definition, as it would be written. */
  async function define() {
    const mine = (asked += 1);
    const place = at("region-text");
    const put = (text, bad = false) => {
      if (mine !== asked) return;
      place.textContent = text;
      place.classList.toggle("bad-text", bad);
    };
    if (!editor.value.length || !name()) {
      put(words.nothing_drawn);
      return;
    }
    if (at("region-file")) at("region-file").disabled = redraws();
    try {
      put((await ask("POST", "definition", { body: { name: name(), ...drawn() }, background: true })).text);
    } catch (error) {
      put(error.message, true);
    }
  }

  // --- trying ----------------------------------------------------------------------------------------------

  const shown = (frames) =>
    make(
      "div",
      { class: "pictures" },
      ...frames.map(({ frame, png }) => {
        const label = fill(words.cleaned_frame, { frame });
        return make(
          "figure",
          {},
          make("img", { src: `data:image/png;base64,${png}`, alt: label }),
          make("figcaption", {}, label),
        );
      }),
    );

  const proved = (method) => words.proofs[method] ?? method;

  async function tryIt() {
    if (!editor.value.length) {
      at("region-tried").replaceChildren(notice("note", words.nothing_drawn));
      return;
    }
    const done = await ask("POST", "try", { body: drawn() });
    const grown = !kept() && done.boxes.some((box) => !editor.value.some((one) => JSON.stringify(plain(one)) === JSON.stringify(plain(box))));
    at("region-tried").replaceChildren(
      notice("good", `${words.cleaned} ${proved(done.method)}`, ...(grown ? [words.grown] : [])),
      shown(done.frames),
    );
  }

  /** One after the other, so that somebody sees how far it is, and may go away. */
  async function test() {
    const most = Math.min(Math.max(at("region-most").valueAsNumber || 20, 1), 200);
    const { images } = await ask("GET", `alike?most=${most}`);
    const place = at("region-tested");
    const body = make("tbody", {});
    const heads = [words.image, words.result, words.picture];
    const said = make("p", { role: "status" });
    place.replaceChildren(
      said,
      make(
        "div",
        { class: "scroll" },
        make("table", { class: "cards" }, make("thead", {}, make("tr", {}, ...heads.map((one) => make("th", { scope: "col" }, one)))), body),
      ),
    );
    const want = drawn();
    let good = 0;
    for (const [number, one] of images.entries()) {
      said.textContent = fill(words.testing, { number: number + 1, count: images.length });
      let [badge, text, picture] = ["good", "", "–"];
      try {
        const done = await call("POST", `/review/entries/${one.id}/try`, { body: want, offline: words.offline });
        text = proved(done.method);
        const label = fill(words.cleaned_frame, { frame: done.frames[0].frame });
        picture = make("img", { class: "tested", alt: label, src: `data:image/png;base64,${done.frames[0].png}` });
        good += 1;
      } catch (error) {
        [badge, text] = ["bad", error.message];
      }
      const cell = (label, ...parts) => make("td", { "data-label": label, class: label === words.image ? "brief" : null }, ...parts);
      body.append(
        make(
          "tr",
          {},
          cell(words.image, make("a", { href: `/review/${one.id}` }, one.waits ? words.waits : words.held)),
          cell(words.result, make("span", { class: `badge ${badge}` }, badge === "good" ? words.proved : words.not_proved), ` ${text}`),
          cell(words.picture, picture),
        ),
      );
    }
    said.textContent = fill(words.tested, { good, count: images.length });
  }

  // --- saving ----------------------------------------------------------------------------------------------

  async function save() {
    const place = at("region-saved");
    if (!editor.value.length) {
      place.replaceChildren(notice("bad", words.nothing_drawn));
      return;
    }
    let [how, title, text] = ["new", words.save_title, words.save_text];
    if (redraws()) [how, title, text] = ["redraw", fill(words.redraw_title, { name: name() }), words.redraw_text];
    else if (known.names[name()]) {
      const facts = { name: name(), place: known.names[name()] };
      [how, title, text] = ["replace", fill(words.replace_title, facts), fill(words.replace_text, facts)];
    }
    if (!(await confirm({ title, text, yes: words.save, danger: how === "replace" }))) return;
    await busy(at("region-save"), place, async () => {
      const body = { name: name(), ...drawn(), file: at("region-file").value, how, digest: known.digest, why: at("region-why").value.trim() };
      const done = await ask("POST", "regions", { body });
      if (done.became === "errors") {
        const found = done.findings.filter((one) => one.severity === "error");
        place.replaceChildren(
          notice("bad", words.errors, make("ul", {}, ...found.map((one) => make("li", {}, `${one.file}:${one.line}: ${one.title}`)))),
        );
        return;
      }
      const good = done.became === "runs" || done.became === "stopped";
      place.replaceChildren(
        notice(good ? "good" : "bad", fill(words.became[done.became], { version: String(done.version), words: done.words })),
      );
      const next = await ask("GET", "regions");
      known = { ...next, boxes: known.boxes };
      if (good) await offer(place);
    });
  }

  /** What of this device is held goes through the rules that are new. */
  async function offer(place) {
    const { images } = await ask("GET", "alike");
    if (!images.length) return;
    const button = make("button", { type: "button", class: "button first" }, fill(words.again, { count: images.length }));
    place.append(make("p", {}, button));
    button.addEventListener("click", () =>
      busy(button, place, async () => {
        const ids = (waits) => images.filter((one) => one.waits === waits).map((one) => one.id);
        const more = { offline: words.offline };
        let done = 0;
        for (const [path_, some] of [
          ["/review/again", ids(true)],
          ["/hold/release", ids(false)],
        ])
          if (some.length) done += (await call("POST", path_, { body: { ids: some }, ...more })).done;
        place.replaceChildren(
          notice("good", fill(words.went_again, { count: done }), make("p", {}, make("a", { href: "/review" }, words.to_review))),
        );
      }),
    );
    button.focus();
  }

  // --- hands -----------------------------------------------------------------------------------------------

  for (const radio of document.querySelectorAll("input[name=region-keep]")) radio.addEventListener("change", changed);
  at("region-name").addEventListener("input", changed);
  at("region-try").addEventListener("click", (event) => busy(event.currentTarget, at("region-tried"), tryIt));
  at("region-test").addEventListener("click", (event) => busy(event.currentTarget, at("region-tested"), test));
  at("region-saving")?.addEventListener("submit", (event) => {
    event.preventDefault();
    save();
  });
  at("take-text").addEventListener("click", () => {
    editor.value = [...editor.value, ...marks.map(plain)];
    changed();
    editor.focus();
  });

  async function open() {
    at("boxes").hidden = false;
    opening ??= begin().catch((error) => {
      opening = null;
      at("region-drawing").replaceChildren(notice("bad", error.message));
    });
    await opening;
  }

  return {
    open,
    async add() {
      await open();
      at("boxes").scrollIntoView();
      at("region-drawing").querySelector(".boxes-bar button")?.click();
    },
    set marks(next) {
      marks = next;
      if (!editor) return;
      editor.marks = next;
      at("take-text").hidden = !next.length;
    },
  };
}
