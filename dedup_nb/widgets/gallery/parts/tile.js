// One picture of a group, with its buttons, its name and its badges.

import { chipsOf, chosen } from "./chips.js";
import { metaParts, whenText } from "./differing.js";
import { button, icon, node, setSource } from "./dom.js";
import { isPressed, keeperOf, standing } from "./members.js";
import { nameParts, shortText, tileLabel, toldOf, tooltip, whoseMark } from "./wording.js";

export class Tile {
  constructor(view, row, at) {
    this.view = view;
    this.row = row;
    this.at = at; // position among the members of the group
    this.el = node("div", "dnb-tile");
    this.el.setAttribute("role", "gridcell");
    this.chips = node("div", "dnb-chips");
    this.meta = node("div", "dnb-meta");
    this.el.append(this.buildPicture(), this.buildMarks(), this.chips, this.buildName(), this.meta);
  }

  // -- building -----------------------------------------------------------------------------------

  buildPicture() {
    this.picture = node("div", "dnb-picture");
    this.image = node("img");
    this.image.alt = "";
    this.image.draggable = false;
    this.image.addEventListener("error", () => this.onError());
    this.blank = node("span", "dnb-blank");
    this.picture.append(this.image, this.blank);
    this.picture.addEventListener("click", () => this.view.focusOn(this.row.index, this.at));
    this.picture.addEventListener("dblclick", () => this.view.compare.toggle(true));
    return this.picture;
  }

  buildMarks() {
    const marks = node("div", "dnb-marks");
    this.keep = this.markButton("keep", "Keep");
    this.stage = this.markButton("stage", "Stage");
    this.instead = button("★", "keep this image instead of the keeper (i)", () => {
      this.view.focusOn(this.row.index, this.at);
      this.view.makeKeeper();
    });
    this.instead.classList.add("dnb-instead");
    this.instead.tabIndex = -1;
    marks.append(this.keep, this.stage, this.instead);
    return marks;
  }

  markButton(mark, word) {
    const made = button("", word, () => {
      this.view.focusOn(this.row.index, this.at);
      this.view.mark(this.member.mark === mark ? null : mark);
    });
    made.classList.add(`dnb-mark-${mark}`);
    made.tabIndex = -1; // k and s do the same; the whole grid is one Tab stop
    made.append(icon(mark), node("span", "", word));
    return made;
  }

  buildName() {
    const name = node("div", "dnb-name");
    this.nameParts = ["dnb-start", "dnb-own", "dnb-end"].map((part) => node("span", part));
    name.append(...this.nameParts);
    return name;
  }

  onError() {
    if (this.member) this.view.pictures.missing.add(this.member.key);
    this.paintPicture();
  }

  // -- painting -----------------------------------------------------------------------------------

  paint(group, member) {
    this.member = member;
    const now = standing(member, group);
    this.el.id = this.view.tileId(this.row.index, this.at);
    Object.assign(this.el.dataset, { key: member.key, standing: now, mark: member.mark ?? "" });
    const [width, height] = this.view.layout.tileBox(group);
    this.el.style.width = `${width + 2}px`;
    this.picture.style.height = `${height}px`;
    this.paintMark("keep", this.keep, now);
    this.paintMark("stage", this.stage, now);
    this.paintShape();
    this.paintChips(group, width, this.paintTexts(group, width));
    this.paintPicture();
    const { focus, member: at, every } = this.view;
    const focused = focus === this.row.index && (at === this.at || every === focus);
    this.instead.hidden = !focused || every === focus || member === keeperOf(group, this.at);
    this.instead.setAttribute("aria-label", `Keep ${member.name} instead of the keeper (i)`);
    this.el.classList.toggle("dnb-focus", focused);
    this.el.setAttribute("aria-selected", focused);
  }

  paintMark(mark, made, now) {
    const whose = whoseMark(this.member, mark, now);
    const label = `${mark === "keep" ? "Keep" : "Stage"} ${this.member.name}`;
    made.setAttribute("aria-pressed", isPressed(mark, now));
    made.setAttribute("aria-label", whose ? `${label}, ${whose}` : label);
    made.dataset.whose = whose;
    made.title = whose === "your mark" ? "your mark; click to clear it" : whose;
  }

  // A protected image shows a lock instead of a tick.
  paintShape() {
    const shape = this.member.role === "protected" ? "protected" : "keep";
    if (this.keep.dataset.shape === shape) return;
    this.keep.dataset.shape = shape;
    this.keep.firstChild.replaceWith(icon(shape));
  }

  // Returns the time of the last change if there is no room for it beside the sizes.
  paintTexts(group, width) {
    const common = this.view.groups.commonOf(group);
    const parts = nameParts(this.member.name, common.ends);
    this.nameParts.forEach((part, k) => {
      part.textContent = k ? parts[k] : shortText(parts[k]);
    });
    const keeper = keeperOf(group, this.at);
    const meta = metaParts(this.member, keeper, common);
    const isLong = this.view.ruler.measure(meta.map(([text]) => text).join(" · "), true) > width - 4;
    const left = isLong && whenText(this.member, common) ? meta.pop() : undefined;
    this.meta.replaceChildren(...metaNodes(meta));
    this.el.title = tooltip(this.member);
    this.el.setAttribute("aria-label", tileLabel(group, this.at));
    return left;
  }

  // As many as fit; the rest is told by the line below the groups, and where the mouse rests.
  paintChips(group, width, when) {
    const { groups, ruler } = this.view;
    const chips = chipsOf(group, this.at, groups.commonOf(group).badges, when);
    const { shown, more } = chosen(chips, width, (chip) => ruler.chip(chip));
    this.chips.style.setProperty("--dnb-more", `${more}px`);
    this.chips.replaceChildren(...shown.map(({ text, look }) => node("span", look, text)));
    this.chips.title = toldOf(this.member).join("\n");
  }

  paintPicture() {
    const { pictures } = this.view;
    const url = pictures.get(this.member.key);
    const missing = pictures.missing.has(this.member.key);
    setSource(this.image, missing ? undefined : url);
    this.image.hidden = !url || missing;
    this.blank.textContent = missing ? "no picture" : "";
    this.blank.hidden = !this.image.hidden;
  }
}

function metaNodes(parts) {
  return parts.flatMap(([text, differs], k) => [
    k ? " · " : "",
    node(differs ? "b" : "span", "", text),
  ]);
}
