// Pictures on one light table: panes that are zoomed and moved together.

import { Recent } from "./caches.js";
import { node } from "./dom.js";
import { Lens, bestColumns, wheelFactor } from "./lens.js";
import { SAME, apply, scaleOf } from "./maps.js";
import { Pane, cornersOf } from "./pane.js";
import { Tiles } from "./tiles.js";

const KEPT_SMALL = 200; // thumbnails
const LINE_PX = 33; // where the wheel counts lines
const STILL_PX = 4; // a press that moves less is a click

export class LightTable {
  // `onPick` is called with the position of a pane that was clicked.
  constructor(view, onPick) {
    this.view = view;
    this.lens = new Lens();
    this.tiles = new Tiles(view.questions, () => this.draw());
    this.small = new Recent(KEPT_SMALL);
    this.el = node("div", "dnb-panes");
    this.panes = [];
    this.items = [];
    this.onPick = (at) => !this.dragged && onPick(at);
    this.onZoom = () => {};
    this.listen();
  }

  listen() {
    const on = (event, act, options) => this.el.addEventListener(event, act, options);
    on("wheel", (event) => this.onWheel(event), { passive: false });
    on("pointerdown", (event) => this.onPress(event));
    on("pointermove", (event) => this.onDrag(event));
    on("dblclick", (event) => this.onDouble(event));
    this.observer = new ResizeObserver(() => this.arrange());
    this.observer.observe(this.el);
  }

  dispose() {
    this.observer.disconnect();
    this.tiles.dispose();
  }

  // -- what is shown ------------------------------------------------------------------------------

  // Show items {at, what, name, side, layer, size, to, over, aligned, areas, label, current}. The
  // first picture has the size `size`; `to` takes it to another, which lies `over` it or in its own
  // place. Areas are boxes, as shares of the first picture.
  show(size, items) {
    this.size = size;
    this.items = items;
    while (this.panes.length < items.length) {
      const pane = new Pane(this.onPick);
      this.panes.push(pane);
      this.el.append(pane.el);
    }
    this.panes.forEach((pane, k) => {
      pane.el.hidden = k >= items.length;
      if (k < items.length) this.caption(pane, items[k]);
    });
    this.arrange();
  }

  caption(pane, { at, what, name, label, current }) {
    pane.at = at;
    pane.what.textContent = what;
    pane.name.textContent = name;
    pane.canvas.setAttribute("aria-label", label);
    pane.el.classList.toggle("dnb-focus", Boolean(current));
    if (current) pane.el.setAttribute("aria-current", "true");
    else pane.el.removeAttribute("aria-current");
  }

  // As many columns as make the pictures largest.
  arrange() {
    if (!this.items.length || !this.el.clientWidth) return;
    const space = [this.el.clientWidth, this.el.clientHeight];
    const columns = bestColumns(this.items.length, space, this.size);
    const rows = Math.ceil(this.items.length / columns);
    this.el.style.gridTemplateColumns = `repeat(${columns}, minmax(0, 1fr))`;
    this.el.style.gridTemplateRows = `repeat(${rows}, minmax(0, 1fr))`;
    this.draw();
  }

  // -- drawing ------------------------------------------------------------------------------------

  draw() {
    if (!this.items.length || !this.el.clientWidth) return;
    this.tiles.begin();
    const frames = this.panes.slice(0, this.items.length).map((pane) => pane.measure());
    this.frame = frames.reduce((a, b) => (b[0] * b[1] < a[0] * a[1] ? b : a));
    this.sharp = this.items
      .map((item, k) => this.drawOne(this.panes[k], item, frames[k]))
      .every(Boolean);
    this.onZoom();
  }

  drawOne(pane, item, frame) {
    const map = this.mapOf(item, frame);
    const picture = { layer: item.layer, size: item.size, map, small: this.smallOf(item) };
    const whole = pane.draw(picture, this.tiles);
    const zoomed = `${Math.round(100 * scaleOf(map))} %`;
    pane.side.textContent = [item.side, zoomed].filter(Boolean).join(" · ");
    const place = item.over ? this.lens.first(frame, this.size) : map;
    pane.outline(item.areas.map((box) => this.areaOf(box, item, place)));
    return whole;
  }

  mapOf({ size, to, over, aligned }, frame) {
    if (over) return this.lens.over(frame, this.size, to);
    if (to === SAME) return this.lens.first(frame, this.size);
    return this.lens.other(frame, this.size, to, size, aligned);
  }

  // The corners of an area on the screen; in its own place, a picture is reached by `to`.
  areaOf(box, { to, over }, place) {
    const corners = cornersOf(box, this.size, SAME);
    return corners.map((corner) => apply(place, over ? corner : apply(to, corner)));
  }

  // Ask for the squares of an item that may be shown next.
  prepare(item) {
    const pane = this.panes[this.items.length - 1];
    pane.want(item, this.mapOf({ ...item, over: false }, this.frame), this.tiles);
  }

  // The thumbnail of an image, or undefined until it is here; differences have none.
  smallOf({ layer: { key, other } }) {
    const url = other === undefined ? this.view.pictures.get(key) : undefined;
    if (!url) return undefined;
    if (!this.small.has(key)) {
      const image = new Image();
      image.addEventListener("load", () => this.draw());
      image.src = url;
      this.small.set(key, image);
    }
    const image = this.small.touch(key);
    return image.complete && image.naturalWidth ? image : undefined;
  }

  // -- zoom and place -----------------------------------------------------------------------------

  get zoomed() {
    return Math.round(100 * this.lens.scaleIn(this.frame, this.size));
  }

  change(act) {
    if (!this.items.length || !this.frame) return;
    act(this.lens, this.frame, this.size);
    this.draw();
  }

  zoom(factor, at) {
    this.change((lens, frame, size) => lens.zoom(factor, frame, size, at));
  }

  zoomTo(scale, at) {
    this.change((lens, frame, size) => lens.zoomTo(scale, frame, size, at));
  }

  zoomToFit() {
    this.change((lens) => lens.fit());
  }

  // Move the pictures by CSS pixels.
  move(x, y) {
    const ratio = devicePixelRatio || 1;
    this.change((lens, frame, size) => lens.move(x * ratio, y * ratio, frame, size));
  }

  // Where the pointer is, in pixels of the screen from the middle of its frame.
  spot({ target, clientX, clientY }) {
    const box = target.closest?.(".dnb-frame")?.getBoundingClientRect();
    if (!box) return undefined;
    const ratio = devicePixelRatio || 1;
    const from = [clientX - box.left - box.width / 2, clientY - box.top - box.height / 2];
    return from.map((value) => value * ratio);
  }

  onWheel(event) {
    event.preventDefault();
    const spot = this.spot(event);
    const pixels = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? LINE_PX : 1;
    if (spot) this.zoom(wheelFactor(event.deltaY * pixels), spot);
  }

  onPress(event) {
    if (event.button !== 0) return;
    this.last = [event.clientX, event.clientY];
    this.dragged = false;
  }

  onDrag({ buttons, clientX, clientY, pointerId }) {
    if (!(buttons & 1) || !this.last) return;
    const [x, y] = [clientX - this.last[0], clientY - this.last[1]];
    if (!this.dragged && Math.hypot(x, y) < STILL_PX) return;
    if (!this.dragged) this.el.setPointerCapture(pointerId);
    this.dragged = true;
    this.last = [clientX, clientY];
    this.move(x, y);
  }

  // To 100 % at this place, and back to the whole picture.
  onDouble(event) {
    const spot = this.spot(event);
    if (!spot) return;
    if (this.lens.isFit) this.zoomTo(1, spot);
    else this.zoomToFit();
  }
}
