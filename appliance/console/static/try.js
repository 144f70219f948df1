// The page to try an image: sends a file to be explained, and shows what the rules would make of it, route by route.

import { brought, call } from "./call.js";
import { make } from "./dom.js";
import { fill } from "./words.js";

const words = brought("try-words");
const data = brought("try-data");
const at = (id) => document.getElementById(id);

/** A condition, with the values that it met. */
function because(clause) {
  const value = clause.compound
    ? ""
    : ` (${clause.found.length ? fill(words.it_is, { what: clause.found.join(", ") }) : words.absent})`;
  const sign = make("span", { class: `badge ${clause.true ? "good" : "bad"}` }, clause.true ? words.yes : words.no);
  const parts = clause.parts.length ? [make("ul", {}, ...clause.parts.map(because))] : [];
  return make("li", {}, sign, " ", make("code", {}, clause.text), value, ...parts);
}

/** Where a route stands: file and line. */
function place(written) {
  const [, file, line] = /([^/\\]+):(\d+)$/.exec(written) ?? [];
  return file ? [make("a", { href: `/rules?${new URLSearchParams({ file, line })}` }, words.rule)] : [];
}

function card(route) {
  const state = route.taken ? ["good", words.taken] : route.almost ? ["warn", words.almost] : ["", words.not_taken];
  const parts = [make("h3", {}, route.name, " ", make("span", { class: `badge ${state[0]}` }, state[1]))];
  if (route.elsewhere) parts.push(make("p", {}, fill(words.elsewhere, { source: route.source })));
  if (route.failed) parts.push(make("p", { class: "notice bad" }, fill(words.fails, { why: route.failed })));
  if (route.almost) {
    const { text, found } = route.almost;
    const met = found.length ? fill(words.it_is, { what: found.join(", ") }) : words.absent;
    parts.push(make("p", {}, `${fill(words.lacks, { text })} (${met})`));
  }
  if (route.taken)
    parts.push(make("ul", {}, ...(route.effects.length ? route.effects : [words.nothing]).map((one) => make("li", {}, one))));
  if (route.reason) {
    const tree = make("ul", { class: "because" }, because(route.reason));
    parts.push(make("details", { open: Boolean(route.almost) }, make("summary", {}, words.because), tree));
  }
  return make("section", { class: "card" }, ...parts, make("p", {}, ...place(route.written)));
}

function show(found, title) {
  const taken = found.routes.filter((one) => one.taken);
  const order = (one) => (one.taken ? 0 : one.almost || one.failed ? 1 : one.elsewhere ? 3 : 2);
  const sum = taken.length ? fill(words.summary, { names: taken.map((one) => one.name).join(", ") }) : words.summary_none;
  const kind = taken.length ? "good" : "warn";
  const parts = [
    make("h2", {}, title),
    found.refused
      ? make("p", { class: "notice bad" }, fill(words.refused, { why: found.refused }))
      : make("div", { class: `notice ${kind}` }, make("p", {}, sum), ...found.held.map((one) => make("p", {}, one))),
    ...(found.heard ? [] : [make("p", { class: "notice warn" }, words.not_heard)]),
    make("div", { class: "grid" }, ...[...found.routes].sort((a, b) => order(a) - order(b)).map(card)),
  ];
  at("outcome").replaceChildren(...parts);
  at("outcome").focus({ preventScroll: false });
}

const tell = (kind, sentence) => at("outcome").replaceChildren(make("p", { class: `notice ${kind}` }, sentence));

async function attempt(file) {
  if (!file) {
    tell("bad", words.choose);
    return;
  }
  tell("note", words.working);
  const query = new URLSearchParams({ way: at("way").value, sender: at("sender").value });
  try {
    const found = await call("POST", `/try?${query}`, { body: file, offline: words.offline });
    show(found, fill(words.file, { name: file.name, way: found.way }));
  } catch (error) {
    tell("bad", fill(words.failed, { reason: error.message }));
  }
}

at("try")?.addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(at("try-file").files[0]);
});
at("drop")?.addEventListener("dragover", (event) => {
  event.preventDefault();
  at("drop").classList.add("over");
});
at("drop")?.addEventListener("dragleave", () => at("drop").classList.remove("over"));
at("drop")?.addEventListener("drop", (event) => {
  event.preventDefault();
  at("drop").classList.remove("over");
  at("try-file").files = event.dataTransfer.files;
  attempt(event.dataTransfer.files[0]);
});
if (data.found) show(data.found, fill(words.of, { number: data.number, way: data.found.way }));
