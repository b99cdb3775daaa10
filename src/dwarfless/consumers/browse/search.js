// The search box: a list of names that follows what is typed.

import { declare, plain } from "./declare.js";
import { byId, bytes, count, h } from "./dom.js";
import { KIND } from "./btf.js";
import { FILTERS } from "./catalogue.js";
import { address } from "./links.js";

const SHOWN = 60;
const LETTERS = {
  struct: "S",
  union: "U",
  enum: "E",
  typedef: "T",
  func: "F",
  var: "V",
  section: "§",
  type: "#",
};

/** Makes the box in the header work. */
export class SearchBox {
  /**
   * @param {object[]} sides
   * @param {Catalogue} catalogue
   */
  constructor(sides, catalogue) {
    this.sides = sides;
    this.catalogue = catalogue;
    this.filter = "all";
    this.things = [];
    this.chosen = -1;
    this.input = byId("search");
    this.panel = byId("panel");
    this.list = byId("found");
    this.#drawFilters();
    this.input.addEventListener("input", () => this.update());
    this.input.addEventListener("focus", () => this.update());
    this.input.addEventListener("keydown", (event) => this.#key(event));
    document.addEventListener("pointerdown", (event) => {
      if (!event.target.closest(".search")) this.close();
    });
    byId("panel").parentElement.addEventListener("focusout", (event) => {
      if (event.relatedTarget && !event.relatedTarget.closest(".search")) this.close();
    });
  }

  /** Put the cursor into the box. */
  open() {
    this.input.focus();
    this.input.select();
  }

  close() {
    this.panel.hidden = true;
    this.input.setAttribute("aria-expanded", "false");
    this.input.removeAttribute("aria-activedescendant");
  }

  /** Search for what is in the box. */
  update() {
    const text = this.input.value;
    if (!text.trim()) return this.close();
    const { things, total } = this.catalogue.search(text, this.filter, SHOWN);
    this.things = things;
    this.list.replaceChildren(...things.map((thing, index) => this.#option(thing, index)));
    byId("count").textContent =
      total === 0
        ? "Nothing of that name"
        : total > SHOWN
          ? `${count(total)} found, the best ${SHOWN} shown`
          : `${count(total)} found`;
    this.panel.hidden = false;
    this.input.setAttribute("aria-expanded", "true");
    this.#choose(things.length ? 0 : -1);
  }

  #drawFilters() {
    const buttons = Object.entries(FILTERS).map(([name, { label }]) =>
      h(
        "button",
        {
          type: "button",
          "aria-pressed": String(name === this.filter),
          click: () => {
            this.filter = name;
            this.#drawFilters();
            this.update();
            this.input.focus();
          },
        },
        label,
      ),
    );
    byId("filters").replaceChildren(...buttons);
  }

  #option(thing, index) {
    const missing = this.sides.find((_, i) => !thing.ids[i].length);
    return h(
      "li",
      {
        role: "option",
        id: `found${index}`,
        class: thing.group,
        pointermove: () => this.#choose(index, false),
        click: () => this.#follow(index),
      },
      h("i", { class: `badge ${thing.group}`, title: thing.group }, LETTERS[thing.group]),
      h("span", { class: "name" }, thing.name),
      h("span", { class: "detail" }, missing ? `not in ${missing.short}` : this.#detail(thing)),
    );
  }

  /** Say in a few words what a thing is. */
  #detail(thing) {
    const number = thing.ids.findIndex((ids) => ids.length);
    const { btf } = this.sides[number];
    const [id] = thing.ids[number];
    if (thing.ids[number].length > 1) return `${thing.ids[number].length} of this name`;
    switch (btf.kind(id)) {
      case KIND.FUNC:
      case KIND.VAR:
      case KIND.TYPEDEF:
        return plain(declare(btf, btf.third(id)));
      case KIND.DATASEC:
        return `${count(btf.vlen(id))} variables`;
      case KIND.FWD:
        return "only declared";
      default:
        return bytes(btf.size(id));
    }
  }

  #choose(index, scroll = true) {
    this.list.querySelector('[aria-selected="true"]')?.removeAttribute("aria-selected");
    this.chosen = index;
    const option = this.list.children[index];
    if (!option) return this.input.removeAttribute("aria-activedescendant");
    option.setAttribute("aria-selected", "true");
    this.input.setAttribute("aria-activedescendant", option.id);
    if (scroll) option.scrollIntoView({ block: "nearest" });
  }

  #follow(index) {
    const thing = this.things[index];
    if (!thing) return;
    this.input.value = thing.name;
    this.close();
    location.hash = address(thing.group, thing.name);
    byId("main").focus();
  }

  #key(event) {
    const moves = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10 };
    if (event.key === "Enter") this.#follow(this.chosen);
    else if (event.key === "Escape") this.#escape();
    else if (event.key in moves && this.panel.hidden) this.update();
    else if (event.key in moves && this.things.length) {
      const last = this.things.length - 1;
      this.#choose(Math.max(0, Math.min(last, this.chosen + moves[event.key])));
    } else return;
    event.preventDefault();
  }

  /** The first time the list goes, then the text, then the cursor. */
  #escape() {
    if (!this.panel.hidden) this.close();
    else if (this.input.value) this.input.value = "";
    else byId("main").focus();
  }
}
