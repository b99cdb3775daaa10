// What takes space: sums by section, by type, by struct.

import { KIND } from "./btf.js";
import { layoutOf } from "./layout.js";
import { named, plain } from "./declare.js";

/**
 * @typedef {object} Share something that takes space
 * @property {string} name
 * @property {number} size in bytes
 * @property {number} id what it is, 0 if it is no single thing
 * @property {number} count of what it sums up
 * @property {Share[]} [parts]
 */

/** Ways to look at sizes. */
export const SIZE_VIEWS = {
  sections: { label: "Variables by section", unit: "bytes", of: bySection },
  types: { label: "Variables by type", unit: "bytes", of: byType },
  structs: { label: "Structs by size", unit: "bytes", of: byStruct },
  holes: { label: "Structs by wasted bytes", unit: "bytes wasted", of: byHoles },
};

/** @returns {Share[]} a section each, with its variables */
export function bySection(btf) {
  const shares = [];
  for (const { id, entries } of sections(btf)) {
    const parts = entries.map((entry) => share(btf.name(entry.id), entry.size, entry.id));
    shares.push(sum(btf.name(id), id, parts));
  }
  return sorted(shares);
}

/** @returns {Share[]} a type each, with the variables that are of it or arrays of it */
export function byType(btf) {
  const types = new Map();
  for (const { entries } of sections(btf)) {
    for (const { id, size } of entries) {
      const type = elementOf(btf, id);
      if (!types.has(type)) types.set(type, []);
      types.get(type).push(share(btf.name(id), size, id));
    }
  }
  return sorted(
    [...types].map(([id, parts]) => sum(id ? plain(named(btf, id)) : "pointers", id, parts)),
  );
}

/** @returns {Share[]} structs and unions */
export function byStruct(btf) {
  return sorted(composites(btf).map((id) => share(btf.name(id), btf.size(id), id)));
}

/** @returns {Share[]} structs by what holes and padding take of them */
export function byHoles(btf) {
  const shares = [];
  for (const id of composites(btf)) {
    if (btf.kind(id) === KIND.UNION) continue;
    const { holeBytes, padding } = layoutOf(btf, id);
    const wasted = holeBytes + Math.max(padding, 0);
    if (btf.vlen(id)) shares.push(share(btf.name(id), wasted, id));
  }
  return sorted(shares);
}

/** @returns {{id: number, entries: object[]}[]} all sections that variables are in */
export function sections(btf) {
  const found = [];
  for (let id = 1; id < btf.length; id++) {
    if (btf.kind(id) === KIND.DATASEC) found.push({ id, entries: btf.entries(id) });
  }
  return found;
}

/** Return what a variable is made of: its type without arrays, qualifiers and typedefs. */
function elementOf(btf, id) {
  id = btf.third(id);
  for (let depth = 0; depth < 32; depth++) {
    const inner = btf.strip(id, false);
    if (btf.kind(inner) === KIND.ARRAY) id = btf.rest(inner, 0);
    else if (btf.kind(inner) === KIND.TYPEDEF && btf.name(btf.strip(inner))) id = btf.third(inner);
    // All pointers are one share: what they point to takes its space elsewhere.
    else return btf.kind(inner) === KIND.PTR ? 0 : inner;
  }
  return id;
}

function composites(btf) {
  const found = [];
  for (let id = 1; id < btf.length; id++) {
    if (btf.isComposite(id) && btf.name(id)) found.push(id);
  }
  return found;
}

function share(name, size, id) {
  return { name, size, id, count: 1 };
}

function sum(name, id, parts) {
  const size = parts.reduce((total, part) => total + part.size, 0);
  return { name, size, id, count: parts.length, parts: sorted(parts) };
}

function sorted(shares) {
  return shares
    .filter((each) => each.size > 0)
    .sort((a, b) => b.size - a.size || (a.name < b.name ? -1 : 1));
}
