// Turns key presses into actions, and keeps keys that are typed before their group has been loaded.

import { findKey } from "./keys.js";

const KEPT_KEYS = 64; // keys typed ahead of an answer

export class Keyboard {
  constructor(view) {
    this.view = view;
    this.ahead = []; // actions that wait
  }

  press(event) {
    const { compare, filter } = this.view;
    if (event.target.closest("input, select")) {
      if (event.key === "Escape") this.take(event, () => filter.toggle(false));
      return;
    }
    if (event.target === compare.facts.el && event.key.startsWith("Arrow")) return;
    if (event.target.closest("button") && ["Enter", " "].includes(event.key)) return;
    const found = findKey(event, compare.open);
    if (found) this.take(event, () => this.act(found));
  }

  // The key is ours: neither the browser nor JupyterLab acts on it.
  take(event, act) {
    event.preventDefault();
    event.stopPropagation();
    act();
  }

  // Keys act in the order in which they were typed.
  act({ act, free }) {
    if (!this.ahead.length && (free || this.view.ready())) act(this.view);
    else if (this.ahead.length < KEPT_KEYS) this.ahead.push(act);
    this.view.tellBusy();
  }

  // Do what was typed ahead, now that the group in focus is here.
  catchUp() {
    while (this.ahead.length && this.view.ready()) this.ahead.shift()(this.view);
    this.view.tellBusy();
  }

  forget() {
    this.ahead = [];
  }
}
