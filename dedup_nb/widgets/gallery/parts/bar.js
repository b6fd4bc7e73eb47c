// The bar above the groups: the sums and the buttons.

import { button, node } from "./dom.js";
import { sumsTexts } from "./wording.js";

export class Bar {
  constructor(view) {
    this.view = view;
    this.el = node("div", "dnb-bar");
    this.el.setAttribute("role", "toolbar");
    this.el.setAttribute("aria-label", "review");
    this.sums = node("div", "dnb-sums");
    this.el.append(this.sums, this.buildTools());
  }

  buildTools() {
    const { view } = this;
    const tools = node("div", "dnb-tools");
    this.position = node("span", "dnb-position");
    this.waiting = button("Next call", "next group that waits for your call (y)", () =>
      view.seek.go("waiting"),
    );
    this.sweep = button("Accept all …", "accept many groups, after a look at a sample (a)", () =>
      view.sweep.open("all"),
    );
    this.filter = button("Filter", "filter and order the groups (f)", () => view.filter.toggle());
    this.filter.setAttribute("aria-expanded", false);
    this.compare = button("Compare", "compare with the keeper (c)", () =>
      view.compare.toggle(true),
    );
    this.full = button("Full window", "fill the window (w)", () => view.full.toggle());
    this.undo = button("Undo", "undo the last choice (u)", () => view.undo());
    const smaller = button("−", "smaller pictures (−)", () => view.resize(-1), "dnb-square");
    const larger = button("+", "larger pictures (+)", () => view.resize(1), "dnb-square");
    this.help = button("?", "show the keys (?)", () => view.help.toggle(), "dnb-square");
    tools.append(this.position, this.waiting, this.sweep, this.filter, this.compare, this.full);
    tools.append(this.undo);
    tools.append(smaller, larger, this.help);
    return tools;
  }

  paintFull(on) {
    this.full.setAttribute("aria-pressed", on);
  }

  // `state` holds the sums as the kernel sends them.
  paint(state) {
    this.sums.replaceChildren(...sumsTexts(state).map(sum));
    this.undo.disabled = !state.undoable;
  }
}

function sum([value, what]) {
  const part = node("span");
  part.append(node("b", "", value), ` ${what}`);
  return part;
}
