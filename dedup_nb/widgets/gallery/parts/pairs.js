// How images lie beside each other, as the kernel has told: at first roughly, then exactly.

import { Recent } from "./caches.js";
import { SAME, fromCentres } from "./maps.js";

const KEPT_PAIRS = 200;
const ITSELF = {
  to: SAME,
  aligned: true,
  text: "",
  differing: null,
  boxes: [],
  outlined: "",
  fine: true,
};

export class Pairs {
  constructor(questions) {
    this.questions = questions;
    this.known = new Recent(KEPT_PAIRS);
  }

  // The best that is known of two images, or undefined; `fine` asks for an exact alignment.
  get(a, b, fine) {
    if (a === b) return ITSELF;
    const near = this.known.touch(nameOf(a, b, false));
    const exact = this.known.touch(nameOf(a, b, true));
    if (!near && !exact) this.ask(a, b, false);
    if (fine && near && !exact) this.ask(a, b, true);
    return exact ?? near;
  }

  ask(a, b, fine) {
    const name = nameOf(a, b, fine);
    // few at a time, so that a choice does not wait behind pairs that were passed by
    if (this.questions.has(name) || this.questions.full("pair")) return;
    this.questions.ask(name, { kind: "pair", a, b, fine });
  }

  onPair({ a, b, fine, said, matrix, ...told }) {
    const name = nameOf(a, b, fine);
    this.questions.answered(name);
    if (!said) return this.known.set(name, { ...told, to: fromCentres(matrix), fine });
    // `to` is unknown then: whoever shows them stretches one to the size of the other
    const near = this.known.get(nameOf(a, b, false)) ?? { ...ITSELF, aligned: false, to: undefined };
    return this.known.set(name, { ...near, text: said, fine: true });
  }
}

const nameOf = (a, b, fine) => `pair ${a} ${b} ${fine}`;
