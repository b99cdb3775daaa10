// A struct or union: what it takes, its members, and the picture of them.

import { h, many, count } from "./dom.js";
import { layoutOf, numLines } from "./layout.js";
import { drawMap, markBlocks } from "./map.js";
import { drawMembers, focusLine } from "./members.js";
import { leavesOf, linesOf, Unfolded } from "./tree.js";
import { KIND } from "./btf.js";

/** Members of a union that are drawn; each has a picture of its own. */
const MAX_LANES = 40;

/**
 * Show a struct of one program, or of two.
 * @param {object[]} sides {btf, name, number}
 * @param {number[]} ids in each; 0 where it is not
 * @param {string} name
 */
export function drawStruct(sides, ids, name) {
  const unfolded = new Unfolded();
  const section = h("section", {
    class: `layout${sides.length === 2 ? " both" : ""}`,
    "aria-label": "Layout",
  });
  const programs = sides.map((side) => side.btf);
  let maps = [];
  let grid = null;
  const mark = (key) => maps.forEach((map) => markBlocks(map, key));
  const unfold = (key, open) => {
    unfolded.set(key, open);
    render();
    focusLine(grid, key);
  };
  const render = () => {
    const lines = linesOf(programs, ids, unfolded);
    const scene = { lines, sides, label: `Members of ${name}`, unfold, mark };
    grid = drawMembers(scene);
    maps = sides.map((side, i) =>
      ids[i]
        ? picture(side.btf, ids[i], unfolded, (key) => focusLine(grid, key), name)
        : h("p", { class: "note" }, `not in ${side.name}`),
    );
    section.replaceChildren(
      grid,
      h(
        "div",
        { class: "pictures" },
        maps.map((map, i) =>
          h("figure", {}, sides.length === 2 && h("figcaption", {}, sides[i].name), map),
        ),
        legend(),
      ),
    );
  };
  render();
  return section;
}

/** Return the figures of a struct: names and values, as `dwarfless show` counts them. */
export function figures(btf, id) {
  const layout = layoutOf(btf, id);
  const found = [
    ["size", many(layout.size, "byte")],
    ["members", count(btf.vlen(id))],
    ["cache lines", count(numLines(layout.size))],
  ];
  if (layout.holes) found.push(["holes", `${layout.holes}, ${many(layout.holeBytes, "byte")}`]);
  if (layout.bitHoles)
    found.push(["bit holes", `${layout.bitHoles}, ${many(layout.bitHoleBits, "bit")}`]);
  if (layout.padding > 0 && !layout.union) found.push(["padding", many(layout.padding, "byte")]);
  if (layout.bitPadding && !layout.union)
    found.push(["bit padding", many(layout.bitPadding, "bit")]);
  return found;
}

function picture(btf, id, unfolded, choose, name) {
  const size = btf.size(id);
  if (btf.kind(id) !== KIND.UNION) {
    return drawMap(btf, leavesOf(btf, id, unfolded), size, choose, `Memory of struct ${name}`);
  }
  const rows = layoutOf(btf, id).rows.slice(0, MAX_LANES);
  return h(
    "div",
    { class: "lanes" },
    rows.map((row) =>
      drawMap(btf, laneOf(btf, row, unfolded), size, choose, `Memory of ${row.name}`),
    ),
  );
}

/** Return the leaves of one member of a union, which all start at 0. */
function laneOf(btf, row, unfolded) {
  const open = unfolded.isOpen(row) && btf.kind(row.inner) === KIND.STRUCT;
  return open ? leavesOf(btf, row.inner, unfolded, row) : [row];
}

function legend() {
  const kinds = [
    ["number", "number"],
    ["pointer", "pointer"],
    ["call", "function pointer"],
    ["struct", "struct, union"],
    ["array", "array"],
    ["bits", "bitfield"],
    ["gap", "hole, padding"],
  ];
  return h(
    "p",
    { class: "legend", "aria-hidden": "true" },
    kinds.map(([kind, label]) => h("span", {}, h("i", { class: kind }), label)),
  );
}
