// System updates: uploads one in pieces, and goes on where it was broken off; shows how it goes with what takes a while.

import { ask, upload } from "./upload.js";

const PIECE = 1 << 20; // bytes that are sent at once: the server takes no more
const EVERY = 2000; // milliseconds

/** One file, piece after piece; what is there already is left out. */
async function send(file, path, { signal, progress }) {
  const { coming } = await ask("GET", "/updates");
  let have = coming.name === path && coming.size === file.size ? coming.have : 0;
  while (have < file.size) {
    const headers = {
      "Content-Type": "application/octet-stream",
      "X-File-Path": encodeURIComponent(path),
      "X-File-Size": String(file.size),
      "X-File-Offset": String(have),
    };
    const body = file.slice(have, have + PIECE);
    have = (await ask("POST", "/updates/upload", { body, headers, signal })).have;
    progress(have);
  }
}

const place = document.getElementById("upload");
if (place)
  upload(place, {
    single: true,
    send,
    finished({ done }) {
      if (done) location.reload();
    },
  });

const shown = document.getElementById("updates");
let before = null;
if (shown?.dataset.moves) setTimeout(follow, EVERY);

async function follow() {
  let now;
  try {
    now = await ask("GET", "/updates", { background: true });
  } catch {
    setTimeout(follow, EVERY); // it restarts, or the connection is lost
    return;
  }
  const moves = now.fetching.going || now.answers.some((one) => one.kind === "going");
  const kinds = JSON.stringify([now.version, now.fetching.going, now.answers.map((one) => [one.verb, one.kind])]);
  before ??= kinds;
  if (!moves || kinds !== before) {
    location.reload();
    return;
  }
  for (const one of now.answers) {
    const line = document.querySelector(`[data-answer="${one.verb}"]`);
    if (line && one.kind === "going") line.textContent = one.words;
  }
  const bar = document.getElementById("fetching");
  if (bar) bar.value = now.fetching.have;
  setTimeout(follow, EVERY);
}
