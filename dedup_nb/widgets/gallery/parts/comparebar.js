// The bar above compared images: which they are, your mark, how they are shown.

import { button, icon, node } from "./dom.js";
import { isPressed } from "./members.js";

const STEP = 1.5; // of the zoom
const MODES = [
  ["both", "Both", "both side by side (b)"],
  ["flicker", "Flicker", "one in the place of the other, in turn (Space)"],
  ["heat", "Difference", "where they differ (h)"],
  ["all", "Survey", "all images of the group (g)"],
];
const MARKS = [
  ["keep", "Keep", "k"],
  ["stage", "Stage", "s"],
];

export class CompareBar {
  constructor(compare) {
    this.compare = compare;
    this.el = node("div", "dnb-bar");
    this.el.append(this.buildPlace(), this.buildMarks(), this.buildModes(), this.buildTools());
  }

  buildPlace() {
    const { compare } = this;
    const place = node("div", "dnb-tools");
    const back = button("‹", "previous image of the group (←)", () => compare.step(-1), "dnb-square");
    const on = button("›", "next image of the group (→)", () => compare.step(1), "dnb-square");
    this.title = node("span", "dnb-title");
    place.append(back, on, this.title);
    return place;
  }

  buildMarks() {
    const marks = node("div", "dnb-marks");
    this.marks = {};
    for (const [mark, word, key] of MARKS) {
      const label = `${word} this image (${key})`;
      this.marks[mark] = button("", label, () => this.compare.toggleMark(mark), `dnb-mark-${mark}`);
      this.marks[mark].append(icon(mark), node("span", "", word));
      marks.append(this.marks[mark]);
    }
    return marks;
  }

  buildModes() {
    const modes = node("div", "dnb-tools");
    modes.setAttribute("role", "group");
    modes.setAttribute("aria-label", "how the images are shown");
    this.modes = {};
    for (const [mode, word, label] of MODES) {
      this.modes[mode] = button(word, label, () => this.compare.show(mode));
      modes.append(this.modes[mode]);
    }
    this.held = button("Hold", "compare the others with this image (l)", () => this.compare.hold());
    this.outlines = button("Outlines", "outline what held the pair back (o)", () =>
      this.compare.toggleOutlines(),
    );
    this.facts = button("Facts", "the table of what differs (t)", () => this.compare.toggleFacts());
    modes.append(this.held, this.outlines, this.facts);
    return modes;
  }

  buildTools() {
    const { compare } = this;
    const { table } = compare;
    const tools = node("div", "dnb-tools");
    this.zoomed = node("span", "dnb-zoom");
    const whole = button("100 %", "one pixel of the picture for one of the screen (1)", () =>
      this.act(() => table.zoomTo(1)),
    );
    const fit = button("Fit", "the whole picture (0)", () => this.act(() => table.zoomToFit()));
    const out = button("−", "zoom out (−)", () => this.act(() => table.zoom(1 / STEP)), "dnb-square");
    const closer = button("+", "zoom in (+)", () => this.act(() => table.zoom(STEP)), "dnb-square");
    this.lock = button("Same pixels", "pictures of different size: same pixels, not place (m)", () =>
      compare.toggleLock(),
    );
    this.full = button("Full window", "fill the window (w)", () => compare.view.full.toggle());
    const close = button("Close", "back to the gallery (Esc)", () => compare.toggle(false));
    tools.append(this.zoomed, out, closer, whole, fit, this.lock, this.full, close);
    return tools;
  }

  act(act) {
    act();
    this.compare.view.takeKeys();
  }

  paint({ mode, outlining, held, table, facts, el }, member, now) {
    el.dataset.mode = mode;
    for (const [name, made] of Object.entries(this.modes)) press(made, name === mode);
    for (const [mark, made] of Object.entries(this.marks)) {
      press(made, isPressed(mark, now));
      made.dataset.whose = member.mark === mark ? "your mark" : "";
    }
    press(this.held, held !== undefined);
    press(this.outlines, outlining);
    press(this.facts, !facts.off);
    press(this.lock, table.lens.pixels);
    press(this.full, this.compare.view.full.on);
    this.facts.disabled = mode === "all";
  }
}

const press = (made, on) => made.setAttribute("aria-pressed", Boolean(on));
