// C declarations as lists of pieces, some of which name a type.

import { KIND } from "./btf.js";

/**
 * @typedef {string | {id: number, text: string}} Piece text, or the name of a type with its id
 */

const QUALIFIERS = {
  [KIND.CONST]: "const",
  [KIND.VOLATILE]: "volatile",
  [KIND.RESTRICT]: "restrict",
};
const KEYWORDS = {
  [KIND.STRUCT]: "struct ",
  [KIND.UNION]: "union ",
  [KIND.ENUM]: "enum ",
  [KIND.ENUM64]: "enum ",
};
/** Types that one declaration may lead through; more is a ring. */
const MAX_STEPS = 400;

/**
 * Declare a thing of a type, as C would.
 * @param {Btf} btf
 * @param {number} id type
 * @param {string | Piece[]} name "" for the type alone
 * @returns {Piece[]}
 */
export function declare(btf, id, name = "", budget = { steps: 0 }) {
  const inner = typeof name === "string" ? (name ? [name] : []) : name;
  if (budget.steps++ > MAX_STEPS) return ["…"];
  switch (btf.kind(id)) {
    case KIND.PTR:
      return declare(btf, btf.third(id), ["*", ...inner], budget);
    case KIND.ARRAY:
      return declare(btf, btf.rest(id, 0), [...grouped(inner), `[${btf.rest(id, 2)}]`], budget);
    case KIND.FUNC_PROTO:
      return declare(
        btf,
        btf.third(id),
        [...grouped(inner), ...parameters(btf, id, budget)],
        budget,
      );
    case KIND.FUNC:
      return declare(btf, btf.third(id), inner.length ? inner : [btf.name(id)], budget);
    case KIND.VAR:
      return declare(btf, btf.third(id), inner.length ? inner : [btf.name(id)], budget);
    case KIND.CONST:
    case KIND.VOLATILE:
    case KIND.RESTRICT:
      return qualified(btf, id, inner, budget);
    case KIND.TYPE_TAG:
      return declare(btf, btf.third(id), inner, budget);
    default:
      return inner.length ? [...named(btf, id), " ", ...inner] : named(btf, id);
  }
}

/**
 * Return pieces as plain text.
 * @param {Piece[]} pieces
 */
export function plain(pieces) {
  return pieces.map((piece) => (typeof piece === "string" ? piece : piece.text)).join("");
}

/** Return what a struct, union or enum is called, with its keyword. */
export function named(btf, id) {
  if (id === 0) return ["void"];
  const kind = btf.kind(id);
  const keyword =
    KEYWORDS[kind] ?? (kind === KIND.FWD ? (btf.flag(id) ? "union " : "struct ") : "");
  const name = btf.name(id);
  return [{ id, text: name ? keyword + name : `${keyword}{…}` }];
}

/** Put what binds less than [] and () into parentheses. */
function grouped(inner) {
  return inner[0] === "*" ? ["(", ...inner, ")"] : inner;
}

/**
 * A qualifier stands before its type, but after the star of a pointer; that of an array is its
 * elements', which mostly have it already.
 */
function qualified(btf, id, inner, budget) {
  const target = btf.third(id);
  if (btf.kind(target) === KIND.ARRAY && btf.kind(btf.rest(target, 0)) === btf.kind(id)) {
    return declare(btf, target, inner, budget);
  }
  const word = QUALIFIERS[btf.kind(id)];
  if (btf.kind(btf.strip(target, false)) === KIND.PTR) {
    return declare(btf, target, inner.length ? [word, " ", ...inner] : [word], budget);
  }
  return [word, " ", ...declare(btf, target, inner, budget)];
}

function parameters(btf, id, budget) {
  const params = btf.params(id);
  if (!params.length) return ["(void)"];
  const list = params.map(({ name, type }, index) =>
    type === 0 && !name && index === params.length - 1
      ? ["..."]
      : declare(btf, type, name, budget),
  );
  return ["(", ...list.flatMap((pieces, index) => (index ? [", ", ...pieces] : pieces)), ")"];
}
