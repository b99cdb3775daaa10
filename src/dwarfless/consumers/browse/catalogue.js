// Everything that has a name, in all programs at once, and the search through it.

import { KIND } from "./btf.js";
import { groupOf } from "./links.js";

/** What a search can be narrowed to. */
export const FILTERS = {
  all: { label: "All", groups: null },
  types: { label: "Types", groups: new Set(["struct", "union", "enum", "typedef", "type"]) },
  functions: { label: "Functions", groups: new Set(["func"]) },
  variables: { label: "Variables", groups: new Set(["var", "section"]) },
};

/** Among equally good matches, what one more often looks for comes first. */
const RANKS = ["struct", "union", "typedef", "enum", "func", "var", "section", "type"];

/**
 * @typedef {object} Thing a name, and what has it
 * @property {string} group such as "struct"
 * @property {string} name
 * @property {number[][]} ids for each program, of the types with that name
 */

/** All names of all programs. */
export class Catalogue {
  /** @param {Btf[]} programs */
  constructor(programs) {
    this.programs = programs;
    /** @type {Thing[]} */
    this.things = [];
    this.byGroup = Object.fromEntries(RANKS.map((group) => [group, new Map()]));
    programs.forEach((btf, number) => this.#add(btf, number));
    this.lower = this.things.map((thing) => thing.name.toLowerCase());
  }

  #add(btf, number) {
    const forwards = [];
    for (let id = 1; id < btf.length; id++) {
      const group = groupOf(btf, id);
      if (btf.kind(id) === KIND.FWD) forwards.push([group, id]);
      else if (group) this.#put(group, btf.name(id), number, id);
    }
    // What is only declared comes after what is defined.
    for (const [group, id] of forwards) this.#put(group, btf.name(id), number, id);
  }

  #put(group, name, number, id) {
    let thing = this.byGroup[group].get(name);
    if (!thing) {
      thing = { group, name, ids: this.programs.map(() => []) };
      this.byGroup[group].set(name, thing);
      this.things.push(thing);
    }
    const ordinal = thing.ids[number].push(id);
    if (ordinal > 1) this.programs[number].ordinals.set(id, ordinal);
  }

  /** @returns {Thing | undefined} */
  find(group, name) {
    return this.byGroup[group]?.get(name);
  }

  /**
   * Find names that look like what was typed, best first.
   *
   * Letters may be left out, words may be shortened: "tsk str" and "taskst" find task_struct. A
   * leading "struct", "func" and so on asks for things of that group.
   * @param {string} text
   * @param {keyof FILTERS} filter
   * @param {number} limit
   * @returns {{things: Thing[], total: number}}
   */
  search(text, filter, limit) {
    const { query, group } = parse(text);
    if (!query) return { things: [], total: 0 };
    const groups = group ? new Set([group]) : FILTERS[filter].groups;
    const match = matcher(query);
    const hits = [];
    this.things.forEach((thing, index) => {
      if (groups && !groups.has(thing.group)) return;
      const score = match(this.lower[index]);
      if (score >= 0) hits.push({ thing, score });
    });
    hits.sort(order);
    return { things: hits.slice(0, limit).map((hit) => hit.thing), total: hits.length };
  }
}

/** Tell a group's name from what is looked for. */
function parse(text) {
  const words = text.trim().toLowerCase().split(/\s+/);
  const group = words.length > 1 && RANKS.includes(words[0]) ? words.shift() : "";
  return { query: words.join(" "), group };
}

/**
 * Return a function that scores a name in small letters: -1 for no match, less is better.
 *
 * 0 the name itself, 1 it starts so, 2 a word in it does, 3 it is in it, 4 its words are
 * shortened, each typed word standing for one of its own, from the first on, 5 from another on,
 * 6 its letters are there, in that order.
 */
function matcher(query) {
  const letters = query.replace(/\s+/g, "");
  const joined = query.replace(/\s+/g, "_");
  const between = (text, filler) => [...text].map((c) => c.replace(/[^\w]/g, "\\$&")).join(filler);
  const anywhere = new RegExp(between(letters, ".*?"));
  const words = query.split(/[\s_]+/).filter(Boolean);
  const shortened =
    words.length > 1
      ? words.map((word) => between(word, "[^_.]*?")).join(".*?[_.]")
      : // A letter follows the one before it, or starts a word.
        between(letters, "(?:.*?[_.])?");
  const atWords = new RegExp(`(?:^|[_.])${shortened}`);
  return (name) => {
    const at = name.indexOf(joined);
    if (at === 0) return name.length === joined.length ? 0 : 1;
    if (at > 0) return name[at - 1] === "_" || name.includes(`_${joined}`) ? 2 : 3;
    if (letters.length < 2 || name.length < letters.length) return -1;
    if (!anywhere.test(name)) return -1;
    const word = name.search(atWords);
    return word < 0 ? 6 : word === 0 ? 4 : 5;
  };
}

function order(a, b) {
  return (
    a.score - b.score ||
    (a.score === 1 ? 0 : a.thing.name.length - b.thing.name.length) ||
    RANKS.indexOf(a.thing.group) - RANKS.indexOf(b.thing.group) ||
    a.thing.name.length - b.thing.name.length ||
    (a.thing.name < b.thing.name ? -1 : 1)
  );
}
