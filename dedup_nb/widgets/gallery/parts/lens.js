// Arithmetic of the comparison: zooming and moving two pictures together, and their differences.

import { clamp } from "./layout.js";

const MOST_ZOOM = 64;
const HEAT_PX = 1024; // longest side of a heat map
const GRAIN = 12; // of 255; smaller differences are JPEG noise

// Both pictures are fitted to a frame, scaled around its centre, and moved by (x, y) pixels.
export class Lens {
  constructor() {
    this.fit();
  }

  fit() {
    [this.scale, this.x, this.y] = [1, 0, 0];
  }

  // Zoom by a factor around the point (x, y), measured from the centre of the frame.
  zoom(factor, x = 0, y = 0) {
    const scale = clamp(this.scale * factor, 1, MOST_ZOOM);
    const by = scale / this.scale;
    this.x = x + (this.x - x) * by;
    this.y = y + (this.y - y) * by;
    this.scale = scale;
    if (scale === 1) this.fit();
  }

  // Move within a frame of this width and height. Returns whether anything moved.
  move(x, y, width, height) {
    if (this.scale === 1) return false;
    const far = (this.scale - 1) / 2;
    this.x = clamp(this.x + x, -far * width, far * width);
    this.y = clamp(this.y + y, -far * height, far * height);
    return true;
  }

  get transform() {
    return `translate(${this.x}px, ${this.y}px) scale(${this.scale})`;
  }
}

export const wheelFactor = (deltaY) => Math.exp(-clamp(deltaY, -200, 200) / 300);

// Screen pixels per pixel of a picture that is fitted to a frame; 1 while unknown.
export function fittedScale({ clientWidth, clientHeight }, { naturalWidth, naturalHeight }) {
  if (!naturalWidth) return 1;
  return Math.min(clientWidth / naturalWidth, clientHeight / naturalHeight);
}

// Width and height of the heat map of a picture.
export function heatSize({ naturalWidth, naturalHeight }) {
  const shrink = Math.min(1, HEAT_PX / Math.max(naturalWidth, naturalHeight));
  return [naturalWidth, naturalHeight].map((side) => Math.max(1, Math.round(side * shrink)));
}

// Overwrite `a` with its differences from `b`: black if equal, then red, yellow and white. Both are
// RGBA bytes. Returns the number of pixels that differ by more than JPEG noise.
export function heatMap(a, b) {
  let differing = 0;
  for (let at = 0; at < a.length; at += 4) {
    let most = 0;
    for (let c = at; c < at + 3; c++) most = Math.max(most, Math.abs(a[c] - b[c]));
    differing += most > GRAIN;
    const heat = most * 6;
    a.set([heat, heat - 255, heat - 510, 255], at);
  }
  return differing;
}
