// One frame of the comparison: a picture drawn from its squares, with its caption and its outlines.

import { drawn, node } from "./dom.js";
import { apply, boxOf, chain, inverse, moved, scaleOf, scaled } from "./maps.js";
import { SQUARE_PX, levelFor, sizeAt, spanOf, tilesOf } from "./pyramid.js";

const SHARP = 2; // screen pixels per picture pixel from which on pixels are drawn as squares
const AHEAD_PX = 96; // of the screen, beyond the frame, so that moving shows no gaps
const COARSER = 5; // levels that may stand in until the right one is here

export class Pane {
  constructor(onPick) {
    this.el = node("figure", "dnb-pane");
    this.caption = node("figcaption");
    this.what = node("b");
    this.name = node("bdi");
    this.side = node("span");
    this.caption.append(this.what, this.name, this.side);
    this.frame = node("div", "dnb-frame");
    this.canvas = node("canvas");
    this.canvas.setAttribute("role", "img");
    this.outlines = drawn("svg", { class: "dnb-outlines", "aria-hidden": "true" });
    this.why = node("p", "dnb-whynot");
    this.frame.append(this.canvas, this.outlines, this.why);
    this.el.append(this.caption, this.frame);
    this.el.addEventListener("click", () => onPick(this.at));
  }

  // Width and height of the frame in pixels of the screen.
  measure() {
    const ratio = devicePixelRatio || 1;
    const box = this.frame.getBoundingClientRect();
    const size = [box.width, box.height].map((side) => Math.max(0, Math.floor(side * ratio + 0.01)));
    this.ratio = ratio;
    if (this.canvas.width !== size[0] || this.canvas.height !== size[1]) {
      Object.assign(this.canvas, { width: size[0], height: size[1] });
      this.canvas.style.width = `${size[0] / ratio}px`;
      this.canvas.style.height = `${size[1] / ratio}px`;
    }
    return size;
  }

  // Draw a layer of a picture. `map` takes it to the screen, `small` is its thumbnail, if there is
  // one. Returns whether it is as fine as it can be.
  draw({ layer, size, map, small }, tiles) {
    const paper = this.canvas.getContext("2d");
    const frame = [this.canvas.width, this.canvas.height];
    paper.setTransform(1, 0, 0, 1, 0, 0);
    paper.clearRect(0, 0, ...frame);
    this.why.textContent = tiles.whyNot(layer) ?? "";
    this.why.hidden = !this.why.textContent;
    const { whole, span, level } = this.want({ layer, size }, map, tiles);
    if (!span) return true;
    const scale = scaleOf(map);
    const [sheet, left, top] = this.compose({ layer, size, small }, level, span, tiles);
    const at = sizeAt(size, level);
    const back = scaled(size[0] / at[0], size[1] / at[1]);
    const [a, b, c, d, e, f] = chain(chain(moved(left, top), back), map);
    paper.setTransform(a, d, b, e, c, f);
    paper.imageSmoothingEnabled = scale < SHARP && !isWhole([a, b, c, d, e, f]);
    paper.imageSmoothingQuality = "high";
    paper.drawImage(sheet, 0, 0);
    return whole;
  }

  // Ask for the squares of a layer that this frame shows under a map.
  want({ layer, size }, map, tiles) {
    const frame = [this.canvas.width, this.canvas.height];
    const level = levelFor(scaleOf(map));
    const seen = [-AHEAD_PX, -AHEAD_PX, frame[0] + AHEAD_PX, frame[1] + AHEAD_PX];
    const span = frame[0] && frame[1] && spanOf(size, level, boxOf(inverse(map), seen));
    return { span, level, whole: !span || tiles.want(layer, level, tilesOf(span)) };
  }

  // Squares side by side at their own size, so that no seam shows when they are scaled.
  compose({ layer, size, small }, level, span, tiles) {
    const at = sizeAt(size, level);
    const [left, top] = [span[0] * SQUARE_PX, span[1] * SQUARE_PX];
    const width = Math.min(at[0], (span[2] + 1) * SQUARE_PX) - left;
    const height = Math.min(at[1], (span[3] + 1) * SQUARE_PX) - top;
    this.sheet ??= document.createElement("canvas");
    Object.assign(this.sheet, { width, height }); // also clears it
    const paper = this.sheet.getContext("2d");
    const here = tilesOf(span).map((tile) => [tile, tiles.get(layer, level, tile)]);
    if (here.some(([, image]) => !image)) {
      if (small) paper.drawImage(small, -left, -top, ...at);
      for (let coarse = level + COARSER; coarse > level; coarse--) {
        this.layCoarse(paper, layer, size, level, coarse, [left, top, width, height], tiles);
      }
    }
    for (const [[column, row], image] of here) {
      if (!image) continue;
      const place = [column * SQUARE_PX - left, row * SQUARE_PX - top];
      paper.clearRect(...place, image.width, image.height);
      paper.drawImage(image, ...place);
    }
    return [this.sheet, left, top];
  }

  layCoarse(paper, layer, size, level, coarse, [left, top, width, height], tiles) {
    const [fine, rough] = [sizeAt(size, level), sizeAt(size, coarse)];
    const [x, y] = [fine[0] / rough[0], fine[1] / rough[1]];
    const [w, h] = [size[0] / fine[0], size[1] / fine[1]];
    const box = [left * w, top * h, (left + width) * w, (top + height) * h];
    const span = spanOf(size, coarse, box);
    for (const [column, row] of span ? tilesOf(span) : []) {
      const image = tiles.get(layer, coarse, [column, row]);
      if (!image) continue;
      const place = [column * SQUARE_PX * x - left, row * SQUARE_PX * y - top];
      paper.drawImage(image, ...place, image.width * x, image.height * y);
    }
  }

  // Outline areas, each a list of corners in pixels of the screen.
  outline(areas) {
    const points = areas.map((corners) =>
      corners.map((corner) => corner.map((value) => (value / this.ratio).toFixed(1)).join()).join(" "),
    );
    if (this.outlined === points.join(";")) return;
    this.outlined = points.join(";");
    this.outlines.replaceChildren(
      ...points.flatMap((text) =>
        ["dnb-under", "dnb-over"].map((name) => drawn("polygon", { points: text, class: name })),
      ),
    );
  }
}

// The corners of a box that is given as shares of a picture, on the screen.
export function cornersOf([left, top, right, bottom], [width, height], map) {
  return [
    [left, top],
    [right, top],
    [right, bottom],
    [left, bottom],
  ].map(([x, y]) => apply(map, [x * width, y * height]));
}

const isWhole = ([a, b, c, d, e, f]) =>
  a === 1 && b === 0 && d === 0 && e === 1 && Number.isInteger(c) && Number.isInteger(f);
