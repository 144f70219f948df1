// The page of the rules: the text, the ways through it, what would change, activation.
//
// A draft lives in this page alone; what is checked, drawn and tried is asked of the server each time.

import { brought, call } from "./call.js";
import { confirm } from "./dialog.js";
import { differences, numbers } from "./differences.js";
import { make } from "./dom.js";
import { editor } from "./editor.js";
import { graph } from "./graph.js";
import { routeForm } from "./route_form.js";
import { standing } from "./trial.js";
import { fill } from "./words.js";

const EVERY = 10_000; // milliseconds between two looks at what the edges carry
const NAME = /^[\p{L}\p{N}_-][\p{L}\p{N}_.-]*\.rules$/u;
const PAUSE = 700; // without a keystroke, before the ways are drawn anew

const data = brought("rules-data");
const words = brought("rules-words");
const at = (id) => document.getElementById(id);
const ask = (method, path, more = {}) => call(method, path, { offline: words.offline, ...more });
const draft = { ...data.files };
let active = { ...data.files };
let digest = data.digest;
let name = at("file").value;
let drawn = null; // the drawing on the page
let [asked, later] = [0, 0];

// --- the text ---------------------------------------------------------------------------------------------

const about = (text, offset) => ({ body: { name, text, offset } });
const text = editor(at("editor"), {
  text: draft[name] ?? "",
  label: words.label,
  readOnly: !data.may || !name,
  check: async (now, signal) =>
    name ? (await ask("POST", "/rules/check", { body: { name, text: now }, signal, background: true })).findings : [],
  complete: (now, offset, signal) => ask("POST", "/rules/complete", { ...about(now, offset), signal }),
  hover: explain,
  changed: (now) => {
    if (!name || draft[name] === now) return;
    draft[name] = now;
    mark();
    clearTimeout(later);
    later = setTimeout(draw, PAUSE);
  },
});

/** What a word means; for those who may see it, with what that attribute said lately. */
async function explain(now, offset) {
  const [said, sample] = await Promise.all([
    ask("POST", "/rules/explain", about(now, offset)),
    data.samples ? ask("POST", "/rules/sample", about(now, offset)).catch(() => null) : null,
  ]);
  return said.about && sample?.values.length ? { ...said.about, sample: { title: words.lately, values: sample.values } } : said.about;
}

const isChanged = () => JSON.stringify(sorted(draft)) !== JSON.stringify(sorted(active));
const sorted = (files) => Object.entries(files).sort();

function mark() {
  at("changed").hidden = !isChanged();
  for (const id of ["activate-now", "trial-begin"]) if (at(id)) at(id).disabled = !isChanged();
}

function show(chosen) {
  name = "";
  text.text = draft[chosen] ?? "";
  name = chosen;
  text.check();
}

/** Files of this computer into the draft, all of them or none. */
async function load(chosen) {
  at("local-files").value = "";
  const read = {};
  for (const file of chosen) {
    if (!NAME.test(file.name)) {
      tell("bad", `${file.name}: ${words.bad_name}`);
      return;
    }
    try {
      read[file.name] = new TextDecoder("utf-8", { fatal: true }).decode(await file.arrayBuffer());
    } catch {
      tell("bad", fill(words.no_text, { name: file.name }));
      return;
    }
  }
  Object.assign(draft, read);
  const names = Object.keys(read).sort();
  if (!names.length) return;
  list(names[0]);
  tell("note", fill(words.loaded, { names: names.join(", ") }));
}

/** The list of files, as the draft has them. */
function list(chosen) {
  at("file").replaceChildren(
    ...Object.keys(draft).sort().map((one) => make("option", { selected: one === chosen }, one)),
  );
  show(chosen);
  mark();
  draw();
}

at("choose").addEventListener("submit", (event) => event.preventDefault());
at("file").addEventListener("change", (event) => show(event.target.value));
at("new-file")?.addEventListener("click", async () => {
  const wanted = await confirm({
    title: words.new_title,
    text: words.new_text,
    yes: words.new_yes,
    ask: { label: words.new_name, required: true, value: "more.rules" },
  });
  if (!wanted) return;
  if (!NAME.test(wanted)) {
    tell("bad", words.bad_name);
    return;
  }
  draft[wanted] ??= "version 1\n";
  if (text.view.state.readOnly) location.reload();
  list(wanted);
});
at("load-files")?.addEventListener("click", () => at("local-files").click());
at("local-files")?.addEventListener("change", (event) => load([...event.target.files]));
at("remove-file")?.addEventListener("click", async () => {
  if (!name || !(await confirm({ title: fill(words.remove_title, { name }), text: words.remove_text, yes: words.remove_yes, danger: true }))) return;
  delete draft[name];
  list(Object.keys(draft).sort()[0] ?? "");
});
addEventListener("beforeunload", (event) => isChanged() && event.preventDefault());

// --- the ways ---------------------------------------------------------------------------------------------

let running = false;

async function draw(background = true) {
  const mine = (asked += 1);
  let answer;
  try {
    answer = await ask("POST", "/rules/graph", { body: { files: draft }, background });
  } catch {
    answer = { drawing: null, running: false };
  }
  if (mine !== asked) return;
  running = answer.running;
  at("graph-note").textContent = answer.drawing ? (running ? words.running : words.draft) : words.broken;
  if (!answer.drawing) return;
  const { nodes, edges } = answer.drawing;
  const value = {
    nodes: nodes.map(({ id, label, kind, state }) => ({ id, label, kind, state: running ? state : "" })),
    edges: edges.map((one) => ({ ...one, label: words.labels[one.label] ?? one.label, count: running ? one.count : null, state: running ? one.state : "" })),
  };
  if (drawn) drawn.update(value);
  else drawn = graph(at("graph"), { data: value, words: { states: words.states }, chosen });
}

/** Which images went along an edge; of a node, along all that lead to it. */
async function chosen(kind, one) {
  const place = at("objects");
  place.replaceChildren();
  if (!running || kind !== "edge") return;
  drawn.choose?.("edge", one.id);
  try {
    const query = new URLSearchParams({ from: one.from, to: one.to });
    const { objects } = await ask("GET", `/rules/objects?${query}`);
    if (!objects.length) {
      place.append(make("p", { class: "empty" }, words.none));
      return;
    }
    const said = fill(words.went, { count: one.count ?? objects.length, from: one.from, to: one.to });
    place.append(make("p", {}, said), numbers(objects));
  } catch (error) {
    failed(place, error);
  }
}

setInterval(() => !document.hidden && running && draw(), EVERY);

// --- what is tried, and what is done ----------------------------------------------------------------------

function notice(kind, ...parts) {
  return make("div", { class: `notice ${kind}` }, ...parts);
}

function tell(kind, sentence, ...more) {
  at("result").replaceChildren(notice(kind, make("p", {}, sentence), ...more));
}

function failed(place, error) {
  place.replaceChildren(notice("bad", make("p", {}, fill(words.failed, { reason: error.message }))));
}

/** Findings as a list; each leads to its line. */
function findings(found) {
  const items = found.map((one) =>
    make(
      "li",
      {},
      make(
        "button",
        { type: "button", class: "quiet", onclick: () => jump(one.file, one.line) },
        `${one.file}:${one.line}`,
      ),
      ` ${[one.title, one.help].filter(Boolean).join(" – ")}`,
    ),
  );
  return make("ul", { class: "found" }, ...items);
}

function jump(file, line) {
  if (file in draft && file !== name) {
    at("file").value = file;
    show(file);
  }
  const document_ = text.view.state.doc;
  const place = document_.line(Math.min(Math.max(line, 1), document_.lines)).from;
  text.go([...document_.sliceString(0, place)].length);
}

/** Does something that takes a while; its button waits, and what goes wrong is said. */
async function busy(button, work) {
  button.disabled = true;
  tell("note", words.working);
  try {
    await work();
  } catch (error) {
    failed(at("result"), error);
  } finally {
    button.disabled = false;
    mark();
  }
}

at("preview")?.addEventListener("click", (event) =>
  busy(event.currentTarget, async () => {
    const answer = await ask("POST", "/rules/preview", { body: { files: draft } });
    if (!answer.preview) {
      tell("bad", words.errors, findings(answer.findings.filter((one) => one.severity === "error")));
      return;
    }
    at("result").replaceChildren(...compared(answer.preview), ...warned(answer.findings));
  }),
);

function warned(found) {
  return found.length ? [make("p", {}, words.warnings), findings(found)] : [];
}

function compared(found) {
  const more = [
    ...(found.whole ? [] : [words.partly]),
    ...(found.skipped ? [fill(words.skipped, { skipped: found.skipped })] : []),
  ].map((sentence) => make("p", { class: "hint" }, sentence));
  if (found.same) return [notice("note", make("p", {}, words.same)), ...more];
  const kinds = Object.entries(found.changed).map(([kind, change]) =>
    make(
      "li",
      {},
      `${words.changed_kinds[kind] ?? kind}: `,
      [
        ["added", change.added],
        ["removed", change.removed],
        ["altered", change.changed],
      ]
        .filter(([, names]) => names.length)
        .map(([how, names]) => fill(words[how], { names: names.join(", ") }))
        .join("; "),
    ),
  );
  const list_ = kinds.length ? [make("ul", {}, ...kinds)] : [];
  if (!found.differ) return [notice("note", make("p", {}, fill(words.no_difference, found))), ...list_, ...more];
  return [notice("warn", make("p", {}, fill(words.difference, found))), differences(found.groups, words), ...list_, ...more];
}

at("tests").addEventListener("click", (event) =>
  busy(event.currentTarget, async () => {
    const { tests } = await ask("POST", "/rules/tests", { body: { files: draft } });
    if (!tests) {
      tell("bad", words.broken);
      return;
    }
    if (!tests.length) {
      tell("note", words.no_tests);
      return;
    }
    const passed = tests.filter((one) => one.passed).length;
    const items = tests.map((one) =>
      make(
        "li",
        {},
        make(
          "span",
          {},
          make("span", { class: `badge ${one.passed ? "good" : "bad"}` }, one.passed ? words.passed : words.not_passed),
          ` ${one.title}`,
        ),
        make("span", { class: "hint" }, fill(words.happened, { what: one.happened.join(", ") || "–" })),
        ...(one.findings.length ? [findings(one.findings)] : []),
      ),
    );
    const kind = passed === tests.length ? "good" : "bad";
    tell(kind, fill(words.tests_all, { passed, all: tests.length }), make("ul", { class: "list" }, ...items));
  }),
);

at("format")?.addEventListener("click", (event) =>
  busy(event.currentTarget, async () => {
    text.text = (await ask("POST", "/rules/format", { body: { name, text: text.text } })).text;
    at("result").replaceChildren();
    text.focus();
  }),
);

at("activate")?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const sure = await confirm({ title: words.activate_title, text: words.activate_text, yes: words.activate });
  if (!sure) return;
  await busy(at("activate-now"), async () => {
    const files = { ...draft };
    const body = { files, digest, why: at("why").value.trim(), watch: Number(at("watch-for").value) };
    const done = await ask("POST", "/rules/activate", { body });
    if (done.became === "errors") {
      tell("bad", words.errors, findings(done.findings.filter((one) => one.severity === "error")));
      return;
    }
    await reread();
    at("why").value = "";
    const good = done.became === "runs" || done.became === "stopped";
    tell(good ? "good" : "bad", fill(words[done.became], { version: String(done.version), words: done.words }), ...warned(done.findings));
    await renew();
    await stands.look();
    draw(false);
  });
});

at("trial-form")?.addEventListener("submit", async (event) => {
  event.preventDefault();
  await busy(at("trial-begin"), async () => {
    const chosen = { minutes: Number(at("trial-for").value), then: at("trial-then").value };
    const body = { files: { ...draft }, digest, why: at("why").value.trim(), watch: Number(at("watch-for").value), ...chosen };
    const done = await ask("POST", "/rules/trial", { body });
    if (done.begun) tell("good", words.trial_begun, ...warned(done.findings));
    else tell("bad", words.errors, findings(done.findings.filter((one) => one.severity === "error")));
    await stands.look();
  });
});

/** The rules as they are now: what counts as changed is measured by them. */
async function reread() {
  const now = await ask("GET", "/rules");
  active = now.files;
  digest = now.digest;
}

/** Others have become the rules without this page. A draft stays as it is. */
async function moved() {
  const changed = isChanged();
  const before = digest;
  await reread();
  if (digest === before) return;
  if (changed && isChanged()) tell("warn", words.moved);
  else {
    at("result").replaceChildren();
    for (const one of Object.keys(draft)) delete draft[one];
    Object.assign(draft, active);
    list(name in draft ? name : (Object.keys(draft).sort()[0] ?? ""));
  }
  mark();
  await renew();
  draw(false);
}

const stands = standing({
  first: brought("standing-data"),
  words: brought("standing-words"),
  may: data.may,
  moved: () => moved().catch((error) => failed(at("result"), error)),
  say: tell,
});

/** The table of versions, as the server makes it now. */
async function renew() {
  const page = new DOMParser().parseFromString(await (await fetch("/rules")).text(), "text/html");
  const place = (root) => root.getElementById("versions-title").parentElement;
  place(document).replaceWith(document.importNode(place(page), true));
}

// --- one route by a form ----------------------------------------------------------------------------------

at("route")?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const clauses = [...document.querySelectorAll(".clause")]
    .map((row) => ["tag", "is", "value"].map((one) => row.querySelector(`.clause-${one}`).value.trim()))
    .filter(([tag, , value]) => tag && value)
    .map(([tag, is, value]) => `${tag} ${is} "${value}"`);
  const to = [...document.querySelectorAll(".route-to:checked")].map((one) => one.value);
  const steps = [...(at("route-store").checked ? ["store"] : []), ...(to.length ? [`forward ${to.join(", ")}`] : [])];
  if (!steps.length) {
    tell("bad", words.nothing_done);
    return;
  }
  const where = clauses.length ? ` where ${clauses.join(" and ")}` : "";
  const route = `route ${at("route-name").value}\n  on ${at("route-on").value}${where}\n  → ${steps.join(" → ")}\n`;
  try {
    const whole = `${text.text.trimEnd()}\n\n${route}`.trimStart();
    text.text = (await ask("POST", "/rules/format", { body: { name, text: whole } })).text;
    tell("note", words.written);
    jump(name, text.view.state.doc.lines);
  } catch (error) {
    failed(at("result"), error);
  }
});

if (at("route-view")) {
  const said = brought("form-words");
  routeForm({
    ask: (path, body) => ask("POST", path, { body }),
    text: () => ({ name, text: text.text }),
    cursor: () => text.view.state.doc.lineAt(text.view.state.selection.main.head).number,
    wrote: (now, line) => {
      text.text = now;
      tell("note", said.form_written);
      jump(name, line);
    },
    failed: (error) => failed(at("result"), error),
    words: said,
  });
}

draw(false);
if (Number(data.line)) jump(name, Number(data.line));
