// Messages of the kernel -> the parts of the gallery that they are for.

import { firstProposed } from "./members.js";
import { groupsName, membersName } from "./questions.js";
import { silenceText } from "./wording.js";

export class Inbox {
  constructor(view) {
    this.view = view;
    this.silent = new Set(); // kinds of requests that were not answered
    this.failed = false; // a choice could not be saved
  }

  onMessage(message, buffers) {
    const { view } = this;
    const { compare } = view;
    if (this.silent.size) this.onLife();
    const answers = {
      groups: () => this.onGroups(message),
      members: () => this.onMembers(message),
      thumbnails: () => this.onThumbnails(message, buffers),
      decided: () => this.onDecided(message),
      tiles: () => compare.table.tiles.onTiles(message, buffers),
      pair: () => compare.onPair(message),
      facts: () => compare.onFacts(message),
      choices: () => view.filter.onChoices(message),
      went: () => view.place.onWent(message),
      sought: () => view.seek.onSought(message),
      sweep: () => view.sweep.onSweep(message),
      filters: () => view.filter.onSaved(message),
      failed: () => this.onFailed(message),
    };
    answers[message.kind]?.();
    view.pump();
    view.seek.ask();
    view.sweep.askNow();
    view.keyboard.catchUp();
  }

  onGroups({ version, start, groups }) {
    const { view } = this;
    if (version !== view.version) return;
    view.questions.answered(groupsName(start));
    for (const group of groups) this.keepGroup(group);
    view.soon();
  }

  keepGroup(group) {
    const { view } = this;
    const { groups, focus, key } = view;
    groups.put(group, (index) => view.grid.hasRow(index) || index === focus);
    if (group.index !== focus) return;
    if (view.landing) view.member = firstProposed(group);
    else if (key !== undefined) view.member = groups.memberWithKey(focus, key);
    view.landing = false;
    view.key = undefined;
  }

  onMembers({ version, group, start, members }) {
    const { view } = this;
    view.questions.answered(membersName(group, start));
    if (version !== view.version || !view.groups.has(group)) return;
    view.groups.putMembers(group, start, members);
    view.changes++;
    view.soon();
  }

  onThumbnails({ keys, missing }, buffers) {
    const { pictures, questions, grid, compare, changed, sweep } = this.view;
    const inSight = this.view.keysInSight();
    keys.forEach((key, k) => pictures.put(key, buffers[k], (old) => inSight.has(old)));
    for (const key of missing) pictures.missing.add(key);
    const here = new Set([...keys, ...missing]);
    questions.gotPictures(here);
    grid.paintPictures(here);
    if (compare.open) compare.table.draw();
    changed.paintPictures(pictures);
    sweep.paintPictures(pictures);
  }

  // A repeated request is answered twice, and the second answer may be out of date.
  onDecided(message) {
    const { view } = this;
    if (view.choices.isSettled(message.request)) return;
    const mine = view.choices.settle(message.request);
    if (this.failed) this.relieve();
    this.setMarks(message.marks);
    if (message.version === view.version) {
      for (const group of message.groups) this.keepGroup(group);
      if (mine && message.go !== null) this.goTo(message);
    }
    view.say(message.said);
    view.soon();
  }

  setMarks(marks) {
    for (const [key, mark] of Object.entries(marks)) {
      this.view.changes++;
      this.view.groups.setMark(Number(key), mark);
    }
  }

  goTo({ go, marks }) {
    const [key] = Object.keys(marks);
    this.view.focusOn(go, this.view.groups.memberWithKey(go, Number(key)));
  }

  onFailed({ request, said }) {
    const { choices } = this.view;
    if (choices.isSettled(request)) return;
    choices.settle(request);
    this.view.complain(said);
    this.failed = true; // shown until a choice is saved again
  }

  // No answer for a long time: the kernel is busy or gone. Confirmed choices are on disk.
  onSilence(message) {
    const { view } = this;
    this.silent.add(message.kind);
    view.compare.onSilence(message);
    const lost = message.kind === "decide" ? Math.max(1, view.choices.giveUp()) : 0;
    view.keyboard.forget(); // these keys must not act later
    view.seek.forget();
    view.tellBusy();
    view.complain(silenceText(lost));
  }

  onLife() {
    this.silent.clear();
    this.view.soon();
    if (!this.failed) this.relieve();
  }

  relieve() {
    this.failed = false;
    this.view.problem.hide();
    this.view.complainAgain();
  }
}
