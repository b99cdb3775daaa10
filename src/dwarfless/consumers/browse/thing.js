// The page of one thing: a type, function, variable or section.

import { KIND } from "./btf.js";
import { align, difference } from "./compare.js";
import { declare } from "./declare.js";
import { count, h, many } from "./dom.js";
import { innerOf } from "./layout.js";
import { address, link, pieces } from "./links.js";
import { drawStruct, figures } from "./struct.js";
import { drawTiles } from "./tiles.js";
import { drawUses } from "./uses.js";
import { sections } from "./sizes.js";

const WORDS = { func: "function", var: "variable", type: "type", section: "section" };
const LINKAGES = ["static", "global", "extern"];

/**
 * Draw the page.
 * @param {object[]} sides all programs
 * @param {Thing} thing
 * @param {number} number which of several of that name
 */
export function drawThing(sides, thing, number) {
  // Where a name stands for fewer types than in the other program, the last is what is meant.
  const ids = thing.ids.map((list) => list[Math.min(number, list.length) - 1] ?? 0);
  const present = sides.filter((_, i) => ids[i]);
  const shown =
    present.length < sides.length ? { sides: present, ids: ids.filter(Boolean) } : { sides, ids };
  return h(
    "article",
    { class: "thing" },
    title(sides, thing, number, ids),
    facts(shown.sides, shown.ids, thing),
    ...body(shown.sides, shown.ids, thing),
  );
}

function title(sides, thing, number, ids) {
  const most = Math.max(...thing.ids.map((list) => list.length));
  const missing = sides.filter((_, i) => !ids[i]);
  const change = missing.length
    ? ""
    : sides.length === 2
      ? difference(
          sides.map((side) => side.btf),
          ids,
        ) || "same in both"
      : "";
  const others = Array.from({ length: most }, (_, i) =>
    h(
      "a",
      {
        href: address(thing.group, thing.name, i + 1),
        "aria-current": i + 1 === number ? "true" : null,
      },
      `${i + 1}`,
    ),
  );
  return h(
    "header",
    {},
    h(
      "h1",
      {},
      h("span", { class: `badge ${thing.group}` }, WORDS[thing.group] ?? thing.group),
      " ",
      thing.name,
    ),
    most > 1 && h("p", { class: "others" }, `${most} of this name: `, others),
    missing.map((side) => h("p", { class: "verdict missing" }, `not in ${side.name}`)),
    change &&
      h("p", { class: `verdict ${change === "same in both" ? "same" : "changed"}` }, change),
  );
}

/** The figures of a thing in each program, side by side. */
function facts(sides, ids, thing) {
  const lists = sides.map((side, i) => factsOf(side, ids[i], thing.group, sides.length === 1));
  const names = [...new Set(lists.flatMap((list) => list.map(([name]) => name)))];
  const maps = lists.map((list) => new Map(list));
  return h(
    "dl",
    { class: "facts" },
    names.map((name) => {
      const values = maps.map((map) => map.get(name) ?? "none");
      const differ = values.length === 2 && textOf(values[0]) !== textOf(values[1]);
      const shown = differ ? [h("del", {}, values[0]), " ", h("ins", {}, values[1])] : values[0];
      return h("div", {}, h("dt", {}, name), h("dd", {}, shown));
    }),
  );
}

function textOf(value) {
  return typeof value === "string" ? value : value.textContent;
}

/** @returns {[string, string | Element][]} names and values */
function factsOf(side, id, group, alone) {
  const { btf } = side;
  const level = side.levels.findLast((each) => each.first <= id);
  const from = alone
    ? [
        ["id", String(id)],
        ["from", level.file],
      ]
    : [];
  const inner = group === "typedef" ? innerOf(btf, id) : id;
  if (btf.isComposite(inner)) return [...figures(btf, inner), ...from];
  switch (btf.kind(id)) {
    case KIND.VAR:
      return [...placeOf(side, id), ["linkage", LINKAGES[btf.rest(id, 0)]], ...from];
    case KIND.FUNC:
      return [
        ["linkage", LINKAGES[btf.vlen(id)]],
        ["parameters", count(btf.vlen(btf.third(id)))],
        ...from,
      ];
    case KIND.DATASEC:
      return [
        ["variables", count(btf.vlen(id))],
        ["size", many(btf.size(id), "byte")],
        ...addressOf(side, btf.name(id), 0),
        ...from,
      ];
    case KIND.FWD:
      return [["size", "unknown: only declared"], ...from];
    default:
      return [["size", many(btf.size(id), "byte")], ...from];
  }
}

/** Return where a variable is. */
function placeOf(side, id) {
  const { btf } = side;
  side.places ??= new Map(
    sections(btf).flatMap(({ id: section, entries }) =>
      entries.map((entry) => [entry.id, { section, ...entry }]),
    ),
  );
  const place = side.places.get(id);
  if (!place) return [["size", many(btf.size(id), "byte")]];
  const section = btf.name(place.section);
  return [
    ["size", many(place.size, "byte")],
    ["section", link(btf, place.section)],
    ["offset", `0x${place.offset.toString(16)}`],
    ...addressOf(side, section, place.offset),
  ];
}

function addressOf(side, section, offset) {
  const found = side.sections[section];
  if (!found) return [];
  const at = `0x${(BigInt(found.address) + BigInt(offset)).toString(16)}`;
  return [[found.perCpu ? "address, per CPU" : "address", at]];
}

function body(sides, ids, thing) {
  const { group, name } = thing;
  if (group === "section")
    return sides.map((side, i) => drawSection(side, ids[i], sides.length > 1));
  const parts = [];
  const inners = ids.map((id, i) =>
    innerOf(sides[i].btf, group === "var" ? sides[i].btf.third(id) : id),
  );
  if (group === "func" || group === "var" || group === "typedef")
    parts.push(drawDeclarations(sides, ids, group));
  if (group === "enum") parts.push(drawValues(sides, ids));
  const nameless = inners.some((inner, i) => inner && !sides[i].btf.name(inner));
  if (group === "struct" || group === "union" || nameless || group === "var") {
    if (inners.some(Boolean)) parts.push(drawStruct(sides, inners, name));
  }
  if (group !== "func" && group !== "var") parts.push(drawUses(sides, ids));
  return parts;
}

/** A function's, variable's or typedef's declaration in C, in each program. */
function drawDeclarations(sides, ids, group) {
  const blocks = sides.map(({ btf, name }, i) => {
    const id = ids[i];
    const list = declare(btf, btf.third(id), [{ name: btf.name(id) }]);
    const tags = group === "func" ? tagsOf(btf, id) : [];
    return h(
      "figure",
      {},
      sides.length === 2 && h("figcaption", {}, name),
      h(
        "pre",
        { class: "declaration", tabindex: "0" },
        h("code", {}, group === "typedef" && "typedef ", pieces(btf, list), ";"),
      ),
      tags.length > 0 && h("p", { class: "note" }, "tagged ", tags.join(", ")),
    );
  });
  const same =
    blocks.length === 2 &&
    blocks[0].querySelector("pre").textContent === blocks[1].querySelector("pre").textContent;
  if (same) blocks[0].querySelector("figcaption").remove();
  return h(
    "section",
    { class: "declarations", "aria-label": "Declaration" },
    same ? blocks[0] : blocks,
  );
}

/** Return the texts of the tags that a function carries as a whole. */
function tagsOf(btf, target) {
  const found = [];
  for (let id = 1; id < btf.length; id++) {
    if (btf.kind(id) !== KIND.DECL_TAG || btf.third(id) !== target) continue;
    if (btf.rest(id, 0) === 0xffffffff) found.push(btf.name(id));
  }
  return found;
}

function drawValues(sides, ids) {
  const lists = sides.map(({ btf }, i) => btf.values(ids[i]));
  const pairs = lists.length === 2 ? align(...lists) : lists[0].map((value) => [value]);
  const hex = (value) => (value < 0n ? "" : `0x${value.toString(16)}`);
  return h(
    "section",
    { class: "values", "aria-label": "Values" },
    h(
      "table",
      {},
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          h("th", {}, "name"),
          sides.map((side) => [
            h("th", {}, sides.length === 2 ? side.short : "value"),
            h("th", {}, "hex"),
          ]),
        ),
      ),
      h(
        "tbody",
        {},
        pairs.map((pair) => {
          const status =
            pair.length < 2 || pair[0]?.value === pair[1]?.value
              ? "same"
              : !pair[0]
                ? "added"
                : !pair[1]
                  ? "removed"
                  : "changed";
          const cells = pair.map((each) => [
            h("td", {}, each ? String(each.value) : ""),
            h("td", {}, each ? hex(each.value) : ""),
          ]);
          return h(
            "tr",
            { class: status },
            h("td", {}, h("code", {}, pair.find(Boolean).name)),
            cells,
          );
        }),
      ),
    ),
  );
}

/** A section: its variables as tiles, and in order. */
function drawSection(side, id, named) {
  const { btf } = side;
  const shares = btf
    .entries(id)
    .filter((entry) => entry.size)
    .map((entry) => ({ name: btf.name(entry.id), size: entry.size, id: entry.id, count: 1 }))
    .sort((a, b) => b.size - a.size);
  return h(
    "section",
    { "aria-label": "Variables" },
    named && h("h2", {}, side.name),
    drawTiles(btf, shares, "bytes"),
  );
}
