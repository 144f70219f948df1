// Sending files from the browser: dropped or chosen, folders with all that is in them, one after the other.
//
// Nothing is sent twice that was sent once: after an error it goes on with the file that failed. Names of files may
// be names of patients, so they travel in a header or in the body, never in the address.

import { dressed, fresh, make } from "./dom.js";
import { fill, sentences } from "./words.js";

const SHOWN = 50; // refused files that are listed; the others are counted
const TRIES = 3;
const SPOKEN = 500; // milliseconds between two sentences on the progress
const PAUSE = 1000; // milliseconds before the second try, twice that before the third
const MEGA = 1e6;

/** The server will not take this file, and gave a reason: the next one is sent. */
export class Refused extends Error {}

/** Whether another try may help: not where the server answered that the file itself is wrong. */
const hopeless = (status) => status >= 400 && status < 500 && ![401, 403, 408, 425, 429].includes(status);

/**
 * Posts one file to an address; the usual `send`. Its path goes along in the header X-File-Path, percent-encoded, and the
 * page's token against forged requests (<meta name="csrf">) in X-CSRF-Token.
 *
 * Answers a Promise of what the server answered (JSON, or null). Raises Refused with the server's reason, or any other
 * error, after which it may be tried again.
 */
export function poster(url, headers = {}) {
  return (file, path, { signal, progress }) =>
    new Promise((resolve, reject) => {
      const request = new XMLHttpRequest(); // fetch does not say how much of a body is sent
      request.open("POST", url);
      const token = document.querySelector("meta[name=csrf]")?.content;
      const all = {
        "Content-Type": "application/octet-stream",
        "X-File-Path": encodeURIComponent(path),
        ...(token ? { "X-CSRF-Token": token } : {}),
        ...headers,
      };
      for (const [name, value] of Object.entries(all)) request.setRequestHeader(name, value);
      request.upload.onprogress = (event) => progress(event.loaded);
      request.onload = () => {
        const body = parsed(request.responseText);
        if (request.status < 300) resolve(body);
        else if (hopeless(request.status)) reject(new Refused(body?.title ?? request.statusText));
        else reject(new Error(body?.title ?? `${request.status} ${request.statusText}`));
      };
      request.onerror = () => reject(new Error(sentences("upload").offline));
      request.onabort = () => reject(new DOMException("", "AbortError"));
      signal.addEventListener("abort", () => request.abort());
      request.send(file);
    });
}

/** Asks the API; answers what it answered. Raises Refused with its reason, or any other error. */
export async function ask(method, path, { background = false, ...more } = {}) {
  const token = document.querySelector("meta[name=csrf]").content;
  const headers = { "X-CSRF-Token": token, ...(background ? { "X-Background": "1" } : {}), ...more.headers };
  const answer = await fetch(`/api/v1${path}`, { method, ...more, headers });
  const body = await answer.json().catch(() => null);
  if (answer.ok) return body;
  throw new (hopeless(answer.status) ? Refused : Error)(body?.title ?? `${answer.status}`);
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** All files below what was dropped: [{path, file}], in the order of their paths in each folder. */
async function below(entry, told) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    told(1);
    return [{ path: entry.fullPath.replace(/^\//, ""), file }];
  }
  const reader = entry.createReader();
  const entries = [];
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) break; // a folder is read in parts
    entries.push(...some);
  }
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  const found = [];
  for (const one of entries) found.push(...(await below(one, told)));
  return found;
}

const pause = (milliseconds, signal) =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => (clearTimeout(timer), resolve()));
  });

/**
 * A place to drop or choose files in `parent`.
 *
 * send(file, path, {signal, progress(bytes)}) → Promise of the server's answer; see `poster`
 * chosen(files): called before the first is sent, [{path, file}]; may answer a Promise, which is waited for; false
 * stops it
 * sent(path, answer), finished({done, all, refused: [{path, reason}]}): called after each, and after the last
 * single: one file is all that is wanted: no folder, not several
 * words: over those of sentences.js
 *
 * Answers {add(files), cancel(), state, destroy()}; state: idle, reading, sending, stopped, finished, cancelled.
 */
export function upload(parent, { send, chosen, sent, finished, single = false, words: given }) {
  dressed();
  const words = sentences("upload", given);
  const files = picker({ multiple: !single });
  const folder = single ? null : picker({ webkitdirectory: true, multiple: true });
  const invitation = single ? words.drop_one : words.drop;
  const status = make("p", { class: "upload-status", role: "status" }, words.idle);
  const bar = make("progress", { max: 1, value: 0, hidden: true, "aria-label": words.progress });
  const resume = make("button", { type: "button", class: "button first", hidden: true, onclick: run }, words.continue);
  const stop = make("button", { type: "button", class: "button", hidden: true, onclick: cancel }, words.cancel);
  const heading = make("summary", {});
  const reasons = make("ul", {});
  const refusals = make("details", { class: "upload-refused", hidden: true }, heading, reasons);
  const zone = make(
    "div",
    { class: "upload-zone", role: "group", "aria-label": invitation },
    make("p", { class: "upload-drop" }, invitation),
    make(
      "div",
      { class: "upload-buttons" },
      button(single ? words.file : words.files, files),
      files,
      ...(folder ? [button(words.folder, folder), folder] : []),
    ),
  );
  const host = make(
    "div",
    { class: "upload" },
    zone,
    bar,
    status,
    make("div", { class: "upload-buttons" }, resume, stop),
    refusals,
  );
  parent.append(host);

  let queue = [];
  let [next, done, refused] = [0, 0, []];
  let [bytes, total] = [0, 0];
  let control = new AbortController();
  let state = "idle";
  let [spoken, later] = [0, 0];

  function picker(attributes) {
    const input = make("input", { type: "file", hidden: true, tabindex: -1, id: fresh("upload"), ...attributes });
    input.addEventListener("change", () => {
      add([...input.files].map((file) => ({ path: file.webkitRelativePath || file.name, file })));
      input.value = "";
    });
    return input;
  }

  function button(label, input) {
    return make("button", { type: "button", class: "button", onclick: () => input.click() }, label);
  }

  function enter(to) {
    state = to;
    host.dataset.state = to;
    bar.hidden = !["sending", "stopped"].includes(to);
    resume.hidden = to !== "stopped";
    stop.hidden = !["reading", "sending", "stopped"].includes(to);
  }

  /** What stands there is read aloud: what is said `often` waits until the sentence before has stood for a moment. */
  function say(sentence, values = {}, often = false) {
    clearTimeout(later);
    const text = fill(sentence, values);
    const wait = often ? spoken + SPOKEN - Date.now() : 0;
    const show = () => {
      spoken = Date.now();
      status.textContent = text;
    };
    if (wait > 0) later = setTimeout(show, wait);
    else show();
  }

  function progress(sentNow, often = true) {
    const { path } = queue[Math.min(next, queue.length - 1)];
    bar.value = total ? (bytes + sentNow) / total : 0;
    const facts = { done, all: queue.length, megabytes: (bytes + sentNow) / MEGA, total: total / MEGA, name: path };
    say(words.sending, facts, often);
  }

  /** More files; while others are being sent they come after those. */
  async function add(more) {
    if (!more.length) return;
    const running = state === "sending" || state === "stopped";
    if (!running) {
      [queue, next, done, refused, bytes, total] = [[], 0, 0, [], 0, 0];
      reasons.replaceChildren();
      refusals.hidden = true;
    }
    if ((await chosen?.(more)) === false) return;
    queue.push(...more);
    total += more.reduce((sum, { file }) => sum + file.size, 0);
    if (!running) await run();
  }

  async function run() {
    control = new AbortController();
    const { signal } = control;
    enter("sending");
    while (next < queue.length) {
      const { file, path } = queue[next];
      progress(0, done > 0);
      try {
        const answer = await patient(file, path, signal);
        done += 1;
        sent?.(path, answer);
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof Refused)) {
          say(words.stopped, { name: path, reason: error.message });
          enter("stopped");
          return;
        }
        refuse(path, error.message);
      }
      if (signal.aborted) return;
      bytes += file.size;
      next += 1;
    }
    enter("finished");
    say(words.finished, { done, all: queue.length });
    finished?.({ done, all: queue.length, refused });
  }

  /** Sends one file, and tries again where that may help. */
  async function patient(file, path, signal) {
    for (let tried = 1; ; tried += 1) {
      try {
        return await send(file, path, { signal, progress: (now) => progress(Math.min(now, file.size)) });
      } catch (error) {
        if (signal.aborted || error instanceof Refused || tried === TRIES) throw error;
        await pause(PAUSE * tried, signal);
        if (signal.aborted) throw error;
      }
    }
  }

  function refuse(path, reason) {
    refused.push({ path, reason });
    refusals.hidden = false;
    heading.textContent = fill(words.refused, { count: refused.length });
    if (refused.length <= SHOWN) reasons.append(make("li", {}, make("strong", {}, path), ` ${reason}`));
    else {
      reasons.querySelector(".upload-more")?.remove();
      reasons.append(make("li", { class: "upload-more" }, fill(words.more, { count: refused.length - SHOWN })));
    }
  }

  function cancel() {
    control.abort();
    enter("cancelled");
    say(words.cancelled, { done, all: queue.length });
  }

  async function dropped(event) {
    event.preventDefault();
    zone.classList.remove("upload-over");
    // Entries must be asked for before the first await: the list is empty afterwards.
    const entries = [...event.dataTransfer.items]
      .filter((item) => item.kind === "file")
      .map((item) => item.webkitGetAsEntry());
    const running = state === "sending" || state === "stopped";
    let count = 0;
    const found = [];
    if (!running) {
      control = new AbortController();
      enter("reading");
    }
    const { signal } = control;
    try {
      for (const entry of entries) {
        if (entry) found.push(...(await below(entry, (more) => say(words.reading, { count: (count += more) }, true))));
      }
    } catch (error) {
      if (!running) enter("idle");
      say(words.stopped, { name: error.name, reason: error.message });
      return;
    }
    if (!signal.aborted) await add(found);
  }

  zone.addEventListener("dragover", (event) => {
    event.preventDefault();
    zone.classList.add("upload-over");
  });
  zone.addEventListener("dragleave", () => zone.classList.remove("upload-over"));
  zone.addEventListener("drop", dropped);
  enter("idle");
  return {
    add,
    cancel,
    get state() {
      return state;
    },
    destroy() {
      control.abort();
      clearTimeout(later);
      host.remove();
    },
  };
}
