// A small chart of the last hour in each element with data-rate="OUTBOX", kept up to date.

import { chart } from "./chart.js";
import { on } from "./live.js";

const begun = JSON.parse(document.getElementById("rates")?.textContent ?? "null");
const charts = new Map();

// A line along the floor says nothing, and takes room.
const some = (name, minutes) => {
  const none = minutes.every((count) => !count);
  for (const place of document.querySelectorAll("[data-rate]")) if (place.dataset.rate === name) place.hidden = none;
  for (const place of document.querySelectorAll("[data-none]")) if (place.dataset.none === name) place.hidden = !none;
};

const data = (label, minutes, last) => ({
  times: minutes.map((_, place) => 60 * (last - minutes.length + 1 + place)),
  series: [{ label, values: minutes }],
});

for (const place of document.querySelectorAll("[data-rate]")) {
  const { rate: name, title, series: label } = place.dataset;
  const minutes = begun?.rates[name];
  if (!minutes) continue;
  charts.set(name, [chart(place, { title, data: data(label, minutes, begun.minute) }), label]);
  some(name, minutes);
}

on("outboxes", ({ minute, outboxes }) => {
  for (const { name, minutes } of outboxes) {
    const [drawn, label] = charts.get(name) ?? [];
    if (!drawn) continue;
    drawn.update(data(label, minutes, minute));
    some(name, minutes);
  }
});
