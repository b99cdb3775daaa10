// Pages that show everything at once: the overview, sizes, and changes.

import { KIND } from "./btf.js";
import { difference } from "./compare.js";
import { bytes, count, h, longList, many } from "./dom.js";
import { address, link } from "./links.js";
import { SIZE_VIEWS, bySection, byHoles, byStruct } from "./sizes.js";
import { drawTiles } from "./tiles.js";

const GROUPS = {
  struct: "structs",
  union: "unions",
  enum: "enums",
  typedef: "typedefs",
  func: "functions",
  var: "variables",
};
const SHOWN = 200;

/** The page one comes to. */
export function drawHome(sides, catalogue, openSearch) {
  return h(
    "article",
    { class: "home" },
    h(
      "header",
      {},
      h("h1", {}, sides.map((side) => side.name).join(" and ")),
      h(
        "p",
        { class: "lead" },
        "Every type, function and variable that BTF tells of. Press ",
        h("kbd", {}, "/"),
        " and type a name, or ",
        h("button", { type: "button", class: "textual", click: openSearch }, "search"),
        ".",
      ),
    ),
    h(
      "div",
      { class: `programs n${sides.length}` },
      sides.map((side, number) => drawProgram(side, number, catalogue)),
    ),
    h("div", { class: "starts" }, starts(sides.at(-1))),
  );
}

function drawProgram(side, number, catalogue) {
  const { btf } = side;
  const sizes = bySection(btf);
  const numbers = Object.entries(GROUPS).map(([group, label]) => {
    let total = 0;
    for (const thing of catalogue.byGroup[group].values()) total += thing.ids[number].length;
    return h("div", {}, h("dd", {}, count(total)), h("dt", {}, label));
  });
  const files = side.levels.map((level, i) => {
    const end = side.levels[i + 1]?.first ?? btf.length;
    return h("li", {}, h("code", {}, level.file), ` ${many(end - level.first, "type")}`);
  });
  return h(
    "section",
    { "aria-label": side.name },
    h("h2", {}, side.name),
    h("ul", { class: "files" }, files),
    h("dl", { class: "numbers" }, numbers),
    sizes.length > 0 && [
      h(
        "h3",
        {},
        "Variables by section ",
        h("small", {}, bytes(sizes.reduce((sum, each) => sum + each.size, 0))),
      ),
      drawTiles(btf, sizes, "bytes").querySelector(".tiles"),
    ],
  );
}

/** Lists of structs that are worth a look. */
function starts(side) {
  const { btf } = side;
  const lists = [
    ["Most used", mostUsed(btf), (each) => many(each.size, "reference")],
    ["Largest", byStruct(btf), (each) => bytes(each.size)],
    ["Most wasted in holes", byHoles(btf), (each) => bytes(each.size)],
  ];
  return lists.map(([title, shares, say]) =>
    h(
      "section",
      { "aria-label": title },
      h("h3", {}, title),
      h(
        "ol",
        {},
        shares
          .slice(0, 8)
          .map((each) =>
            h("li", {}, h("code", {}, link(btf, each.id)), h("small", {}, say(each))),
          ),
      ),
    ),
  );
}

/** Return the structs that most pointers, members and prototypes refer to. */
function mostUsed(btf) {
  const counts = new Uint32Array(btf.length);
  const note = (id) => {
    let target = btf.strip(id);
    for (let depth = 0; depth < 4 && btf.kind(target) === KIND.PTR; depth++)
      target = btf.strip(btf.third(target));
    counts[target]++;
  };
  for (let id = 1; id < btf.length; id++) {
    if (btf.isComposite(id)) btf.members(id).forEach(({ type }) => note(type));
    else if (btf.kind(id) === KIND.FUNC_PROTO) btf.params(id).forEach(({ type }) => note(type));
  }
  return [...counts.keys()]
    .filter((id) => counts[id] && btf.isComposite(id) && btf.name(id))
    .map((id) => ({ id, name: btf.name(id), size: counts[id] }))
    .sort((a, b) => b.size - a.size)
    .slice(0, 8);
}

/** Sizes, in one of the ways to look at them. */
export function drawSizes(sides, way) {
  const view = SIZE_VIEWS[way] ?? SIZE_VIEWS.sections;
  const tabs = Object.entries(SIZE_VIEWS).map(([name, { label }]) =>
    h(
      "a",
      { href: address("sizes", name), "aria-current": view.label === label ? "page" : null },
      label,
    ),
  );
  return h(
    "article",
    { class: "sizes" },
    h(
      "header",
      {},
      h("h1", {}, "Sizes"),
      h("nav", { class: "tabs", "aria-label": "Ways to look at sizes" }, tabs),
    ),
    sides.map((side) =>
      h(
        "section",
        { "aria-label": side.name },
        sides.length > 1 && h("h2", {}, side.name),
        drawTiles(side.btf, view.of(side.btf), view.unit),
      ),
    ),
  );
}

/** What differs between two programs, by group. */
export function drawChanges(sides, catalogue, group) {
  const chosen = group in GROUPS ? group : "struct";
  const tabs = Object.entries(GROUPS).map(([name, label]) =>
    h(
      "a",
      { href: address("changes", name), "aria-current": name === chosen ? "page" : null },
      label,
    ),
  );
  const changes = changesOf(sides, catalogue.byGroup[chosen]);
  const titles = {
    removed: `Only in ${sides[0].short}`,
    changed: "Changed",
    added: `Only in ${sides[1].short}`,
  };
  return h(
    "article",
    { class: "changes" },
    h(
      "header",
      {},
      h("h1", {}, "Changes"),
      h(
        "p",
        { class: "lead" },
        `From ${sides[0].name} to ${sides[1].name}; ${many(changes.same, GROUPS[chosen].slice(0, -1), GROUPS[chosen])} are the same in both.`,
      ),
      h("nav", { class: "tabs", "aria-label": "What to compare" }, tabs),
    ),
    h(
      "div",
      { class: "columns" },
      Object.entries(titles).map(([status, title]) => {
        const row = ({ thing, why }) =>
          h(
            "li",
            {},
            h("code", {}, h("a", { href: address(thing.group, thing.name) }, thing.name)),
            why && h("span", { class: "by" }, why),
          );
        return h(
          "section",
          { class: status, "aria-label": title },
          h("h2", {}, title, " ", h("small", {}, count(changes[status].length))),
          longList(changes[status], row, SHOWN),
        );
      }),
    ),
  );
}

/** Compare all things of a group; of several of a name, the first. */
function changesOf(sides, things) {
  const programs = sides.map((side) => side.btf);
  const found = { removed: [], changed: [], added: [], same: 0 };
  for (const thing of things.values()) {
    const ids = thing.ids.map((list) => list[0]);
    if (!ids[0]) found.added.push({ thing });
    else if (!ids[1]) found.removed.push({ thing });
    else {
      const why = difference(programs, ids);
      if (why) found.changed.push({ thing, why });
      else found.same++;
    }
  }
  for (const list of [found.removed, found.changed, found.added])
    list.sort((a, b) => (a.thing.name < b.thing.name ? -1 : 1));
  return found;
}
