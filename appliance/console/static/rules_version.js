// The page of one version of the rules: each file that differs, then and now, side by side.

import { brought } from "./call.js";
import { difference } from "./editor.js";

const { then, now } = brought("version-data");
const labels = brought("version-words");
for (const place of document.querySelectorAll(".difference-of")) {
  const { name } = place.dataset;
  difference(place, { before: then[name] ?? "", after: now[name] ?? "", labels });
}
