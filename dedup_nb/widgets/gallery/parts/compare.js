// Two large pictures: the image in focus and its keeper, side by side, alternating or as a heat map.

import { Pictures } from "./caches.js";
import { button, icon, node, ownKeys, setSource } from "./dom.js";
import { Facts } from "./facts.js";
import { Lens, fittedScale, heatMap, heatSize, wheelFactor } from "./lens.js";
import { comparedAfter, isPressed, keeperOf, keptOf, standing } from "./members.js";
import { comparedText, markText, percentText } from "./wording.js";

const KEPT_WHOLE = 8; // full pictures
const SHARP = 2; // screen pixels per picture pixel above which pixels are drawn as squares
const MODES = [
  ["both", "Both", "b"],
  ["flicker", "Flicker", "Space"],
  ["heat", "Difference", "h"],
];
const MARKS = [
  ["keep", "Keep", "k"],
  ["stage", "Stage", "s"],
];

export class Compare {
  constructor(view) {
    this.view = view;
    this.open = false;
    this.pictures = new Pictures(KEPT_WHOLE); // full pictures; those of the view are previews
    this.mode = "both";
    this.lens = new Lens();
    this.facts = new Facts(view);
    this.build();
    this.listen();
  }

  // -- building -----------------------------------------------------------------------------------

  build() {
    this.el = ownKeys(node("div", "dnb-compare"));
    this.el.tabIndex = -1;
    this.el.hidden = true;
    this.el.setAttribute("role", "dialog");
    this.el.setAttribute("aria-label", "compare with the keeper");
    this.el.append(this.buildBar(), this.buildPanes(), this.facts.el);
  }

  buildBar() {
    const bar = node("div", "dnb-bar");
    bar.append(this.buildPlace(), this.buildMarks(), this.buildTools());
    return bar;
  }

  buildPlace() {
    const place = node("div", "dnb-tools");
    const back = button("‹", "previous image of the group (←)", () => this.step(-1), "dnb-square");
    const on = button("›", "next image of the group (→)", () => this.step(1), "dnb-square");
    this.title = node("span", "dnb-title");
    place.append(back, on, this.title);
    return place;
  }

  buildMarks() {
    const marks = node("div", "dnb-marks");
    this.marks = {};
    for (const [mark, word, key] of MARKS) {
      const label = `${word} this image (${key})`;
      this.marks[mark] = button("", label, () => this.toggleMark(mark), `dnb-mark-${mark}`);
      this.marks[mark].append(icon(mark), node("span", "", word));
      marks.append(this.marks[mark]);
    }
    return marks;
  }

  buildTools() {
    const tools = node("div", "dnb-tools");
    this.modes = {};
    for (const [mode, word, key] of MODES) {
      this.modes[mode] = button(word, `${word} (${key})`, () => this.show(mode));
      tools.append(this.modes[mode]);
    }
    this.zoomed = node("span", "dnb-zoom");
    const out = button("−", "zoom out (−)", () => this.zoom(1 / 1.5), "dnb-square");
    const closer = button("+", "zoom in (+)", () => this.zoom(1.5), "dnb-square");
    const close = button("Close", "back to the gallery (Esc)", () => this.toggle(false));
    tools.append(this.zoomed, out, closer, close);
    return tools;
  }

  buildPanes() {
    this.panes = node("div", "dnb-panes");
    this.left = this.buildPane();
    this.right = this.buildPane();
    this.heat = node("canvas", "dnb-heat");
    this.right.frame.append(this.heat);
    this.panes.append(this.left.el, this.right.el);
    return this.panes;
  }

  buildPane() {
    const pane = { el: node("figure", "dnb-pane"), caption: node("figcaption") };
    pane.frame = node("div", "dnb-frame");
    pane.image = node("img");
    pane.image.alt = "";
    pane.image.draggable = false;
    pane.image.addEventListener("load", () => this.place());
    pane.frame.append(pane.image);
    pane.el.append(pane.caption, pane.frame);
    return pane;
  }

  listen() {
    const on = (event, act, options) => this.panes.addEventListener(event, act, options);
    on("wheel", (event) => this.onWheel(event), { passive: false });
    on("pointerdown", ({ pointerId }) => this.panes.setPointerCapture(pointerId));
    on("pointermove", ({ buttons, movementX, movementY }) => {
      if (buttons & 1) this.move(movementX, movementY);
    });
  }

  dispose() {
    this.pictures.dispose();
  }

  // -- opening and choosing -----------------------------------------------------------------------

  toggle(open = !this.open) {
    const group = this.view.groups.get(this.view.focus);
    if (open && (!group || group.size < 2)) return;
    this.open = open;
    this.el.hidden = !open;
    for (const behind of this.view.behind()) behind.inert = open;
    if (open) this.view.help.el.hidden = true;
    if (open) this.step(0);
    this.view.takeKeys();
    this.paint();
  }

  // Close the list of keys if it is open, else the comparison.
  leave() {
    if (this.view.help.el.hidden) this.toggle(false);
    else this.view.help.toggle(false);
  }

  show(mode) {
    this.mode = mode;
    this.second = true;
    this.paint();
    this.view.takeKeys();
  }

  flicker() {
    if (this.mode !== "flicker") return this.show("flicker");
    this.second = !this.second;
    return this.paint();
  }

  toggleMark(mark) {
    this.view.mark(this.view.current()?.mark === mark ? null : mark);
    this.view.takeKeys();
  }

  step(by) {
    const { focus, member, groups } = this.view;
    const group = groups.get(focus);
    if (group) this.view.focusOn(focus, comparedAfter(group, member, by));
  }

  stepGroup(by) {
    this.lens.fit();
    this.view.focusOn(this.view.focus + by, 0);
    const group = this.view.groups.get(this.view.focus);
    this.view.focusOn(this.view.focus, group ? keptOf(group) : 1);
  }

  // -- painting -----------------------------------------------------------------------------------

  paint() {
    if (!this.open) return;
    const group = this.view.groups.get(this.view.focus);
    const member = this.view.current();
    if (!group || !member) return;
    const keeper = keeperOf(group, this.view.member) ?? member;
    this.title.textContent = comparedText(group, this.view.member);
    this.paintPane(this.left, keeper, "keeper", group);
    const flipped = this.mode === "flicker" && !this.second;
    this.paintPane(this.right, flipped ? keeper : member, flipped ? "keeper" : member.value, group);
    this.facts.paint(keeper, member, group);
    this.paintButtons(member, standing(member, group));
    this.place();
  }

  paintPane(pane, member, what, group) {
    const { key, name } = member;
    const texts = [node("b", "", what), node("bdi", "", name)];
    pane.caption.replaceChildren(...texts, node("span", "", markText(member, group)));
    setSource(pane.image, this.pictures.get(key) ?? this.view.pictures.get(key));
    pane.key = key;
    this.ask(key);
  }

  paintButtons(member, now) {
    this.el.dataset.mode = this.mode;
    this.heat.hidden = this.mode !== "heat";
    for (const [mode, made] of Object.entries(this.modes)) {
      made.setAttribute("aria-pressed", mode === this.mode);
    }
    for (const [mark, made] of Object.entries(this.marks)) {
      made.setAttribute("aria-pressed", isPressed(mark, now));
      made.dataset.whose = member.mark === mark ? "your mark" : "";
    }
  }

  // -- whole pictures and facts -------------------------------------------------------------------

  ask(key) {
    const { model, questions } = this.view;
    const name = imageName(key);
    if (!model.get("can_compare") || this.pictures.has(key) || questions.has(name)) return;
    questions.ask(name, { kind: "image", key });
  }

  onImage({ key, said }, [buffer]) {
    this.view.questions.answered(imageName(key));
    if (said) this.view.complain(said);
    if (!buffer || this.pictures.has(key)) return;
    const shown = [this.left.key, this.right.key];
    this.pictures.put(key, buffer, (old) => shown.includes(old), "");
    this.paint();
  }

  onFacts(message) {
    this.facts.onFacts(message);
    this.paint();
  }

  // -- zoom and place -----------------------------------------------------------------------------

  zoom(factor, x, y) {
    this.lens.zoom(factor, x, y);
    this.place();
  }

  zoomToFit() {
    this.lens.fit();
    this.place();
  }

  zoomOneToOne() {
    this.zoom(1 / this.ratio());
  }

  move(x, y) {
    const { clientWidth, clientHeight } = this.right.frame;
    if (this.lens.move(x, y, clientWidth, clientHeight)) this.place();
  }

  onWheel(event) {
    event.preventDefault();
    const box = event.target.closest(".dnb-frame")?.getBoundingClientRect();
    if (!box) return;
    const x = event.clientX - box.left - box.width / 2;
    const y = event.clientY - box.top - box.height / 2;
    this.zoom(wheelFactor(event.deltaY), x, y);
  }

  // Screen pixels for one pixel of the keeper.
  ratio() {
    return fittedScale(this.right.frame, this.left.image) * this.lens.scale;
  }

  place() {
    const ratio = this.ratio();
    for (const image of [this.left.image, this.right.image, this.heat]) {
      image.style.transform = this.lens.transform;
      image.classList.toggle("dnb-sharp", ratio > SHARP);
    }
    const known = this.pictures.has(this.left.key); // the scale is unknown while only a preview is loaded
    this.zoomed.textContent = known ? `${Math.round(100 * ratio)} %` : "preview";
    if (this.mode === "heat") this.paintHeat();
  }

  // -- heat map -----------------------------------------------------------------------------------

  paintHeat() {
    const images = [this.left.image, this.right.image];
    const name = images.map(({ src }) => src).join();
    if (images.some((image) => !isLoaded(image)) || this.heated === name) return;
    this.heated = name;
    const [width, height] = heatSize(this.left.image);
    const [a, b] = images.map((image) => pixelsOf(image, width, height));
    const differing = heatMap(a.data, b.data);
    Object.assign(this.heat, { width, height });
    this.heat.getContext("2d").putImageData(a, 0, 0);
    this.heat.setAttribute("aria-label", "difference");
    this.sayDiffering((100 * differing) / (width * height));
  }

  sayDiffering(percent) {
    const text = `${percentText(percent)} % of the pixels differ`;
    this.view.say(text);
    this.right.caption.append(node("span", "", text));
  }
}

const imageName = (key) => `image ${key}`;
const isLoaded = ({ complete, naturalWidth }) => complete && naturalWidth > 0;

function pixelsOf(image, width, height) {
  const canvas = Object.assign(node("canvas"), { width, height });
  const paper = canvas.getContext("2d", { willReadFrequently: true });
  paper.drawImage(image, 0, 0, width, height);
  return paper.getImageData(0, 0, width, height);
}
