// System: uploads a backup in pieces, as the server takes no more at once; then its passphrase can be typed.

import "./busy.js";

const PIECE = 1 << 20; // bytes that are sent at once
const TRIES = 3;
const PAUSE = 1000; // milliseconds before another try

const place = document.getElementById("restore-upload");
const token = document.querySelector("meta[name=csrf]").content;

/** Sends bytes from `offset` on; answers how many are there then. Raises an Error with the server's words. */
async function send(file, offset) {
  const answer = await fetch("/api/v1/system/restore/upload", {
    method: "POST",
    headers: {
      "Content-Type": "application/octet-stream",
      "X-CSRF-Token": token,
      "X-File-Size": String(file.size),
      "X-File-Offset": String(offset),
    },
    body: file.slice(offset, offset + PIECE),
  });
  const said = await answer.json().catch(() => null);
  if (answer.ok) return said.have;
  const error = new Error(said?.title ?? `${answer.status}`);
  error.final = answer.status >= 400 && answer.status < 500;
  throw error;
}

/** The same, and tries again where that may help. */
async function patient(file, offset) {
  for (let tried = 1; ; tried += 1) {
    try {
      return await send(file, offset);
    } catch (error) {
      if (error.final || tried === TRIES) throw error;
      await new Promise((resolve) => setTimeout(resolve, PAUSE * tried));
    }
  }
}

async function upload(file) {
  const [bar, status, check] = ["progress", "uploaded", "check"].map((id) => document.getElementById(id));
  check.hidden = true;
  bar.hidden = false;
  bar.value = 0;
  status.textContent = "";
  try {
    let have = 0;
    do {
      have = await patient(file, have);
      bar.value = file.size ? have / file.size : 1;
    } while (have < file.size);
  } catch (error) {
    bar.hidden = true;
    status.textContent = error.message;
    return;
  }
  status.textContent = status.dataset.done;
  check.hidden = false;
  document.getElementById("restore-passphrase").focus();
}

if (place) {
  place.hidden = false;
  const input = document.getElementById("file");
  input.addEventListener("change", () => input.files.length && upload(input.files[0]));
}
