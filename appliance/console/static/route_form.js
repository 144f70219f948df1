// One route of the text as a form. The text stays the truth: the form is read from it, and writes it anew.

import { make } from "./dom.js";

const NEW = -1; // a row that is in no text yet
const ALONE = ["is present", "is missing"]; // comparisons without a value

const at = (id) => document.getElementById(id);

/**
 * ask: (path, body) → Promise of the answer; text(): the file that is edited, and its name; cursor(): the line in which the
 * cursor stands; wrote(text, line): takes the new text; failed(error); words: sentences.
 */
export function routeForm({ ask, text, cursor, wrote, failed, words }) {
  const [view, which, form] = [at("route-view"), at("route-which"), at("route-edit")];
  let routes = [];

  async function load(wanted = null) {
    try {
      routes = (await ask("/rules/forms", text())).routes;
    } catch (error) {
      routes = [];
      which.replaceChildren();
      form.replaceChildren(make("p", { class: "notice warn" }, error.message));
      return;
    }
    const chosen = Math.max(0, wanted ?? routes.findIndex((one) => one.line <= cursor() && cursor() <= one.end_line));
    which.replaceChildren(
      ...routes.map((one, place) =>
        make("option", { value: place, selected: place === chosen }, one.label || `on ${one.source} (${words.line} ${one.line})`),
      ),
    );
    if (routes.length) show(routes[chosen]);
    else form.replaceChildren(make("p", { class: "empty" }, words.none));
  }

  function show(route) {
    const conditions = rows(words.conditions, words.conditions_hint, route.clauses, clause, words.more_conditions, { was: NEW, field: "", operator: "=", value: "", text: "" });
    const empty = { was: NEW, name: "", arguments: "", text: "" };
    const steps = rows(words.steps, words.steps_hint, route.steps, step, words.more_steps, empty, true);
    const failure = rows(words.failure, words.failure_hint, route.failure, step, words.more_steps, empty, true);
    const label = make("input", { id: "route-edit-name", value: route.label, spellcheck: "false", maxlength: 200 });
    const source = make("input", { id: "route-edit-on", value: route.source, required: true, list: "ways", spellcheck: "false" });
    const duplicate = make(
      "select",
      { id: "route-edit-again" },
      ...["", "keep", "replace", "drop"].map((one) => make("option", { value: one, selected: one === route.duplicate }, words.duplicates[one])),
    );
    form.replaceChildren(
      ...field(words.name, label),
      ...field(words.on, source),
      conditions.box,
      steps.box,
      failure.box,
      ...field(words.again, duplicate),
      make("p", { class: "actions" }, make("button", { class: "first" }, words.write)),
    );
    form.onsubmit = async (event) => {
      event.preventDefault();
      const index = Number(which.value);
      const said = {
        line: route.line,
        end_line: route.end_line,
        label: label.value.trim(),
        source: source.value,
        clauses: conditions.read(),
        steps: steps.read(),
        failure: failure.read(),
        duplicate: duplicate.value,
      };
      try {
        const answer = await ask("/rules/forms/write", { ...text(), index, form: said });
        const written = await ask("/rules/forms", { ...text(), text: answer.text });
        wrote(answer.text, written.routes[index].line);
        await load(index);
      } catch (error) {
        failed(error);
      }
    };
  }

  const field = (label, control) => [make("label", { for: control.id }, label), control];

  /** A list of rows, each removable; ordered: they may also be moved. */
  function rows(title, hint, facts, made, more, empty, ordered = false) {
    const list = make("ol", { class: "rows" });
    const known = new Map();
    const add = (one) => {
      const row = made(one);
      const line = make("li", {}, ...row.controls, buttons());
      known.set(line, row.read);
      list.append(line);
      return line;
    };
    const button = (label, sign, act) => make("button", { type: "button", class: "quiet", "aria-label": label, title: label, onclick: act }, sign);
    function buttons() {
      const up = button(words.up, "↑", (event) => move(event.currentTarget, -1));
      const down = button(words.down, "↓", (event) => move(event.currentTarget, 1));
      const away = button(words.remove, "×", (event) => {
        event.currentTarget.closest("li").remove();
        another.focus();
      });
      return make("span", { class: "row" }, ...(ordered ? [up, down] : []), away);
    }
    function move(pressed, by) {
      const line = pressed.closest("li");
      const other = by < 0 ? line.previousElementSibling : line.nextElementSibling;
      if (!other) return;
      if (by < 0) other.before(line);
      else other.after(line);
      pressed.focus();
    }
    const another = make("button", { type: "button", onclick: () => add({ ...empty }).querySelector("input, select, textarea").focus() }, more);
    facts.forEach(add);
    const box = make("fieldset", {}, make("legend", {}, title), make("p", { class: "hint" }, hint), list, make("p", { class: "actions" }, another));
    return { box, read: () => [...list.children].map((line) => known.get(line)()) };
  }

  function clause(one) {
    if (one.text) return written(one, { field: "", operator: "", value: "" });
    const tag = make("input", { "aria-label": words.tag, value: one.field, list: "tags", required: true, spellcheck: "false" });
    const value = make("input", { "aria-label": words.value, value: one.value, maxlength: 1000, spellcheck: "false", hidden: ALONE.includes(one.operator) });
    const is = make(
      "select",
      { "aria-label": words.comparison, onchange: () => (value.hidden = ALONE.includes(is.value)) },
      ...Object.entries(words.operators).map(([sign, said]) => make("option", { value: sign, selected: sign === one.operator }, said)),
    );
    const read = () => ({ was: one.was, field: tag.value.trim(), operator: is.value, value: value.hidden ? "" : value.value, text: "" });
    return { controls: [tag, is, value], read };
  }

  function step(one) {
    if (one.text) return written(one, { name: "", arguments: "" });
    const name = make("input", { "aria-label": words.step, value: one.name, list: "steps", required: true, spellcheck: "false", class: "step-name" });
    const rest = make("input", { "aria-label": words.arguments, value: one.arguments, maxlength: 4000, spellcheck: "false" });
    return { controls: [name, rest], read: () => ({ was: one.was, name: name.value.trim(), arguments: rest.value.trim(), text: "" }) };
  }

  /** What does not fit into parts is text. */
  function written(one, others) {
    const area = make("textarea", { "aria-label": words.as_text, rows: Math.min(12, one.text.split("\n").length), spellcheck: "false", class: "code" });
    area.value = one.text;
    return { controls: [area], read: () => ({ was: one.was, ...others, text: area.value }) };
  }

  which.addEventListener("change", () => show(routes[Number(which.value)]));
  at("route-here").addEventListener("click", () => load());
  view.addEventListener("toggle", () => view.open && load());
}
