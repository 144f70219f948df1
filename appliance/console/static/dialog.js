// Questions before something is done that cannot be taken back. The browser's own <dialog>: it keeps the focus, Esc
// ends it, and what is behind it cannot be reached meanwhile.

import { dressed, fresh, make } from "./dom.js";
import { sentences } from "./words.js";

/**
 * Asks, and answers a Promise: false or null when the person thinks better of it, otherwise true, or what was typed
 * where
 * `ask` asked for it.
 *
 * title: the question; text: what will happen; yes, no: what the buttons say (a verb, not "OK"); danger: it deletes
 * ask: {label, value?, required?}: one line to be typed, a reason for example; words: over those of sentences.js
 */
export function confirm({ title, text = "", yes, no, danger = false, ask, words: given }) {
  dressed();
  const words = sentences("dialog", given);
  const [heading, body] = [fresh("dialog-title"), fresh("dialog-text")];
  const field =
    ask && make("input", { id: fresh("dialog-field"), type: "text", value: ask.value ?? "", required: ask.required });
  const refuse = make("button", { type: "button", class: "button" }, no ?? words.cancel);
  const accept = make("button", { type: "submit", class: danger ? "button danger" : "button first" }, yes ?? words.yes);
  const form = make(
    "form",
    { method: "dialog" },
    make("h2", { id: heading }, title),
    make("p", { id: body }, text),
    ...(field ? [make("label", { for: field.id }, ask.label), field] : []),
    make("div", { class: "dialog-buttons" }, refuse, accept),
  );
  const dialog = make("dialog", { class: "dialog", "aria-labelledby": heading, "aria-describedby": body }, form);
  document.body.append(dialog);
  return new Promise((resolve) => {
    let answer = field ? null : false;
    refuse.addEventListener("click", () => dialog.close());
    form.addEventListener("submit", () => (answer = field ? field.value.trim() : true));
    field?.addEventListener("input", () =>
      field.setCustomValidity(ask.required && !field.value.trim() ? words.needed : ""),
    );
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(answer);
    });
    dialog.showModal();
    (field ?? refuse).focus();
  });
}

/**
 * Buttons that ask before their form is sent: <button class="danger" data-confirm="question" data-confirm-text="what will
 * happen">Delete</button>; the form itself may carry the same, for all its buttons. The dialog's button says what the
 * form's says. Without script the form is sent at once.
 */
export function asking(root = document) {
  let sure = null; // the form that may be sent now
  root.addEventListener("submit", (event) => {
    const { target: form, submitter } = event;
    const asks = submitter?.dataset.confirm ? submitter : form;
    const { confirm: title, confirmText: text } = asks.dataset;
    if (!title || sure === form) return;
    event.preventDefault();
    const danger = submitter?.classList.contains("danger");
    confirm({ title, text, danger, yes: submitter?.textContent.trim() }).then((yes) => {
      if (!yes) return;
      sure = form;
      form.requestSubmit(submitter);
      sure = null;
    });
  });
}
