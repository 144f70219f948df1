// The page of a study, and that of an image: draws the ways through the rules, says who went along an edge, and follows
// what is being sent again.

import { brought, call } from "./call.js";
import { make } from "./dom.js";
import { graph } from "./graph.js";
import { fill } from "./words.js";

const SHOWN = 200; // numbers that are listed
const EVERY = 2000; // milliseconds between two looks at what is being sent again

const at = (id) => document.getElementById(id);

// --- the ways ---------------------------------------------------------------------------------------------

function ways() {
  const data = brought("ways-data");
  const words = brought("ways-words");
  const drawn = [];
  data.drawings.forEach((one, place) => {
    const parent = document.querySelector(`[data-way="${place}"]`);
    const edges = one.edges.map((edge) => ({ ...edge, label: words.labels[edge.label] ?? edge.label }));
    const open = data.study ? (kind, which) => chosen(place, kind, which) : undefined;
    // The list that came with the page is in the drawing, too.
    parent.querySelector(".ways").remove();
    drawn.push(graph(parent, { data: { nodes: one.nodes, edges }, words: { states: words.states }, chosen: open }));
  });

  /** Which images went along an edge. */
  async function chosen(place, kind, one) {
    if (kind !== "edge") return;
    const { program, nodes, edges } = data.drawings[place];
    drawn[place].choose("edge", edges.findIndex((edge) => edge.id === one.id));
    const label = (id) => nodes.find((node) => node.id === id)?.label ?? id;
    const query = new URLSearchParams({ program, from: one.from, to: one.to });
    try {
      const { objects } = await call("GET", `/studies/${data.study}/ways?${query}`, { offline: words.offline });
      const said = fill(words.went, { count: objects.length, from: label(one.from), to: label(one.to) });
      const rest = objects.length - SHOWN;
      const links = objects.slice(0, SHOWN).map((number) => make("li", {}, make("a", { href: `/studies/object/${number}`, class: "code" }, number)));
      at("went").replaceChildren(
        make("p", {}, said),
        make("ul", { class: "numbers" }, ...links),
        ...(rest > 0 ? [make("p", { class: "hint" }, fill(words.more, { count: rest }))] : []),
      );
    } catch (error) {
      at("went").replaceChildren(make("p", { class: "notice bad" }, fill(words.failed, { reason: error.message })));
    }
  }
}

// --- what is being sent again -----------------------------------------------------------------------------

function follow(section) {
  const rows = () => [...section.querySelectorAll('[data-state="going"]')];

  async function look() {
    if (!rows().length) return;
    if (!document.hidden) {
      try {
        const { sent } = await call("GET", `/studies/${section.dataset.study}/sent-again`, { background: true });
        for (const row of rows()) show(row, sent.find((one) => one.id === row.dataset.resending));
      } catch {
        // The line at the top of the page says what is wrong.
      }
    }
    setTimeout(look, EVERY);
  }

  function show(row, one) {
    if (!one) return;
    row.dataset.state = one.state;
    const badge = row.querySelector("[data-text=state]");
    [badge.textContent, badge.className] = [one.words, `badge ${one.kind}`];
    row.querySelector("[data-text=progress]").textContent = one.progress;
    const bar = row.querySelector("progress");
    if (one.state !== "going") bar?.remove();
    else if (bar) [bar.max, bar.value] = [Math.max(1, one.chosen), one.chosen - one.left];
  }

  setTimeout(look, EVERY);
}

if (at("ways-data")) ways();
if (at("sent-again")) follow(at("sent-again"));
