// Questions to the kernel: asks for what is in sight and not loaded yet, and repeats what got lost.

const PAGE = 16; // groups asked for at once
const BATCH = 24; // pictures asked for at once
const IN_FLIGHT = 2; // questions of one kind that wait for an answer
const PATIENCE_MS = 4000; // then a question is asked again
const TRIES = 3;
const TICK_MS = 500;

// Questions that wait for an answer, by a name. Each message has a `kind`; `onSilence` is called
// with the message of a question that was never answered.
export class Questions {
  constructor(send, onSilence, now = () => performance.now()) {
    this.send = send;
    this.onSilence = onSilence;
    this.now = now;
    this.waiting = new Map(); // name -> {message, asked, tries}
    this.asked = 0; // pictures
    this.timer = setInterval(() => this.retry(), TICK_MS);
  }

  ask(name, message) {
    this.waiting.set(name, { message, asked: this.now(), tries: 1 });
    this.send(message);
  }

  has(name) {
    return this.waiting.has(name);
  }

  // Whether a question of this name was waiting; it no longer is.
  answered(name) {
    return this.waiting.delete(name);
  }

  // The messages of one kind that wait.
  ofKind(kind) {
    return [...this.waiting.values()]
      .map(({ message }) => message)
      .filter((one) => one.kind === kind);
  }

  full(kind) {
    return this.ofKind(kind).length >= IN_FLIGHT;
  }

  forget(kind) {
    for (const [name, { message }] of this.waiting) {
      if (message.kind === kind) this.waiting.delete(name);
    }
  }

  retry() {
    for (const [name, question] of this.waiting) {
      if (this.now() - question.asked < PATIENCE_MS * question.tries) continue;
      if (question.tries === TRIES) {
        this.waiting.delete(name);
        this.onSilence(question.message);
      } else {
        question.tries++;
        this.send(question.message);
      }
    }
  }

  dispose() {
    clearInterval(this.timer);
  }

  // -- what is asked ------------------------------------------------------------------------------

  // Ask for the pages of groups from `first` up to `stop` that are not loaded.
  askGroups([first, stop], groups, version) {
    for (let index = first; index < stop; index++) {
      const start = Math.floor(index / PAGE) * PAGE;
      const name = groupsName(start);
      if (groups.has(index) || this.has(name)) continue;
      if (this.full("groups")) return;
      this.ask(name, { kind: "groups", version, start, stop: start + PAGE });
    }
  }

  // Ask for a page of members of each group, given as pairs of its index and the first one lacking.
  askMembers(lacking, version) {
    for (const [group, start] of lacking) {
      const name = membersName(group, start);
      if (this.has(name) || this.full("members")) continue;
      this.ask(name, { kind: "members", version, group, start });
    }
  }

  // Ask for those pictures that are neither known nor asked for already.
  askPictures(wanted, pictures) {
    while (!this.full("thumbnails")) {
      const asked = new Set(this.ofKind("thumbnails").flatMap(({ keys }) => keys));
      const keys = [...wanted].filter((key) => !asked.has(key) && !pictures.known(key));
      if (!keys.length) return;
      this.ask(`thumbnails ${this.asked++}`, { kind: "thumbnails", keys: keys.slice(0, BATCH) });
    }
  }

  // An answer may hold only some of the pictures of a question: the others are still waited for.
  gotPictures(here) {
    for (const [name, { message }] of this.waiting) {
      if (message.kind !== "thumbnails") continue;
      message.keys = message.keys.filter((key) => !here.has(key));
      if (!message.keys.length) this.waiting.delete(name);
    }
  }
}

export const groupsName = (start) => `groups ${start}`;
export const membersName = (group, start) => `members ${group} ${start}`;
