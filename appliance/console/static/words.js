// Sentences in the page's language, with facts filled in; numbers as that language writes them.

import { SENTENCES } from "./sentences.js";

/** The language of the page, by <html lang>. */
export function language() {
  return document.documentElement.lang || "en";
}

/** The sentences of one module; those that are handed in go before ours. */
export function sentences(module, given = {}) {
  const ours = SENTENCES[language().split("-")[0]] ?? SENTENCES.en;
  return { ...ours[module], ...given };
}

/** A sentence with its {places} filled. */
export function fill(sentence, values) {
  return sentence.replace(/\{(\w+)\}/g, (whole, name) => {
    const value = values[name];
    if (value === undefined) return whole;
    return typeof value === "number" ? number(value) : String(value);
  });
}

/** A number as the page's language writes it. */
export function number(value, digits = 1) {
  return new Intl.NumberFormat(language(), { maximumFractionDigits: digits }).format(value);
}
