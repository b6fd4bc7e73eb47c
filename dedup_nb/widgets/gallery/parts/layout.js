// Layout arithmetic: which rows and members are in sight, and their sizes.

export const SIZES = [96, 128, 160, 208, 272, 352];
const OVERSCAN = 1; // rows kept above and below those in sight
const GAP = 8;
const HEAD_PX = 30; // height of the head of a row
const TILE_PX = 96; // height of a tile below its picture
const WIDEST = 1.7; // of their height, to which pictures of a small group widen
const CELL_TILES = 3; // images of a group that lie side by side in a cell
const SHRUNK = 0.9; // of their size, to which pictures shrink at most so that one more cell fits
const PADDING_PX = 18; // of a cell, left and right together
const LEAST_TILE_PX = 56;
const CANVAS_PX = 15e6; // browsers limit the height of elements

export const clamp = (value, low, high) => Math.max(low, Math.min(value, high));

// -- rows -----------------------------------------------------------------------------------------

// Groups lie in cells of one size, side by side where the window is wide: `perRow` in a row. All rows
// have the same height. If their total exceeds the limit of an element, the scroll position is scaled:
// `top` always counts pixels from the first row.
export class Layout {
  constructor() {
    this.size = SIZES[1]; // longest side of a picture that a person chose
    this.measure(0, 1, 0, 0);
  }

  // Groups of sets take a row each.
  measure(total, lines, clientWidth, clientHeight) {
    const width = clientWidth || 800;
    const least = CELL_TILES * (SHRUNK * this.size + 2 + GAP) + PADDING_PX;
    this.total = total;
    this.sight = clientHeight || 400;
    this.perRow = lines > 1 ? 1 : Math.max(1, Math.floor(width / least));
    this.cell = Math.floor(width / this.perRow);
    this.width = this.cell - PADDING_PX - GAP;
    const third = Math.floor((this.width + GAP) / CELL_TILES) - GAP - 2;
    this.tile = this.perRow > 1 ? Math.min(this.size, third) : this.size;
    this.fit = Math.max(2, Math.floor((this.width + GAP) / (this.tile + 2 + GAP)));
    this.rowHeight = HEAD_PX + lines * (this.tile + TILE_PX);
    this.tall = Math.ceil(total / this.perRow) * this.rowHeight;
    this.canvasHeight = Math.min(this.tall, CANVAS_PX);
  }

  // The row of a group, counted from the first.
  rowOf(index) {
    return Math.floor(index / this.perRow);
  }

  // Pixels of a group from the left.
  leftOf(index) {
    return (index % this.perRow) * this.cell;
  }

  // The next larger or smaller size of picture.
  resize(step) {
    this.size = SIZES[clamp(SIZES.indexOf(this.size) + step, 0, SIZES.length - 1)];
  }

  // Pixels of `top` per pixel of scrolling.
  scale() {
    if (this.tall <= CANVAS_PX) return 1;
    return (this.tall - this.sight) / (CANVAS_PX - this.sight);
  }

  topAt(scrollTop) {
    return scrollTop * this.scale();
  }

  scrollAt(top) {
    return clamp(top, 0, Math.max(0, this.tall - this.sight)) / this.scale();
  }

  // Whole rows in sight, at least one.
  rows() {
    return Math.max(1, Math.floor(this.sight / this.rowHeight));
  }

  // Groups on a page.
  page() {
    return this.rows() * this.perRow;
  }

  // The first group that is drawn and the one after the last.
  rowsInSight(top) {
    const first = Math.floor(top / this.rowHeight) - OVERSCAN;
    const stop = Math.ceil((top + this.sight) / this.rowHeight) + OVERSCAN;
    const last = this.rowOf(Math.max(0, this.total - 1));
    return [clamp(first, 0, last) * this.perRow, Math.min(this.total, stop * this.perRow)];
  }

  // The top at which a group is fully in sight; unchanged if it already is.
  topShowing(index, top) {
    const at = this.rowOf(index) * this.rowHeight;
    if (at < top) return at;
    if (at + this.rowHeight <= top + this.sight) return top;
    return at - (this.rows() - 1) * this.rowHeight; // whole rows, and part of the next
  }

  // Width and height of the pictures of a group, of which few may use what is left of a line.
  tileBox(group) {
    const size = this.tileSize(group);
    if (group.columns) return [size, size];
    const share = Math.floor((this.width + GAP) / Math.min(group.size, this.fit)) - GAP - 2;
    return [clamp(share, size, Math.floor(WIDEST * size)), size];
  }

  // Side of the pictures of a group. Pictures of sets shrink until every stage fits.
  tileSize({ columns }) {
    if (!columns) return this.tile;
    return clamp(Math.floor((this.width + GAP) / columns) - GAP - 2, LEAST_TILE_PX, this.size);
  }
}

// -- members of a row -----------------------------------------------------------------------------

// A row shows its keeper and, from member `first` on, as many others as fit; a row of sets shows the
// kept set with set number `first` below it.

// Number of members per page.
export const othersIn = (group, fit) => (group.columns ? 1 : Math.max(1, fit - 1));

// The largest `first` that leaves no empty space.
export function lastFirst(group, fit) {
  const last = group.columns
    ? Math.ceil(group.size / group.columns) - 1
    : group.size - othersIn(group, fit);
  return Math.max(1, last);
}

// `first` moved so that member `followed` is in sight; 0 follows none.
export function firstShowing(group, fit, first, followed) {
  const line = group.columns ? Math.floor(followed / group.columns) : followed;
  const low = line - othersIn(group, fit) + 1;
  return clamp(line > 0 ? clamp(first, low, line) : first, 1, lastFirst(group, fit));
}

// Positions of the members in sight.
export function membersShown(group, fit, first) {
  const { columns, size } = group;
  const kept = columns || 1;
  const from = columns ? first * columns : first;
  const count = columns || othersIn(group, fit);
  const shown = Array.from({ length: Math.min(size, kept) }, (unused, at) => at);
  for (let at = from; at < Math.min(size, from + count); at++) shown.push(at);
  return shown;
}

// Whether some members are out of sight.
export function hidesMembers(group, shown) {
  return group.size > (group.columns ? 2 * group.columns : shown.length);
}
