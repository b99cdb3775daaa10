// A layout unfolded: which of the structs inside are open, of one program or of two in step.

import { align, status } from "./compare.js";
import { KIND } from "./btf.js";
import { layoutOf } from "./layout.js";

/** Structs in structs that are unfolded, and lines in all; a sound program has fewer. */
const MAX_DEPTH = 32;
const MAX_LINES = 20_000;

/**
 * @typedef {object} Line of the list of members
 * @property {string} key
 * @property {number} depth
 * @property {(?Row)[]} rows for each program; null where it has none
 * @property {string} status as compare.status; "same" if there is one program only
 * @property {boolean} inner whether it can be unfolded
 * @property {boolean} open
 */

/** Which rows are open: nameless ones are, unless told. */
export class Unfolded {
  constructor() {
    this.told = new Map();
  }

  isOpen(row) {
    return row.inner !== 0 && (this.told.get(row.key) ?? row.name === "");
  }

  set(key, open) {
    this.told.set(key, open);
  }
}

/**
 * Return the lines of a struct's list of members.
 * @param {Btf[]} programs
 * @param {number[]} ids the struct in each; 0 where it is not
 * @param {Unfolded} unfolded
 * @returns {Line[]}
 */
export function linesOf(programs, ids, unfolded) {
  const lines = [];
  const add = (inner, starts, key, depth) => {
    const lists = programs.map((btf, i) =>
      inner[i] ? layoutOf(btf, inner[i], starts[i], key).rows : [],
    );
    const pairs = lists.length === 2 ? align(...lists) : lists[0].map((row) => [row]);
    for (const rows of pairs) {
      const row = rows[0] ?? rows[1];
      const open =
        rows.some((each) => each && unfolded.isOpen(each)) &&
        depth < MAX_DEPTH &&
        lines.length < MAX_LINES;
      lines.push({
        key: row.key,
        depth,
        rows,
        status: rows.length === 2 ? statusOf(programs, rows) : "same",
        inner: rows.some((each) => each?.inner),
        open,
      });
      if (open)
        add(
          rows.map((r) => r?.inner ?? 0),
          rows.map((r) => r?.bitOffset ?? 0),
          row.key,
          depth + 1,
        );
    }
  };
  add(
    ids,
    ids.map(() => 0),
    "",
    1,
  );
  return lines;
}

/** Holes come and go with what is around them; that they moved says nothing. */
function statusOf(programs, [left, right]) {
  const found = status(programs, left, right);
  return (left ?? right).what !== "member" && found === "moved" ? "same" : found;
}

/**
 * Return what a picture shows: what is open as its parts, all else whole.
 *
 * A union is one block, since its members lie upon each other.
 * @param {Btf} btf
 * @param {number} id
 * @param {Unfolded} unfolded
 * @param {{bitOffset: number, key: string}} within the row that it is, if it is inside another
 */
export function leavesOf(btf, id, unfolded, within = { bitOffset: 0, key: "" }) {
  const leaves = [];
  const add = (inner, start, key, depth) => {
    for (const row of layoutOf(btf, inner, start, key).rows) {
      const isUnion = btf.kind(row.inner) === KIND.UNION;
      const open = unfolded.isOpen(row) && depth < MAX_DEPTH && leaves.length < MAX_LINES;
      if (open && !isUnion) add(row.inner, row.bitOffset, row.key, depth + 1);
      else leaves.push(isUnion && !row.name ? { ...row, name: unionName(btf, row.inner) } : row);
    }
  };
  add(id, within.bitOffset, within.key, 1);
  return leaves;
}

/** Call a nameless union by its members. */
function unionName(btf, id) {
  return btf
    .members(id)
    .map(({ name }) => name || "{…}")
    .join(" | ");
}
