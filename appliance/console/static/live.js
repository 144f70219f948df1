// Keeps a page up to date: listens to /api/v1/events while it is seen, and says so when the line is lost.
//
//     import { on } from "./live.js";
//     on("state", state => …);        called with each new value, and with the last one at once
//
// The server is told what this page wants to hear, and finds out nothing else for it.
//
// Also has forms ask that want to (data-confirm, see dialog.js): it is what every page loads.

import { asking } from "./dialog.js";

const last = new Map();
const heard = new Map();
const place = document.getElementById("connection");
let source = null;
let ended = false;
let begun = false;

export function on(name, listener) {
  if (!heard.has(name)) {
    heard.set(name, new Set());
    if (source) {
      // Whoever comes later: the line is opened anew, with one name more.
      close();
      open();
    }
  }
  heard.get(name).add(listener);
  if (last.has(name)) listener(last.get(name));
}

function receive(event) {
  const value = JSON.parse(event.data);
  last.set(event.type, value);
  for (const listener of heard.get(event.type) ?? []) listener(value);
}

function say(words, kind) {
  if (!place || place.textContent === words) return;
  place.textContent = words;
  place.className = words ? `live ${kind}` : "live";
}

function open() {
  if (source || ended || !begun) return;
  source = new EventSource(`/api/v1/events?of=${[...heard.keys()].join(",")}`);
  source.onopen = () => say("", "");
  source.onerror = () => {
    say(place?.dataset.lost ?? "", "bad");
    if (source?.readyState === EventSource.CLOSED) {
      // An answer that is no stream: browsers do not try again by themselves then.
      close();
      setTimeout(open, 5000);
    }
  };
  source.addEventListener("ended", () => {
    ended = true;
    close();
    say(place?.dataset.ended ?? "", "bad");
  });
  for (const name of heard.keys()) source.addEventListener(name, receive);
}

function close() {
  source?.close();
  source = null;
}

on("state", state => say(state.running ? "" : place?.dataset.stopped ?? "", "bad"));

// A browser has six lines to a server; a page that nobody sees must not keep one.
document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
addEventListener("pagehide", close);
// On a narrow screen the navigation is one line that is moved sideways: the page that is open is among what is seen.
const here = document.querySelector(".places [aria-current]");
const places = here?.closest("ul");
if (places) places.scrollLeft += here.getBoundingClientRect().left - (places.clientWidth - here.offsetWidth) / 2;

// Not before all modules of the page have said what they want to hear.
const begin = () => {
  begun = true;
  if (!document.hidden) open();
};
if (document.readyState === "complete") begin();
else addEventListener("DOMContentLoaded", begin);
asking();
