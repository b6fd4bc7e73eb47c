// The scrolling list of groups: only rows in sight exist, and all have the same height.

import { node, ownKeys } from "./dom.js";
import { Row } from "./row.js";

export class Grid {
  constructor(view, layout) {
    this.view = view;
    this.layout = layout;
    this.rows = new Map(); // index -> row, of those in sight
    this.el = ownKeys(node("div", "dnb-grid"));
    this.el.tabIndex = 0;
    this.el.setAttribute("role", "grid");
    this.el.setAttribute("aria-label", "groups of near-duplicates; press ? for the keys");
    this.canvas = node("div", "dnb-canvas");
    this.canvas.setAttribute("role", "presentation");
    this.empty = node("p", "dnb-empty", "No groups at this threshold.");
    this.el.append(this.canvas, this.empty);
  }

  // -- places -------------------------------------------------------------------------------------

  get isVisible() {
    return this.el.clientHeight > 0; // false while its JupyterLab tab is hidden
  }

  measure(total, lines) {
    this.layout.measure(total, lines, this.el.clientWidth, this.el.clientHeight);
    this.canvas.style.height = `${this.layout.canvasHeight}px`;
    this.empty.hidden = total > 0;
    this.el.setAttribute("aria-rowcount", total);
  }

  get top() {
    return this.layout.topAt(this.el.scrollTop);
  }

  set top(top) {
    this.el.scrollTop = this.layout.scrollAt(top);
  }

  // The first group of the row on top.
  get first() {
    return Math.floor(this.top / this.layout.rowHeight) * this.layout.perRow;
  }

  // Where a group is on the screen, in rows from the top; and back to there.
  placeOf(index) {
    return this.layout.rowOf(index) - this.top / this.layout.rowHeight;
  }

  putAt(index, place) {
    this.top = (this.layout.rowOf(index) - place) * this.layout.rowHeight;
  }

  reveal(index) {
    const now = this.top;
    const top = this.layout.topShowing(index, now);
    if (top !== now) this.top = top;
  }

  // -- rows ---------------------------------------------------------------------------------------

  draw(groups) {
    const { top } = this;
    const shift = this.el.scrollTop - top;
    this.inSight = this.layout.rowsInSight(top);
    const [first, stop] = this.inSight;
    this.dropRowsOutside(first, stop);
    // Bottom up, so that each row is inserted before the one below it.
    for (let index = stop - 1; index >= first; index--) {
      const row = this.rows.get(index) ?? this.addRow(index);
      this.place(row, shift);
      row.refresh(groups.get(index));
    }
  }

  place({ el, index }, shift) {
    const { layout } = this;
    const y = layout.rowOf(index) * layout.rowHeight + shift;
    el.style.transform = `translate(${layout.leftOf(index)}px, ${y}px)`;
    el.style.width = `${layout.cell}px`;
    el.style.height = `${layout.rowHeight}px`;
    el.classList.toggle("dnb-inner", layout.leftOf(index) > 0);
  }

  dropRowsOutside(first, stop) {
    for (const [index, row] of this.rows) {
      if (index >= first && index < stop) continue;
      row.el.remove();
      this.rows.delete(index);
    }
  }

  addRow(index) {
    const row = new Row(this.view, index);
    this.rows.set(index, row);
    const next = this.rows.get(index + 1);
    if (next) next.el.before(row.el);
    else this.canvas.append(row.el);
    return row;
  }

  hasRow(index) {
    return this.rows.has(index);
  }

  // Whether every row in sight has its group.
  isComplete(groups) {
    return [...this.rows.keys()].every((index) => groups.has(index));
  }

  // Pairs of an index and the first member in sight that has not arrived yet.
  lacking(groups) {
    return [...this.rows]
      .filter(([index]) => groups.has(index))
      .map(([index, row]) => [index, row.lacking(groups.get(index))])
      .filter(([, at]) => at !== undefined);
  }

  // The first line of sets below the kept one, in the row of a group.
  lineOf(index) {
    return this.rows.get(index)?.first ?? 1;
  }

  // -- pictures -----------------------------------------------------------------------------------

  tiles() {
    return [...this.rows.values()].flatMap((row) => [...row.tiles.values()]);
  }

  keys() {
    return this.tiles().map(({ member }) => member.key);
  }

  paintPictures(keys) {
    for (const tile of this.tiles()) if (keys.has(tile.member.key)) tile.paintPicture();
  }
}
