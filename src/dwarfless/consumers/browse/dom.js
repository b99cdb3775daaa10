// Elements from calls. Text is only ever set as text: names come from files.

const SVG = "http://www.w3.org/2000/svg";

/**
 * Make an HTML element.
 * @param {string} tag
 * @param {object} attributes `class`, `aria-…`, `data-…`; a function listens to its event
 * @param {...(Node | string | Node[] | null | undefined | false)} children
 */
export function h(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** Make an SVG element, as h. */
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.flat(Infinity).filter((child) => child || child === 0));
  return element;
}

/** Return the element with an id. */
export function byId(id) {
  return document.getElementById(id);
}

/** Write a number with separators. */
export function count(number) {
  return number.toLocaleString("en");
}

/** Write a number of things: "1 hole", "2 holes". */
export function many(number, one, more = `${one}s`) {
  return `${count(number)} ${number === 1 ? one : more}`;
}

/** Write bytes as people read them. */
export function bytes(number) {
  if (number < 10_000) return `${count(number)} B`;
  const units = ["kB", "MB", "GB", "TB"];
  let at = -1;
  while (number >= 1000 && at < units.length - 1) [number, at] = [number / 1000, at + 1];
  return `${number < 10 ? number.toFixed(2) : number < 100 ? number.toFixed(1) : Math.round(number)} ${units[at]}`;
}

/** Return a list that shows its first items, and the others when asked. */
export function longList(items, make, first, attributes = {}) {
  const list = h("ul", attributes, items.slice(0, first).map(make));
  if (items.length <= first) return list;
  const more = h("button", {
    type: "button",
    class: "more",
    click: () => {
      const from = list.children.length;
      list.append(...items.slice(from, from + 1000).map(make));
      if (list.children.length === items.length) more.remove();
      else more.textContent = label();
      list.children[from].querySelector("a")?.focus();
    },
  });
  const label = () => `${count(Math.min(items.length - list.children.length, 1000))} more`;
  more.textContent = label();
  return [list, more];
}
