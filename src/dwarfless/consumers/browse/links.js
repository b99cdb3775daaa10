// Addresses of things inside the page, and links to them.

import { KIND } from "./btf.js";
import { h } from "./dom.js";

const GROUP_OF = {
  [KIND.STRUCT]: "struct",
  [KIND.UNION]: "union",
  [KIND.ENUM]: "enum",
  [KIND.ENUM64]: "enum",
  [KIND.TYPEDEF]: "typedef",
  [KIND.INT]: "type",
  [KIND.FLOAT]: "type",
  [KIND.FUNC]: "func",
  [KIND.VAR]: "var",
  [KIND.DATASEC]: "section",
};

/** Return what a type is called in addresses; "" if it has no page. */
export function groupOf(btf, id) {
  if (id === 0 || !btf.name(id)) return "";
  if (btf.kind(id) === KIND.FWD) return btf.flag(id) ? "union" : "struct";
  return GROUP_OF[btf.kind(id)] ?? "";
}

/** Return the address of a thing; its number counts those of the same name from 1. */
export function address(group, name, number = 1) {
  return `#${group}/${encodeURIComponent(name)}${number > 1 ? `/${number}` : ""}`;
}

/**
 * Read an address.
 * @returns {{group: string, name: string, number: number}}
 */
export function readAddress(hash) {
  const [group, name = "", number = "1"] = hash.replace(/^#/, "").split("/");
  try {
    return { group, name: decodeURIComponent(name), number: Number(number) || 1 };
  } catch {
    return { group, name, number: 1 };
  }
}

/** Return a link to a type, or its text alone if it has no page. */
export function link(btf, id, text = btf.name(id), attributes = {}) {
  const group = groupOf(btf, id);
  if (!group) return h("span", attributes, text);
  return h("a", { href: address(group, btf.name(id), btf.ordinal(id)), ...attributes }, text);
}

/**
 * Set a declaration; types are linked, the declared name stands out.
 * @param {Btf} btf
 * @param {(Piece | {name: string})[]} list
 */
export function pieces(btf, list) {
  return list.map((piece) => {
    if (typeof piece === "string") return piece;
    return "name" in piece ? h("b", {}, piece.name) : link(btf, piece.id, piece.text);
  });
}
