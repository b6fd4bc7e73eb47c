// Arithmetic of the comparison: one zoom and one place for several pictures of different sizes.

import { clamp } from "./layout.js";
import { apply, chain, inverse, scaleOf } from "./maps.js";

const MOST_ZOOM = 32; // screen pixels per picture pixel
const NEAR = 0.02; // pictures whose scales differ by less are shown at one scale, unresampled

// Sizes are [width, height]: of frames in screen pixels, of pictures in picture pixels. A screen
// pixel is a pixel of the device, of which there are several in a CSS pixel on fine screens.
export class Lens {
  constructor() {
    this.pixels = false; // whether pictures of different sizes are locked by pixels, not by place
    this.fit();
  }

  // The whole picture, as large as the frame allows.
  fit() {
    this.isFit = true;
    this.scale = 1; // screen pixels per pixel of the first picture
    [this.x, this.y] = [0.5, 0.5]; // what is in the middle, as shares of the first picture
  }

  // What can be kept and put back; `zoom` is null where the whole picture is shown.
  place() {
    const { pixels, isFit, scale, x, y } = this;
    return { pixels, zoom: isFit ? null : scale, x, y };
  }

  putAt({ pixels, zoom, x, y }) {
    this.pixels = Boolean(pixels);
    this.fit();
    if (!(zoom > 0 && x >= 0 && y >= 0)) return;
    this.isFit = false;
    [this.scale, this.x, this.y] = [Math.min(zoom, MOST_ZOOM), Math.min(x, 1), Math.min(y, 1)];
  }

  scaleIn(frame, size) {
    return this.isFit ? fittedScale(frame, size) : this.scale;
  }

  // Set the scale; what lies (x, y) screen pixels from the middle of the frame stays there.
  zoomTo(scale, frame, size, [x, y] = [0, 0]) {
    const before = this.scaleIn(frame, size);
    const fitted = fittedScale(frame, size);
    const after = clamp(scale, Math.min(fitted, 1), MOST_ZOOM);
    const [cx, cy] = this.middle(frame, size);
    this.isFit = false;
    this.scale = after;
    this.x = (cx + x / before - x / after) / size[0];
    this.y = (cy + y / before - y / after) / size[1];
    this.keepInside(frame, size);
  }

  // Zoom by a factor; a step across the fitted size stops there.
  zoom(factor, frame, size, at) {
    const fitted = fittedScale(frame, size);
    const before = this.scaleIn(frame, size);
    const after = before * factor;
    const crosses = (before - fitted) * (after - fitted) < 0;
    if (crosses || (after <= fitted && fitted <= 1)) this.fit();
    else this.zoomTo(after, frame, size, at);
  }

  // Move what is seen by screen pixels. Returns whether anything moved.
  move(x, y, frame, size) {
    if (this.isFit) return false;
    const before = [this.x, this.y];
    this.x -= x / this.scale / size[0];
    this.y -= y / this.scale / size[1];
    this.keepInside(frame, size);
    return this.x !== before[0] || this.y !== before[1];
  }

  // A picture is not moved out of its frame, and one that is smaller stays in the middle.
  keepInside(frame, size) {
    const kept = [this.x, this.y].map((share, at) => {
      const half = frame[at] / 2 / (this.scale * size[at]);
      return half >= 0.5 ? 0.5 : clamp(share, half, 1 - half);
    });
    [this.x, this.y] = kept;
  }

  // The pixel of the first picture in the middle of its frame.
  middle(frame, size) {
    if (!this.isFit) this.keepInside(frame, size);
    return this.isFit ? [size[0] / 2, size[1] / 2] : [this.x * size[0], this.y * size[1]];
  }

  // The map from the first picture to the pixels of its frame.
  first(frame, size) {
    return centred(this.middle(frame, size), this.scaleIn(frame, size), frame);
  }

  // The map from another picture to the pixels of its own frame. `to` takes the first to it.
  other(frame, size, to, its, aligned = true) {
    const scale = this.scaleIn(frame, size);
    const whole = fittedScale(frame, its);
    const ratio = Math.abs(scaleOf(to) - 1) < NEAR ? 1 : scaleOf(to);
    if (this.isFit && (!aligned || !this.pixels)) {
      const same = aligned ? Math.min(scale / ratio, whole) : whole;
      return centred([its[0] / 2, its[1] / 2], same, frame);
    }
    const middle = apply(to, this.middle(frame, size));
    return centred(middle, this.pixels ? scale : scale / ratio, frame);
  }

  // The map from another picture to the frame of the first, where it lies on the first.
  over(frame, size, to) {
    return chain(inverse(to), this.first(frame, size));
  }
}

// Whole pixels of the screen, so that at 100 % each shows exactly one pixel of the picture.
function centred([x, y], scale, [width, height]) {
  const [left, top] = [width / 2 - scale * x, height / 2 - scale * y];
  return [scale, 0, Math.round(left), 0, scale, Math.round(top)];
}

export const wheelFactor = (deltaY) => Math.exp(-clamp(deltaY, -200, 200) / 300);

// Screen pixels per pixel of a picture that is fitted to a frame; 1 while unknown.
export function fittedScale([width, height], [w, h]) {
  return w && h && width && height ? Math.min(width / w, height / h) : 1;
}

// Number of columns in which `n` pictures of this shape are largest in a space.
export function bestColumns(n, [width, height], size) {
  let best = 1;
  let most = 0;
  for (let columns = 1; columns <= n; columns++) {
    const frame = [width / columns, height / Math.ceil(n / columns)];
    const scale = fittedScale(frame, size);
    if (scale > most * 1.001) [best, most] = [columns, scale];
  }
  return best;
}
