// Rows of a table that are chosen: <form data-choose="Chosen: {count}" data-all="All on this page"> with a .toolbar, and
// a checkbox `id` in each row. It puts one for all of them into the toolbar, and says how many are chosen.

import { make } from "./dom.js";
import { fill } from "./words.js";

for (const form of document.querySelectorAll("form[data-choose]")) {
  const boxes = [...form.querySelectorAll("tbody input[name=id]")];
  const bar = form.querySelector(".toolbar");
  if (!boxes.length || !bar) continue;
  const all = make("input", { type: "checkbox" });
  const said = make("span", { class: "hint", role: "status" });
  bar.prepend(make("label", { class: "row" }, all, form.dataset.all));
  bar.append(said);

  const show = () => {
    const count = boxes.filter((one) => one.checked).length;
    all.checked = count === boxes.length;
    all.indeterminate = count > 0 && count < boxes.length;
    said.textContent = count ? fill(form.dataset.choose, { count }) : "";
  };
  all.addEventListener("change", () => {
    for (const one of boxes) one.checked = all.checked;
    show();
  });
  form.addEventListener("change", show);
  show();
}
