// The lists of what uses a type.

import { h, longList, many } from "./dom.js";
import { link } from "./links.js";
import { References } from "./users.js";

const TITLES = {
  embeds: "Embedded in",
  points: "Pointed to by",
  calls: "In callbacks of",
  functions: "Functions",
  variables: "Variables",
  typedefs: "Typedefs",
};
const SHOWN = 60;

/** Return what uses a type; a program's references are indexed when first asked for. */
export function usersOf(side, id) {
  side.references ??= new References(side.btf);
  return side.references.users(id);
}

/**
 * Show what uses a type, in each program; what only one has is marked.
 * @param {object[]} sides
 * @param {number[]} ids
 */
export function drawUses(sides, ids) {
  const found = sides.map((side, i) => (ids[i] ? usersOf(side, ids[i]) : null));
  const lists = Object.keys(TITLES).map((list) => {
    const users = merge(
      sides,
      found.map((each) => each?.[list] ?? []),
    );
    return { list, users };
  });
  const total = lists.reduce((sum, { users }) => sum + users.length, 0);
  return h(
    "section",
    { class: "uses", "aria-labelledby": "uses" },
    h(
      "h2",
      { id: "uses" },
      "Used by ",
      h("small", {}, total ? many(total, "other") : "nothing that BTF knows of"),
    ),
    h(
      "div",
      { class: "columns" },
      lists
        .filter(({ users }) => users.length)
        .map(({ list, users }) =>
          h(
            "div",
            { class: "uselist", "data-list": list },
            h("h3", {}, TITLES[list], " ", h("small", {}, users.length.toLocaleString("en"))),
            longList(users, drawUser, SHOWN),
          ),
        ),
    ),
  );
}

/** Join the users of both programs by name. */
function merge(sides, lists) {
  const users = new Map();
  lists.forEach((list, side) => {
    for (const user of list) {
      const key = `${sides[side].btf.kind(user.id)} ${user.name} ${sides[side].btf.ordinal(user.id)}`;
      if (!users.has(key)) users.set(key, { ...user, btf: sides[side].btf, in: [] });
      users.get(key).in.push(side);
    }
  });
  return [...users.values()]
    .map((user) => ({ ...user, only: user.in.length < sides.length ? sides[user.in[0]] : null }))
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}

function drawUser(user) {
  return h(
    "li",
    { class: user.only ? (user.only.number ? "added" : "removed") : null },
    h("code", {}, link(user.btf, user.id)),
    user.members.length > 0 &&
      h(
        "span",
        { class: "by", title: user.members.join(", ") },
        user.members.slice(0, 3).join(", "),
        user.members.length > 3 && ` and ${user.members.length - 3} more`,
      ),
    user.only && h("span", { class: "only" }, `only ${user.only.short}`),
  );
}
