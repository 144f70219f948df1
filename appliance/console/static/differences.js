// What would become of images otherwise, as a table: one line for each difference, with the numbers of some images.

import { make } from "./dom.js";

/** Our own numbers, each of which leads to what the rules make of that image. */
export function numbers(objects) {
  const links = objects.map((number) => make("li", {}, make("a", { href: `/try?object=${number}`, class: "code" }, number)));
  return make("ul", { class: "numbers" }, ...links);
}

/**
 * groups: [{way, lost, won, count, objects, seen?}]; words: images, way, lost, won, numbers; where groups say whether they
 * had been seen before (`seen`), also unseen.
 */
export function differences(groups, words) {
  const cell = (label, ...parts) => make("td", { "data-label": label }, ...parts);
  const lines = (some) => (some.length ? make("ul", { class: "effects" }, ...some.map((one) => make("li", {}, one))) : "–");
  const rows = groups.map((one) =>
    make(
      "tr",
      {},
      cell(
        words.images,
        String(one.count),
        one.seen === false ? make("span", { class: "badge warn" }, words.unseen) : null,
      ),
      cell(words.way, one.way),
      cell(words.lost, lines(one.lost)),
      cell(words.won, lines(one.won)),
      cell(words.numbers, make("details", {}, make("summary", {}, words.numbers), numbers(one.objects))),
    ),
  );
  const heads = [words.images, words.way, words.lost, words.won, words.numbers];
  const head = make("thead", {}, make("tr", {}, ...heads.map((one) => make("th", { scope: "col" }, one))));
  const table = make("table", { class: "cards" }, head, make("tbody", {}, ...rows));
  return make("div", { class: "scroll" }, table);
}
