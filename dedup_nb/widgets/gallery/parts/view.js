// One gallery: connects its parts, tracks the focus, and handles messages and input.

import { Bar } from "./bar.js";
import { Groups, Pictures } from "./caches.js";
import { Changed } from "./changed.js";
import { Ruler } from "./chips.js";
import { Choices } from "./choices.js";
import { Compare } from "./compare.js";
import { node } from "./dom.js";
import { Filter } from "./filter.js";
import { FullWindow } from "./fullwindow.js";
import { Grid } from "./grid.js";
import { Help } from "./help.js";
import { Inbox } from "./inbox.js";
import { Keyboard } from "./keyboard.js";
import { Layout, SIZES, clamp } from "./layout.js";
import { Looks } from "./looks.js";
import { acrossOf, firstProposed, neighbourOf } from "./members.js";
import { Foot, Problem } from "./notices.js";
import { Place } from "./place.js";
import { Questions, sender } from "./questions.js";
import { Seek } from "./seek.js";
import { nameSliders } from "./sliders.js";
import { Sweep } from "./sweep.js";
import { whole } from "./wording.js";

const COUNT_MS = 400; // delay before the sums are requested

export class View {
  constructor(model, el) {
    this.model = model;
    this.uid = `dnb-${Math.random().toString(36).slice(2, 10)}`;
    this.version = model.get("version");
    this.focus = model.get("focus"); // the group in focus, and its member
    this.member = 0;
    this.follow = true; // the strip follows the focus until it is scrolled
    this.changes = 0; // to members that are already loaded
    this.every = undefined; // the group of which every image is selected
    this.join();
    this.build(el);
    this.listen();
    this.start();
  }

  // -- starting and ending ------------------------------------------------------------------------

  join() {
    this.send = sender(this.model);
    this.groups = new Groups();
    this.pictures = new Pictures();
    this.layout = new Layout();
    this.inbox = new Inbox(this);
    this.keyboard = new Keyboard(this);
    this.questions = new Questions(this.send, (message) => this.inbox.onSilence(message));
    this.choices = new Choices(this.questions, this.uid);
    this.looks = new Looks(this.send, this.base(), () => this);
    this.place = new Place(this);
    this.seek = new Seek(this);
  }

  build(el) {
    this.root = node("div", "dnb-gallery");
    this.ruler = new Ruler(this.root);
    this.full = new FullWindow(this);
    this.bar = new Bar(this);
    this.filter = new Filter(this, this.bar.filter);
    this.problem = new Problem();
    this.changed = new Changed(this.model.get("tells_changes"));
    this.grid = new Grid(this, this.layout);
    this.foot = new Foot();
    this.compare = new Compare(this);
    this.help = new Help(this, this.bar.help);
    this.sweep = new Sweep(this, this.bar.sweep);
    const { bar, filter, problem, changed, grid, foot, compare, help, sweep } = this;
    const parts = [bar, filter, problem, changed, grid, foot, compare, help, sweep];
    this.root.append(...parts.map((part) => part.el));
    this.paintHeight();
    el.append(this.root);
  }

  // What is behind the comparison.
  behind() {
    return [this.bar, this.filter, this.changed, this.grid].map((part) => part.el);
  }

  listen() {
    this.off = [];
    this.onModel("msg:custom", (message, buffers) => this.inbox.onMessage(message, buffers));
    this.onModel("change:version", () => this.onVersion());
    for (const name of ["sums", "reviewed", "undoable", "problems", "count", "total"]) {
      this.onModel(`change:${name}`, () => this.paintSums());
    }
    this.onModel("change:changed", () => this.paintChanged());
    this.onModel("change:lines", () => this.onLines());
    this.onModel("change:sieve", () => this.filter.paint());
    this.onModel("change:saved", () => this.filter.paintSaved());
    this.onModel("change:height_px", () => this.paintHeight());
    this.root.addEventListener("keydown", (event) => this.keyboard.press(event));
    this.grid.el.addEventListener("scroll", () => this.soon());
    this.observer = new ResizeObserver(() => this.onResize());
    this.observer.observe(this.grid.el);
  }

  onModel(event, act) {
    this.model.on(event, act);
    this.off.push(() => this.model.off(event, act));
  }

  start() {
    this.measure();
    this.grid.putAt(this.looks.base.top, 0);
    this.paintSums();
    this.paintChanged();
    this.filter.paint();
    this.count();
    this.draw();
    const begin = this.model.get("view");
    if (begin?.group || begin?.size) this.place.set({ ...begin, full: undefined });
  }

  // Remove all listeners and timers.
  dispose() {
    for (const off of this.off) off();
    this.observer.disconnect();
    cancelAnimationFrame(this.frame);
    clearTimeout(this.countTimer);
    const { questions, pictures, compare, looks, filter, full, place } = this;
    for (const part of [questions, pictures, compare, looks, filter, full, place]) part.dispose();
    this.root.remove();
  }

  // -- messages from the kernel -------------------------------------------------------------------

  // The position set by the kernel.
  base() {
    return { focus: this.model.get("focus"), top: this.model.get("top") };
  }

  // A new cut is shown. The kernel set the position from the last look it had received; any movement
  // since then is added, so that no key press is lost or hits another group.
  onVersion() {
    const { grid, layout } = this;
    const seen = this.looks.seen(this.model.get("seen"));
    const scrolled = grid.placeOf(seen.top);
    const away = layout.rowOf(seen.focus) - layout.rowOf(seen.top);
    const moved = this.focus - seen.focus;
    this.key = this.current()?.key ?? this.key;
    this.forgetGroups();
    this.looks.restart(this.base());
    this.focus = Math.max(0, this.looks.base.focus + moved);
    this.measure();
    const { focus, top } = this.looks.base;
    const stays = focus - top === seen.focus - seen.top; // else it was not in sight
    if (stays) grid.putAt(focus, away + scrolled);
    else grid.putAt(top, scrolled);
    this.paintSums();
    this.count();
    this.soon();
  }

  forgetGroups() {
    this.version = this.model.get("version");
    this.groups.clear();
    this.questions.forget("groups");
    for (const kind of ["members", "seek", "sweep"]) this.questions.forget(kind);
    this.every = undefined;
    if (this.sweep.isOpen) this.sweep.ask();
  }

  // Sets need two lines: rows grow, and the top row stays in place.
  onLines() {
    const { layout } = this;
    if (this.model.get("lines") > 1 && layout.size === SIZES[1]) layout.resize(-1);
    this.onResize();
  }

  // -- requests to the kernel ---------------------------------------------------------------------

  // Request what is in sight and not loaded. This is also called after each answer, so that rows
  // already scrolled past are never requested.
  pump() {
    const { grid, groups, questions, version } = this;
    if (!grid.inSight || this.inbox.silent.size) return;
    questions.askGroups(grid.inSight, groups, version);
    questions.askMembers(grid.lacking(groups), version);
    questions.askPictures(this.keysInSight(), this.pictures);
  }

  keysInSight() {
    return new Set([...this.sweep.keys(), ...this.grid.keys(), ...this.changed.keys()]);
  }

  count() {
    clearTimeout(this.countTimer);
    const ask = () => this.send({ kind: "count", version: this.version });
    this.countTimer = setTimeout(ask, COUNT_MS);
  }

  // -- places and sizes ---------------------------------------------------------------------------

  measure() {
    this.grid.measure(this.model.get("count"), this.model.get("lines"));
    this.focus = clamp(this.focus, 0, Math.max(0, this.layout.total - 1));
  }

  // The top row stays in place.
  onResize() {
    if (!this.grid.isVisible) return;
    const { first } = this.grid;
    const place = this.grid.placeOf(first);
    this.measure();
    this.grid.putAt(first, place);
    this.soon();
  }

  // After the space has changed, the group in focus is where it was.
  backTo(place) {
    this.measure();
    this.grid.putAt(this.focus, place);
    this.grid.reveal(this.focus);
    this.draw();
  }

  // Larger or smaller pictures; the row in focus stays in place.
  resize(step) {
    const { grid, layout } = this;
    const place = grid.placeOf(this.focus);
    layout.resize(step);
    this.backTo(place);
  }

  // -- drawing ------------------------------------------------------------------------------------

  soon() {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.draw();
    });
  }

  draw() {
    const { grid, groups } = this;
    nameSliders(this.root);
    this.compare.settle();
    grid.draw(groups);
    if (grid.isComplete(groups)) this.root.dataset.painted = this.version;
    this.paintFocus();
    this.compare.paint();
    this.pump();
    this.looks.look(grid.first);
    this.place.soon();
  }

  tileId(index, at) {
    return `${this.uid}-${index}-${at}`;
  }

  paintFocus() {
    const { focus, member } = this;
    const { total } = this.layout;
    this.bar.position.textContent = total ? `${whole(focus + 1)} / ${whole(total)}` : "";
    this.grid.el.setAttribute("aria-activedescendant", this.tileId(focus, member));
    this.foot.paint(this.groups.get(focus), member, this.every === focus);
  }

  paintSums() {
    const names = ["sums", "count", "total", "reviewed", "undoable"];
    const state = Object.fromEntries(names.map((name) => [name, this.model.get(name)]));
    const none = state.total ? "No group matches the filter." : "No groups at this threshold.";
    this.grid.empty.textContent = none;
    this.bar.paint(state);
    this.filter.paintCount(state);
    this.complainAgain();
  }

  paintChanged() {
    this.changed.paint(this.model.get("changed"));
    this.changed.paintPictures(this.pictures);
    this.pump();
  }

  paintHeight() {
    this.root.style.height = `${this.model.get("height_px")}px`;
  }

  say(text) {
    this.foot.say(text);
  }

  complain(text) {
    this.problem.show(text);
  }

  // Problems reported by the kernel, shown until it clears them.
  complainAgain() {
    const problems = this.model.get("problems");
    if (problems.length) this.complain(problems.join("\n"));
  }

  // Whether a choice or key is still waiting for the kernel.
  tellBusy() {
    const { keyboard, choices, seek } = this;
    this.root.dataset.busy = Boolean(keyboard.ahead.length || choices.length || seek.what);
  }

  // -- moving the focus ---------------------------------------------------------------------------

  current() {
    return this.groups.get(this.focus)?.members[this.member];
  }

  // Whether the image in focus has loaded, so that keys can act on it.
  ready() {
    if (this.seek.what) return false;
    const group = this.groups.get(this.focus);
    return !this.layout.total || Boolean(group && group.members[this.member] !== undefined);
  }

  takeKeys() {
    if (this.place.moving || this.sweep.isOpen) return;
    const place = this.compare.open ? this.compare.el : this.grid.el;
    if (!place.matches(":focus")) place.focus({ preventScroll: true });
  }

  // Without a member, the keeper comes into focus; while comparing, the first proposed image.
  focusOn(index, member) {
    const before = this.focus;
    this.focus = clamp(index, 0, Math.max(0, this.layout.total - 1));
    if (before !== this.focus) this.every = undefined;
    const group = this.groups.get(this.focus);
    this.landing = member === undefined && this.compare.open && !group;
    const first = this.compare.open && group ? firstProposed(group) : 0;
    this.member = clamp(member ?? first, 0, (group?.size ?? 1) - 1);
    this.follow = true;
    this.key = undefined;
    this.takeKeys();
    this.grid.reveal(this.focus);
    this.draw();
  }

  stepGroup(by) {
    this.focusOn(this.focus + by);
  }

  stepPage(pages) {
    this.focusOn(this.focus + pages * this.layout.page());
  }

  stepMember(by) {
    const group = this.groups.get(this.focus);
    this.focusOn(this.focus, group ? neighbourOf(group, this.member, by) : this.member);
  }

  // To the same stage of the other set.
  across() {
    const group = this.groups.get(this.focus);
    if (!group?.columns) return;
    const at = acrossOf(group, this.member, this.grid.lineOf(this.focus));
    if (at !== this.member) this.focusOn(this.focus, at);
  }

  // -- choosing -----------------------------------------------------------------------------------

  decide(message, subject, wanted) {
    const { version, focus: group } = this;
    this.choices.decide({ version, group, ...message }, subject, wanted);
    this.tellBusy();
  }

  // Select every image of a group for the next mark, or only the one in focus again.
  selectAll(index) {
    if (index !== this.focus) this.focusOn(index);
    this.every = this.every === this.focus ? undefined : this.focus;
    this.takeKeys();
    this.draw();
  }

  markAll(mark) {
    this.every = undefined;
    this.choices.expectNothing();
    this.decide({ what: "mark_all", mark });
    this.draw();
  }

  // Keep this image instead of its keeper.
  makeKeeper() {
    const member = this.current();
    if (!member) return;
    this.choices.expectNothing();
    this.decide({ what: "keeper", key: member.key });
    this.takeKeys();
  }

  mark(mark) {
    const member = this.current();
    if (!member) return;
    if (this.every === this.focus) {
      this.markAll(mark);
      return;
    }
    const subject = `mark ${member.key}`;
    if (this.choices.soonToBe(subject, member.mark) === mark) return;
    this.decide({ what: "mark", key: member.key, mark }, subject, mark);
  }

  // Accept a group or mark it as not duplicates, and go on if asked to; without `answer`, toggle.
  answer(index, what, answer, goOn = false) {
    const group = this.groups.get(index);
    if (!group) return;
    const subject = `${what} ${this.version} ${index}`;
    const now = this.choices.soonToBe(subject, what === "review" ? group.accepted : group.answered);
    const wanted = answer ?? !now;
    const goes = goOn && wanted;
    if (goes || index !== this.focus) this.focusOn(goes ? index + 1 : index);
    this.takeKeys();
    if (wanted !== now) this.decide({ what, answer: wanted, group: index }, subject, wanted);
  }

  // Accepting first moves to the next group and is sent after that.
  accept(answer) {
    this.answer(this.focus, "review", answer, answer);
  }

  undo() {
    this.takeKeys();
    this.choices.expectNothing();
    this.decide({ what: "undo" });
  }
}
