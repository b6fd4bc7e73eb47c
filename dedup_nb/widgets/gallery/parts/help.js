// The list of keys on screen, made from the keys themselves.

import { button, node } from "./dom.js";
import { COMPARE_KEYS, GALLERY_KEYS, SWEEP_KEYS, listed } from "./keys.js";

const LEGEND = `A tinted button shows the proposal, a solid one with a border your own mark. \
Nothing moves yet: choices are saved, and files move only when you stage a plan.`;

export class Help {
  // `opener` is the button that opens it.
  constructor(view, opener) {
    this.view = view;
    this.opener = opener;
    this.el = node("div", "dnb-help");
    this.el.setAttribute("role", "dialog");
    this.el.setAttribute("aria-label", "keys");
    this.el.hidden = true;
    this.close = button("Close", "close (Esc)", () => this.toggle(false));
    this.gallery = section("In the gallery", GALLERY_KEYS);
    this.compare = section("While comparing", COMPARE_KEYS);
    const sweep = section("While accepting many groups", SWEEP_KEYS);
    this.el.append(this.close, this.gallery, this.compare, sweep, node("p", "", LEGEND));
  }

  toggle(open = this.el.hidden) {
    this.el.hidden = !open;
    this.opener.setAttribute("aria-expanded", open);
    if (!open) return this.view.takeKeys();
    if (this.view.compare.open) this.gallery.before(this.compare);
    else this.compare.before(this.gallery);
    this.el.scrollTop = 0;
    return this.close.focus({ preventScroll: true });
  }
}

function section(title, entries) {
  const made = node("div");
  made.append(node("b", "", title), keysList(entries));
  return made;
}

function keysList(entries) {
  const list = node("div", "dnb-keys");
  for (const { shown, help } of listed(entries)) {
    const keys = node("span");
    keys.append(
      ...shown.split(" ").map((name) => node(name === "with" ? "span" : "kbd", "", name)),
    );
    list.append(keys, node("span", "", help));
  }
  return list;
}
