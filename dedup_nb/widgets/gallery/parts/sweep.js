// Accepting many groups at once: all on display or all that are alike, after a look at a sample.

import { button, node, ownKeys } from "./dom.js";
import { firstProposed } from "./members.js";
import { Thumbs } from "./thumbs.js";
import { bytesText, counted } from "./wording.js";

const SOUGHT = { all: "all that are shown", alike: "those like the group in focus" };

export class Sweep {
  // `opener` is the button that opens it.
  constructor(view, opener) {
    this.view = view;
    this.opener = opener;
    this.which = "all";
    this.seed = 1;
    this.thumbs = new Thumbs();
    this.build();
  }

  build() {
    this.el = ownKeys(node("div", "dnb-sweep"));
    this.el.setAttribute("role", "dialog");
    this.el.setAttribute("aria-label", "accept many groups");
    this.el.tabIndex = -1;
    this.el.hidden = true;
    this.title = node("b", "dnb-sweep-title");
    this.told = node("p", "dnb-sweep-told");
    this.told.setAttribute("role", "status");
    this.sample = node("div", "dnb-sample");
    this.sample.setAttribute("role", "group");
    this.sample.setAttribute("aria-label", "a sample of these groups");
    this.el.append(this.title, this.told, this.buildTools(), this.sample);
  }

  buildTools() {
    const tools = node("div", "dnb-tools");
    this.yes = button("Accept", "accept these groups (Enter)", () => this.accept());
    this.again = button("Another sample", "draw another sample (n)", () => this.drawAgain());
    this.ways = Object.entries({ all: "All shown", alike: "Alike" }).map(([which, word]) => {
      const key = which === "all" ? "a" : "Shift+A";
      return [which, button(word, `accept ${SOUGHT[which]} (${key})`, () => this.open(which))];
    });
    const cancel = button("Cancel", "accept nothing (Esc)", () => this.close());
    tools.append(this.yes, this.again, ...this.ways.map(([, way]) => way), cancel);
    return tools;
  }

  get isOpen() {
    return !this.el.hidden;
  }

  open(which) {
    const { view } = this;
    view.compare.toggle(false);
    view.help.toggle(false);
    this.which = which;
    this.seed = 1;
    this.el.hidden = false;
    for (const behind of view.behind()) behind.inert = true;
    this.opener.setAttribute("aria-expanded", true);
    this.el.focus({ preventScroll: true });
    this.ask();
  }

  close() {
    this.el.hidden = true;
    for (const behind of this.view.behind()) behind.inert = false;
    this.opener.setAttribute("aria-expanded", false);
    this.view.takeKeys();
  }

  // -- the question -------------------------------------------------------------------------------

  drawAgain() {
    this.seed++;
    this.ask();
  }

  ask() {
    this.answer = undefined;
    this.title.textContent = `Accept ${SOUGHT[this.which]}`;
    this.told.textContent = "counting …";
    this.thumbs.clear();
    this.sample.replaceChildren();
    this.paintTools();
    this.askNow();
  }

  // Choices come first, as they may accept some of the groups.
  askNow() {
    const { questions, choices, focus, version } = this.view;
    if (!this.isOpen || this.answer || choices.length || questions.has("sweep")) return;
    const { which, seed } = this;
    questions.ask("sweep", { kind: "sweep", which, seed, group: focus, version });
  }

  onSweep(answer) {
    const { view } = this;
    view.questions.answered("sweep");
    const { which, seed, version } = answer;
    if (!this.isOpen || which !== this.which || seed !== this.seed) return;
    if (version !== view.version) return;
    this.answer = answer;
    this.title.textContent = titleText(answer);
    this.told.textContent = sweptText(answer);
    this.sample.replaceChildren(...answer.sample.map((group) => this.figure(group)));
    this.paintPictures(view.pictures);
  }

  // A keeper and the first image that would go for it; a click goes to the group.
  figure(group) {
    const two = [group.members[0], group.members[firstProposed(group)]].filter(Boolean);
    const label = `group ${group.index + 1}, ${group.title}: look at it`;
    const made = button("", label, () => this.goTo(group.index), "dnb-sampled");
    const pictures = node("span", "dnb-two");
    pictures.append(...two.map(({ key }) => this.thumbs.add(key)));
    made.append(pictures, node("span", "", `${group.index + 1} · ${group.title}`));
    return made;
  }

  goTo(index) {
    this.close();
    this.view.focusOn(index);
  }

  // -- painting -----------------------------------------------------------------------------------

  keys() {
    return this.isOpen ? this.thumbs.keys() : [];
  }

  paintPictures(pictures) {
    this.thumbs.paint(pictures);
    this.paintTools();
  }

  // Nothing is accepted before the pictures of the sample are here.
  paintTools() {
    const { answer } = this;
    const here = this.thumbs.keys().every((key) => this.view.pictures.known(key));
    const waited = this.yes.disabled;
    this.yes.disabled = !answer?.count || !here;
    this.yes.textContent = answer ? `Accept ${counted(answer.count, "group", "groups")}` : "Accept";
    this.again.hidden = !answer || answer.sample.length >= answer.count;
    for (const [which, way] of this.ways) way.setAttribute("aria-pressed", which === this.which);
    if (waited && !this.yes.disabled && this.isOpen) this.yes.focus({ preventScroll: true });
  }

  accept() {
    const { which, group, count } = this.answer;
    this.close();
    this.view.decide({ what: "accept_all", which, group, count });
  }
}

// What would be accepted.
export function titleText({ which, count, text, group }) {
  const groups = counted(count, "open group", "open groups");
  if (which === "all") return `Accept all that are shown: ${groups}`;
  return `Accept all that are like group ${group + 1}: ${groups} · ${text}`;
}

// What it leads to, and what it leaves open.
export function sweptText({ count, images, freed_bytes, waiting, waiting_groups }) {
  if (!count) return "Each of these groups is accepted already, or answered.";
  const goes = `${counted(images, "image", "images")} would move, ${bytesText(freed_bytes)} freed.`;
  if (!waiting) return `${goes} No image is left undecided.`;
  const left = `${counted(waiting, "image", "images")} in ${counted(waiting_groups, "group", "groups")}`;
  return `${goes} Accepting leaves ${left} undecided, waiting for you.`;
}
