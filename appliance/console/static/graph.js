// The ways of images, drawn: nodes and edges, with conditions and counts on the edges, as SVG that can be walked by
// keys.
//
// It knows nothing of rules: data = {nodes: [{id, label, kind, state?, title?}], edges: [{from, to, label?, count?,
// state?}]}. kind is source, step, choose or outbox (any other is drawn as a step). state is one of STATES or any other
// word; a state is told by a sign and by its word, never by colour alone.

import { Graph, layout } from "./vendor/dagre.js";
import { draw, dress, dressed, fresh, make, watchWidth } from "./dom.js";
import { fill, number, sentences } from "./words.js";

export const STATES = {
  done: "✓",
  passed: "✓",
  waiting: "…",
  sending: "↗",
  retrying: "↻",
  held: "‖",
  trouble: "!",
  skipped: "–",
  delivered: "✓",
  failed: "!",
  missing: "!",
  discarded: "–",
  deleted: "–",
};

const LINE = 17; // pixels from one line of text to the next
const WIDEST = 26; // letters in a line
const FRAME = 6; // pixels around the drawing, left and right together (modules.css)
const SMALLEST = 0.75; // never drawn smaller than this; what does not fit is scrolled

/** A label in at most three lines, broken at spaces and slashes. */
function lines(label) {
  const parts = String(label).split(/(?<=[\s/,])/);
  const found = [""];
  for (const part of parts) {
    if (found.at(-1) && (found.at(-1) + part.trimEnd()).length > WIDEST) found.push("");
    found[found.length - 1] += part;
  }
  const cut = found
    .map((line) => line.trim())
    .map((line) => (line.length > WIDEST ? `${line.slice(0, WIDEST - 1)}…` : line));
  return cut.length > 3 ? [...cut.slice(0, 2), `${cut[2].slice(0, WIDEST - 1)}…`] : cut;
}

/** How wide texts are in the page's font. */
function ruler(element) {
  const context = document.createElement("canvas").getContext("2d");
  context.font = `600 13px ${getComputedStyle(element).fontFamily || "sans-serif"}`;
  return (texts) => Math.max(...texts.map((text) => context.measureText(text).width), 8);
}

/** The lines that stand on an edge: its condition, and how many objects went that way. */
function onEdge(edge) {
  const count = edge.count === undefined || edge.count === null ? [] : [number(edge.count)];
  return [...(edge.label ? lines(edge.label) : []), ...count];
}

/** Places for everything. direction: "LR" or "TB"; signed(state): as it is written in a node. */
function placed(data, direction, wide, signed) {
  const graph = new Graph({ multigraph: true });
  graph.setGraph({ rankdir: direction, nodesep: 22, ranksep: 40, edgesep: 14, marginx: 6, marginy: 6 });
  for (const node of data.nodes) {
    const texts = lines(node.label);
    const room = node.kind === "choose" || node.kind === "source" ? 40 : 26;
    // Room for whatever its state may become: then nothing moves.
    const widest = wide(node.state ? [...texts, ...[...Object.keys(STATES), node.state].map(signed)] : texts);
    graph.setNode(node.id, { width: widest + room, height: texts.length * LINE + (node.state ? LINE : 0) + 16 });
  }
  data.edges.forEach((edge, index) => {
    const texts = onEdge(edge);
    const size = texts.length ? { width: wide(texts) + 12, height: texts.length * LINE + 6, labelpos: "c" } : {};
    graph.setEdge(edge.from, edge.to, size, String(index));
  });
  layout(graph);
  return graph;
}

/** A way through points, bent at each. */
function way(points) {
  const half = (a, b) => `${(a.x + b.x) / 2} ${(a.y + b.y) / 2}`;
  const bends = points.slice(1, -1).map((point, at) => `Q ${point.x} ${point.y} ${half(point, points[at + 2])}`);
  const last = points.at(-1);
  return `M ${points[0].x} ${points[0].y} L ${half(points[0], points[1])} ${bends.join(" ")} L ${last.x} ${last.y}`;
}

/** The head of an arrow at the end of a way. */
function head(points) {
  const [from, to] = points.slice(-2);
  const angle = Math.atan2(to.y - from.y, to.x - from.x);
  const corner = (turn) => `${to.x - 9 * Math.cos(angle + turn)} ${to.y - 9 * Math.sin(angle + turn)}`;
  return `M ${to.x} ${to.y} L ${corner(0.42)} L ${corner(-0.42)} Z`;
}

/** The outline of a node, around the middle. */
function outline(kind, width, height) {
  const [x, y] = [width / 2, height / 2];
  if (kind === "choose") {
    const points = [
      [-x, 0],
      [-x + 14, -y],
      [x - 14, -y],
      [x, 0],
      [x - 14, y],
      [-x + 14, y],
    ];
    return [draw("polygon", { points: points.map((point) => point.join(",")).join(" ") })];
  }
  const box = { x: -x, y: -y, width, height, rx: kind === "source" ? y : 6 };
  if (kind !== "outbox") return [draw("rect", box)];
  return [draw("rect", box), draw("line", { x1: -x + 6, x2: -x + 6, y1: -y, y2: y })];
}

/** Lines of text around the middle of a group. */
function text(texts, last) {
  const top = -((texts.length - 1) * LINE) / 2;
  return texts.map((line, at) => {
    const special = at === texts.length - 1 ? last : null;
    return draw("text", { x: 0, y: top + at * LINE, "text-anchor": "middle", dy: "0.35em", class: special }, line);
  });
}

const word = (state) => String(state).replace(/[^\w-]/g, "");

/**
 * Draws a graph in `parent`.
 *
 * data: see above; label: its name; words: over those of sentences.js
 * chosen(kind, one): called when a "node" or an "edge" is clicked or opened by Enter; without it nothing can be opened.
 *
 * Answers {update(data), choose(kind, id or index) to mark one, destroy()}. An update that changes only counts and
 * states moves nothing and keeps the focus.
 */
export function graph(parent, { data, label, words: given, chosen }) {
  dressed();
  const words = sentences("graph", given);
  const hint = fresh("graph-hint");
  const scroll = make("div", { class: "graph-scroll" });
  const list = make("details", { class: "graph-list" }, make("summary", {}, words.list));
  const help = chosen ? make("p", { id: hint, class: "module-hint" }, words.hint) : null;
  const host = make("div", { class: "graph" }, scroll, ...(help ? [help] : []), list);
  parent.append(host);
  const wide = ruler(host);
  const named = (kind, value) => words[kind]?.[value] ?? value;
  const signed = (state) => `${STATES[state] ?? "·"} ${named("states", state)}`;
  let groups = new Map(); // "node:id" or "edge:index" → its <g>, in walking order
  let shape = "";
  let marked = "";
  let width = 0;

  const nodeName = (node) => [
    node.label,
    node.kind && named("kinds", node.kind),
    node.state && named("states", node.state),
  ];
  const edgeName = (edge) => [
    fill(words.edge, { from: titled(edge.from), to: titled(edge.to) }),
    edge.label,
    edge.count !== undefined && edge.count !== null && fill(words.count, { count: edge.count }),
    edge.state && named("states", edge.state),
  ];
  const found = (id) => data.nodes.find((node) => node.id === id);
  const titled = (id) => found(id)?.label ?? id;
  const spoken = (parts) => parts.filter(Boolean).join(", ");

  /** A group that may be opened, or only looked at. */
  function group(key, open) {
    const attributes = chosen
      ? {
          role: "button",
          tabindex: -1,
          onclick: () => (rove(key), open()),
          onkeydown: (event) => pressed(event, key, open),
        }
      : { role: "img" };
    const made = draw("g", attributes);
    groups.set(key, made);
    return made;
  }

  /** One of them can be reached by Tab: the last that had the focus, or the first. */
  function rove(key) {
    for (const [other, one] of groups) one.setAttribute("tabindex", other === key ? 0 : -1);
  }

  function pressed(event, key, open) {
    const keys = [...groups.keys()];
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const ends = { Home: 0, End: keys.length - 1 }[event.key];
    if (event.key === "Enter" || event.key === " ") open();
    else if (step || ends !== undefined) {
      const next = keys[ends ?? Math.min(Math.max(keys.indexOf(key) + step, 0), keys.length - 1)];
      rove(next);
      groups.get(next).focus();
    } else return;
    event.preventDefault();
  }

  /** What stands in a node. */
  function fillNode(made, node, size) {
    const state = node.state ? [signed(node.state)] : [];
    made.setAttribute(
      "class",
      `graph-node graph-${word(node.kind)} ${node.state ? `graph-is-${word(node.state)}` : ""}`,
    );
    made.setAttribute("aria-label", spoken(nodeName(node)));
    made.replaceChildren(
      draw("title", {}, node.title ?? spoken(nodeName(node))),
      ...outline(node.kind, size.width, size.height),
      ...text([...lines(node.label), ...state], state.length ? "graph-state" : null),
    );
  }

  /** What stands on an edge; the line itself does not change. */
  function fillEdge(made, edge, size) {
    const texts = onEdge(edge);
    made.setAttribute("class", `graph-edge ${edge.state ? `graph-is-${word(edge.state)}` : ""}`);
    made.setAttribute("aria-label", spoken(edgeName(edge)));
    const room = texts.length ? Math.max(wide(texts) + 10, 20) : 0;
    const box = {
      x: -room / 2,
      y: (-texts.length * LINE) / 2 - 2,
      width: room,
      height: texts.length * LINE + 4,
      rx: 4,
    };
    const counted = edge.count !== undefined && edge.count !== null;
    made.replaceChildren(
      draw("title", {}, spoken(edgeName(edge))),
      draw("path", { class: "graph-reach", d: way(size.points) }),
      draw("path", { class: "graph-line", d: way(size.points) }),
      draw("path", { class: "graph-head", d: head(size.points) }),
      ...(texts.length
        ? [
            draw(
              "g",
              { transform: `translate(${size.x} ${size.y})` },
              draw("rect", box),
              ...text(texts, counted ? "graph-count" : null),
            ),
          ]
        : []),
    );
  }

  let places;

  /** Draws all of it anew. */
  function redraw() {
    const focused = [...groups].find(([, one]) => one === document.activeElement)?.[0];
    groups = new Map();
    if (!data.nodes.length) {
      scroll.replaceChildren(make("p", { class: "module-empty" }, words.empty));
      return;
    }
    const tries = ["LR", "TB"].map((direction) => placed(data, direction, wide, signed));
    const room = Math.max(0, width - FRAME);
    const fits = (one) => Math.min(1, room / one.graph().width);
    places = width && fits(tries[1]) > fits(tries[0]) + 0.05 ? tries[1] : tries[0];
    const natural = places.graph();
    const scale = Math.max(Math.min(1, width ? room / natural.width : 1), SMALLEST);
    const edges = draw("g");
    const nodes = draw("g");
    const order = walking(places);
    for (const { node, edge, index } of order) {
      if (node) {
        const size = places.node(node.id);
        const made = group(`node:${node.id}`, () => chosen("node", found(node.id)));
        made.setAttribute("transform", `translate(${size.x} ${size.y})`);
        fillNode(made, node, size);
        nodes.append(made);
      } else {
        const made = group(`edge:${index}`, () => chosen("edge", data.edges[index]));
        fillEdge(made, edge, places.edge(edge.from, edge.to, String(index)));
        edges.append(made);
      }
    }
    const svg = draw(
      "svg",
      {
        viewBox: `0 0 ${natural.width} ${natural.height}`,
        width: natural.width * scale,
        height: natural.height * scale,
        role: "group",
        "aria-label": label ?? words.label,
        "aria-describedby": chosen ? hint : null,
      },
      edges,
      nodes,
    );
    scroll.replaceChildren(svg);
    if (chosen) rove(focused ?? groups.keys().next().value);
    else dress(scroll, { tabindex: 0, role: "region", "aria-label": label ?? words.label }); // scrolled by keys
    mark();
    if (focused) groups.get(focused)?.focus();
  }

  /** Nodes in the order of their places, each followed by what leads on from it. */
  function walking(graph) {
    const along = (one) => graph.node(one.id).x + graph.node(one.id).y * 0.001;
    const down = (one) => graph.node(one.id).y + graph.node(one.id).x * 0.001;
    const rank = graph.graph().rankdir === "TB" ? down : along;
    return [...data.nodes]
      .sort((a, b) => rank(a) - rank(b))
      .flatMap((node) => [
        { node },
        ...data.edges.flatMap((edge, index) => (edge.from === node.id ? [{ edge, index }] : [])),
      ]);
  }

  /** The same as a list: for those who do not see the drawing, and for small screens. */
  function relist() {
    const entry = (kind, one, parts) =>
      chosen
        ? make("button", { type: "button", class: "graph-link", onclick: () => chosen(kind, one) }, spoken(parts))
        : spoken(parts);
    const items = data.nodes.map((node) => {
      const out = data.edges.filter((edge) => edge.from === node.id);
      const ways = out.map((edge) =>
        make("li", {}, entry("edge", edge, [`→ ${titled(edge.to)}`, ...edgeName(edge).slice(1)])),
      );
      return make("li", {}, entry("node", node, nodeName(node)), ...(ways.length ? [make("ul", {}, ...ways)] : []));
    });
    list.replaceChildren(list.firstElementChild, make("ul", {}, ...items));
  }

  function mark() {
    for (const [key, one] of groups) {
      if (chosen) one.setAttribute("aria-pressed", key === marked);
      one.classList.toggle("graph-marked", key === marked);
    }
  }

  function update(next) {
    data = next;
    const drawn = JSON.stringify([
      data.nodes.map(({ id, label: name, kind, state }) => [id, name, kind, Boolean(state)]),
      data.edges.map(({ from, to, label: name, count }) => [from, to, name, count === undefined || count === null]),
    ]);
    if (drawn !== shape) {
      shape = drawn;
      redraw();
    } else {
      data.nodes.forEach((node) => fillNode(groups.get(`node:${node.id}`), node, places.node(node.id)));
      data.edges.forEach((edge, index) => {
        fillEdge(groups.get(`edge:${index}`), edge, places.edge(edge.from, edge.to, String(index)));
      });
      mark();
    }
    relist();
  }

  update(data);
  const unwatch = watchWidth(scroll, (now) => {
    width = now;
    redraw();
  });
  return {
    update,
    choose(kind, which) {
      marked = `${kind}:${which}`;
      mark();
    },
    destroy() {
      unwatch();
      host.remove();
    },
  };
}
