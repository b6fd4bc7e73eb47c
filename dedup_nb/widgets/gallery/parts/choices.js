// Choices on their way to the disk, one at a time and in order.

import { Recent } from "./caches.js";

const KEPT_SETTLED = 256; // answered requests that are remembered

export class Choices {
  // `uid` makes request names unique, so that a repeated request is carried out only once.
  constructor(questions, uid) {
    this.questions = questions;
    this.uid = uid;
    this.made = 0;
    this.outbox = []; // only the first has been sent
    this.pending = new Map(); // subject -> {request, wanted}
    this.settled = new Recent(KEPT_SETTLED);
  }

  get length() {
    return this.outbox.length;
  }

  // Send a choice. `subject` is what it is about, and `wanted` its new value. Until the answer comes,
  // the next key uses that value, so that fast typing works.
  decide(message, subject, wanted) {
    const request = `${this.uid}-${this.made++}`;
    if (subject) this.pending.set(subject, { request, wanted });
    this.outbox.push({ kind: "decide", request, ...message });
    this.sendFirst();
  }

  // Two choices sent at once could arrive in the wrong order, because JupyterLab may hand the
  // messages of widgets to another thread of the kernel in between.
  sendFirst() {
    const [first] = this.outbox;
    const name = `decide ${first?.request}`;
    if (!first || this.questions.has(name)) return;
    first.oldest = Math.min(...this.outbox.map(({ version }) => version)); // versions still asked about
    this.questions.ask(name, first);
  }

  // The value of `subject`, or what it will be once the kernel has answered.
  soonToBe(subject, now) {
    return this.pending.has(subject) ? this.pending.get(subject).wanted : now;
  }

  isSettled(request) {
    return this.settled.has(request);
  }

  // The kernel has answered a request. Returns whether it was sent from here.
  settle(request) {
    for (const [subject, asked] of this.pending) {
      if (asked.request === request) this.pending.delete(subject);
    }
    this.settled.set(request, true);
    const mine = this.questions.answered(`decide ${request}`);
    if (this.outbox[0]?.request === request) this.outbox.shift();
    this.sendFirst();
    return mine;
  }

  // Forget the expected values and use those that the kernel sends.
  expectNothing() {
    this.pending.clear();
  }

  // Give up all waiting choices. Returns how many there were.
  giveUp() {
    const { length } = this.outbox;
    this.outbox = [];
    this.pending.clear();
    return length;
  }
}
