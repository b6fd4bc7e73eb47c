// The strip of pairs that joined or left with the last move of the slider, nearest first.

import { node } from "./dom.js";
import { Thumbs } from "./thumbs.js";
import { counted } from "./wording.js";

const NONE = "Move the slider to see the pairs that join or leave.";

export class Changed {
  constructor(shown) {
    this.el = node("div", "dnb-changed");
    this.el.setAttribute("role", "group");
    this.el.hidden = !shown;
    this.text = node("span", "dnb-changed-text");
    this.pairs = node("div", "dnb-pairs");
    this.el.append(this.text, this.pairs);
    this.thumbs = new Thumbs();
  }

  paint({ joined, count, pairs = [] }) {
    this.text.textContent = NONE;
    if (count === undefined) return;
    const what = joined ? "joined" : "left";
    this.text.textContent = `${counted(count, "pair", "pairs")} ${what}`;
    this.el.setAttribute("aria-label", `${this.text.textContent} with the last move`);
    this.el.dataset.what = what;
    this.thumbs.clear();
    this.pairs.replaceChildren(...pairs.map((pair) => this.pair(pair)));
  }

  pair([a, b, value, nameA, nameB]) {
    const made = node("span", "dnb-pair");
    made.title = `${nameA}\n${nameB}\n${value}`;
    made.setAttribute("role", "img");
    made.setAttribute("aria-label", `${nameA} and ${nameB}, ${value}`);
    made.append(this.thumbs.add(a), this.thumbs.add(b), node("span", "", value));
    return made;
  }

  paintPictures(pictures) {
    this.thumbs.paint(pictures);
  }

  keys() {
    return this.thumbs.keys();
  }
}
