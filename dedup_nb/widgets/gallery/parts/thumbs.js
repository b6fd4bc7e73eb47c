// Small pictures outside of tiles, painted once they have arrived.

import { node, setSource } from "./dom.js";

export class Thumbs {
  constructor() {
    this.clear();
  }

  clear() {
    this.images = []; // [key, element] of each picture
  }

  add(key) {
    const made = node("img");
    made.alt = "";
    this.images.push([key, made]);
    return made;
  }

  keys() {
    return this.images.map(([key]) => key);
  }

  paint(pictures) {
    for (const [key, image] of this.images) {
      const url = pictures.get(key);
      if (url) setSource(image, url);
    }
  }
}
