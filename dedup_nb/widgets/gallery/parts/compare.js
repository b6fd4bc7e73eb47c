// Images of a group, large: two side by side, in turn, or as their difference; or all of them.

import { CompareBar } from "./comparebar.js";
import { node, ownKeys } from "./dom.js";
import { Facts } from "./facts.js";
import { LightTable } from "./lighttable.js";
import { SAME, stretched } from "./maps.js";
import { besideOf, comparedAfter, firstProposed, neighbourOf, placesOf, standing } from "./members.js";
import { Pairs } from "./pairs.js";
import { comparedText, markText, paneLabel, roleText, toldText } from "./wording.js";

const WAYS = new Set(["both", "flicker", "heat", "all"]);
const SURVEYED = 12; // most images of a survey at once
const REST_MS = 150; // after which a pair is aligned exactly, which takes the kernel some time

export class Compare {
  constructor(view) {
    this.view = view;
    this.open = false;
    this.mode = "both"; // "both", "flicker", "heat" or "all"
    this.second = true; // which of the two flickers
    this.outlining = true;
    this.facts = new Facts(view);
    this.pairs = new Pairs(view.questions);
    this.table = new LightTable(view, (at) => this.pick(at));
    this.table.tiles.on = view.model.get("can_compare");
    this.build();
  }

  // -- building -----------------------------------------------------------------------------------

  build() {
    this.el = ownKeys(node("div", "dnb-compare"));
    this.el.tabIndex = -1;
    this.el.hidden = true;
    this.el.setAttribute("role", "dialog");
    this.el.setAttribute("aria-label", "compare images");
    this.bar = new CompareBar(this);
    this.told = node("p", "dnb-told");
    this.told.setAttribute("role", "status");
    this.table.onZoom = () => this.paintZoom();
    this.el.append(this.bar.el, this.table.el, this.told, this.facts.el);
  }

  dispose() {
    clearTimeout(this.restTimer);
    this.table.dispose();
  }

  // -- opening and choosing -----------------------------------------------------------------------

  toggle(open = !this.open) {
    const group = this.view.groups.get(this.view.focus);
    if (open && (!group || group.size < 2)) return;
    if (open && this.mode === "all") this.mode = "both";
    this.open = open;
    this.el.hidden = !open;
    for (const behind of this.view.behind()) behind.inert = open;
    if (open) this.view.help.el.hidden = true;
    this.view.takeKeys();
    this.view.draw();
  }

  // Close the list of keys if it is open, else the comparison.
  leave() {
    if (this.view.help.el.hidden) this.toggle(false);
    else this.view.help.toggle(false);
  }

  leaveForFilter() {
    this.toggle(false);
    this.view.filter.toggle(true);
  }

  // How images are compared, for `Place`; and back to there.
  place() {
    return { mode: this.mode, ...this.table.lens.place() };
  }

  putAt({ mode, ...place }) {
    this.toggle(true);
    if (!this.open) return;
    this.table.lens.putAt(place);
    this.show(WAYS.has(mode) ? mode : "both");
  }

  show(mode) {
    this.mode = mode;
    this.second = true;
    this.view.takeKeys();
    this.view.draw();
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
    if (!group) return;
    const next =
      this.mode === "all"
        ? neighbourOf(group, member, by)
        : comparedAfter(group, member, by, this.heldIn(group));
    this.view.focusOn(focus, next);
  }

  stepGroup(by) {
    this.view.focusOn(this.view.focus + by);
  }

  // An image of a survey was clicked.
  pick(at) {
    if (this.mode === "all" && at !== undefined) this.view.focusOn(this.view.focus, at);
    else this.view.takeKeys();
  }

  // Compare the others with this image, or with the keeper again.
  hold() {
    const group = this.view.groups.get(this.view.focus);
    const { member } = this.view;
    if (!group) return;
    if (this.heldIn(group) === undefined) {
      const left = besideOf(group, member);
      this.held = group.members[member].key;
      this.view.focusOn(this.view.focus, left === member ? comparedAfter(group, left, 0) : left);
    } else {
      this.held = undefined;
      this.view.draw();
    }
  }

  // The position of the image that you chose to compare with, if it is in this group.
  heldIn(group) {
    const at = group.members.findIndex((member) => member && member.key === this.held);
    return at < 0 ? undefined : at;
  }

  toggleLock() {
    this.table.lens.pixels = !this.table.lens.pixels;
    this.paint();
    this.view.takeKeys();
  }

  toggleOutlines() {
    this.outlining = !this.outlining;
    this.paint();
    this.view.takeKeys();
  }

  toggleFacts() {
    this.facts.off = !this.facts.off;
    this.paint();
    this.view.takeKeys();
  }

  // -- painting -----------------------------------------------------------------------------------

  // Never an image beside itself: another one of its group comes into focus instead.
  settle() {
    const group = this.view.groups.get(this.view.focus);
    if (!this.open || !group || this.mode === "all") return;
    if (group.size < 2) return this.close(group);
    const held = this.heldIn(group);
    const left = besideOf(group, this.view.member, held);
    if (left !== this.view.member) return;
    const first = firstProposed(group);
    this.view.member = first === left ? comparedAfter(group, left, 0, held) : first;
  }

  close() {
    this.toggle(false);
    this.view.say("this group has only one image");
  }

  paint() {
    if (!this.open) return;
    const { view } = this;
    const group = view.groups.get(view.focus);
    const member = view.current();
    if (!group || !member) return;
    const left = group.members[besideOf(group, view.member, this.heldIn(group))];
    if (!left) return;
    this.keepPlace(group, left);
    this.bar.title.textContent = comparedText(group, view.member);
    const several = this.mode === "all";
    if (!several && left !== member) this.paintTwo(group, left, member);
    else this.paintAll(group, left, member);
    this.facts.el.hidden = several || Boolean(this.facts.off);
    if (!several) this.facts.paint(left, member, group, roleText(group, left));
    this.bar.paint(this, member, standing(member, group));
  }

  // Zoom and place belong to the images of one group.
  keepPlace(group, left) {
    const same = group.members.some((member) => member && member.key === this.leftKey);
    if (!same) this.table.lens.fit();
    this.leftKey = left.key;
  }

  paintTwo(group, left, member) {
    const pair = this.pairOf(left, member, this.isAtRest(`${left.key} ${member.key}`));
    const places = { both: [left, member], flicker: [this.second ? member : left], heat: [member] };
    const items = places[this.mode].map((shown) => this.item(group, left, shown, pair));
    if (this.mode === "heat") {
      items[0].layer = { key: left.key, other: member.key };
      items[0].size = sizeOf(left);
      items[0].to = SAME;
      items[0].what = "difference";
      items[0].label = `difference of ${left.name} and ${member.name}, ${pair.text}`;
      if (!pair.fine && this.table.tiles.on) items[0].layer = { key: left.key };
    }
    this.table.show(sizeOf(left), items);
    this.tell(pair);
  }

  // Whether this pair has been shown for a moment.
  isAtRest(pair) {
    if (this.resting === pair) return true;
    if (this.restTimer && this.awaited === pair) return false;
    clearTimeout(this.restTimer);
    this.awaited = pair;
    this.restTimer = setTimeout(() => {
      this.restTimer = undefined;
      this.resting = pair;
      this.paint();
    }, REST_MS);
    return false;
  }

  paintAll(group, left, member) {
    const from = Math.floor(this.view.member / SURVEYED) * SURVEYED;
    const places = placesOf(group).slice(from, from + SURVEYED);
    const missing = places.find((at) => group.members[at] === undefined);
    if (missing !== undefined) this.askFor(missing);
    const items = places
      .filter((at) => group.members[at])
      .map((at) => {
        const shown = group.members[at];
        const item = this.item(group, left, shown, this.pairOf(left, shown, false));
        return { ...item, areas: [], at, current: at === this.view.member };
      });
    this.table.show(sizeOf(left), items);
    this.tell(this.pairOf(left, member, false));
  }

  askFor(at) {
    const { questions, focus, version } = this.view;
    questions.askMembers([[focus, at]], version);
  }

  // What is known of two images; until then one is stretched to the size of the other.
  pairOf(left, member, fine) {
    const known = this.table.tiles.on && this.pairs.get(left.key, member.key, fine);
    if (!known) return this.unknown(left, member);
    return known.to ? known : { ...known, to: this.unknown(left, member).to };
  }

  unknown(left, member) {
    const to = stretched(sizeOf(left), sizeOf(member));
    return { to, aligned: false, text: "", differing: null, boxes: [], outlined: "", fine: false };
  }

  item(group, left, shown, pair) {
    const own = shown === left;
    const what = roleText(group, shown);
    return {
      what,
      name: shown.name,
      side: markText(shown, group),
      label: paneLabel(group, shown, own ? "" : pair.text),
      layer: { key: shown.key },
      size: sizeOf(shown),
      to: own ? SAME : pair.to,
      over: this.mode === "flicker" && !own,
      aligned: own || pair.aligned,
      areas: this.outlining ? pair.boxes : [],
    };
  }

  tell(pair) {
    const waits = this.table.tiles.on && !pair.fine && this.mode !== "all";
    const text = toldText(pair, { waits, outlining: this.outlining, all: this.mode === "all" });
    if (this.told.textContent !== text) this.told.textContent = text;
  }

  paintZoom() {
    const { table } = this;
    this.view.place.soon();
    this.bar.zoomed.textContent = `${table.zoomed} %${table.sharp ? "" : " …"}`;
    this.el.dataset.sharp = Boolean(table.sharp);
    if (table.sharp && this.mode !== "all") this.prepareNext();
  }

  // Ask for the picture of the next image, so that it is here when you get to it.
  prepareNext() {
    const group = this.view.groups.get(this.view.focus);
    if (!this.open || !group || !this.table.tiles.on) return;
    const held = this.heldIn(group);
    const next = group.members[comparedAfter(group, this.view.member, 1, held)];
    const left = group.members[besideOf(group, this.view.member, held)];
    if (next && left) this.table.prepare(this.item(group, left, next, this.unknown(left, next)));
  }

  // -- messages -----------------------------------------------------------------------------------

  onPair(message) {
    this.pairs.onPair(message);
    this.paint();
  }

  onFacts(message) {
    this.facts.onFacts(message);
    this.paint();
  }

  // A request was never answered.
  onSilence(message) {
    if (message.kind === "tiles") this.table.tiles.onSilence(message);
  }
}

const sizeOf = ({ width, height }) => (width && height ? [width, height] : [256, 256]);
