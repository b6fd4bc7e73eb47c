// Reports the scroll position to the kernel, so that a new cut appears at the same place.

import { Recent } from "./caches.js";

const KEPT_LOOKS = 64;
const WAIT_MS = 80; // after a step of the wheel

export class Looks {
  // `base` is the {focus, top} set by the kernel, and `where` returns the current {version, focus}; `top` is the first row in sight.
  constructor(send, base, where, now = () => Date.now()) {
    this.send = send;
    this.base = base;
    this.where = where;
    this.now = now;
    this.number = 0;
    this.places = new Recent(KEPT_LOOKS); // number of a look -> {focus, top}
  }

  look(top) {
    const { version, focus } = this.where();
    clearTimeout(this.timer);
    if (this.last?.version !== version || this.last?.focus !== focus) this.tell(top);
    else if (this.last.top !== top) this.timer = setTimeout(() => this.tell(top), WAIT_MS);
  }

  // Numbers only increase, even if the gallery is displayed again.
  tell(top) {
    const { version, focus } = this.where();
    this.number = Math.max(this.number + 1, this.now());
    this.places.set(this.number, { focus, top });
    this.last = { kind: "look", version, focus, top, number: this.number };
    this.send(this.last);
  }

  // The position the kernel used for the current cut.
  seen(number) {
    return this.places.get(number) ?? this.base;
  }

  // A new cut is shown: earlier positions refer to the previous one.
  restart(base) {
    this.base = base;
    this.places.clear();
  }

  dispose() {
    clearTimeout(this.timer);
  }
}
