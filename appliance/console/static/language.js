// The colours of the rule language: what each word of a text is, as far as one can see without knowing names.
//
// Only dsl/ knows the language; this looks at words, as dsl/scan.py does, and what it takes for a step may be none.
// The lists of words are those of dsl/scan.py, which tests/console/test_language.py compares.

export const DECLARES = ["destination", "listener", "contact", "schedule", "condition", "regions", "steps"];
export const STATEMENTS = ["version", "include", ...DECLARES, "route", "on", "test"];
export const INNER = [
  "where",
  "and",
  "or",
  "not",
  "in",
  "contains",
  "starts",
  "with",
  "matches",
  "is",
  "present",
  "missing",
  "choose",
  "when",
  "otherwise",
  "end",
  "given",
  "expect",
  "no",
  "for",
  "blank",
  "keep",
  "failure",
  "duplicate",
];
export const FACTS = ["sender", "called", "address", "port", "user"];

const KEYWORDS = new Set([...STATEMENTS, ...INNER, "today", "unmatched", "right", "bottom"]);
const NAME = /^\p{L}[\p{L}\p{M}\p{N}_]*(?:-[\p{L}\p{N}_][\p{L}\p{M}\p{N}_]*)*/u;
const SORTS = [
  [/^#.*/, "comment"],
  [/^"[^"]*"?/, "string"],
  [/^(?:→|->)/, "operator"],
  [/^\([ ]*[0-9A-Fa-f]{4}[ ]*,[ ]*[^()]*\)/, "propertyName"],
  [/^[0-9]{4}-[0-9]{2}-[0-9]{2}/, "number"],
  [/^[0-9]+\s*(?:seconds?|minutes?|min|hours?|days?|weeks?|months?|years?)\b/, "number"],
  [/^[0-9][\w.:/]*/, "number"],
  [/^(?:!=|<=|>=|[=<>≠≤≥])/, "operator"],
];

/** What a name is, by the word before it and by how it is written. */
function sort(name, before) {
  if (before === "→") return name === "choose" ? "keyword" : "variableName.function";
  if (DECLARES.includes(before) || before === "route") return "variableName.definition";
  if (before === "on" && !["failure", "duplicate"].includes(name)) return "typeName";
  if (KEYWORDS.has(name)) return "keyword";
  if (FACTS.includes(name) || /^[A-Z][A-Za-z0-9]*[a-z]/.test(name)) return "propertyName";
  return "variableName";
}

/** A stream parser for CodeMirror's StreamLanguage. Its state is the word before. */
export const rules = {
  name: "rules",
  languageData: { commentTokens: { line: "#" } },
  startState: () => ({ before: "" }),
  copyState: (state) => ({ ...state }),
  token(stream, state) {
    if (stream.eatSpace()) return null;
    if (state.before === "matches" && stream.match(/^\/(?:[^/\\]|\\.)+\/?/)) {
      state.before = "";
      return "regexp";
    }
    for (const [pattern, kind] of SORTS) {
      const match = stream.match(pattern);
      if (match) {
        if (kind !== "comment") state.before = match[0] === "->" ? "→" : match[0];
        return kind;
      }
    }
    const match = stream.match(NAME);
    if (match) {
      const kind = sort(match[0], state.before);
      state.before = kind === "variableName.definition" ? "" : match[0];
      return kind;
    }
    state.before = stream.next();
    return null;
  },
};
