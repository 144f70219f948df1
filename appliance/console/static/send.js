// Send: uploads what is dropped, in pieces, and goes on where it was broken off; then follows what becomes of it.

import { make } from "./dom.js";
import { Refused, ask, upload } from "./upload.js";
import { fill } from "./words.js";

const PIECE = 1 << 20; // bytes that are sent at once: the server takes no more
const EVERY = 2000; // milliseconds

const place = document.getElementById("upload");
if (place) uploading(place);

function uploading(parent) {
  let id = parent.dataset.id;
  let there = new Map();

  /** One file, piece after piece; what is there already is left out. */
  async function send(file, path, { signal, progress }) {
    let have = there.get(path)?.size === file.size ? there.get(path).have : 0;
    for (let first = true; have < file.size || (first && file.size === 0); first = false) {
      const headers = {
        "Content-Type": "application/octet-stream",
        "X-File-Path": encodeURIComponent(path),
        "X-File-Size": String(file.size),
        "X-File-Offset": String(have),
      };
      const body = file.slice(have, have + PIECE);
      have = (await ask("POST", `/sendings/${id}/upload`, { body, headers, signal })).have;
      progress(have);
    }
    there.set(path, { size: file.size, have });
  }

  upload(parent, {
    send,
    async chosen() {
      if (!id) {
        id = (await ask("POST", "/sendings")).id;
        history.replaceState(null, "", `/send/${id}`); // after a reload it goes on there
      }
      const known = (await ask("GET", `/sendings/${id}/files`)).files;
      there = new Map(known.map((one) => [one.path, one]));
    },
    async finished({ refused }) {
      if (refused.length) {
        // Whoever reads why some were refused goes on by hand.
        parent.append(make("a", { class: "button first", href: `/send/${id}` }, parent.dataset.next));
        return;
      }
      try {
        await ask("POST", `/sendings/${id}/read`);
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
      }
      location.assign(`/send/${id}`);
    },
  });
}

const sending = document.getElementById("sending");
if (sending?.dataset.moves) setTimeout(follow, EVERY);

async function follow() {
  let now;
  try {
    now = await ask("GET", `/sendings/${sending.dataset.id}`, { background: true });
  } catch {
    setTimeout(follow, EVERY); // the line at the top says that the connection is lost
    return;
  }
  const bar = document.getElementById("bar");
  if (now.state !== sending.dataset.state || !now.moves || (now.all && !bar)) {
    location.reload();
    return;
  }
  const progress = document.getElementById("progress");
  if (bar) {
    bar.max = now.all;
    bar.value = now.over;
    progress.textContent = fill(sending.dataset.over, now);
  } else if (progress) progress.textContent = fill(sending.dataset.looked, { count: now.looked });
  const cells = new Map([...document.querySelectorAll("[data-study]")].map((cell) => [cell.dataset.study, cell]));
  for (const study of now.studies) cells.get(study.uid)?.replaceChildren(...study.results.map(result));
  setTimeout(follow, EVERY);
}

function result({ kind, words, why, tongue }) {
  const badge = make("span", { class: `badge ${kind === "note" ? "" : kind}` }, words);
  return make("div", {}, badge, why ? " " : null, why ? make("span", { class: "hint", lang: tongue }, why) : null);
}
