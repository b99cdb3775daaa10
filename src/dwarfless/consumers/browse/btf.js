// A BTF section, parsed as far as finding things in it takes.

import { KINDS } from "./kinds.js";

/** Number of each kind, by its name. */
export const KIND = Object.freeze(
  Object.fromEntries(KINDS.map(([name], number) => [name, number])),
);

const MODIFIERS = new Set([KIND.VOLATILE, KIND.CONST, KIND.RESTRICT, KIND.TYPE_TAG]);
const SIZED = new Set([
  KIND.INT,
  KIND.STRUCT,
  KIND.UNION,
  KIND.ENUM,
  KIND.ENUM64,
  KIND.FLOAT,
  KIND.DATASEC,
]);
/** References in a row that are followed; more is a ring. */
const MAX_DEPTH = 64;

/**
 * @typedef {object} Member
 * @property {string} name "" if it has none
 * @property {number} type id
 * @property {number} bitOffset from the start of its struct
 * @property {number} bits of a bitfield; 0 for any other member
 */

/** Types of one program. An id is an index; 0 is void. */
export class Btf {
  /**
   * @param {ArrayBuffer} buffer a whole little-endian .BTF section
   */
  constructor(buffer) {
    const header = new DataView(buffer);
    const field = (at) => header.getUint32(at, true);
    const start = field(4);
    this.words = new Uint32Array(buffer.slice(start + field(8), start + field(8) + field(12)));
    const strings = new Uint8Array(buffer, start + field(16), field(20));
    /** All strings, a character a byte. */
    this.text = new TextDecoder("latin1").decode(strings);
    this.isAscii = strings.every((byte) => byte < 128);
    this.shapes = KINDS.map(([, fixed, step]) => [fixed, step]);
    if (start >= 32) this.#readShapes(new Uint8Array(buffer, start + field(24), field(28)));
    this.starts = this.#index();
    /** Number of types, void included. */
    this.length = this.starts.length;
    this.pointerSize = this.#guessPointerSize();
    /** Of types that share name and kind, all but the first: which they are, from 2. */
    this.ordinals = new Map();
  }

  /** Learn the shapes of kinds that this program does not know. */
  #readShapes(bytes) {
    for (let kind = KINDS.length; 4 * kind < bytes.length; kind++) {
      this.shapes[kind] = [bytes[4 * kind] / 4, bytes[4 * kind + 1] / 4];
    }
  }

  /** Return the word at which each type starts. */
  #index() {
    const { words, shapes } = this;
    const starts = [0];
    for (let at = 0; at < words.length;) {
      starts.push(at);
      const kind = (words[at + 1] >>> 24) & 0x7f;
      const [fixed, step] = shapes[kind];
      at += 3 + fixed + (step && step * (words[at + 1] & 0xffffff));
    }
    return Uint32Array.from(starts);
  }

  /** Return what a long takes: as much as a pointer on all that Linux runs on. */
  #guessPointerSize() {
    for (let id = 1; id < this.length; id++) {
      if (this.kind(id) !== KIND.INT) continue;
      const name = this.name(id);
      if (name === "long unsigned int" || name === "unsigned long") return this.third(id);
    }
    return 8;
  }

  /** @returns {number} which it is of those of its name and kind, from 1 */
  ordinal(id) {
    return this.ordinals.get(id) ?? 1;
  }

  /** @returns {number} the kind's number */
  kind(id) {
    return id === 0 ? 0 : (this.words[this.starts[id] + 1] >>> 24) & 0x7f;
  }

  /** @returns {string} "" if it has none */
  name(id) {
    return id === 0 ? "" : this.string(this.words[this.starts[id]]);
  }

  /** @returns {number} how many elements it has */
  vlen(id) {
    return id === 0 ? 0 : this.words[this.starts[id] + 1] & 0xffffff;
  }

  /** @returns {boolean} the kind flag */
  flag(id) {
    return id !== 0 && this.words[this.starts[id] + 1] >>> 31 === 1;
  }

  /** @returns {number} size in bytes, or the id it refers to */
  third(id) {
    return id === 0 ? 0 : this.words[this.starts[id] + 2];
  }

  /** @returns {number} a word after the third */
  rest(id, index) {
    return this.words[this.starts[id] + 3 + index];
  }

  /** @returns {string} the string at an offset */
  string(offset) {
    const text = this.text.slice(offset, this.text.indexOf("\0", offset));
    if (this.isAscii) return text;
    return new TextDecoder().decode(Uint8Array.from(text, (c) => c.charCodeAt(0)));
  }

  /** @returns {Member[]} a struct's or union's members */
  members(id) {
    const flag = this.flag(id);
    const found = [];
    for (let i = 0; i < 3 * this.vlen(id); i += 3) {
      const offset = this.rest(id, i + 2);
      found.push({
        name: this.string(this.rest(id, i)),
        type: this.rest(id, i + 1),
        bitOffset: flag ? offset & 0xffffff : offset,
        bits: flag ? offset >>> 24 : 0,
      });
    }
    return found;
  }

  /** @returns {{name: string, type: number}[]} a prototype's parameters; a last ("", 0) is … */
  params(id) {
    return Array.from({ length: this.vlen(id) }, (_, i) => ({
      name: this.string(this.rest(id, 2 * i)),
      type: this.rest(id, 2 * i + 1),
    }));
  }

  /** @returns {{name: string, value: bigint}[]} an enum's values */
  values(id) {
    const wide = this.kind(id) === KIND.ENUM64;
    const step = wide ? 3 : 2;
    const size = wide ? 64 : 32;
    return Array.from({ length: this.vlen(id) }, (_, i) => {
      const low = BigInt(this.rest(id, step * i + 1));
      const value = wide ? (BigInt(this.rest(id, step * i + 2)) << 32n) | low : low;
      return {
        name: this.string(this.rest(id, step * i)),
        value: this.flag(id) ? BigInt.asIntN(size, value) : value,
      };
    });
  }

  /** @returns {{id: number, offset: number, size: number}[]} a section's variables, in bytes */
  entries(id) {
    return Array.from({ length: this.vlen(id) }, (_, i) => ({
      id: this.rest(id, 3 * i),
      offset: this.rest(id, 3 * i + 1),
      size: this.rest(id, 3 * i + 2),
    }));
  }

  /** @returns {boolean} whether it is a struct or union */
  isComposite(id) {
    const kind = this.kind(id);
    return kind === KIND.STRUCT || kind === KIND.UNION;
  }

  /** @returns {boolean} whether it only qualifies another type */
  isModifier(id) {
    return MODIFIERS.has(this.kind(id));
  }

  /** @returns {number} what is left without const, volatile, tags and, unless told, typedefs */
  strip(id, typedefs = true) {
    for (let depth = 0; depth < MAX_DEPTH; depth++) {
      if (!this.isModifier(id) && !(typedefs && this.kind(id) === KIND.TYPEDEF)) return id;
      id = this.third(id);
    }
    return 0;
  }

  /** @returns {number} bytes that a value of the type takes; 0 for functions, void and forwards */
  size(id, depth = 0) {
    const kind = this.kind(id);
    if (SIZED.has(kind)) return this.third(id);
    if (depth > MAX_DEPTH) return 0;
    if (kind === KIND.PTR) return this.pointerSize;
    if (kind === KIND.ARRAY) return this.rest(id, 2) * this.size(this.rest(id, 0), depth + 1);
    if (kind === KIND.TYPEDEF || kind === KIND.VAR || MODIFIERS.has(kind)) {
      return this.size(this.third(id), depth + 1);
    }
    return 0;
  }
}

/**
 * Inflate what the page carries.
 * @param {string} base64 a zlib stream
 * @returns {Promise<ArrayBuffer>}
 */
export async function inflate(base64) {
  const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).arrayBuffer();
}
