// Calls an operation of the console's API, with the page's token; what is refused is an error that says why.

/** Data that the page brings along: <script type="application/json" id=…>. */
export const brought = (id) => JSON.parse(document.getElementById(id).textContent);

/**
 * Answers a Promise of the JSON that was answered. body: JSON, or a File as it is. background: not asked for by a
 * click, so that it keeps no session alive. Raises an Error with the server's words, or with `offline`.
 */
export async function call(method, path, { body, signal, background = false, offline = "" } = {}) {
  const headers = { "X-CSRF-Token": document.querySelector("meta[name=csrf]")?.content ?? "" };
  if (background) headers["X-Background"] = "1";
  const file = body instanceof Blob;
  if (body !== undefined) headers["Content-Type"] = file ? "application/octet-stream" : "application/json";
  let answer;
  try {
    answer = await fetch(`/api/v1${path}`, { method, headers, signal, body: file ? body : JSON.stringify(body) });
  } catch (error) {
    throw error.name === "AbortError" ? error : new Error(offline || error.message);
  }
  const said = await answer.json().catch(() => null);
  if (answer.ok) return said;
  const wrong = (said?.wrong ?? []).map((one) => `${one.where}: ${one.what}`).join("; ");
  throw new Error([said?.title ?? `${answer.status}`, wrong].filter(Boolean).join(" "));
}
