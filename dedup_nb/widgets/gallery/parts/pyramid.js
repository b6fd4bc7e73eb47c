// Pictures in squares: a picture is halved `level` times, rounded up, and cut into squares.

import { clamp } from "./layout.js";

export const SQUARE_PX = 512;
const MOST_LEVEL = 16;

// The level at which a picture is just as fine as the screen, or finer.
export function levelFor(scale) {
  return clamp(Math.floor(Math.log2(1 / scale) + 1e-6), 0, MOST_LEVEL);
}

// Width and height of a picture at a level.
export const sizeAt = (size, level) => size.map((side) => Math.max(1, Math.ceil(side / 2 ** level)));

// The squares [first column, first row, last column, last row] that a box of the picture needs, or
// undefined if it lies outside.
export function spanOf(size, level, [left, top, right, bottom]) {
  const at = sizeAt(size, level);
  const [x, y] = at.map((side, k) => side / size[k]);
  const low = [left * x, top * y];
  const high = [right * x, bottom * y];
  if (high[0] <= 0 || high[1] <= 0 || low[0] >= at[0] || low[1] >= at[1]) return undefined;
  const first = low.map((value) => Math.max(0, Math.floor(value / SQUARE_PX)));
  const last = high.map((value, k) =>
    Math.floor((Math.min(at[k], Math.max(1, Math.ceil(value))) - 1) / SQUARE_PX),
  );
  return [...first, ...last];
}

// The squares of a span as pairs of column and row, those in the middle first.
export function tilesOf([left, top, right, bottom]) {
  const tiles = [];
  for (let row = top; row <= bottom; row++) {
    for (let column = left; column <= right; column++) tiles.push([column, row]);
  }
  const far = ([column, row]) => Math.hypot(column - (left + right) / 2, row - (top + bottom) / 2);
  return tiles.toSorted((a, b) => far(a) - far(b));
}
