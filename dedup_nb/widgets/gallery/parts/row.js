// One group: a head with title and buttons, and the strip of its pictures.

import { button, icon, node } from "./dom.js";
import { clamp, firstShowing, hidesMembers, lastFirst, membersShown, othersIn } from "./layout.js";
import { Tile } from "./tile.js";
import { rowLabel, spanText, stateOf, stateText, whole } from "./wording.js";

export class Row {
  constructor(view, index) {
    this.view = view;
    this.index = index;
    this.first = 1; // first member shown after the keeper
    this.drift = 0; // pixels that the wheel has scrolled sideways
    this.tiles = new Map();
    this.el = node("div", "dnb-row");
    this.el.setAttribute("role", "row");
    this.el.setAttribute("aria-rowindex", index + 1);
    this.el.append(this.buildHead(), this.buildStrip());
  }

  // -- building -----------------------------------------------------------------------------------

  buildHead() {
    const head = node("div", "dnb-head");
    head.setAttribute("role", "presentation");
    this.title = node("span", "dnb-title");
    this.common = node("span", "dnb-common"); // badges that all of its images have
    this.state = node("span", "dnb-state");
    const label = `group ${whole(this.index + 1)}: select every image for the next mark (e)`;
    const place = this.small(whole(this.index + 1), label, () => this.view.selectAll(this.index));
    place.classList.add("dnb-place");
    head.append(place);
    head.append(this.title, this.common, this.state, this.buildTools());
    return head;
  }

  buildTools() {
    const tools = node("span", "dnb-tools");
    this.span = node("span", "dnb-span");
    this.back = this.small("‹", "previous images of this group", () => this.page(-1));
    this.on = this.small("›", "more images of this group", () => this.page(1));
    const not = "not duplicates: nothing in this group moves (d)";
    this.not = this.small("", not, () => this.view.answer(this.index, "not_duplicate"));
    this.not.append("≠", node("span", "dnb-word", "Not duplicates"));
    const accept = "accept this group as shown (Enter)";
    this.accept = this.small("", accept, () => this.view.answer(this.index, "review"));
    this.accept.append(icon("keep"), node("span", "dnb-word", "Accept"));
    tools.append(this.back, this.span, this.on, this.not, this.accept);
    return tools;
  }

  small(text, label, onClick) {
    const made = button(text, label, onClick, "dnb-small");
    made.tabIndex = -1;
    return made;
  }

  buildStrip() {
    this.strip = node("div", "dnb-strip");
    this.strip.setAttribute("role", "presentation");
    this.strip.addEventListener("wheel", (event) => this.onWheel(event), { passive: true });
    return this.strip;
  }

  // -- which members are in sight -----------------------------------------------------------------

  // Page through the members.
  page(pages) {
    const group = this.view.groups.get(this.index);
    this.view.takeKeys();
    if (!group) return;
    this.view.follow = false;
    this.shift(group, pages * othersIn(group, this.view.layout.fit));
  }

  // Sideways scrolling moves the strip one picture at a time.
  onWheel({ deltaX, deltaY }) {
    const group = this.view.groups.get(this.index);
    if (Math.abs(deltaX) < 2 * Math.abs(deltaY) || !group || group.columns) return;
    this.drift += deltaX;
    if (Math.abs(this.drift) < this.view.layout.size) return;
    this.shift(group, Math.sign(this.drift));
    this.drift = 0;
  }

  shift(group, by) {
    this.first = clamp(this.first + by, 1, lastFirst(group, this.view.layout.fit));
    this.paint(group);
    this.view.pump();
  }

  // Positions of the members in sight; the strip follows the focus.
  shown(group) {
    const { focus, member, follow, layout } = this.view;
    const followed = follow && focus === this.index ? member : 0;
    this.first = firstShowing(group, layout.fit, this.first, followed);
    return membersShown(group, layout.fit, this.first);
  }

  // The first member in sight that has not arrived, or undefined.
  lacking(group) {
    return this.shown(group).find((at) => group.members[at] === undefined);
  }

  // -- painting -----------------------------------------------------------------------------------

  // Repaint if anything has changed.
  refresh(group) {
    const { view, index } = this;
    const focused = view.focus === index ? `${view.member} ${view.follow} ${view.every}` : "";
    const { width, fit, tile } = view.layout;
    const now = [view.changes, focused, width, fit, tile, group?.size].join();
    if (this.painted === now && this.group === group) return;
    this.painted = now;
    this.group = group;
    this.paint(group);
  }

  paint(group) {
    this.el.classList.toggle("dnb-current", this.view.focus === this.index);
    this.el.classList.toggle("dnb-waiting", !group);
    if (!group) return; // keep the old content until the answer arrives
    if (this.version !== this.view.version) this.first = 1;
    this.version = this.view.version;
    const shown = this.shown(group);
    this.paintHead(group, shown);
    this.paintStrip(group, shown);
  }

  paintHead(group, shown) {
    this.title.textContent = group.title;
    const common = [...this.view.groups.commonOf(group).badges];
    this.common.textContent = common.join(" · ");
    this.title.title = this.common.title = [group.title, ...common].join(" · ");
    this.paintState(group);
    this.paintSpan(group, shown);
    this.not.setAttribute("aria-pressed", group.answered);
    this.accept.setAttribute("aria-pressed", group.accepted);
    this.el.setAttribute("aria-label", rowLabel(group, this.index, this.state.textContent));
  }

  paintState(group) {
    const word = stateText(group);
    this.el.dataset.state = stateOf(group);
    this.state.replaceChildren();
    if (!word) return;
    this.state.append(group.answered ? "≠" : icon("keep"), node("span", "dnb-word", word));
    this.state.title = word;
  }

  paintSpan(group, shown) {
    const hidden = hidesMembers(group, shown);
    this.back.hidden = this.on.hidden = !hidden;
    this.back.disabled = this.first <= 1;
    this.on.disabled = shown[shown.length - 1] >= group.size - 1;
    this.span.textContent = spanText(group, this.first, shown, hidden);
    this.span.classList.toggle("dnb-word", !hidden); // what can be seen anyway
  }

  paintStrip(group, shown) {
    const { columns } = group;
    this.strip.classList.toggle("dnb-sets", Boolean(columns));
    this.strip.style.gridTemplateColumns = columns ? `repeat(${columns}, max-content)` : "";
    const before = this.tiles;
    this.tiles = new Map();
    const wanted = shown.map((at) => this.place(group, at, before)).filter(Boolean);
    const there = [...this.strip.children];
    if (wanted.length !== there.length || wanted.some((el, k) => el !== there[k])) {
      this.strip.replaceChildren(...wanted);
    }
  }

  // The element at a position of the strip, or undefined until its member arrives.
  place(group, at, before) {
    const member = group.members[at];
    if (member === null) return this.gap(group);
    if (!member) return undefined;
    const tile = before.get(at) ?? new Tile(this.view, this, at);
    tile.paint(group, member);
    this.tiles.set(at, tile);
    return tile.el;
  }

  // Placeholder for a stage that a set does not have.
  gap(group) {
    const size = this.view.layout.tileSize(group);
    const made = node("div", "dnb-gap", "stage missing");
    made.style.width = `${size + 2}px`;
    made.style.height = `${size}px`;
    return made;
  }
}
