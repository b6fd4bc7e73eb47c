// Which pair is asked about now, and what was answered: known to the kernel, or on its way there.

const OPEN = "."; // not answered

export class Sheet {
  // `answers` holds one character for each pair in the order of asking: y, n, ? or a dot.
  constructor(answers) {
    this.sent = new Map(); // place -> answer that the kernel has not confirmed
    this.take(answers);
    this.at = this.nextOpen(0);
  }

  get total() {
    return this.answers.length;
  }

  // All are answered: the last place is one behind the last pair.
  get done() {
    return this.at >= this.total;
  }

  take(answers) {
    this.answers = answers;
  }

  answerOf(at) {
    return this.sent.get(at) ?? this.answers[at] ?? OPEN;
  }

  isOpen(at) {
    return at < this.total && this.answerOf(at) === OPEN;
  }

  get answered() {
    let n = 0;
    for (let at = 0; at < this.total; at++) n += !this.isOpen(at);
    return n;
  }

  // What was answered about the pair in sight, for the line above it.
  get given() {
    const answer = this.answerOf(this.at);
    return this.done || answer === OPEN ? "" : ` · pair ${this.at + 1}: you answered ${answer}`;
  }

  // The next pair without an answer from a place on, else the first one, else the end.
  nextOpen(from) {
    for (let at = from; at < this.total; at++) if (this.isOpen(at)) return at;
    for (let at = 0; at < Math.min(from, this.total); at++) if (this.isOpen(at)) return at;
    return this.total;
  }

  // Answer the pair in sight and go on to the next. Returns its place.
  answer(answer) {
    const { at } = this;
    this.sent.set(at, answer);
    this.at = this.nextOpen(at + 1);
    return at;
  }

  // The kernel has written an answer, or could not: then its pair is asked about again.
  settle(at, failed) {
    this.sent.delete(at);
    if (failed) this.at = at;
  }

  // The end comes behind the last pair, once all are answered.
  goTo(at) {
    const last = this.answered < this.total ? this.total - 1 : this.total;
    this.at = Math.max(0, Math.min(at, last));
  }
}
