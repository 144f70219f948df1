// Small charts of rates over time, by uPlot, each with its numbers as a sentence and as a table.
//
// data = {times: [seconds since 1970], series: [{label, values: [number or null], unit?}]}. At most four series: each
// has a colour and a dash of its own.

import { Plot, css } from "./vendor/uplot.js";
import { draw, dressed, make, watchWidth } from "./dom.js";
import { fill, language, number, sentences } from "./words.js";

const HEIGHT = 120;
const TONES = ["--module-accent", "--module-good", "--module-warn", "--module-bad"];
const DASHES = [[], [6, 3], [2, 3], [8, 3, 2, 3]];

let worn = false;

/** uPlot's own style sheet, adopted once: a style element would need an exception of the content security policy. */
function wear() {
  if (worn) return;
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
  worn = true;
}

/** A time of day, with the day where the chart is longer than one. */
function clock(seconds, long) {
  const form = {
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
    ...(long ? { day: "numeric", month: "numeric" } : {}),
  };
  return new Intl.DateTimeFormat(language(), form).format(new Date(seconds * 1000));
}

const withUnit = (value, unit) =>
  value === null || value === undefined ? "–" : `${number(value)}${unit ? ` ${unit}` : ""}`;

/**
 * A chart in `parent`. title: what it shows; data: see above; words: over those of sentences.js; height in CSS pixels.
 * small: nothing but the drawing, for a row of a table; its numbers stand in words beside it.
 *
 * Answers {update(data), destroy()}.
 */
export function chart(parent, { title, data, words: given, height = HEIGHT, small = false }) {
  const sheet = dressed();
  wear();
  const words = sentences("chart", given);
  const drawing = make("div", { class: "chart-drawing", role: "img" });
  const caption = make("figcaption", {}, make("strong", {}, title));
  const legend = make("p", { class: "chart-legend", "aria-hidden": true });
  const summary = make("p", { class: "chart-summary" });
  const table = make("details", { class: "chart-table" }, make("summary", {}, words.table));
  const host = make("figure", { class: "chart" }, ...(small ? [drawing] : [caption, legend, drawing, summary, table]));
  if (small) host.setAttribute("aria-hidden", "true");
  parent.append(host);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  let plot = null;
  let width = 0;

  const long = () => data.times.length > 1 && data.times.at(-1) - data.times[0] > 26 * 3600;
  const columns = () => [data.times, ...data.series.map((one) => one.values)];

  /** One sentence for each series. */
  function say() {
    return data.series.flatMap(({ label, values, unit }) => {
      const known = values
        .map((value, at) => ({ value, at }))
        .filter(({ value }) => value !== null && value !== undefined);
      if (!known.length) return [];
      const last = known.at(-1);
      const peak = known.reduce((best, one) => (one.value > best.value ? one : best));
      const when = (one) => clock(data.times[one.at], long());
      const facts = {
        last: withUnit(last.value, unit),
        when: when(last),
        most: withUnit(peak.value, unit),
        peak: when(peak),
      };
      return [fill(words.summary, { label, ...facts })];
    });
  }

  /** Which line is which, where there are several. The names also stand in the sentences. */
  function explain() {
    const sample = (at) => {
      const line = { class: `chart-tone-${at % TONES.length}`, x1: 0, x2: 24, y1: 5, y2: 5 };
      return draw(
        "svg",
        { width: 24, height: 10 },
        draw("line", { ...line, "stroke-dasharray": DASHES[at % DASHES.length].join(" ") }),
      );
    };
    const entries = data.series.map((one, at) => make("span", {}, sample(at), ` ${one.label}`));
    legend.replaceChildren(...(entries.length > 1 ? entries : []));
  }

  /** The same numbers as a table, newest first, made only when somebody opens it. */
  function retable() {
    if (!table.open) return;
    const heads = [words.time, ...data.series.map((one) => one.label)];
    const rows = data.times.map((time, at) =>
      make(
        "tr",
        {},
        make("th", { scope: "row" }, clock(time, long())),
        ...data.series.map(({ values, unit }) => make("td", {}, withUnit(values[at], unit))),
      ),
    );
    const body = make("tbody", {}, ...rows.reverse());
    const top = make("thead", {}, make("tr", {}, ...heads.map((one) => make("th", { scope: "col" }, one))));
    const scroll = make(
      "div",
      { class: "chart-rows", tabindex: 0, role: "group", "aria-label": title },
      make("table", {}, top, body),
    );
    table.replaceChildren(table.firstElementChild, scroll);
  }

  /** Draws anew: another width, other series, other colours. */
  function redraw() {
    plot?.destroy();
    plot = null;
    if (!width || !data.times.length) return;
    const colours = getComputedStyle(host);
    const tone = (name) => colours.getPropertyValue(name).trim() || "#4a5568";
    const axis = {
      stroke: tone("--module-faint"),
      grid: { stroke: tone("--module-line"), width: 1 },
      ticks: { show: false },
    };
    plot = new Plot(
      {
        width,
        height,
        legend: { show: false },
        cursor: { show: false },
        padding: small ? [4, 1, 1, 1] : [8, 12, 0, 0],
        scales: { y: { range: (_, low, high) => [Math.min(0, low ?? 0), Math.max(1, (high ?? 0) * 1.1)] } },
        axes: small ? [{ show: false }, { show: false }] : [
          { ...axis, size: 26, space: 64, values: (_, ticks) => ticks.map((one) => clock(one, long())) },
          { ...axis, size: 44, space: 28, values: (_, ticks) => ticks.map((one) => number(one)) },
        ],
        series: [
          {},
          ...data.series.map((one, at) => ({
            label: one.label,
            stroke: tone(TONES[at % TONES.length]),
            width: 2,
            dash: DASHES[at % DASHES.length],
            points: { show: false },
          })),
        ],
      },
      columns(),
      drawing,
    );
  }

  let drawn = "";

  function update(next) {
    data = next;
    const sentencesOf = say();
    const text = sentencesOf.length ? sentencesOf.join(" ") : words.empty;
    summary.textContent = text;
    drawing.setAttribute("aria-label", `${title}. ${text}`);
    drawing.hidden = !data.times.length;
    const same = data.series.map((one) => one.label).join("\n");
    if (same !== drawn) explain();
    if (plot && same === drawn && data.times.length) plot.setData(columns());
    else redraw();
    drawn = same;
    retable();
  }

  table.addEventListener("toggle", retable);
  dark.addEventListener("change", redraw);
  // A canvas keeps the colours that it was drawn with.
  if (!sheet.sheet) sheet.addEventListener("load", redraw, { once: true });
  const unwatch = watchWidth(host, (now) => {
    width = now;
    if (plot) plot.setSize({ width, height });
    else redraw();
  });
  update(data);
  return {
    update,
    destroy() {
      unwatch();
      dark.removeEventListener("change", redraw);
      sheet.removeEventListener("load", redraw);
      plot?.destroy();
      host.remove();
    },
  };
}
