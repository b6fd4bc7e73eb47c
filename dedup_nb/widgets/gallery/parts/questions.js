// Requests to the kernel: ask for what is in sight but not loaded, and repeat lost requests.

const PAGE = 16; // groups per request
const BATCH = 24; // pictures per request
const IN_FLIGHT = 2; // open requests per kind
const PATIENCE_MS = 4000; // after this, a request is repeated
const TRIES = 3;
const TICK_MS = 500;

// Tell the kernel something. What cannot be sent, since the kernel was restarted or is gone, is like
// what is lost on the way.
export function attempt(tell) {
  try {
    tell();
  } catch (error) {
    console.warn(error);
  }
}

export const sender = (model) => (message) => attempt(() => model.send(message));

// Open requests by name. Each message has a `kind`; `onSilence` is called with the message of a
// request that was never answered.
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

  // Close a request. Returns whether it was open.
  answered(name) {
    return this.waiting.delete(name);
  }

  // The messages of open requests of one kind.
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

  // -- requests -----------------------------------------------------------------------------------

  // Request the pages of groups from `first` up to `stop` that are not loaded.
  askGroups([first, stop], groups, version) {
    for (let index = first; index < stop; index++) {
      const start = Math.floor(index / PAGE) * PAGE;
      const name = groupsName(start);
      if (groups.has(index) || this.has(name)) continue;
      if (this.full("groups")) return;
      this.ask(name, { kind: "groups", version, start, stop: start + PAGE });
    }
  }

  // Request a page of members of each group, given as pairs of index and first missing member.
  askMembers(lacking, version) {
    for (const [group, start] of lacking) {
      const name = membersName(group, start);
      if (this.has(name) || this.full("members")) continue;
      this.ask(name, { kind: "members", version, group, start });
    }
  }

  // Request the pictures that are neither loaded nor requested.
  askPictures(wanted, pictures) {
    while (!this.full("thumbnails")) {
      const asked = new Set(this.ofKind("thumbnails").flatMap(({ keys }) => keys));
      const keys = [...wanted].filter((key) => !asked.has(key) && !pictures.known(key));
      if (!keys.length) return;
      this.ask(`thumbnails ${this.asked++}`, { kind: "thumbnails", keys: keys.slice(0, BATCH) });
    }
  }

  // An answer may contain only some of the requested pictures; the others remain open.
  gotPictures(here) {
    for (const [name, { message }] of this.waiting) {
      if (message.kind !== "thumbnails") continue;
      message.keys = message.keys.filter((key) => !here.has(key));
      if (!message.keys.length) this.waiting.delete(name);
    }
  }

  // Likewise for the squares of a layer at a level, each a pair of numbers.
  gotTiles(layer, level, tiles) {
    const here = new Set(tiles.map(String));
    for (const [name, { message }] of this.waiting) {
      const asked = message.other === null ? `${message.key}` : `${message.key}-${message.other}`;
      if (message.kind !== "tiles" || asked !== layer || message.level !== level) continue;
      message.tiles = message.tiles.filter((tile) => !here.has(String(tile)));
      if (!message.tiles.length) this.waiting.delete(name);
    }
  }
}

export const groupsName = (start) => `groups ${start}`;
export const membersName = (group, start) => `members ${group} ${start}`;
