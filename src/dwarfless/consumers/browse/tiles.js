// A treemap on the page: tiles that can be followed, and a list of the same.

import { bytes, count, h, longList } from "./dom.js";
import { address, groupOf, link } from "./links.js";
import { squarify } from "./treemap.js";

/** Tiles at most, at the first level and inside each of its tiles; the rest is one tile. */
const OUTER = 60;
const INNER = 150;
/** Height of a tile's own label, in pixels. */
const LABEL = 18;
/** Smaller tiles show no name, still smaller ones no parts. */
const NAMED = { width: 44, height: 16 };
const PARTED = { width: 70, height: 56 };
/** Rows of the list that are shown first. */
const LISTED = 25;

/**
 * Draw shares.
 * @param {Btf} btf
 * @param {Share[]} shares descending by size
 * @param {string} unit of their sizes
 */
export function drawTiles(btf, shares, unit) {
  if (!shares.length) return h("p", { class: "note" }, "Nothing here that takes space.");
  const total = shares.reduce((sum, each) => sum + each.size, 0);
  const box = h("div", {
    class: "tiles",
    role: "list",
    "aria-label": `${count(shares.length)} shares of ${count(total)} ${unit}`,
  });
  let drawn = 0;
  const draw = () => {
    const width = box.clientWidth;
    if (!width || width === drawn) return;
    drawn = width;
    const height = Math.max(320, Math.min(560, width * 0.6));
    box.style.height = `${height}px`;
    box.replaceChildren(...place(btf, shares, { x: 0, y: 0, width, height }, OUTER, unit, 0));
  };
  new ResizeObserver(draw).observe(box);
  return h("div", { class: "shares" }, box, drawList(btf, shares, total, unit));
}

function place(btf, shares, area, most, unit, depth) {
  const shown = fold(shares, most);
  return squarify(
    shown.map((each) => each.size),
    area,
  ).map((tile) => {
    const each = shown[tile.index];
    const { x, y, width, height } = tile;
    const style = `left:${x}px;top:${y}px;width:${width}px;height:${height}px`;
    const label = width >= NAMED.width && height >= NAMED.height;
    const parted =
      each.parts && each.count > 1 && width >= PARTED.width && height >= PARTED.height;
    const text = `${each.name}: ${count(each.size)} ${unit}${each.count > 1 ? `, ${count(each.count)} variables` : ""}`;
    const href =
      each.id && groupOf(btf, each.id)
        ? address(groupOf(btf, each.id), btf.name(each.id), btf.ordinal(each.id))
        : null;
    const own = h(
      href ? "a" : "span",
      { href, class: "face", title: text, "aria-label": text },
      label && h("b", {}, each.name),
      label && height >= 34 && !parted && h("small", {}, short(each.size, unit)),
      label && parted && h("small", {}, short(each.size, unit)),
    );
    const inside = parted
      ? place(
          btf,
          each.parts,
          { x: 0, y: 0, width: width - 4, height: height - LABEL - 4 },
          INNER,
          unit,
          depth + 1,
        )
      : [];
    return h(
      "div",
      {
        class: `tile depth${depth}${parted ? " parted" : ""}${each.id ? "" : " rest"}`,
        role: "listitem",
        style,
        "data-hue": tile.index % 6,
      },
      own,
      inside.length > 0 && h("div", { class: "inside", role: "list" }, inside),
    );
  });
}

/** Sum up what would make too many tiles. */
function fold(shares, most) {
  if (shares.length <= most) return shares;
  const rest = shares.slice(most - 1);
  const size = rest.reduce((sum, each) => sum + each.size, 0);
  const several = {
    name: `${count(rest.length)} others`,
    size,
    id: 0,
    count: rest.reduce((sum, each) => sum + each.count, 0),
  };
  return [...shares.slice(0, most - 1), several];
}

function short(size, unit) {
  return unit === "bytes" ? bytes(size) : count(size);
}

function drawList(btf, shares, total, unit) {
  const row = (each) =>
    h(
      "li",
      {},
      h(
        "span",
        { class: "bar", style: `--part:${(100 * each.size) / shares[0].size}%` },
        h("code", {}, each.id ? link(btf, each.id, each.name) : each.name),
      ),
      h("span", { class: "number" }, count(each.size)),
      h("span", { class: "number part" }, `${((100 * each.size) / total).toFixed(1)} %`),
    );
  return h(
    "div",
    { class: "sharelist" },
    h("p", { class: "note" }, `${count(total)} ${unit} in ${count(shares.length)}`),
    longList(shares, row, LISTED),
  );
}
