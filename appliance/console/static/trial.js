// Rules on trial, and new rules that are watched: how they stand, live, and what an admin does about it.

import { call } from "./call.js";
import { differences } from "./differences.js";
import { confirm } from "./dialog.js";
import { make } from "./dom.js";
import { fill } from "./words.js";

const SOON = 2_000; // milliseconds between two looks while something goes on
const LATER = 15_000;

const at = (id) => document.getElementById(id);
const goesOn = ({ trial, watch }) =>
  ["running", "switching"].includes(trial?.state) || ["switching", "watching", "back"].includes(watch?.state);

/**
 * first: how things stand when the page opens; words: sentences; may: whether this is an admin; moved: called when other
 * rules have become the rules by themselves; say: tells what went wrong.
 */
export function standing({ first, words, may, moved, say }) {
  let known = { trial: "", watch: "" };
  let shown = { trial: null, watch: null };
  let timer = 0;
  const ask = (method, path, more = {}) => call(method, path, { offline: words.offline, ...more });

  async function look() {
    clearTimeout(timer);
    try {
      if (!document.hidden) show(await ask("GET", "/rules/trial", { background: true }));
    } catch {
      // The bar at the top says that the console cannot be reached; here stands what was known last.
    }
    timer = setTimeout(look, goesOn(shown) ? SOON : LATER);
  }

  function show(now) {
    const before = shown;
    shown = now;
    put("trial", now.trial, trial);
    put("watch", now.watch, watch);
    const ended = (one, other, outcomes) => one && other?.id === one.id && one.state !== "over" && other.state === "over" && outcomes.includes(other.outcome);
    if (ended(before.trial, now.trial, ["switched"]) || ended(before.watch, now.watch, ["withdrawn", "broken off"])) moved();
  }

  /** What has not changed is left alone: somebody may be reading it, or be about to press a button. */
  function put(id, facts, made) {
    const place = at(id);
    const bar = place.querySelector("progress");
    const { left, ...rest } = facts ?? {};
    const text = facts ? JSON.stringify(rest) : "";
    if (text === known[id]) {
      if (bar && facts) bar.value = bar.max - left;
      return;
    }
    known[id] = text;
    const open = place.querySelector("details")?.open;
    place.hidden = !facts;
    place.replaceChildren(...(facts ? made(facts) : []));
    if (open && place.querySelector("details")) place.querySelector("details").open = true;
  }

  const sentences = (some) => some.map((one) => make("p", {}, one));

  function trial(facts) {
    const kind = { asking: "warn", over: facts.outcome === "switched" ? "good" : "note" }[facts.state] ?? "note";
    const came = facts.judged + facts.gone;
    const said = [
      ...(came ? [fill(words.came, { came, differ: facts.differ })] : [words.none_yet]),
      ...(facts.gone ? [fill(words.gone, facts)] : []),
      ...(facts.tests ? [fill(words.tests, facts)] : []),
    ];
    const running = facts.state === "running";
    const bar = make("progress", { max: 60 * facts.minutes, value: 60 * facts.minutes - facts.left, "aria-label": words.bar });
    const buttons = [
      ...(running || facts.state === "asking"
        ? [act(words.switch_now, "/rules/trial/switch", { first: true, title: words.switch_title, text: words.switch_text }), act(words.cancel, "/rules/trial/cancel", {})]
        : []),
      ...(facts.state === "over" ? [act(words.seen, "/rules/trial/seen", {})] : []),
    ];
    return [
      make("h2", { id: "trial-title" }, words.trial_title),
      make("div", { class: `notice ${kind}`, role: "status" }, ...sentences(facts.words)),
      ...(running ? [make("p", { class: "bar" }, bar)] : []),
      ...sentences(said),
      ...(facts.groups.length ? [differences(facts.groups, words)] : []),
      ...(may && buttons.length ? [make("p", { class: "actions" }, ...buttons)] : []),
    ];
  }

  function watch(facts) {
    const kind = { withdrawn: "bad", left: "bad", kept: "good" }[facts.outcome] ?? (facts.state === "back" ? "bad" : "note");
    const counted = facts.state === "watching" || facts.outcome === "kept";
    const bar = make("progress", { max: facts.minutes, value: facts.minutes - facts.left, "aria-label": words.bar });
    const buttons = [
      ...(facts.state === "watching" ? [act(words.end_watch, "/rules/watch/end", { title: words.end_watch_title, text: words.end_watch_text })] : []),
      ...(facts.outcome === "withdrawn" && facts.held + facts.moved
        ? [act(words.again, "/rules/watch/again", { first: true, title: words.again_title, text: words.again_text, done: again })]
        : []),
      ...(facts.state === "over" ? [act(words.seen, "/rules/watch/seen", {})] : []),
    ];
    return [
      make("h2", { id: "watch-title" }, words.watch_title),
      make("div", { class: `notice ${kind}`, role: kind === "bad" ? "alert" : "status" }, ...sentences(facts.words)),
      ...(facts.state === "watching" ? [make("p", { class: "bar" }, bar)] : []),
      ...(counted ? sentences([fill(words.counted, facts)]) : []),
      ...(may && buttons.length ? [make("p", { class: "actions" }, ...buttons)] : []),
    ];
  }

  function again({ done, left, unfit }) {
    const parts = [fill(words.again_done, { done })];
    if (left) parts.push(fill(words.again_left, { left }));
    say(Object.keys(unfit).length ? "warn" : "good", [...parts, ...new Set(Object.values(unfit))].join(" "));
  }

  /** A button that does something; with a title it asks first. */
  function act(label, path, { first = false, title = "", text = "", done = null }) {
    const button = make("button", { type: "button", class: first ? "first" : null }, label);
    button.addEventListener("click", async () => {
      if (title && !(await confirm({ title, text, yes: label }))) return;
      button.disabled = true;
      try {
        const answer = await ask("POST", path);
        if (done) done(answer);
        else if (answer.became === "errors") say("bad", words.errors_now);
      } catch (error) {
        say("bad", fill(words.failed, { reason: error.message }));
      } finally {
        button.disabled = false;
        await look();
      }
    });
    return button;
  }

  show(first);
  document.addEventListener("visibilitychange", look);
  timer = setTimeout(look, goesOn(shown) ? SOON : LATER);
  return { look };
}
