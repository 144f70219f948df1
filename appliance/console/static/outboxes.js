// How outboxes fare, kept up to date: every element with data-outbox="NAME" gets the texts that the server has made
// (appliance/console/told.py), each into the place that is marked with data-live.

import { on } from "./live.js";
import { language } from "./words.js";

const cards = new Map();
for (const card of document.querySelectorAll("[data-outbox]")) cards.set(card.dataset.outbox, card);

const put = (element, text) => {
  if (element.textContent !== text) element.textContent = text;
};

function show(card, told) {
  for (const place of card.querySelectorAll("[data-live]")) {
    const text = String(told[place.dataset.live] ?? "");
    put(place, text);
    // A sentence that has nothing to say is not there; nor is what stands around an answer.
    if (place.matches("p")) place.hidden = !text;
    else if (place.matches("p > :last-child, p > span > :last-child")) {
      const around = { why: "p", oldest: "span" }[place.dataset.live];
      if (around) place.parentElement.closest(around).hidden = !text;
    }
  }
  for (const place of card.querySelectorAll("[data-some]")) place.hidden = told[place.dataset.some] === "0";
  for (const place of card.querySelectorAll("[data-when]")) place.hidden = !told[place.dataset.when];
  for (const place of card.querySelectorAll("[data-unless]")) place.hidden = told[place.dataset.unless];
  for (const badge of card.querySelectorAll("[data-badge]")) badge.className = `badge ${told.badge}`;
  for (const bar of card.querySelectorAll("[data-bar]")) {
    bar.hidden = !told.busy;
    const progress = bar.querySelector("progress");
    progress.max = told.most || 1;
    progress.value = told.value;
  }
}

on("outboxes", ({ outboxes }) => {
  for (const one of outboxes) {
    const card = cards.get(one.name);
    if (card) show(card, one[language()] ?? one.en);
  }
  const others = document.getElementById("others");
  const known = document.querySelector("[data-outboxes]");
  if (others && known) others.hidden = outboxes.length === cards.size && outboxes.every(({ name }) => cards.has(name));
});
