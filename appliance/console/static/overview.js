// The overview, kept up to date: the texts that the server has made (appliance/console/overview_told.py) go into the
// places that are marked for them. A list has a row for each key; a new row is a copy of its <template>.
//
//     data-live="x"    its text is x            data-shown="x"   it is there while there is an x; data-unless: while not
//     data-tone="x"    x is one of its classes  data-to, data-lang, data-value, data-most: so for these attributes
//     data-list="x"    rows of x                data-some="x"    it is there while the list x has a row
//     data-reach="x"   the keyboard reaches it while there is an x
//     data-day         a chart of the last 24 hours of its row

import { chart } from "./chart.js";
import { brought } from "./call.js";
import { on } from "./live.js";
import { language } from "./words.js";

const TONES = ["good", "warn", "bad"];
const HEIGHT = 44;
const charts = new Map();

const put = (element, text) => {
  if (element.textContent !== text) element.textContent = text;
};

const WAYS = {
  live: (place, value) => put(place, String(value ?? "")),
  shown: (place, value) => (place.hidden = !value),
  unless: (place, value) => (place.hidden = Boolean(value)),
  some: (place, value) => (place.hidden = !value?.length),
  lang: (place, value) => (place.lang = value || language()),
  value: (place, value) => (place.value = value),
  most: (place, value) => (place.max = value),
  reach(place, value) {
    if (value) place.tabIndex = 0;
    else place.removeAttribute("tabindex");
  },
  tone(place, value) {
    place.classList.remove(...TONES);
    if (TONES.includes(value)) place.classList.add(value);
  },
  to(place, value) {
    place.hidden = !value;
    if (value) place.setAttribute("href", value);
    else place.removeAttribute("href");
  },
};

/** Puts what is told into every place of `root` that is of no row below it. */
function fill(root, told) {
  for (const [name, way] of Object.entries(WAYS)) {
    for (const place of root.querySelectorAll(`[data-${name}]`)) {
      const row = place.closest("[data-key]");
      if (!row || row === root) way(place, told[place.dataset[name]]);
    }
  }
}

/** One row for each that is told, in this order; rows that stay are the same elements, so that no focus is lost. */
function list(host, rows) {
  const there = new Map([...host.children].map((row) => [row.dataset.key, row]));
  const pattern = document.getElementById(`row-${host.dataset.list}`);
  let before = null;
  for (const told of rows) {
    let row = there.get(told.key);
    there.delete(told.key);
    if (!row) {
      row = pattern.content.firstElementChild.cloneNode(true);
      row.dataset.key = told.key;
    }
    const next = before ? before.nextElementSibling : host.firstElementChild;
    if (row !== next) host.insertBefore(row, next);
    fill(row, told);
    before = row;
  }
  for (const [key, row] of there) {
    charts.get(key)?.destroy();
    charts.delete(key);
    row.remove();
  }
}

/** The charts of all rows: drawn when there is something to draw, and only told of it afterwards. */
function draw({ minute, rates }) {
  for (const row of document.querySelectorAll("[data-list] > [data-key]")) {
    const place = row.querySelector("[data-day]");
    const hours = rates[row.dataset.key];
    if (!place || !hours) continue;
    const times = hours.map((_, at) => 60 * (minute - 60 * (hours.length - 1 - at)));
    const data = { times, series: [{ label: "", values: hours }] };
    const drawn = charts.get(row.dataset.key);
    if (drawn) drawn.update(data);
    else charts.set(row.dataset.key, chart(place, { title: "", data, height: HEIGHT, small: true }));
  }
}

on("overview", (told) => {
  const said = told[language()] ?? told.en;
  fill(document.getElementById("main"), said);
  for (const host of document.querySelectorAll("[data-list]")) list(host, said[host.dataset.list] ?? []);
  draw(told);
});
draw(brought("rates"));
