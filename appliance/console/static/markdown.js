// The little Markdown that the language's explanations use: fenced and indented code, `code`, **bold**. Everything else
// is text, and stays text: nothing here becomes HTML.

import { make } from "./dom.js";

/** The parts of one line. */
function inline(line) {
  return line.split(/(\*\*[^*]+\*\*|`[^`]+`)/).map((part) => {
    if (part.startsWith("**") && part.length > 4) return make("strong", {}, part.slice(2, -2));
    if (part.startsWith("`") && part.length > 2) return make("code", {}, part.slice(1, -1));
    return part;
  });
}

/** The elements for some lines; a line may itself be several, as a fence is. */
export function markdown(lines) {
  const found = [];
  let code = null;
  for (const line of lines.join("\n").split("\n")) {
    if (line.startsWith("```")) {
      if (code === null) {
        code = [];
      } else {
        found.push(make("pre", {}, code.join("\n")));
        code = null;
      }
    } else if (code !== null) code.push(line);
    else if (line.startsWith("    ")) found.push(make("pre", {}, line.slice(4)));
    else if (line.trim()) found.push(make("p", {}, ...inline(line)));
  }
  if (code?.length) found.push(make("pre", {}, code.join("\n")));
  return found;
}
