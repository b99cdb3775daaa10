// Squarified treemaps: areas as numbers say, tiles as square as they get.

/**
 * @typedef {object} Tile
 * @property {number} index which of the values
 * @property {number} x
 * @property {number} y
 * @property {number} width
 * @property {number} height
 */

/**
 * Divide a rectangle.
 *
 * Tiles are laid in strips along the shorter side; a strip grows while that makes its worst tile
 * squarer (Bruls, Huizing, van Wijk: Squarified Treemaps, 2000).
 * @param {number[]} values all above 0; descending, but for a last one that sums up the rest
 * @param {{x: number, y: number, width: number, height: number}} area
 * @returns {Tile[]}
 */
export function squarify(values, area) {
  const total = values.reduce((sum, value) => sum + value, 0);
  const scale = (area.width * area.height) / total;
  const free = { ...area };
  const tiles = [];
  for (let from = 0; from < values.length;) {
    const side = Math.min(free.width, free.height);
    let to = from + 1;
    let sum = values[from] * scale;
    while (to < values.length) {
      const more = sum + values[to] * scale;
      const first = values[from] * scale;
      if (
        worst(first, values[to] * scale, more, side) >
        worst(first, values[to - 1] * scale, sum, side)
      )
        break;
      sum = more;
      to++;
    }
    strip(values, from, to, sum, scale, free, tiles);
    from = to;
  }
  return tiles;
}

/** Return how far from square the worst tile of a strip is: its first or its last. */
function worst(first, last, sum, side) {
  const thickness = sum / side;
  const ratio = (area) => Math.max(area / thickness / thickness, (thickness * thickness) / area);
  return Math.max(ratio(first), ratio(last));
}

/** Lay a strip along the shorter side of what is free, and take it away from there. */
function strip(values, from, to, sum, scale, free, tiles) {
  const wide = free.width >= free.height;
  const thickness = sum / (wide ? free.height : free.width);
  let at = wide ? free.y : free.x;
  for (let index = from; index < to; index++) {
    const length = (values[index] * scale) / thickness;
    tiles.push(
      wide
        ? { index, x: free.x, y: at, width: thickness, height: length }
        : { index, x: at, y: free.y, width: length, height: thickness },
    );
    at += length;
  }
  if (wide) {
    free.x += thickness;
    free.width -= thickness;
  } else {
    free.y += thickness;
    free.height -= thickness;
  }
}
