// The editor of rules, and the view of a difference between two texts: CodeMirror in a shadow root of its own.
//
// It knows nothing of rules beyond their colours (language.js). What is right, what fits and what a word means is asked
// of functions that are handed in. In a shadow root CodeMirror's styles are adopted style sheets, not <style> elements,
// so that the page's content security policy needs no exception; the page's CSS variables reach into it all the same.
//
// Offsets in what is asked and answered count characters as Python does (code points), from the start of the text.

import * as cm from "./vendor/codemirror.js";
import { dressed, fresh, make, watchWidth } from "./dom.js";
import { markdown } from "./markdown.js";
import { rules } from "./language.js";
import { fill, sentences } from "./words.js";

const PAUSE = 300; // milliseconds without a keystroke after which a text is checked

const ROOM = 720; // pixels from which on two texts stand side by side

const colours = cm.HighlightStyle.define([
  { tag: cm.tags.comment, color: "var(--code-comment)", fontStyle: "italic" },
  { tag: [cm.tags.string, cm.tags.regexp], color: "var(--code-string)" },
  { tag: cm.tags.number, color: "var(--code-number)" },
  { tag: cm.tags.keyword, color: "var(--code-keyword)", fontWeight: "600" },
  { tag: cm.tags.operator, color: "var(--code-operator)" },
  { tag: cm.tags.propertyName, color: "var(--code-tag)" },
  { tag: cm.tags.function(cm.tags.variableName), color: "var(--code-step)", fontWeight: "600" },
  { tag: cm.tags.typeName, color: "var(--code-source)" },
  { tag: cm.tags.definition(cm.tags.variableName), color: "var(--code-name)", fontWeight: "600" },
]);

const raised = { backgroundColor: "var(--module-raised)", color: "var(--module-ink)" };
const looks = cm.EditorView.theme({
  "&": { backgroundColor: "var(--module-ground)", color: "var(--module-ink)", fontSize: "14px" },
  "&.cm-focused": { outline: "2px solid var(--module-accent)", outlineOffset: "1px" },
  ".cm-scroller": { fontFamily: "var(--module-mono)", lineHeight: "1.55" },
  ".cm-content": { caretColor: "var(--module-ink)" },
  ".cm-cursor": { borderLeftColor: "var(--module-ink)" },
  ".cm-gutters": { ...raised, color: "var(--module-faint)", borderRight: "1px solid var(--module-line)" },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "var(--module-hover)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": {
    backgroundColor: "var(--module-selected)",
  },
  ".cm-selectionMatch": { backgroundColor: "var(--module-hover)" },
  ".cm-panels, .cm-tooltip": { ...raised, borderColor: "var(--module-line)" },
  ".cm-tooltip": { borderRadius: "6px", boxShadow: "0 4px 16px rgb(0 0 0 / 0.2)", maxWidth: "min(36rem, 90vw)" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li[aria-selected]": {
    backgroundColor: "var(--module-accent)",
    color: "var(--module-on-accent)",
  },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li": { padding: "3px 8px" },
  ".cm-completionDetail": { fontStyle: "normal", opacity: "0.85" },
  ".cm-diagnostic": { padding: "6px 10px", whiteSpace: "normal" },
  ".cm-diagnostic p, .about p, .about pre": { margin: "0 0 4px" },
  ".about": { padding: "6px 10px", fontSize: "13px" },
  ".about ul": { margin: "0 0 4px", paddingLeft: "1.2em", overflowWrap: "anywhere" },
  ".about pre": { fontFamily: "var(--module-mono)", whiteSpace: "pre-wrap" },
  ".cm-diagnosticAction": { backgroundColor: "var(--module-accent)", color: "var(--module-on-accent)" },
  ".cm-collapsedLines:before, .cm-collapsedLines:after": { content: '"⋯"' },
  ".cm-collapsedLines": { background: "var(--module-raised)", color: "var(--module-faint)" },
  ".cm-deletedChunk": { backgroundColor: "var(--module-removed)" },
  ".cm-deletedChunk .cm-deletedText": { background: "none", textDecoration: "line-through 1px var(--module-bad)" },
  "&.cm-merge-a .cm-changedLine": { backgroundColor: "var(--module-removed)" },
  "&.cm-merge-b .cm-changedLine": { backgroundColor: "var(--module-added)" },
  "&.cm-merge-a .cm-changedText": { background: "none", textDecoration: "underline 2px var(--module-bad)" },
  "&.cm-merge-b .cm-changedText": { background: "none", textDecoration: "underline 2px var(--module-good)" },
});

const astral = /[\ud800-\udbff]/;

/** An offset in UTF-16 units, as CodeMirror counts, from one in code points, as Python does. */
function units(text, points) {
  if (!astral.test(text)) return Math.min(points, text.length);
  let at = 0;
  for (let left = points; left > 0 && at < text.length; left -= 1) at += text.codePointAt(at) > 0xffff ? 2 : 1;
  return at;
}

/** The other way. */
function points(text, at) {
  return astral.test(text) ? [...text.slice(0, at)].length : at;
}

/** The scheme of the page (light or dark), and how to follow it. */
function scheme() {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const slot = new cm.Compartment();
  return {
    extension: slot.of(cm.EditorView.darkTheme.of(dark.matches)),
    follow(...views) {
      const turn = () => {
        for (const view of views) {
          view.dispatch({ effects: slot.reconfigure(cm.EditorView.darkTheme.of(dark.matches)) });
        }
      };
      dark.addEventListener("change", turn);
      return () => dark.removeEventListener("change", turn);
    },
  };
}

/** A host in the page, and the shadow root in it. */
function shelter(parent, kind) {
  dressed();
  const host = make("div", { class: kind });
  parent.append(host);
  return { host, root: host.attachShadow({ mode: "open" }) };
}

const common = (label, words) => [
  cm.StreamLanguage.define(rules),
  cm.syntaxHighlighting(colours),
  cm.EditorView.lineWrapping,
  cm.EditorView.contentAttributes.of({ "aria-label": label }),
  cm.EditorState.phrases.of(words.phrases ?? {}),
  cm.highlightSpecialChars(),
  cm.lineNumbers(),
  looks,
];

/** What completes, from `complete(text, offset, signal)`. */
function completion(complete) {
  return async (context) => {
    const text = context.state.doc.toString();
    const line = context.state.doc.lineAt(context.pos);
    const before = text.slice(line.from, context.pos);
    if (!context.explicit && !/[\p{L}\p{N}_>→/.,(=-]$|\S\s$/u.test(before)) return null;
    const control = new AbortController();
    context.addEventListener("abort", () => control.abort(), { onDocChange: true });
    const answer = await complete(text, points(text, context.pos), control.signal).catch(() => null);
    if (!answer || !answer.words.length || context.aborted) return null;
    // Nobody asked, and the line may end here: Enter must not take the arrow that could follow.
    if (!context.explicit && /\s$/.test(before) && answer.words.some((word) => word.text === "→")) return null;
    const from = units(text, answer.from);
    const arrow = text.slice(from, context.pos).startsWith("-");
    return {
      from,
      to: units(text, answer.to),
      filter: !arrow,
      validFor: answer.all && !arrow ? /^[\p{L}\p{N}_-]*$/u : undefined,
      options: answer.words.map(({ text: label, detail, rank }) => ({ label, detail, boost: 50 - (rank ?? 5) * 10 })),
    };
  };
}

/** Values as they stand in images: text, whatever is in them. */
const sampled = (sample) =>
  sample ? [make("p", {}, sample.title), make("ul", {}, ...sample.values.map((one) => make("li", {}, one)))] : [];

/** What explains the word under the mouse, or under the caret by F1, from `hover(text, offset)`. */
function explanation(hover) {
  const show = cm.StateEffect.define();
  const tooltip = cm.StateField.define({
    create: () => null,
    update(value, change) {
      for (const effect of change.effects) if (effect.is(show)) return effect.value;
      return change.docChanged || change.selection ? null : value;
    },
    provide: (field) => cm.showTooltip.from(field),
  });
  const ask = async (view, pos) => {
    const text = view.state.doc.toString();
    const answer = await hover(text, points(text, pos)).catch(() => null);
    if (!answer || !answer.lines.length || view.state.doc.toString() !== text) return null;
    const create = () => ({ dom: make("div", { class: "about" }, ...markdown(answer.lines), ...sampled(answer.sample)) });
    return { pos: units(text, answer.from), end: units(text, answer.to), above: true, create };
  };
  const tell = (view) => {
    ask(view, view.state.selection.main.head).then((found) => {
      const said = found ? [cm.EditorView.announce.of(found.create().dom.textContent)] : [];
      view.dispatch({ effects: [show.of(found), ...said] });
    });
    return true;
  };
  const hide = (view) => {
    if (!view.state.field(tooltip)) return false;
    view.dispatch({ effects: show.of(null) });
    return true;
  };
  return [
    tooltip,
    cm.hoverTooltip(ask),
    cm.keymap.of([
      { key: "F1", run: tell },
      { key: "Escape", run: hide },
    ]),
  ];
}

/** One finding as CodeMirror shows it. `fixes` replace stretches of the text by what the compiler proposes. */
function diagnostic(text, one) {
  const lines = [`**${one.title}**`, one.label, one.help].filter(Boolean);
  const fixes = (one.fixes ?? []).map((fix) => ({
    name: fix.label,
    apply: (view) =>
      view.dispatch({
        changes: fix.edits.map(({ from, to, text: insert }) => ({
          from: units(text, from),
          to: units(text, to),
          insert,
        })),
        userEvent: "input.complete",
      }),
  }));
  return {
    from: units(text, one.from),
    to: units(text, one.to),
    severity: one.severity,
    source: one.code,
    message: [one.title, one.label, one.help].filter(Boolean).join(". "),
    renderMessage: () => make("div", {}, ...markdown(lines)),
    actions: fixes,
  };
}

/** What checks, from `check(text, signal)`, and tells how it stands; without an answer nothing is called clean. */
function checking(check, tell, found) {
  let control = new AbortController();
  return async (view) => {
    control.abort();
    control = new AbortController();
    const { signal } = control;
    const text = view.state.doc.toString();
    tell("checking", {});
    try {
      const findings = await check(text, signal);
      const errors = findings.filter((one) => one.severity === "error").length;
      if (!signal.aborted) {
        tell(findings.length ? "findings" : "clean", { errors, warnings: findings.length - errors });
        found?.(findings);
      }
      return findings.map((one) => diagnostic(text, one));
    } catch (error) {
      if (!signal.aborted) tell("unchecked", { reason: error.message });
      return [];
    }
  };
}

/**
 * An editor of rules in `parent`.
 *
 * text, label (its name for those who do not see it), readOnly, words (over those of sentences.js)
 * check(text, signal) → Promise of findings [{from, to, severity: "error" | "warning", code, title, label, help,
 *     fixes?: [{label, edits: [{from, to, text}]}]}]
 * complete(text, offset, signal) → Promise of {from, to, all, words: [{text, detail, rank}]} or null
 * hover(text, offset) → Promise of {from, to, lines: [Markdown], sample?: {title, values}} or null
 * changed(text), found(findings): called after each change, and after each check.
 *
 * Answers {text (read and written), focus(), go(from, to), check(), view, destroy()}.
 */
export function editor(parent, options) {
  const { text = "", check, complete, hover, changed, found, readOnly = false } = options;
  const words = sentences("editor", options.words);
  const label = options.label ?? words.label;
  const { host, root } = shelter(parent, "editor");
  const hint = fresh("editor-hint");
  const status = make("p", { role: "status", part: "status" });
  const colour = scheme();
  const tell = (state, values) => {
    host.dataset.state = state;
    status.textContent = fill(words[state], values);
  };
  const extensions = [
    ...common(label, words),
    cm.EditorView.contentAttributes.of({ "aria-describedby": hint }),
    colour.extension,
    cm.drawSelection(),
    cm.highlightActiveLine(),
    cm.highlightActiveLineGutter(),
    cm.highlightSelectionMatches(),
    cm.history(),
    cm.indentUnit.of("  "),
    cm.EditorState.readOnly.of(readOnly),
    ...(hover ? explanation(hover) : []),
    ...(check ? [cm.lintGutter(), cm.linter(checking(check, tell, found), { delay: PAUSE })] : []),
    ...(complete && !readOnly ? [cm.autocompletion({ override: [completion(complete)], icons: false })] : []),
    cm.keymap.of([
      { key: "Tab", run: cm.acceptCompletion },
      ...cm.completionKeymap,
      ...cm.lintKeymap,
      ...cm.searchKeymap,
      ...cm.historyKeymap,
      ...cm.defaultKeymap,
      cm.indentWithTab,
    ]),
    cm.EditorView.updateListener.of((update) => {
      if (update.docChanged) changed?.(update.state.doc.toString());
    }),
  ];
  const view = new cm.EditorView({ doc: text, extensions, parent: root, root });
  root.append(status, make("p", { id: hint, part: "hint" }, words.hint));
  const unfollow = colour.follow(view);
  return {
    view,
    get text() {
      return view.state.doc.toString();
    },
    set text(value) {
      view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: value } });
    },
    focus: () => view.focus(),
    check: () => cm.forceLinting(view),
    go(from, to = from) {
      const all = view.state.doc.toString();
      const selection = { anchor: units(all, from), head: units(all, to) };
      view.dispatch({ selection, effects: cm.EditorView.scrollIntoView(selection.anchor, { y: "center" }) });
      view.focus();
    },
    destroy() {
      unfollow();
      view.destroy();
      host.remove();
    },
  };
}

/**
 * What differs between two texts, read-only: side by side where there is room, one below the other where there is not.
 *
 * before, after: the texts; labels: {before, after}; words: over those of sentences.js. Answers {destroy()}.
 */
export function difference(parent, { before, after, labels = {}, words: given }) {
  const words = sentences("editor", given);
  const names = { before: labels.before ?? words.before, after: labels.after ?? words.after };
  const { host, root } = shelter(parent, "editor difference");
  const colour = scheme();
  const fixed = (label) => [...common(label, words), colour.extension, cm.EditorState.readOnly.of(true)];
  const collapseUnchanged = { margin: 3, minSize: 6 };
  const [labelled, place] = [make("div", { part: "labels" }), make("div", {})];
  root.append(labelled, place);
  let clear = () => {};
  let beside;

  function beneath() {
    labelled.append(make("span", {}, `${names.before} → ${names.after}`));
    const unified = cm.unifiedMergeView({ original: before, mergeControls: false, collapseUnchanged });
    return [new cm.EditorView({ doc: after, extensions: [...fixed(names.after), unified], parent: place, root })];
  }

  function besides() {
    labelled.append(make("span", {}, names.before), make("span", {}, names.after));
    const merge = new cm.MergeView({
      a: { doc: before, extensions: fixed(names.before) },
      b: { doc: after, extensions: fixed(names.after) },
      parent: place,
      root,
      collapseUnchanged,
    });
    return [merge.a, merge.b];
  }

  function fit(width) {
    if (beside === width >= ROOM) return;
    beside = width >= ROOM;
    clear();
    labelled.replaceChildren();
    place.replaceChildren();
    const views = beside ? besides() : beneath();
    const unfollow = colour.follow(...views);
    clear = () => {
      unfollow();
      views.forEach((view) => view.destroy());
    };
  }

  fit(host.clientWidth);
  const unwatch = watchWidth(host, fit); // a telephone is turned, a window made smaller
  return {
    destroy() {
      unwatch();
      clear();
      host.remove();
    },
  };
}
