// Unpacks the page's BTF, and shows what its address names.

import { Btf, inflate } from "./btf.js";
import { Catalogue } from "./catalogue.js";
import { declare } from "./declare.js";
import { byId, h } from "./dom.js";
import { layoutOf } from "./layout.js";
import { readAddress } from "./links.js";
import { SearchBox } from "./search.js";
import { drawThing } from "./thing.js";
import { usersOf } from "./uses.js";
import { drawChanges, drawHome, drawSizes } from "./views.js";

const THEMES = { auto: "◐", light: "☀", dark: "☾" };
const KEYS = [
  ["/", "search"],
  ["↑ ↓", "walk through what was found, or through members"],
  ["→ ←", "unfold, fold a struct"],
  ["Enter", "open what was found; follow a member's type"],
  ["Esc", "close, clear, leave the search"],
  ["h s c", "overview, sizes, changes"],
  ["t", "light or dark"],
  ["?", "this list"],
];

/**
 * @typedef {object} Side a program
 * @property {number} number 0 or 1
 * @property {string} name such as a kernel's release
 * @property {string} short the same, where there is little room
 * @property {Btf} btf
 * @property {{file: string, first: number}[]} levels
 * @property {Object<string, {address: string, perCpu: boolean}>} sections
 */

/** Read what the page carries. */
async function unpack() {
  const facts = JSON.parse(byId("facts").textContent);
  const contents = [...document.querySelectorAll("script.btf")];
  const buffers = await Promise.all(contents.map((each) => inflate(each.textContent)));
  contents.forEach((each) => each.remove());
  const names = facts.programs.map(({ name }) => name);
  return facts.programs.map((program, number) => ({
    ...program,
    number,
    short: shorten(names[number], names),
    btf: new Btf(buffers[number]),
  }));
}

/** Return a release's version, where that tells it from the others. */
function shorten(name, names) {
  const version = (each) => each.match(/^\d[\d.]*/)?.[0] ?? each;
  return names.filter((each) => version(each) === version(name)).length > 1 ? name : version(name);
}

/** The page, once its programs are there. */
class App {
  constructor(sides) {
    this.sides = sides;
    this.catalogue = new Catalogue(sides.map((side) => side.btf));
    this.search = new SearchBox(sides, this.catalogue);
    this.views = {
      "": "Overview",
      sizes: "Sizes",
      ...(sides.length === 2 && { changes: "Changes" }),
    };
    document.addEventListener("keydown", (event) => this.#key(event));
    addEventListener("hashchange", () => this.show());
    byId("help").addEventListener("click", () => this.#help());
    document.querySelector("[data-skip]").addEventListener("click", (event) => {
      event.preventDefault();
      byId("main").focus();
    });
  }

  /** Show what the address names. */
  show() {
    this.search.close();
    const { group, name, number } = readAddress(location.hash);
    byId("main").replaceChildren(this.#page(group, name, number));
    byId("views").replaceChildren(
      ...Object.entries(this.views).map(([view, label]) =>
        h("a", { href: `#${view}`, "aria-current": view === group ? "page" : null }, label),
      ),
    );
    document.title = `${name || this.views[group] || "dwarfless"} · ${this.sides.map((side) => side.name).join(" and ")}`;
    scrollTo(0, 0);
  }

  #page(group, name, number) {
    if (group === "") return drawHome(this.sides, this.catalogue, () => this.search.open());
    if (group === "sizes") return drawSizes(this.sides, name);
    if (group === "changes" && this.views.changes)
      return drawChanges(this.sides, this.catalogue, name);
    const thing = this.catalogue.find(group, name);
    if (thing) return drawThing(this.sides, thing, number);
    return h("p", { class: "wait" }, `There is no ${group} ${name} here.`);
  }

  #key(event) {
    if (event.ctrlKey || event.altKey || event.metaKey || event.target.matches("input")) return;
    if (byId("keys").open) return;
    const go = { h: "", s: "sizes", c: this.views.changes && "changes" }[event.key];
    if (event.key === "/") this.search.open();
    else if (event.key === "?") this.#help();
    else if (event.key === "t") nextTheme();
    else if (go !== undefined) location.hash = go;
    else return;
    event.preventDefault();
  }

  #help() {
    const list = KEYS.map(([key, what]) => [
      h(
        "dt",
        {},
        key.split(" ").map((each) => h("kbd", {}, each)),
      ),
      h("dd", {}, what),
    ]);
    byId("keys").replaceChildren(
      h("h2", {}, "Keys"),
      h("dl", {}, list),
      h("form", { method: "dialog" }, h("button", { autofocus: true }, "Close")),
    );
    byId("keys").showModal();
  }
}

/** Follow the system's theme, or stay with the one that was chosen. */
function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  const button = byId("theme");
  button.textContent = THEMES[theme];
  button.title = `Theme: ${theme} (t)`;
  button.ariaLabel = `Theme: ${theme}`;
}

function nextTheme() {
  const names = Object.keys(THEMES);
  const theme = names[(names.indexOf(document.documentElement.dataset.theme) + 1) % names.length];
  setTheme(theme);
  try {
    localStorage.setItem("theme", theme);
  } catch {
    // Some browsers keep nothing for files; then it holds until the page is left.
  }
}

function storedTheme() {
  try {
    return localStorage.getItem("theme");
  } catch {
    return null;
  }
}

setTheme(storedTheme() in THEMES ? storedTheme() : "auto");
byId("theme").addEventListener("click", nextTheme);
try {
  const app = new App(await unpack());
  app.show();
  // For the console: what the page is made of, to ask what it has no view for.
  globalThis.dwarfless = {
    sides: app.sides,
    catalogue: app.catalogue,
    layoutOf,
    usersOf,
    declare,
  };
  document.documentElement.dataset.ready = "true";
} catch (error) {
  byId("main").replaceChildren(
    h("p", { class: "wait" }, `This page can't be shown: ${error.message}`),
  );
  throw error;
}
