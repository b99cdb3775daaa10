// The list of a struct's members: a tree one walks by arrow keys, with one program or two.

import { declare } from "./declare.js";
import { h } from "./dom.js";
import { LINE, extent, place } from "./layout.js";
import { pieces } from "./links.js";

const MARKS = { added: "+", removed: "−", changed: "≠", moved: "↕", same: "" };

/**
 * Show lines.
 * @param {object} scene
 * @param {Line[]} scene.lines
 * @param {object[]} scene.sides programs, as app.js has them
 * @param {string} scene.label
 * @param {(key: string, open: boolean) => void} scene.unfold
 * @param {(key: ?string) => void} scene.mark called with the row that is pointed at or focused
 */
export function drawMembers({ lines, sides, label, unfold, mark }) {
  const grid = h("div", {
    class: `members ${sides.length === 2 ? "two" : "one"}`,
    role: "treegrid",
    "aria-label": label,
    "aria-readonly": "true",
  });
  const seen = sides.map(() => -1);
  grid.append(heads(sides), ...lines.map((line) => drawLine(line, sides, seen)));
  listen(grid, unfold, mark);
  grid.querySelector(".line")?.setAttribute("tabindex", "0");
  return grid;
}

/** Move the focus to a line. */
export function focusLine(grid, key) {
  const line = grid.querySelector(`.line[data-key="${CSS.escape(key)}"]`);
  if (!line) return;
  grid.querySelector('.line[tabindex="0"]')?.setAttribute("tabindex", "-1");
  line.setAttribute("tabindex", "0");
  line.focus();
  line.scrollIntoView({ block: "nearest" });
}

function heads(sides) {
  const cells = sides.flatMap((side, i) => [
    i > 0 && h("span", { class: "cell mark", role: "columnheader", "aria-label": "Difference" }),
    h("span", { class: "cell offset", role: "columnheader" }, "offset"),
    h("span", { class: "cell size", role: "columnheader" }, "size"),
    h(
      "span",
      { class: "cell what", role: "columnheader" },
      sides.length === 2 ? side.name : "member",
    ),
  ]);
  return h("div", { class: "head", role: "row" }, cells);
}

function drawLine(line, sides, seen) {
  const cells = line.rows.flatMap((row, i) => [
    i > 0 &&
      h("span", { class: "cell mark", role: "gridcell", title: line.status }, MARKS[line.status]),
    ...cellsOf(sides[i].btf, row, line, newLine(row, i, seen), i),
  ]);
  const [row] = line.rows.filter(Boolean);
  return h(
    "div",
    {
      class: `line ${line.status} ${row.what}`,
      role: "row",
      tabindex: "-1",
      "data-key": line.key,
      "aria-level": line.depth,
      "aria-expanded": line.inner ? String(line.open) : null,
    },
    cells,
  );
}

/** Return the number of the cache line that a row is the first to start in, or -1. */
function newLine(row, side, seen) {
  if (!row) return -1;
  const number = Math.floor(row.bitOffset / 8 / LINE);
  if (number <= seen[side]) return -1;
  seen[side] = number;
  return number;
}

function cellsOf(btf, row, line, cacheLine, side) {
  const where = `side${side}`;
  if (!row)
    return ["offset", "size", "what"].map((name) =>
      h("span", { class: `cell ${name} ${where} none`, role: "gridcell" }),
    );
  const started =
    cacheLine > 0 ? { "data-line": cacheLine, title: `cache line ${cacheLine}` } : {};
  return [
    h(
      "span",
      { class: `cell offset ${where}`, role: "gridcell", ...started },
      place(row.bitOffset),
    ),
    h("span", { class: `cell size ${where}`, role: "gridcell" }, extent(row.bitSize)),
    h(
      "span",
      { class: `cell what ${where}`, role: "gridcell", style: `--depth:${line.depth - 1}` },
      twist(line, side),
      what(btf, row),
    ),
  ];
}

function twist(line, side) {
  if (!line.inner) return h("span", { class: "twist" });
  const label = `${line.open ? "Fold" : "Unfold"}`;
  // The row itself tells what is open; the button is for the mouse, on the first side.
  return h(
    "button",
    {
      type: "button",
      class: "twist",
      tabindex: "-1",
      "aria-label": label,
      hidden: side > 0 && line.rows[0] !== null,
    },
    line.open ? "▾" : "▸",
  );
}

function what(btf, row) {
  if (row.what === "hole") return h("em", {}, "hole");
  if (row.what === "padding") return h("em", {}, "padding");
  const name = row.bits ? [row.name, ` : ${row.bits}`] : row.name ? [row.name] : [];
  const marked = name.length ? [{ name: name[0] }, ...name.slice(1)] : [];
  return h("code", {}, pieces(btf, declare(btf, row.type, marked)));
}

/** Keys and mouse: arrows walk and unfold, Enter follows the first link. */
function listen(grid, unfold, mark) {
  const lineAt = (event) => event.target.closest(".line");
  grid.addEventListener("click", (event) => {
    const line = lineAt(event);
    if (!line || event.target.closest("a")) return;
    if (line.ariaExpanded !== null) unfold(line.dataset.key, line.ariaExpanded !== "true");
    else focusLine(grid, line.dataset.key);
  });
  grid.addEventListener("pointerover", (event) => mark(lineAt(event)?.dataset.key ?? null));
  grid.addEventListener("pointerleave", () => mark(null));
  grid.addEventListener("focusin", (event) => mark(lineAt(event)?.dataset.key ?? null));
  grid.addEventListener("keydown", (event) => {
    const line = lineAt(event);
    if (!line || event.altKey || event.ctrlKey || event.metaKey) return;
    if (move(grid, line, event.key, unfold)) event.preventDefault();
  });
}

/** Do what a key asks for; return whether it asked for anything. */
function move(grid, line, key, unfold) {
  const lines = [...grid.querySelectorAll(".line")];
  const at = lines.indexOf(line);
  const go = (to) => to && focusLine(grid, to.dataset.key);
  const level = Number(line.ariaLevel);
  switch (key) {
    case "ArrowDown":
      go(lines[at + 1]);
      return true;
    case "ArrowUp":
      go(lines[at - 1]);
      return true;
    case "Home":
      go(lines[0]);
      return true;
    case "End":
      go(lines.at(-1));
      return true;
    case "ArrowRight":
      if (line.ariaExpanded === "false") unfold(line.dataset.key, true);
      else if (line.ariaExpanded === "true") go(lines[at + 1]);
      return true;
    case "ArrowLeft":
      if (line.ariaExpanded === "true") unfold(line.dataset.key, false);
      else go(lines.slice(0, at).findLast((each) => Number(each.ariaLevel) < level));
      return true;
    case "Enter":
      line.querySelector("a")?.click();
      return true;
    default:
      return false;
  }
}
