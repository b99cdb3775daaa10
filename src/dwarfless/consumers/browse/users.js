// What uses a type: an index of all references, turned around, and walks up through it.

import { KIND } from "./btf.js";

/** How something is used: as a value, by a pointer, or by a function that a pointer leads to. */
const VALUE = 0;
const POINTER = 1;
const CALLBACK = 2;
/** Longest path of members to what is used, in letters; a longer one is a ring. */
const MAX_PATH = 500;
export const WAYS = ["value", "pointer", "callback"];

/**
 * @typedef {object} User
 * @property {number} id a named type, function or variable
 * @property {string[]} members of it by which it does, if it has any
 */

/**
 * @typedef {object} Users
 * @property {User[]} embeds structs and unions that hold one
 * @property {User[]} points structs and unions that point to one
 * @property {User[]} calls structs and unions that point to a function that is given one
 * @property {User[]} functions take or return one, or a pointer to it
 * @property {User[]} variables are one, hold or point to one
 * @property {User[]} typedefs
 */

/** All references of a program, by what they refer to. */
export class References {
  /** @param {Btf} btf */
  constructor(btf) {
    this.btf = btf;
    const counts = new Uint32Array(btf.length + 1);
    this.#each((target) => counts[target + 1]++);
    for (let id = 0; id < btf.length; id++) counts[id + 1] += counts[id];
    this.starts = counts.slice();
    this.from = new Uint32Array(counts[btf.length]);
    this.#each((target, id) => (this.from[counts[target]++] = id));
  }

  /** Call with each reference: what it refers to, what it is in. */
  #each(call) {
    const { btf } = this;
    for (let id = 1; id < btf.length; id++) {
      switch (btf.kind(id)) {
        case KIND.PTR:
        case KIND.TYPEDEF:
        case KIND.VOLATILE:
        case KIND.CONST:
        case KIND.RESTRICT:
        case KIND.TYPE_TAG:
        case KIND.FUNC:
        case KIND.VAR:
          call(btf.third(id), id);
          break;
        case KIND.ARRAY:
          call(btf.rest(id, 0), id);
          break;
        case KIND.STRUCT:
        case KIND.UNION:
          for (let i = 0; i < 3 * btf.vlen(id); i += 3) call(btf.rest(id, i + 1), id);
          break;
        case KIND.FUNC_PROTO:
          call(btf.third(id), id);
          for (let i = 0; i < 2 * btf.vlen(id); i += 2) call(btf.rest(id, i + 1), id);
      }
    }
  }

  /** @returns {Uint32Array} ids of what refers to a type; one that does so twice stands twice */
  to(id) {
    return this.from.subarray(this.starts[id], this.starts[id + 1]);
  }

  /**
   * Return what uses a type.
   *
   * Typedefs of structs, unions and enums are looked through; those of numbers are not, since
   * all that uses any of them uses an int. Nameless structs belong to what they are in.
   * @param {number} id
   * @returns {Users}
   */
  users(id) {
    const walk = new Walk(this, id);
    walk.run();
    return walk.result();
  }
}

/** One walk up from a type. */
class Walk {
  constructor(references, id) {
    this.references = references;
    this.btf = references.btf;
    this.start = id;
    this.seen = new Set();
    this.queue = [];
    this.lists = {};
    for (const list of ["embeds", "points", "calls", "functions", "variables", "typedefs"]) {
      this.lists[list] = new Map();
    }
    const kind = this.btf.kind(id);
    this.throughTypedefs = kind !== KIND.INT && kind !== KIND.FLOAT && id !== 0;
    this.visit(id, VALUE, "");
  }

  run() {
    for (let at = 0; at < this.queue.length; at++) {
      const [id, way, member] = this.queue[at];
      let last = -1;
      for (const user of this.references.to(id)) {
        if (user !== last) this.step(user, id, way, member);
        last = user;
      }
    }
  }

  /** Go on from what was reached to one that refers to it. */
  step(user, id, way, member) {
    const { btf } = this;
    switch (btf.kind(user)) {
      case KIND.PTR:
        return this.visit(user, Math.max(way, POINTER), member);
      case KIND.TYPEDEF:
        if (way === VALUE && !member) this.note("typedefs", user, "");
        return this.throughTypedefs ? this.visit(user, way, member) : undefined;
      case KIND.STRUCT:
      case KIND.UNION:
        return this.inComposite(user, id, way, member);
      case KIND.FUNC_PROTO:
        return this.visit(user, CALLBACK, this.role(user, id, way));
      case KIND.FUNC:
        return this.note("functions", user, this.btf.kind(id) === KIND.FUNC_PROTO ? member : "");
      case KIND.VAR:
        return this.note("variables", user, WAYS[way]);
      default:
        return this.visit(user, way, member);
    }
  }

  inComposite(user, id, way, member) {
    const { btf } = this;
    const list = ["embeds", "points", "calls"][way];
    const named = btf.name(user) ? [user] : this.typedefsOf(user);
    for (const { name, type } of btf.members(user)) {
      if (type !== id) continue;
      const path = [name, way === CALLBACK ? "" : member].filter(Boolean).join(".");
      for (const owner of named) this.note(list, owner, path);
      // What has no name at all is part of what it is in.
      if (!named.length) this.visit(user, way, path);
    }
  }

  /** Return the typedefs by which a nameless type is known. */
  typedefsOf(id) {
    return [...this.references.to(id)].filter((user) => this.btf.kind(user) === KIND.TYPEDEF);
  }

  /** Say what a prototype does with a type. */
  role(proto, id, way) {
    const { btf } = this;
    const takes = btf.params(proto).some(({ type }) => type === id);
    const returns = btf.third(proto) === id;
    const verb = [takes && "takes", returns && "returns"].filter(Boolean).join(", ");
    return `${verb}${way === VALUE ? " it" : way === POINTER ? " a pointer" : " a callback"}`;
  }

  visit(id, way, member) {
    if (member.length > MAX_PATH) return;
    // A nameless struct may be reached by several members; all else by one way is enough.
    const key = `${id} ${way} ${this.btf.isComposite(id) ? member : ""}`;
    if (this.seen.has(key)) return;
    this.seen.add(key);
    this.queue.push([id, way, member]);
  }

  note(list, id, member) {
    const members = this.lists[list].get(id) ?? new Set();
    this.lists[list].set(id, members.add(member));
  }

  /** @returns {Users} by name */
  result() {
    const found = {};
    for (const [list, users] of Object.entries(this.lists)) {
      users.delete(list === "typedefs" ? this.start : -1);
      found[list] = [...users]
        .map(([id, members]) => ({
          id,
          name: this.btf.name(id),
          members: [...members].filter(Boolean),
        }))
        .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : a.id - b.id));
    }
    return found;
  }
}
