// Squares of pictures and of differences: what is here, what is asked for, what cannot be had.

import { Recent } from "./caches.js";

const KEPT_TILES = 240; // about 1 MB each
const SQUARES_ASKED = 16; // squares per request

// A layer is {key} of an image, or {key, other} for the difference of two.
export const layerName = ({ key, other = null }) => (other === null ? `${key}` : `${key}-${other}`);
const tileName = (layer, level, [column, row]) => `${layerName(layer)} ${level} ${column} ${row}`;

export class Tiles {
  // `decode` makes something that can be drawn of bytes, and `onCome` is called when it is here.
  constructor(questions, onCome, decode = decoded) {
    this.questions = questions;
    this.onCome = onCome;
    this.decode = decode;
    this.kept = new Recent(KEPT_TILES, (image) => image.close?.());
    this.awaited = new Set(); // asked for, or being decoded
    this.failed = new Map(); // name of a layer -> why it cannot be shown
    this.asked = 0;
    this.on = true; // whether squares can be had at all
  }

  // A new picture is about to be drawn; what it uses stays here.
  begin() {
    this.inSight = new Set();
  }

  get(layer, level, tile) {
    const name = tileName(layer, level, tile);
    this.inSight?.add(name);
    return this.kept.touch(name);
  }

  whyNot(layer) {
    return this.failed.get(layerName(layer));
  }

  // Ask for what is missing of a list of squares. Returns whether all are here.
  want(layer, level, tiles) {
    if (!this.on || this.whyNot(layer)) return true;
    const missing = tiles.filter((tile) => !this.kept.has(tileName(layer, level, tile)));
    const open = missing.filter((tile) => !this.awaited.has(tileName(layer, level, tile)));
    if (open.length && !this.questions.full("tiles")) this.ask(layer, level, open.slice(0, SQUARES_ASKED));
    return !missing.length;
  }

  ask({ key, other = null }, level, tiles) {
    for (const tile of tiles) this.awaited.add(tileName({ key, other }, level, tile));
    const message = { kind: "tiles", key, other, level, tiles };
    this.questions.ask(`tiles ${this.asked++}`, message);
  }

  // An answer may hold only some of the squares that were asked for.
  async onTiles({ key, other, level, tiles, said }, buffers) {
    const layer = { key, other };
    this.questions.gotTiles(layerName(layer), level, tiles);
    if (said) this.failed.set(layerName(layer), said);
    const spared = this.spared();
    await Promise.all(
      tiles.map(async (tile, k) => {
        const name = tileName(layer, level, tile);
        try {
          if (!said && !this.kept.has(name)) {
            this.kept.set(name, await this.decode(buffers[k]), spared);
          }
        } catch {
          this.failed.set(layerName(layer), "cannot be shown: the browser cannot read it");
        }
        this.awaited.delete(name);
      }),
    );
    this.onCome();
  }

  // A request was never answered: it may be made again.
  onSilence({ key, other, level, tiles }) {
    for (const tile of tiles) this.awaited.delete(tileName({ key, other }, level, tile));
  }

  spared() {
    return (name) => this.inSight?.has(name) ?? false;
  }

  dispose() {
    this.kept.clear();
  }
}

function decoded(buffer) {
  return createImageBitmap(new Blob([buffer]), { colorSpaceConversion: "none" });
}
