// Two versions of a thing: which of its parts are the same, changed, added or removed.

import { KIND } from "./btf.js";
import { declare, plain } from "./declare.js";
import { layoutOf } from "./layout.js";

/**
 * @typedef {object} Pair a line of two lists side by side
 * @property {?Row} left
 * @property {?Row} right
 * @property {"same" | "moved" | "changed" | "removed" | "added"} status
 */

/** Longest lists that are aligned by their order; longer ones by name alone. */
const MAX_CELLS = 4e6;

/**
 * Align two lists of rows by name, keeping the order of both.
 * @param {{name: string}[]} left
 * @param {{name: string}[]} right
 * @returns {[?object, ?object][]}
 */
export function align(left, right) {
  let start = 0;
  while (start < left.length && start < right.length && left[start].name === right[start].name)
    start++;
  const pairs = left.slice(0, start).map((row, index) => [row, right[index]]);
  const [a, b] = [left.slice(start), right.slice(start)];
  if (a.length * b.length > MAX_CELLS) return [...pairs, ...byName(a, b)];
  const lengths = commonLengths(a, b);
  const width = b.length + 1;
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    const here = i * width + j;
    if (i < a.length && j < b.length && a[i].name === b[j].name) pairs.push([a[i++], b[j++]]);
    else if (j === b.length || (i < a.length && lengths[here + width] >= lengths[here + 1])) {
      pairs.push([a[i++], null]);
    } else pairs.push([null, b[j++]]);
  }
  return pairs;
}

/** Return, for each pair of ends, how long the longest common subsequence of them is. */
function commonLengths(a, b) {
  const width = b.length + 1;
  const lengths = new Uint32Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      const at = i * width + j;
      lengths[at] =
        a[i].name === b[j].name
          ? lengths[at + width + 1] + 1
          : Math.max(lengths[at + width], lengths[at + 1]);
    }
  }
  return lengths;
}

function byName(a, b) {
  const rest = new Map(b.map((row) => [row.name, row]));
  const pairs = a.map((row) => {
    const other = rest.get(row.name) ?? null;
    rest.delete(row.name);
    return [row, other];
  });
  return [...pairs, ...[...rest.values()].map((row) => [null, row])];
}

/**
 * Say what became of a member.
 * @param {Btf[]} programs left and right
 * @param {?Row} left
 * @param {?Row} right
 */
export function status(programs, left, right) {
  if (!left || !right) return left ? "removed" : "added";
  if (left.bits !== right.bits || left.bitSize !== right.bitSize) return "changed";
  const [was, is] = [left, right].map((row, i) => plain(declare(programs[i], row.type)));
  if (was !== is) return "changed";
  return left.bitOffset === right.bitOffset ? "same" : "moved";
}

/**
 * Return the first difference of two things in words, "" if there is none.
 *
 * Named types inside are compared by name and size: their own differences are theirs.
 */
export function difference(programs, ids) {
  const [left, right] = programs;
  const [a, b] = ids;
  const kinds = [left.kind(a), right.kind(b)];
  if (kinds[0] !== kinds[1]) return "another kind";
  switch (kinds[0]) {
    case KIND.STRUCT:
    case KIND.UNION:
      return sizes(programs, ids) || memberDifference(programs, ids);
    case KIND.ENUM:
    case KIND.ENUM64:
      return valueDifference(left.values(a), right.values(b));
    case KIND.FUNC:
    case KIND.VAR:
    case KIND.TYPEDEF: {
      const texts = ids.map((id, i) => plain(declare(programs[i], programs[i].third(id))));
      if (texts[0] !== texts[1]) return kinds[0] === KIND.FUNC ? "prototype" : "type";
      return kinds[0] === KIND.FUNC ? "" : targetDifference(programs, ids);
    }
    default:
      return sizes(programs, ids);
  }
}

/** Nameless types behind a typedef or variable belong to it. */
function targetDifference(programs, ids) {
  const targets = ids.map((id, i) => programs[i].strip(programs[i].third(id), false));
  const nameless = targets.every((id, i) => !programs[i].name(id) && programs[i].isComposite(id));
  return nameless ? difference(programs, targets) : sizes(programs, ids);
}

function sizes(programs, ids) {
  const [was, is] = ids.map((id, i) => programs[i].size(id));
  return was === is ? "" : `${was.toLocaleString("en")} → ${is.toLocaleString("en")} bytes`;
}

function memberDifference(programs, ids, depth = 0) {
  const rows = ids.map((id, i) =>
    layoutOf(programs[i], id).rows.filter((r) => r.what === "member"),
  );
  for (const [left, right] of align(...rows)) {
    const found = status(programs, left, right);
    const name = (left ?? right).name || "a nameless member";
    if (found !== "same") return `${name} ${found}`;
    const inner = [left.inner, right.inner];
    const nameless = inner.every((id, i) => id && !programs[i].name(id));
    const deeper = nameless && depth < 16 ? memberDifference(programs, inner, depth + 1) : "";
    if (deeper) return deeper;
  }
  return "";
}

function valueDifference(left, right) {
  for (const [a, b] of align(left, right)) {
    if (!a || !b) return `${(a ?? b).name} ${a ? "removed" : "added"}`;
    if (a.value !== b.value) return `${a.name} is ${b.value}, was ${a.value}`;
  }
  return "";
}
