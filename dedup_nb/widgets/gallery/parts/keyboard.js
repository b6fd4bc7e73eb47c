// Turns key presses into actions, and queues keys typed before their group has loaded.

import { SWEEP_KEYS, findIn, findKey } from "./keys.js";

const KEPT_KEYS = 64; // most keys queued while waiting

export class Keyboard {
  constructor(view) {
    this.view = view;
    this.ahead = []; // queued actions
  }

  press(event) {
    const { compare, filter, full, sweep } = this.view;
    if (full.onTab(event)) this.take(event, () => {});
    else if (sweep.isOpen) this.pressInSweep(event);
    else if (event.target.closest("input, select")) {
      if (event.key === "Escape") this.take(event, () => filter.toggle(false));
    } else if (!isLeftAlone(event, compare)) {
      const found = findKey(event, compare.open);
      if (found) this.take(event, () => this.act(found));
    }
  }

  // The keys of the gallery wait behind it; the browser moves among its buttons.
  pressInSweep(event) {
    const found = findIn([SWEEP_KEYS], event);
    if (found) this.take(event, () => found.act(this.view));
    else event.stopPropagation();
  }

  // Handle the key here, so that neither the browser nor JupyterLab acts on it.
  take(event, act) {
    event.preventDefault();
    event.stopPropagation();
    act();
  }

  // Keys act in the order they were typed.
  act({ act, free }) {
    const waits = this.ahead.length || this.view.seek.what;
    if (!waits && (free || this.view.ready())) act(this.view);
    else if (this.ahead.length < KEPT_KEYS) this.ahead.push(act);
    this.view.tellBusy();
  }

  // Carry out queued keys, now that the group in focus has loaded.
  catchUp() {
    while (this.ahead.length && this.view.ready()) this.ahead.shift()(this.view);
    this.view.tellBusy();
  }

  forget() {
    this.ahead = [];
  }
}

// Keys that the browser handles: those of a button in focus, and arrows that scroll the table.
function isLeftAlone({ target, key }, compare) {
  if (target === compare.facts.el && key.startsWith("Arrow")) return true;
  return Boolean(target.closest("button")) && ["Enter", " "].includes(key);
}
