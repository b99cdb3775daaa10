// A layout as a picture: a row a cache line, a block a member, to scale.

import { KIND } from "./btf.js";
import { h, svg } from "./dom.js";
import { LINE, extent, place } from "./layout.js";

const ROW = 26;
/** Cache lines in a row that hold nothing but one member are left out if there are more. */
const MAX_PLAIN = 6;
/** Narrower blocks, in bytes of a line, are not labelled. */
const MIN_LABEL = 2;
/** Pictures end after so many rows; the list goes on. */
const MAX_ROWS = 1200;

/**
 * @typedef {object} Segment what one member takes of one cache line
 * @property {Row} row
 * @property {number} from byte in the line
 * @property {number} to
 * @property {boolean} first whether the member starts here
 */

/**
 * Draw rows.
 * @param {Btf} btf
 * @param {Row[]} rows leaves, in order
 * @param {number} size of it all, in bytes
 * @param {(key: string) => void} choose called when a block is clicked
 * @param {string} label
 */
export function drawMap(btf, rows, size, choose, label) {
  const { lines, cut } = linesOf(rows, size);
  const height = lines.length * ROW;
  const picture = svg(
    "svg",
    { class: "lines", height, role: "img", "aria-label": label },
    hatch(),
  );
  const gutter = h("div", { class: "gutter", "aria-hidden": "true" });
  lines.forEach((line, number) => {
    gutter.append(h("span", {}, line.skipped ? "⋮" : `${line.number * LINE}`));
    picture.append(drawLine(btf, line, number * ROW, size));
  });
  picture.addEventListener("click", (event) => {
    const block = event.target.closest("[data-key]");
    if (block) choose(block.dataset.key);
  });
  return h(
    "div",
    { class: "map" },
    h(
      "div",
      { class: "ruler", "aria-hidden": "true" },
      [0, 8, 16, 24, 32, 40, 48, 56].map((at) => h("span", {}, `${at}`)),
    ),
    h("div", { class: "canvas" }, gutter, picture),
    cut && h("p", { class: "note" }, "The picture ends here; the list of members goes on."),
  );
}

/** Mark the blocks of one row, and no others. */
export function markBlocks(map, key) {
  for (const block of map.querySelectorAll(".block.marked")) block.classList.remove("marked");
  if (key === null) return;
  for (const block of map.querySelectorAll(`[data-key="${CSS.escape(key)}"]`)) {
    block.classList.add("marked");
  }
}

/** Return the class by which a type is coloured. */
export function colour(btf, row) {
  if (row.what !== "member") return "gap";
  if (row.bits) return "bits";
  const id = btf.strip(row.type);
  switch (btf.kind(id)) {
    case KIND.PTR:
      return btf.kind(btf.strip(btf.third(id))) === KIND.FUNC_PROTO ? "call" : "pointer";
    case KIND.STRUCT:
    case KIND.UNION:
      return "struct";
    case KIND.ARRAY:
      return "array";
    default:
      return "number";
  }
}

/** Cut rows at cache lines; leave out lines that look like those around them. */
function linesOf(rows, size) {
  const lines = [];
  const total = Math.max(1, Math.ceil(size / LINE));
  let next = 0;
  for (let number = 0; number < total && lines.length < MAX_ROWS; number++) {
    const start = number * LINE;
    while (next < rows.length && endOf(rows[next]) <= start) next++;
    const inside = [];
    for (let i = next; i < rows.length && rows[i].bitOffset / 8 < start + LINE; i++) {
      const row = rows[i];
      const from = Math.max(row.bitOffset / 8, start);
      const to = Math.min(endOf(row), start + LINE);
      if (to > from)
        inside.push({
          row,
          from: from - start,
          to: to - start,
          first: row.bitOffset / 8 >= start,
        });
    }
    lines.push({ number, segments: inside, skipped: 0 });
    const only =
      inside.length === 1 && inside[0].to - inside[0].from === LINE ? inside[0].row : null;
    const last = only ? Math.floor(endOf(only) / LINE) - 1 : 0;
    if (only && !inside[0].first && last - number > MAX_PLAIN) {
      lines.push({ number: number + 1, segments: [{ ...inside[0] }], skipped: last - number - 1 });
      number = last - 1;
    }
  }
  return { lines, cut: lines.length >= MAX_ROWS };
}

function endOf(row) {
  return (row.bitOffset + row.bitSize) / 8;
}

/** Draw one cache line, or the place where many are left out. */
function drawLine(btf, line, top, size) {
  const percent = (part) => `${(part / LINE) * 100}%`;
  const blocks = line.segments.map(({ row, from, to, first }) => {
    const name = row.what === "member" ? row.name || "{…}" : row.what;
    const skipped = line.skipped ? ` · ${line.skipped.toLocaleString("en")} more lines` : "";
    const text = first || line.skipped ? name + skipped : `… ${name}`;
    return svg(
      "svg",
      {
        class: `block ${colour(btf, row)}${line.skipped ? " skipped" : ""}`,
        x: percent(from),
        y: top,
        width: percent(to - from),
        height: ROW,
        "data-key": row.key,
      },
      svg("title", {}, `${name}: offset ${place(row.bitOffset)}, size ${extent(row.bitSize)}`),
      svg("rect", { x: 0, y: 1, width: "100%", height: ROW - 2, rx: 2 }),
      to - from >= MIN_LABEL && svg("text", { x: 5, y: ROW / 2 + 4 }, text),
    );
  });
  const rest = Math.min(LINE, size - line.number * LINE);
  const outside =
    rest < LINE &&
    svg("rect", {
      class: "outside",
      x: percent(rest),
      y: top + 1,
      width: percent(LINE - rest),
      height: ROW - 2,
    });
  return svg("g", {}, outside, blocks);
}

function hatch() {
  const line = svg("path", { d: "M-1 5 5 -1M1 9 9 1", class: "hatch" });
  const pattern = { id: "hatch", width: 8, height: 8, patternUnits: "userSpaceOnUse" };
  return svg(
    "defs",
    {},
    svg("pattern", pattern, svg("rect", { width: 8, height: 8, class: "hatch-ground" }), line),
  );
}
