// What lies where in a struct: members, holes, cache lines. All positions are in bits.

import { KIND } from "./btf.js";

/** Bytes of a cache line. */
export const LINE = 64;
const SCALARS = new Set([KIND.INT, KIND.FLOAT, KIND.ENUM, KIND.ENUM64]);

/**
 * @typedef {object} Row one line of a layout
 * @property {"member" | "hole" | "padding"} what
 * @property {string} key where it is: names or numbers on the way, separated by dots
 * @property {string} name "" for a nameless member; of a hole what it is, after a space
 * @property {number} type id; 0 for a hole
 * @property {number} bitOffset from the start of the outermost struct
 * @property {number} bitSize
 * @property {number} bits of a bitfield, else 0
 * @property {number} inner id of the struct or union it is made of, 0 if of none
 */

/**
 * @typedef {object} Layout
 * @property {Row[]} rows members and what lies between them, in order
 * @property {number} size in bytes
 * @property {boolean} union
 * @property {number} holes how many there are of whole bytes
 * @property {number} holeBytes bytes of them
 * @property {number} bitHoles how many there are inside the units of bitfields
 * @property {number} bitHoleBits bits of them
 * @property {number} padding bytes after the last member
 * @property {number} bitPadding bits after a last bitfield, in its unit
 */

/**
 * Lay out a struct or union, one level deep.
 * @param {Btf} btf
 * @param {number} id
 * @param {number} start where it lies, in bits
 * @param {string} key of what it is a member of
 * @returns {Layout}
 */
export function layoutOf(btf, id, start = 0, key = "") {
  const size = btf.size(id);
  const union = btf.kind(id) === KIND.UNION;
  const layout = { rows: [], size, union, holes: 0, holeBytes: 0, bitHoles: 0, bitHoleBits: 0 };
  const gaps = new Gaps(size);
  let end = 0;
  btf.members(id).forEach((member, index) => {
    const row = memberRow(btf, member, start, `${key}.${member.name || index}`);
    const from = member.bitOffset;
    const { bytes, bits } = gaps.before(from, from + row.bitSize, unitOf(btf, member));
    if (!union && from > end) {
      layout.holes += bytes > 0;
      layout.holeBytes += Math.max(bytes, 0);
      layout.bitHoles += bits !== 0;
      layout.bitHoleBits += bits;
      layout.rows.push(gapRow("hole", `${key}.hole${index}`, start + end, from - end));
    }
    layout.rows.push(row);
    end = Math.max(end, from + row.bitSize);
  });
  Object.assign(layout, gaps.after());
  // Of a struct without members nothing is known, so nothing is missing either.
  if (8 * size > end && layout.rows.length) {
    layout.rows.push(gapRow("padding", `${key}.padding`, start + end, 8 * size - end));
  }
  return layout;
}

/**
 * Tells holes of whole bytes from those of bits: what no member takes of the storage unit that a
 * bitfield has started is a bit hole.
 */
class Gaps {
  constructor(size) {
    this.size = size;
    this.seen = 0;
    this.unitEnd = 8 * size;
    this.unitSize = 0;
    this.inUnit = false;
  }

  /** Return what lies before a member; all positions are in bits. */
  before(start, end, unit) {
    let bits = this.leaveUnit(start);
    let bytes = 0;
    if (!unit) {
      bytes = Math.floor(start / 8) - Math.floor(this.seen / 8);
    } else {
      if (this.seen < unit.start && unit.start <= start) {
        bytes = unit.start / 8 - Math.floor(this.seen / 8);
        this.seen = unit.start;
      }
      bits += start - this.seen;
    }
    this.seen = end;
    if (!unit) [this.unitSize, this.unitEnd] = [0, end];
    else if (end > this.unitEnd || unit.size > this.unitSize) {
      this.unitSize = unit.size;
      this.unitEnd = unit.start + unit.size * (end > unit.start + unit.size ? 2 : 1);
    }
    this.inUnit = unit !== null;
    return { bytes, bits };
  }

  /** Return what lies after the last member. */
  after() {
    const bitPadding = this.leaveUnit(8 * this.size);
    return { bitPadding, padding: this.size - Math.floor(this.seen / 8) };
  }

  /** Return the bits up to the end of a bitfield's unit, or to where something starts in it. */
  leaveUnit(start) {
    if (!this.inUnit) return 0;
    const limit = Math.min(start, this.unitEnd);
    const bits = limit - this.seen;
    this.seen = limit;
    return bits;
  }
}

/** Return the storage unit of a bitfield: what a variable of its type would take. */
function unitOf(btf, { type, bitOffset, bits }) {
  if (!bits) return null;
  const size = 8 * btf.size(type);
  const fits = 0 < size && size <= 128 && SCALARS.has(btf.kind(btf.strip(type)));
  return {
    size,
    start: fits ? Math.floor(bitOffset / size) * size : 8 * Math.floor(bitOffset / 8),
  };
}

function memberRow(btf, { name, type, bitOffset, bits }, start, key) {
  const bitSize = bits || 8 * btf.size(type);
  const inner = innerOf(btf, type);
  return { what: "member", key, name, type, bitOffset: start + bitOffset, bitSize, bits, inner };
}

function gapRow(what, key, bitOffset, bitSize) {
  // No member's name starts with a space.
  return { what, key, name: ` ${what}`, type: 0, bitOffset, bitSize, bits: 0, inner: 0 };
}

/** Return the struct or union that a type is, through typedefs and qualifiers; else 0. */
export function innerOf(btf, id) {
  const inner = btf.strip(id);
  return btf.isComposite(inner) ? inner : 0;
}

/** Return how many cache lines a size takes. */
export function numLines(size) {
  return Math.ceil(size / LINE);
}

/** Write a position: bytes, and bits where it is none of a byte. */
export function place(bits) {
  const bytes = Math.floor(bits / 8);
  return bits % 8 ? `${bytes}:${bits % 8}` : `${bytes}`;
}

/** Write a size: bytes, or bits where they fill none. */
export function extent(bits) {
  return bits % 8 ? `${bits} bit${bits === 1 ? "" : "s"}` : (bits / 8).toLocaleString("en");
}
