// Forms that take a while say so: <form data-busy="Please wait …">. The button that was pressed says it, and cannot be
// pressed again; people who do not see it are told.

import { make } from "./dom.js";

const teller = make("p", { class: "unseen", role: "status" });
document.body.append(teller);

let waiting = [];

document.addEventListener("submit", (event) => {
  const { target: form, submitter } = event;
  // Whoever asks first (dialog.js) has said by then whether it is sent at all.
  setTimeout(() => {
    if (event.defaultPrevented || !form.dataset.busy || !submitter) return;
    teller.textContent = form.dataset.busy;
    waiting.push([submitter, submitter.textContent]);
    submitter.textContent = form.dataset.busy;
    submitter.setAttribute("aria-disabled", "true");
    for (const button of form.querySelectorAll("button")) button.disabled = true;
  });
});

// A browser may show the page again as it was left.
addEventListener("pageshow", () => {
  for (const [button, words] of waiting) {
    button.textContent = words;
    button.removeAttribute("aria-disabled");
    for (const one of button.form?.querySelectorAll("button") ?? []) one.disabled = false;
  }
  waiting = [];
  teller.textContent = "";
});
