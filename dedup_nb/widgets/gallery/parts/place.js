// Where a person is in a gallery, as one plain object that can be kept and put back:
//
//   order, filter  which groups are shown, and in what order; a filter holds only what it limits
//   group, image   the id of the group in focus, and the path of its image
//   size           longest side of the pictures, in pixels
//   full           whether the gallery fills the window
//   compare        null, or how images are compared: {mode, pixels, zoom, x, y}; see lens.js
//
// The kernel has it as the trait `view`. A gallery that is shown again begins there, but never fills
// the window by itself.

import { SIZES } from "./layout.js";
import { attempt } from "./questions.js";
import { pathText } from "./wording.js";

const TOLD_MS = 300; // after a change, until it is told

export class Place {
  constructor(view) {
    this.view = view;
    this.moving = false; // to a place that was set, which never takes the keyboard
  }

  get() {
    const { model, groups, focus, layout, full, compare } = this.view;
    const { order = "found", filter = {} } = model.get("sieve") ?? {};
    const member = this.view.current();
    const group = groups.get(focus)?.id ?? "";
    const image = member ? pathText(member) : "";
    const compared = compare.open ? compare.place() : null;
    return { order, filter, group, image, size: layout.size, full: full.on, compare: compared };
  }

  // Go to a place; what it does not name stays as it is.
  set({ order, filter, group, image, size, full, compare }) {
    const { view } = this;
    this.moving = true;
    this.compare = compare;
    if (SIZES.includes(size)) view.layout.size = size;
    if (full !== undefined) view.full.toggle(full);
    if (compare !== undefined) view.compare.toggle(false);
    view.onResize();
    view.questions.ask("go", { kind: "go", order, filter, group, image });
  }

  // The kernel found the group, and the image among its members.
  onWent({ version, index, at }) {
    const { view, compare } = this;
    view.questions.answered("go");
    if (version === view.version) view.focusOn(index, at ?? undefined);
    const arrive = () => {
      if (compare) view.compare.putAt(compare);
      this.moving = false;
    };
    view.keyboard.act({ act: arrive }); // once the group has come
  }

  // Tell the kernel where the person is, once it has not changed for a moment.
  soon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.tell(), TOLD_MS);
  }

  tell() {
    const { model } = this.view;
    const now = this.get();
    if (this.moving || !now.group || isSame(now, model.get("view"))) return;
    model.set("view", now);
    attempt(() => model.save_changes());
  }

  dispose() {
    clearTimeout(this.timer);
  }
}

const isSame = (a, b) => JSON.stringify(a) === JSON.stringify(b);
