// Builds the browser bundles into the folder that is named: `node build.mjs FOLDER`, called by `make bundles`.
//
// Each bundle is one minified ES module. It begins with what it was made of, by what, and under which licences; nothing
// in it depends on the day or on the machine, so that building it again gives the same bytes.

import { createHash } from "node:crypto";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const HERE = dirname(fileURLToPath(import.meta.url));
const BUNDLES = {
  codemirror: "CodeMirror 6, the editor of rules",
  dagre: "dagre, the layout of graphs",
  uplot: "uPlot, small charts",
};

// What we may pass on, with the licence's text and nothing more.
const FREE = new Set(["MIT", "ISC", "BSD-2-Clause", "BSD-3-Clause", "Apache-2.0"]);

// Packages whose published file already holds another one.
const INSIDE = { "@dagrejs/dagre": ["@dagrejs/graphlib"] };

/** The digest of all that decides what is built; tests/console/test_bundles.py reckons it, too. */
function digest() {
  const hash = createHash("sha256");
  for (const name of readdirSync(HERE).sort()) {
    if (name !== "node_modules") hash.update(`${name}\0`).update(readFileSync(join(HERE, name))).update("\0");
  }
  return hash.digest("hex");
}

/** The names of the packages that a bundle is made of, from the list of its files. */
function packages(inputs) {
  const found = new Set();
  for (const path of inputs) {
    const name = /(?:^|\/)node_modules\/((?:@[^/]+\/)?[^/]+)\/(?!.*node_modules\/)/.exec(path)?.[1];
    if (name) [name, ...(INSIDE[name] ?? [])].forEach((one) => found.add(one));
  }
  return [...found].sort();
}

/** One package's line and the text of its licence; ends the build where it is none that we know. */
function rights(name) {
  const folder = join(HERE, "node_modules", name);
  const { version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const file = readdirSync(folder).find((one) => /^licen[cs]e(\.\w+)?$/i.test(one));
  if (!FREE.has(license) || !file) throw new Error(`${name} ${version}: the licence ${license} is not one we know`);
  return { line: `${name} ${version}, ${license}`, text: readFileSync(join(folder, file), "utf8").trim() };
}

/** The comment at the top of a bundle. Licences that are the same are written once. */
function header(title, names) {
  const all = names.map(rights);
  const texts = [...new Set(all.map((one) => one.text.replace(/\r/g, "")))];
  const lines = [
    `${title}. Made by \`make bundles\` from appliance/console/bundles/; do not edit.`,
    `sources: sha256:${digest()}`,
    ...all.map((one) => `package: ${one.line}`),
    "",
    texts.join(`\n\n${"-".repeat(80)}\n\n`),
  ];
  return `/*!\n${lines.join("\n").replaceAll("*/", "* /")}\n*/\n`;
}

for (const [name, title] of Object.entries(BUNDLES)) {
  const result = await build({
    absWorkingDir: HERE,
    bundle: true,
    charset: "utf8",
    entryPoints: [`${name}.js`],
    format: "esm",
    legalComments: "none",
    loader: { ".css": "text" },
    metafile: true,
    minify: true,
    target: "es2022",
    write: false,
  });
  const [{ text }] = result.outputFiles;
  writeFileSync(join(process.argv[2], `${name}.js`), header(title, packages(Object.keys(result.metafile.inputs))) + text);
}
