// Making elements: what every module here needs, and no more. It sets no style attribute and no HTML: the console's
// content security policy forbids the one, and the names of patients the other.

const SVG = "http://www.w3.org/2000/svg";

/** Gives an element its attributes. `on…` are listeners, true is an empty attribute (but not of ARIA's), null and false leave it out. */
export function dress(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) {
      const empty = value === true && !name.startsWith("aria-");
      element.setAttribute(name, empty ? "" : String(value));
    }
  }
  return element;
}

/** A new HTML element; children are elements or text. */
export function make(tag, attributes = {}, ...children) {
  const element = dress(document.createElement(tag), attributes);
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** A new SVG element. */
export function draw(tag, attributes = {}, ...children) {
  const element = dress(document.createElementNS(SVG, tag), attributes);
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

let last = 0;

/** An id that no other element of this page has. */
export function fresh(stem) {
  last += 1;
  return `${stem}-${last}`;
}

/** Brings the style sheet of these modules into the page, once; answers its link, whose `sheet` is there when it is read. */
export function dressed() {
  const href = new URL("modules.css", import.meta.url).href;
  const links = [...document.querySelectorAll("link[rel=stylesheet]")];
  const there = links.find((link) => link.href.split("?")[0] === href);
  if (there) return there;
  const link = make("link", { rel: "stylesheet", href });
  document.head.append(link);
  return link;
}

/** Calls back with the width of an element, in CSS pixels, now and whenever it changes; answers how to end that. */
export function watchWidth(element, changed) {
  let known = -1;
  const watcher = new ResizeObserver(() => {
    const width = Math.floor(element.clientWidth);
    if (width === known || width === 0) return;
    known = width;
    requestAnimationFrame(() => changed(width));
  });
  watcher.observe(element);
  return () => watcher.disconnect();
}
