// The review widget in the browser: every group has a row of one height, and only the rows in sight
// exist. Groups and pictures are asked for when a row comes into sight; a choice is shown once the
// kernel has answered that it is on disk. Texts from files only ever become `textContent`.

const PAGE = 16; // groups asked for at once
const BATCH = 24; // pictures asked for at once
const IN_FLIGHT = 2; // questions of one kind that wait for an answer
const PATIENCE_MS = 4000; // then a question is asked again
const TRIES = 3;
const KEPT_GROUPS = 400;
const KEPT_PICTURES = 600;
const OVERSCAN = 1; // rows kept above and below the sight
const KEPT_SETTLED = 256; // answered requests that are remembered
const KEPT_WHOLE = 8; // whole pictures, for comparing
const HEAT_PX = 1024; // longest side of a difference
const GRAIN = 12; // of 255; less is no difference
const CANVAS_PX = 15e6; // browsers cut taller elements off
const SIZES = [96, 128, 160, 208, 272, 352];
const GAP = 8;
const NAME_END = 11; // letters at the end of a name that are never cut

const KEYS = [
  ["↓ ↑", "next, previous group (also n, p)"],
  ["→ ←", "next, previous image"],
  ["PgDn PgUp Home End", "a page on or back, first, last group"],
  ["r", "next group not yet reviewed"],
  ["k", "keep this image"],
  ["s", "stage this image: it moves to the review folder, it is not deleted"],
  ["x", "clear my mark"],
  ["d", "not duplicates: nothing of this group moves (again: take it back)"],
  ["Enter", "accept the group as shown and go to the next (Shift+Enter: take it back)"],
  ["u", "undo the last choice, again for the one before (also Ctrl+Z)"],
  ["c", "compare this image with its keeper, large"],
  ["+ −", "larger, smaller pictures"],
  ["?", "show or hide these keys"],
];

const COMPARE_KEYS = [
  ["Space", "flicker: the other image in the same place"],
  ["h", "where they differ, as a heat map"],
  ["b", "both side by side"],
  ["→ ←", "next, previous image of the group"],
  ["+ − 1 0", "zoom in, out, one to one, fit; also the wheel"],
  ["Shift with arrows", "move both pictures; also drag"],
  ["k s x u", "mark and undo as in the gallery"],
  ["Esc", "back to the gallery (also c)"],
];

const SHAPES = {
  keep: "M3 8.5l3.2 3.2L13 5",
  stage: "M8 2v7M5 6.5L8 9.5l3-3M2.5 11v2.5h11V11",
  protected: "M4 7.5h8v6H4zM5.5 7.5V5a2.5 2.5 0 0 1 5 0v2.5",
  review: "M6 6a2 2 0 1 1 3 1.7c-.7.4-1 .8-1 1.6M8 12v.6",
};
const WORDS = { keep: "keep", stage: "stage", protected: "protected", review: "your call" };

// -- small helpers --------------------------------------------------------------------------------

function node(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function icon(shape) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(space, "path");
  path.setAttribute("d", SHAPES[shape]);
  svg.append(path);
  return svg;
}

function button(text, label, onClick, className = "") {
  const made = node("button", `dnb-button ${className}`, text);
  made.type = "button";
  made.title = label;
  made.setAttribute("aria-label", label);
  made.addEventListener("click", onClick);
  return ownKeys(made);
}

// JupyterLab's own keys (x, d d, b, ...) would cut and delete cells. It asks the element that has the
// focus, before any around it: so each one that can have the focus says it.
function ownKeys(made) {
  made.setAttribute("data-lm-suppress-shortcuts", "true");
  return made;
}

function keysList(keys) {
  const list = node("div", "dnb-keys");
  for (const [names, what] of keys) {
    const shown = node("span");
    for (const name of names.split(" ")) shown.append(node(name === "with" ? "span" : "kbd", "", name));
    list.append(shown, node("span", "", what));
  }
  return list;
}

const clamp = (value, low, high) => Math.max(low, Math.min(value, high));
const whole = (value) => (value ?? 0).toLocaleString("en");
const counted = (n, one, many) => `${whole(n)} ${n === 1 ? one : many}`;

function bytesText(bytes) {
  if (bytes === null || bytes === undefined) return "";
  const units = ["B", "KB", "MB", "GB", "TB"];
  let at = 0;
  while (bytes >= 1000 && at < units.length - 1) (bytes /= 1000), at++;
  return `${bytes >= 100 || at === 0 ? Math.round(bytes) : bytes.toFixed(1)} ${units[at]}`;
}

// What happens to an image as things stand: a person's mark, else "not duplicates", else the proposal.
function standing(member, group) {
  if (member.mark) return member.mark;
  if (group.answered && member.role !== "protected") return "keep";
  return member.role === "keeper" ? "keep" : member.role;
}

// -- questions to the kernel ----------------------------------------------------------------------

// Questions that wait for an answer: few at a time, asked again when none comes.
class Questions {
  constructor(send, onSilence) {
    this.send = send;
    this.onSilence = onSilence;
    this.waiting = new Map(); // name -> {message, asked, tries}
    this.timer = setInterval(() => this.retry(), 500);
  }

  ask(name, message) {
    this.waiting.set(name, { message, asked: performance.now(), tries: 1 });
    this.send(message);
  }

  has(name) {
    return this.waiting.has(name);
  }

  answered(name) {
    return this.waiting.delete(name);
  }

  full(kind) {
    let n = 0;
    for (const { message } of this.waiting.values()) n += message.kind === kind;
    return n >= IN_FLIGHT;
  }

  forget(kind) {
    for (const [name, { message }] of this.waiting) if (message.kind === kind) this.waiting.delete(name);
  }

  retry() {
    const now = performance.now();
    for (const [name, question] of this.waiting) {
      if (now - question.asked < PATIENCE_MS * question.tries) continue;
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
}

// Pictures by image key as Blob URLs; the ones unseen for longest are let go.
class Pictures {
  constructor() {
    this.urls = new Map();
    this.missing = new Set();
  }

  get(key) {
    const url = this.urls.get(key);
    if (url) this.urls.delete(key), this.urls.set(key, url);
    return url;
  }

  known(key) {
    return this.urls.has(key) || this.missing.has(key);
  }

  put(key, buffer, inSight) {
    if (this.urls.has(key)) return;
    this.urls.set(key, URL.createObjectURL(new Blob([buffer], { type: "image/jpeg" })));
    for (const old of this.urls.keys()) {
      if (this.urls.size <= KEPT_PICTURES) break;
      if (!inSight(old)) this.drop(old);
    }
  }

  drop(key) {
    URL.revokeObjectURL(this.urls.get(key));
    this.urls.delete(key);
  }

  dispose() {
    for (const url of this.urls.values()) URL.revokeObjectURL(url);
  }
}

// -- one picture ----------------------------------------------------------------------------------

class Tile {
  constructor(view, row, at) {
    this.view = view;
    this.row = row;
    this.at = at; // position among the members of the group
    this.el = node("div", "dnb-tile");
    this.el.setAttribute("role", "gridcell");
    this.picture = node("div", "dnb-picture");
    this.image = node("img");
    this.image.alt = "";
    this.image.draggable = false;
    this.image.addEventListener("error", () => this.lost());
    this.blank = node("span", "dnb-blank");
    this.badges = node("div", "dnb-badges");
    this.value = node("span", "dnb-value");
    this.picture.append(this.image, this.blank, this.badges, this.value);
    this.picture.addEventListener("click", () => view.focusOn(row.index, at));
    this.picture.addEventListener("dblclick", () => view.compare.toggle(true));
    this.marks = node("div", "dnb-marks");
    this.keep = this.markButton("keep", "Keep");
    this.stage = this.markButton("stage", "Stage");
    this.name = node("div", "dnb-name");
    this.nameStart = node("span");
    this.nameEnd = node("span");
    this.name.append(this.nameStart, this.nameEnd);
    this.meta = node("div", "dnb-meta");
    this.el.append(this.picture, this.marks, this.name, this.meta);
  }

  markButton(mark, word) {
    const made = button("", word, () => {
      this.view.focusOn(this.row.index, this.at);
      this.view.mark(this.member.mark === mark ? null : mark);
    });
    made.classList.add(`dnb-mark-${mark}`);
    made.tabIndex = -1; // k and s do the same; one stop of the Tab key for the whole grid
    made.append(icon(mark), node("span", "", word));
    this.marks.append(made);
    return made;
  }

  lost() {
    if (this.member) this.view.pictures.missing.add(this.member.key);
    this.paintPicture();
  }

  paint(group, member) {
    this.member = member;
    const now = standing(member, group);
    this.el.id = `${this.view.uid}-${this.row.index}-${this.at}`;
    this.el.dataset.key = member.key;
    this.el.dataset.standing = now;
    this.el.dataset.mark = member.mark ?? "";
    this.el.style.width = `${this.view.size + 2}px`;
    this.picture.style.height = `${this.view.size}px`;
    this.paintMarks(now);
    this.paintTexts(group, now);
    this.paintPicture();
    const focused = this.view.focus === this.row.index && this.view.member === this.at;
    this.el.classList.toggle("dnb-focus", focused);
    this.el.setAttribute("aria-selected", focused);
  }

  paintMarks(now) {
    for (const [mark, made] of [["keep", this.keep], ["stage", this.stage]]) {
      const pressed = now === mark || (mark === "keep" && now === "protected");
      const whose = this.member.mark === mark ? "your mark" : pressed ? "proposed" : "";
      made.setAttribute("aria-pressed", pressed);
      made.dataset.whose = whose;
      const label = `${mark === "keep" ? "Keep" : "Stage"} ${this.member.name}`;
      made.setAttribute("aria-label", whose ? `${label}, ${whose}` : label);
      made.title = whose === "your mark" ? "your mark; click to clear it" : whose;
    }
    const shape = this.member.role === "protected" ? "protected" : "keep";
    if (this.keep.dataset.shape !== shape) {
      this.keep.dataset.shape = shape;
      this.keep.firstChild.replaceWith(icon(shape));
    }
  }

  paintTexts(group, now) {
    const { name, value, badges, width, height, bytes, reason, folder } = this.member;
    const split = Math.max(0, name.length - NAME_END); // names often differ at their end only
    this.nameStart.textContent = name.slice(0, split);
    this.nameEnd.textContent = name.slice(split);
    const pixels = width && height ? `${width}×${height}` : "";
    this.meta.textContent = [pixels, bytesText(bytes)].filter(Boolean).join(" · ");
    this.value.textContent = this.at === 0 ? "keeper" : value;
    this.value.hidden = !this.value.textContent;
    const chips = now === "review" ? [...badges, WORDS.review] : badges;
    this.badges.replaceChildren(
      ...chips.map((text) => node("span", text === WORDS.review ? "dnb-call" : "", text)),
    );
    this.picture.title = [folder ? `${folder}/${name}` : name, reason].filter(Boolean).join("\n");
    const spoken = [name, this.member.mark ? `your mark ${now}` : WORDS[now] ?? now];
    spoken.push(this.value.textContent, ...badges, this.meta.textContent, reason);
    this.el.setAttribute("aria-label", spoken.filter(Boolean).join(", "));
  }

  paintPicture() {
    const url = this.view.pictures.get(this.member.key);
    const missing = this.view.pictures.missing.has(this.member.key);
    if (url && !missing && this.image.getAttribute("src") !== url) this.image.src = url;
    this.image.hidden = !url || missing;
    if (this.image.hidden) this.image.removeAttribute("src");
    this.blank.textContent = missing ? "no picture" : "";
    this.blank.hidden = !this.image.hidden;
  }
}

// -- one group ------------------------------------------------------------------------------------

class Row {
  constructor(view, index) {
    this.view = view;
    this.index = index;
    this.first = 1; // first member shown after the keeper
    this.tiles = new Map();
    this.el = node("div", "dnb-row");
    this.el.setAttribute("role", "row");
    this.el.setAttribute("aria-rowindex", index + 1);
    this.head = node("div", "dnb-head");
    this.head.setAttribute("role", "presentation");
    this.place = node("span", "dnb-place", whole(index + 1));
    this.title = node("span", "dnb-title");
    this.state = node("span", "dnb-state");
    this.span = node("span", "dnb-span");
    this.back = this.small("‹", "earlier images of this group", () => this.shift(-1));
    this.on = this.small("›", "more images of this group", () => this.shift(1));
    this.not = this.small("", "Not duplicates: nothing of this group moves (d)", () =>
      view.answer(index, "not_duplicate"),
    );
    this.not.append("≠", node("span", "dnb-word", "Not duplicates"));
    this.accept = this.small("", "Accept this group as shown (Enter)", () =>
      view.answer(index, "review"),
    );
    this.accept.append(icon("keep"), node("span", "dnb-word", "Accept"));
    const tools = node("span", "dnb-tools");
    tools.append(this.back, this.span, this.on, this.not, this.accept);
    this.head.append(this.place, this.title, this.state, tools);
    this.strip = node("div", "dnb-strip");
    this.strip.setAttribute("role", "presentation");
    this.strip.addEventListener("wheel", (event) => this.wheel(event), { passive: true });
    this.el.append(this.head, this.strip);
  }

  small(text, label, onClick) {
    const made = button(text, label, onClick, "dnb-small");
    made.tabIndex = -1;
    return made;
  }

  shift(pages) {
    this.view.takeKeys();
    this.view.follow = false;
    const group = this.view.groups.get(this.index);
    const others = this.view.fit - 1;
    this.first = clamp(this.first + pages * others, 1, Math.max(1, group.size - others));
    this.paint(group);
    this.view.pump();
  }

  wheel(event) {
    if (Math.abs(event.deltaX) < 2 * Math.abs(event.deltaY)) return;
    this.drift = (this.drift ?? 0) + event.deltaX;
    if (Math.abs(this.drift) < this.view.size) return;
    const group = this.view.groups.get(this.index);
    const last = group ? Math.max(1, group.size - this.view.fit + 1) : 1;
    this.first = clamp(this.first + Math.sign(this.drift), 1, last);
    this.drift = 0;
    if (group) this.paint(group);
    this.view.pump();
  }

  // Members in sight: the keeper always, then as many others as fit.
  range(group) {
    const others = Math.max(1, this.view.fit - 1);
    const last = Math.max(1, group.size - others);
    if (this.view.focus === this.index && this.view.member > 0 && this.view.follow) {
      this.first = clamp(this.first, this.view.member - others + 1, this.view.member);
    }
    this.first = clamp(this.first, 1, last);
    const shown = [0];
    for (let at = this.first; at < Math.min(group.size, this.first + others); at++) shown.push(at);
    return shown;
  }

  // Paint if anything has changed since the last time.
  refresh(group) {
    const { view, index } = this;
    const focused = view.focus === index ? `${view.member} ${view.follow}` : "";
    const now = [view.changes, focused, view.fit, view.size, group?.size].join();
    if (this.painted === now && this.group === group) return;
    this.painted = now;
    this.group = group;
    this.paint(group);
  }

  paint(group) {
    this.el.classList.toggle("dnb-current", this.view.focus === this.index);
    this.el.classList.toggle("dnb-waiting", !group);
    if (!group) return; // what was here stays until the answer comes
    if (this.version !== this.view.version) this.first = 1;
    this.version = this.view.version;
    const range = this.range(group);
    this.paintHead(group, range);
    const kept = new Map();
    for (const at of range) {
      const member = group.members[at];
      if (!member) continue; // asked for, not here yet
      const tile = this.tiles.get(at) ?? new Tile(this.view, this, at);
      tile.paint(group, member);
      kept.set(at, tile);
    }
    const wanted = [...kept.values()].map((tile) => tile.el);
    const there = [...this.strip.children];
    if (wanted.length !== there.length || wanted.some((el, k) => el !== there[k])) {
      this.strip.replaceChildren(...wanted);
    }
    this.tiles = kept;
  }

  paintHead(group, range) {
    this.title.textContent = group.title;
    this.title.title = group.title;
    this.el.dataset.state = group.answered ? "answered" : group.reviewed ? "reviewed" : "open";
    this.state.replaceChildren();
    if (group.answered || group.reviewed) {
      const word = group.answered ? "not duplicates" : "reviewed";
      this.state.append(group.answered ? "≠" : icon("keep"), node("span", "dnb-word", word));
      this.state.title = word;
    }
    const hidden = group.size > range.length;
    this.back.hidden = this.on.hidden = !hidden;
    this.back.disabled = this.first <= 1;
    this.on.disabled = range[range.length - 1] >= group.size - 1;
    const last = range[range.length - 1] + 1;
    this.span.textContent = hidden
      ? `1, ${this.first + 1}–${last} of ${whole(group.size)}`
      : counted(group.size, "image", "images");
    this.not.setAttribute("aria-pressed", group.answered);
    this.accept.setAttribute("aria-pressed", group.accepted);
    const name = `group ${this.index + 1}, ${group.title}, ${counted(group.size, "image", "images")}`;
    this.el.setAttribute("aria-label", `${name}, ${this.state.textContent || "not reviewed"}`);
  }

  // Members in sight that are not here yet, as the start of a page, or null.
  lacking(group) {
    const at = this.range(group).find((k) => !group.members[k]);
    return at === undefined ? null : at;
  }
}

// -- two pictures, large --------------------------------------------------------------------------

// The image in focus beside its keeper: both are fitted to one frame and zoomed and moved together,
// so that the same place of both is looked at.
class Compare {
  constructor(view) {
    this.view = view;
    this.open = false;
    this.urls = new Map(); // whole pictures by image key, the last few
    this.mode = "both";
    this.build();
    this.listen();
    this.fit();
  }

  build() {
    this.el = ownKeys(node("div", "dnb-compare"));
    this.el.tabIndex = -1;
    this.el.hidden = true;
    this.el.setAttribute("role", "dialog");
    this.el.setAttribute("aria-label", "compare with the keeper");
    const bar = node("div", "dnb-bar");
    this.title = node("span", "dnb-title");
    this.modes = {};
    const tools = node("div", "dnb-tools");
    for (const [mode, word, key] of [["both", "Both", "b"], ["flicker", "Flicker", "Space"], ["heat", "Difference", "h"]]) {
      this.modes[mode] = button(word, `${word} (${key})`, () => this.show(mode));
      tools.append(this.modes[mode]);
    }
    this.zoomed = node("span", "dnb-zoom");
    const out = button("−", "zoom out (−)", () => this.zoom(1 / 1.5), "dnb-square");
    const closer = button("+", "zoom in (+)", () => this.zoom(1.5), "dnb-square");
    const close = button("Close", "back to the gallery (Esc)", () => this.toggle(false));
    tools.append(this.zoomed, out, closer, close);
    const back = button("‹", "previous image of the group (←)", () => this.step(-1), "dnb-square");
    const on = button("›", "next image of the group (→)", () => this.step(1), "dnb-square");
    const place = node("div", "dnb-tools");
    place.append(back, on, this.title);
    bar.append(place, this.buildMarks(), tools);
    this.panes = node("div", "dnb-panes");
    this.left = this.pane();
    this.right = this.pane();
    this.heat = node("canvas", "dnb-heat");
    this.right.frame.append(this.heat);
    this.table = node("table", "dnb-facts");
    this.el.append(bar, this.panes, this.table);
  }

  buildMarks() {
    const marks = node("div", "dnb-marks");
    this.marks = {};
    for (const [mark, word, key] of [["keep", "Keep", "k"], ["stage", "Stage", "s"]]) {
      const made = button("", `${word} this image (${key})`, () => {
        this.view.mark(this.view.current()?.mark === mark ? null : mark);
        this.view.takeKeys();
      }, `dnb-mark-${mark}`);
      made.append(icon(mark), node("span", "", word));
      this.marks[mark] = made;
      marks.append(made);
    }
    return marks;
  }

  pane() {
    const pane = { el: node("figure", "dnb-pane"), caption: node("figcaption"), frame: node("div", "dnb-frame") };
    pane.image = node("img");
    pane.image.alt = "";
    pane.image.draggable = false;
    pane.image.addEventListener("load", () => this.place());
    pane.frame.append(pane.image);
    pane.el.append(pane.caption, pane.frame);
    this.panes.append(pane.el);
    return pane;
  }

  listen() {
    this.panes.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    this.panes.addEventListener("pointerdown", (event) => this.panes.setPointerCapture(event.pointerId));
    this.panes.addEventListener("pointermove", (event) => {
      if (event.buttons & 1) this.move(event.movementX, event.movementY);
    });
  }

  dispose() {
    for (const url of this.urls.values()) URL.revokeObjectURL(url);
  }

  toggle(open = !this.open) {
    const group = this.view.groups.get(this.view.focus);
    if (open && (!group || group.size < 2)) return;
    this.open = open;
    this.el.hidden = !open;
    for (const behind of [this.view.bar, this.view.grid]) behind.inert = open;
    if (open) this.view.help.hidden = true;
    if (open && this.view.member === 0) this.view.focusOn(this.view.focus, 1);
    this.view.takeKeys();
    this.paint();
  }

  show(mode) {
    this.mode = mode;
    this.second = true;
    this.paint();
    this.view.takeKeys();
  }

  flicker() {
    if (this.mode !== "flicker") return this.show("flicker");
    this.second = !this.second;
    this.paint();
  }

  paint() {
    if (!this.open) return;
    const group = this.view.groups.get(this.view.focus);
    const member = this.view.current();
    if (!group || !member) return;
    const keeper = group.members[0];
    this.el.dataset.mode = this.mode;
    for (const [mode, made] of Object.entries(this.modes)) made.setAttribute("aria-pressed", mode === this.mode);
    this.title.textContent = `${group.title} · ${this.view.member + 1} of ${group.size}`;
    this.fill(this.left, keeper, "keeper");
    const first = this.mode === "flicker" && !this.second;
    this.fill(this.right, first ? keeper : member, first ? "keeper" : member.value);
    this.paintFacts(keeper, member, group);
    const now = standing(member, group);
    for (const [mark, made] of Object.entries(this.marks)) {
      made.setAttribute("aria-pressed", now === mark || (mark === "keep" && now === "protected"));
      made.dataset.whose = member.mark === mark ? "your mark" : "";
    }
    this.heat.hidden = this.mode !== "heat";
    this.place();
  }

  fill(pane, member, what) {
    const group = this.view.groups.get(this.view.focus);
    const word = member.mark ? `${member.mark}, your mark` : WORDS[standing(member, group)];
    pane.caption.replaceChildren(node("b", "", what), node("bdi", "", member.name), node("span", "", word));
    const url = this.urls.get(member.key) ?? this.view.pictures.get(member.key);
    if (pane.image.getAttribute("src") !== (url ?? null)) {
      if (url) pane.image.src = url;
      else pane.image.removeAttribute("src");
    }
    pane.key = member.key;
    this.ask(member.key);
  }

  ask(key) {
    const { model, questions } = this.view;
    if (!model.get("can_compare") || this.urls.has(key) || questions.has(`image ${key}`)) return;
    questions.ask(`image ${key}`, { kind: "image", key });
  }

  onImage({ key, said }, buffers) {
    this.view.questions.answered(`image ${key}`);
    if (said) this.view.complain(said);
    if (!buffers.length || this.urls.has(key)) return;
    this.urls.set(key, URL.createObjectURL(new Blob([buffers[0]])));
    for (const [old, url] of this.urls) {
      if (this.urls.size <= KEPT_WHOLE) break;
      if (old === this.left.key || old === this.right.key) continue;
      URL.revokeObjectURL(url);
      this.urls.delete(old);
    }
    this.paint();
  }

  paintFacts(keeper, member, group) {
    const pixels = ({ width, height }) => (width && height ? `${width}×${height}` : "");
    const facts = [
      ["pixels", pixels],
      ["size", ({ bytes }) => (bytes === null ? "" : `${bytesText(bytes)} (${whole(bytes)})`)],
      ["changed", ({ mtime }) => mtime],
      ["stage", ({ stage }) => stage],
      ["folder", ({ folder }) => folder],
      ["why", ({ reason }) => reason],
    ];
    const head = node("tr");
    head.append(node("td"), node("th", "", "keeper"), node("th", "", `this, ${standing(member, group)}`));
    this.table.replaceChildren(head);
    for (const [name, fact] of facts) {
      const [a, b] = [fact(keeper), fact(member)];
      if (!a && !b) continue;
      const row = node("tr", a === b ? "" : "dnb-differs");
      row.append(node("th", "", name), node("td", "", a), node("td", "", a === b ? "the same" : b));
      this.table.append(row);
    }
  }

  // -- zoom and place

  fit() {
    [this.scale, this.x, this.y] = [1, 0, 0];
  }

  zoom(factor, x = 0, y = 0) {
    const scale = clamp(this.scale * factor, 1, 64);
    const by = scale / this.scale;
    this.x = x + (this.x - x) * by;
    this.y = y + (this.y - y) * by;
    this.scale = scale;
    if (scale === 1) this.fit();
    this.place();
  }

  wheel(event) {
    event.preventDefault();
    const box = event.target.closest(".dnb-frame")?.getBoundingClientRect();
    if (!box) return;
    const x = event.clientX - box.left - box.width / 2;
    const y = event.clientY - box.top - box.height / 2;
    this.zoom(Math.exp(-clamp(event.deltaY, -200, 200) / 300), x, y);
  }

  move(x, y) {
    if (this.scale === 1) return;
    const { clientWidth, clientHeight } = this.right.frame;
    const far = (this.scale - 1) / 2;
    this.x = clamp(this.x + x, -far * clientWidth, far * clientWidth);
    this.y = clamp(this.y + y, -far * clientHeight, far * clientHeight);
    this.place();
  }

  // Screen pixels for one of the keeper's when it is fitted.
  fitted() {
    const { clientWidth, clientHeight } = this.right.frame;
    const { naturalWidth, naturalHeight } = this.left.image;
    if (!naturalWidth) return 1;
    return Math.min(clientWidth / naturalWidth, clientHeight / naturalHeight);
  }

  place() {
    const transform = `translate(${this.x}px, ${this.y}px) scale(${this.scale})`;
    const ratio = this.fitted() * this.scale;
    for (const image of [this.left.image, this.right.image, this.heat]) {
      image.style.transform = transform;
      image.classList.toggle("dnb-sharp", ratio > 2);
    }
    const known = this.urls.has(this.left.key); // a preview does not tell what one to one is
    this.zoomed.textContent = known ? `${Math.round(100 * ratio)} %` : "preview";
    if (this.mode === "heat") this.paintHeat();
  }

  paintHeat() {
    const images = [this.left.image, this.right.image];
    const name = images.map((image) => image.src).join();
    if (images.some((image) => !image.complete || !image.naturalWidth) || this.heated === name) return;
    this.heated = name;
    const { naturalWidth, naturalHeight } = this.left.image;
    const shrink = Math.min(1, HEAT_PX / Math.max(naturalWidth, naturalHeight));
    const [width, height] = [naturalWidth, naturalHeight].map((side) => Math.max(1, Math.round(side * shrink)));
    const [a, b] = images.map((image) => pixelsOf(image, width, height));
    const differing = heatMap(a, b);
    Object.assign(this.heat, { width, height });
    this.heat.getContext("2d").putImageData(a, 0, 0);
    this.heat.setAttribute("aria-label", "difference");
    const percent = (100 * differing) / (width * height);
    const text = `${percent < 10 ? percent.toFixed(1) : Math.round(percent)} % of the pixels differ`;
    this.view.say(text);
    this.right.caption.append(node("span", "", text));
  }

  actions(event) {
    const shift = (x, y, plain) => (event.shiftKey ? () => this.move(x, y) : plain);
    return {
      ...this.view.actions(event),
      ArrowLeft: shift(60, 0, () => this.step(-1)), ArrowRight: shift(-60, 0, () => this.step(1)),
      ArrowUp: shift(0, 60, () => this.group(-1)), ArrowDown: shift(0, -60, () => this.group(1)),
      " ": () => this.flicker(), h: () => this.show("heat"), b: () => this.show("both"),
      "+": () => this.zoom(1.5), "=": () => this.zoom(1.5), "-": () => this.zoom(1 / 1.5),
      0: () => (this.fit(), this.place()),
      1: () => this.zoom(1 / (this.fitted() * this.scale)),
      Escape: () => (this.view.help.hidden ? this.toggle(false) : this.view.toggleHelp(false)),
      c: () => this.toggle(false),
    }; // prettier-ignore
  }

  step(by) {
    this.view.focusOn(this.view.focus, Math.max(1, this.view.member + by));
  }

  group(step) {
    this.fit();
    this.view.focusOn(this.view.focus + step, 1);
  }
}

function pixelsOf(image, width, height) {
  const canvas = Object.assign(node("canvas"), { width, height });
  const paper = canvas.getContext("2d", { willReadFrequently: true });
  paper.drawImage(image, 0, 0, width, height);
  return paper.getImageData(0, 0, width, height);
}

// Paint into `a` where it differs from `b`: black is the same, then red, yellow, white. Returns how
// many pixels differ by more than the grain of a JPEG.
function heatMap(a, b) {
  let differing = 0;
  for (let at = 0; at < a.data.length; at += 4) {
    let most = 0;
    for (let c = at; c < at + 3; c++) most = Math.max(most, Math.abs(a.data[c] - b.data[c]));
    differing += most > GRAIN;
    const heat = most * 6;
    a.data.set([heat, heat - 255, heat - 510, 255], at);
  }
  return differing;
}

// -- the whole ------------------------------------------------------------------------------------

class View {
  constructor(model, el) {
    this.model = model;
    this.uid = `dnb-${Math.random().toString(36).slice(2, 10)}`;
    this.groups = new Map(); // of this version only
    this.rows = new Map(); // in sight only
    this.pictures = new Pictures();
    this.questions = new Questions((message) => model.send(message), (m) => this.silence(m));
    this.size = SIZES[1];
    this.focus = model.get("focus");
    this.member = 0;
    this.follow = true; // the strip follows the focus, until it is moved by hand
    this.version = model.get("version");
    this.requests = 0;
    this.silent = new Set();
    this.pending = new Map(); // choices on their way to the disk
    this.outbox = []; // of which the first is asked
    this.settled = new Set(); // requests that were answered
    this.changes = 0; // to members already here
    this.build(el);
    this.listen();
    this.measure();
    this.setTop(model.get("top") * this.rowHeight);
    this.paintSums();
    this.count();
    this.draw();
  }

  build(el) {
    this.root = node("div", "dnb-gallery");
    this.root.style.height = `${this.model.get("height_px")}px`;
    this.root.append(this.buildBar(), this.buildProblem(), this.buildGrid(), this.buildFoot());
    this.compare = new Compare(this);
    this.root.append(this.compare.el);
    this.buildHelp();
    el.append(this.root);
  }

  buildBar() {
    const bar = (this.bar = node("div", "dnb-bar"));
    bar.setAttribute("role", "toolbar");
    bar.setAttribute("aria-label", "review");
    this.sums = node("div", "dnb-sums");
    const tools = node("div", "dnb-tools");
    this.position = node("span", "dnb-position");
    const compare = button("Compare", "compare with the keeper (c)", () => this.compare.toggle(true));
    this.undoButton = button("Undo", "Undo the last choice (u)", () => this.undo());
    const smaller = button("−", "smaller pictures (−)", () => this.resize(-1), "dnb-square");
    const larger = button("+", "larger pictures (+)", () => this.resize(1), "dnb-square");
    this.helpButton = button("?", "show the keys (?)", () => this.toggleHelp(), "dnb-square");
    tools.append(this.position, compare, this.undoButton, smaller, larger, this.helpButton);
    bar.append(this.sums, tools);
    return bar;
  }

  buildProblem() {
    this.problem = node("div", "dnb-problem");
    this.problem.setAttribute("role", "alert");
    this.problem.hidden = true;
    return this.problem;
  }

  buildGrid() {
    this.grid = ownKeys(node("div", "dnb-grid"));
    this.grid.tabIndex = 0;
    this.grid.setAttribute("role", "grid");
    this.grid.setAttribute("aria-label", "groups of near-duplicates; press ? for the keys");
    this.canvas = node("div", "dnb-canvas");
    this.canvas.setAttribute("role", "presentation");
    this.empty = node("p", "dnb-empty", "No groups at this threshold.");
    this.grid.append(this.canvas, this.empty);
    return this.grid;
  }

  buildFoot() {
    const foot = node("div", "dnb-foot");
    this.detail = node("div", "dnb-detail");
    this.why = node("div", "dnb-why");
    this.said = node("div", "dnb-said");
    this.said.setAttribute("role", "status"); // read out when it changes
    foot.append(this.detail, this.said, this.why);
    return foot;
  }

  buildHelp() {
    this.help = node("div", "dnb-help");
    this.help.setAttribute("role", "dialog");
    this.help.setAttribute("aria-label", "keys");
    this.help.hidden = true;
    const list = keysList(KEYS);
    const comparing = keysList(COMPARE_KEYS);
    const legend = node("p", "", "A tinted button is the proposal, a full one with a frame your own mark. ");
    legend.append("Nothing moves from here: choices are written down, and staging comes later.");
    this.help.append(list, node("b", "", "While comparing"), comparing, legend, button("Close", "close (Esc)", () => this.toggleHelp(false)));
    this.root.append(this.help);
  }

  // -- listening ----------------------------------------------------------------------------------

  listen() {
    this.off = [];
    const on = (event, act) => {
      this.model.on(event, act);
      this.off.push(() => this.model.off(event, act));
    };
    on("change:version", () => this.onVersion());
    on("msg:custom", (message, buffers) => this.onMessage(message, buffers));
    for (const name of ["sums", "reviewed", "undoable", "problems", "count"]) {
      on(`change:${name}`, () => this.paintSums());
    }
    on("change:height_px", () => {
      this.root.style.height = `${this.model.get("height_px")}px`;
    });
    this.root.addEventListener("keydown", (event) => this.onKey(event));
    this.grid.addEventListener("scroll", () => this.soon());
    this.observer = new ResizeObserver(() => this.onResize());
    this.observer.observe(this.grid);
  }

  dispose() {
    for (const off of this.off) off();
    this.observer.disconnect();
    this.questions.dispose();
    this.pictures.dispose();
    this.compare.dispose();
    cancelAnimationFrame(this.frame);
    clearTimeout(this.lookTimer);
    clearTimeout(this.countTimer);
    this.root.remove();
  }

  onVersion() {
    const offset = this.top() - (this.reported ?? 0) * this.rowHeight;
    this.key = this.current()?.key;
    this.version = this.model.get("version");
    this.groups.clear();
    this.questions.forget("groups");
    this.questions.forget("members");
    this.focus = this.model.get("focus");
    this.measure();
    this.reported = this.model.get("top");
    this.setTop(this.reported * this.rowHeight + offset);
    this.paintSums();
    this.count();
    this.soon();
  }

  onMessage(message, buffers) {
    if (this.silent.size || !this.problem.hidden) this.onLife();
    if (message.kind === "groups") this.onGroups(message);
    else if (message.kind === "members") this.onMembers(message);
    else if (message.kind === "thumbnails") this.onThumbnails(message, buffers);
    else if (message.kind === "decided") this.onDecided(message);
    else if (message.kind === "image") this.compare.onImage(message, buffers);
    else if (message.kind === "failed") this.onFailed(message);
    this.pump();
  }

  onGroups({ version, start, groups }) {
    if (version !== this.version) return;
    this.questions.answered(`groups ${start}`);
    for (const group of groups) this.keepGroup(group);
    this.soon();
  }

  keepGroup(group) {
    const old = this.groups.get(group.index);
    if (old && old.size === group.size) group.members.push(...old.members.slice(group.members.length));
    this.groups.delete(group.index);
    this.groups.set(group.index, group);
    for (const index of this.groups.keys()) {
      if (this.groups.size <= KEPT_GROUPS) break;
      if (!this.rows.has(index) && index !== this.focus) this.groups.delete(index);
    }
    if (group.index === this.focus && this.key !== undefined) {
      this.member = Math.max(0, group.members.findIndex((member) => member.key === this.key));
      this.key = undefined;
    }
  }

  onMembers({ version, group, start, members }) {
    this.questions.answered(`members ${group} ${start}`);
    const kept = this.groups.get(group);
    if (version !== this.version || !kept) return;
    members.forEach((member, k) => (kept.members[start + k] = member));
    this.changes++;
    this.soon();
  }

  onThumbnails({ keys, missing }, buffers) {
    const inSight = this.keysInSight();
    keys.forEach((key, k) => this.pictures.put(key, buffers[k], (old) => inSight.has(old)));
    for (const key of missing) this.pictures.missing.add(key);
    const here = new Set([...keys, ...missing]);
    for (const [name, { message }] of this.questions.waiting) {
      if (message.kind !== "thumbnails") continue;
      message.keys = message.keys.filter((key) => !here.has(key));
      if (!message.keys.length) this.questions.answered(name);
    }
    for (const row of this.rows.values()) {
      for (const tile of row.tiles.values()) if (here.has(tile.member.key)) tile.paintPicture();
    }
  }

  // A question asked twice is answered twice: the late one tells of how things were.
  onDecided(message) {
    if (this.settled.has(message.request)) return;
    const mine = this.settle(message.request);
    for (const [key, mark] of Object.entries(message.marks)) this.setMark(Number(key), mark);
    if (message.version === this.version) {
      for (const group of message.groups) this.keepGroup(group);
      if (mine && message.go !== null) this.focusOn(message.go, this.memberOf(message));
    }
    this.say(message.said);
    this.soon();
  }

  memberOf({ go, marks }) {
    const [key] = Object.keys(marks);
    const at = this.groups.get(go)?.members.findIndex((member) => member.key === Number(key));
    return at > 0 ? at : 0;
  }

  setMark(key, mark) {
    this.changes++;
    for (const group of this.groups.values()) {
      for (const member of group.members) if (member?.key === key) member.mark = mark;
    }
  }

  onFailed({ request, said }) {
    if (this.settled.has(request)) return;
    this.settle(request);
    this.complain(said);
  }

  // No answer for long: the kernel computes, or it is gone. What was confirmed is on disk.
  silence(message) {
    this.silent.add(message.kind);
    const choices = this.outbox.length > 1 ? `${this.outbox.length} choices` : "choice";
    const lost = message.kind === "decide" ? `Your last ${choices} may not be saved. ` : "";
    if (lost) this.outbox = [], this.pending.clear();
    this.complain(`${lost}The kernel does not answer; choices shown here before are on disk.`);
  }

  onLife() {
    this.silent.clear();
    if (!this.model.get("problems").length) this.problem.hidden = true;
  }

  // -- where things are ---------------------------------------------------------------------------

  measure() {
    this.total = this.model.get("count");
    this.rowHeight = this.size + 102; // head, marks and texts
    this.sight = this.grid.clientHeight || 400;
    const width = (this.grid.clientWidth || 800) - 2 * GAP - 10;
    this.fit = Math.max(2, Math.floor((width + GAP) / (this.size + 2 + GAP)));
    this.tall = this.total * this.rowHeight;
    this.canvas.style.height = `${Math.min(this.tall, CANVAS_PX)}px`;
    this.empty.hidden = this.total > 0;
    this.focus = clamp(this.focus, 0, Math.max(0, this.total - 1));
    this.grid.setAttribute("aria-rowcount", this.total);
  }

  // Pixels from the first row, also where the canvas is shorter than all rows together.
  top() {
    if (this.tall <= CANVAS_PX) return this.grid.scrollTop;
    return (this.grid.scrollTop / (CANVAS_PX - this.sight)) * (this.tall - this.sight);
  }

  setTop(top) {
    const at = clamp(top, 0, Math.max(0, this.tall - this.sight));
    const scale = this.tall <= CANVAS_PX ? 1 : (CANVAS_PX - this.sight) / (this.tall - this.sight);
    this.grid.scrollTop = at * scale;
  }

  onResize() {
    if (!this.grid.clientHeight) return; // hidden with its tab
    const row = this.top() / this.rowHeight;
    this.measure();
    this.setTop(row * this.rowHeight);
    this.soon();
  }

  resize(step) {
    const at = clamp(SIZES.indexOf(this.size) + step, 0, SIZES.length - 1);
    const row = this.focus * this.rowHeight - this.top();
    this.size = SIZES[at];
    this.measure();
    this.setTop(this.focus * this.rowHeight - row);
    this.reveal();
    this.soon();
  }

  // -- drawing ------------------------------------------------------------------------------------

  soon() {
    if (!this.frame) {
      this.frame = requestAnimationFrame(() => {
        this.frame = 0;
        this.draw();
      });
    }
  }

  draw() {
    const top = this.top();
    const shift = this.grid.scrollTop - top;
    const first = clamp(Math.floor(top / this.rowHeight) - OVERSCAN, 0, Math.max(0, this.total - 1));
    const stop = Math.min(this.total, Math.ceil((top + this.sight) / this.rowHeight) + OVERSCAN);
    this.inSight = [first, stop];
    for (const [index, row] of this.rows) {
      if (index < first || index >= stop) row.el.remove(), this.rows.delete(index);
    }
    for (let index = first; index < stop; index++) {
      const row = this.rows.get(index) ?? this.addRow(index);
      row.el.style.transform = `translateY(${index * this.rowHeight + shift}px)`;
      row.el.style.height = `${this.rowHeight}px`;
      row.refresh(this.groups.get(index));
    }
    this.paintFocus();
    this.compare.paint();
    this.pump();
    this.look(Math.floor(top / this.rowHeight));
  }

  addRow(index) {
    const row = new Row(this, index);
    this.rows.set(index, row);
    const next = this.rows.get(index + 1);
    if (next) next.el.before(row.el);
    else this.canvas.append(row.el);
    return row;
  }

  keysInSight() {
    const keys = new Set();
    for (const row of this.rows.values()) for (const { member } of row.tiles.values()) keys.add(member.key);
    return keys;
  }

  paintSums() {
    const sums = this.model.get("sums");
    const parts = [[whole(this.model.get("count")), "groups"]];
    if (sums.images !== undefined) parts.push([whole(sums.images), "would move"]);
    if (sums.bytes !== undefined) parts.push([bytesText(sums.bytes), "freed"]);
    const reviewed = this.model.get("reviewed");
    if (reviewed !== null) parts.push([whole(reviewed), "reviewed"]);
    this.sums.replaceChildren(
      ...parts.map(([value, what]) => {
        const part = node("span");
        part.append(node("b", "", value), ` ${what}`);
        return part;
      }),
    );
    this.undoButton.disabled = !this.model.get("undoable");
    const problems = this.model.get("problems");
    if (problems.length) this.complain(problems.join("\n"));
  }

  paintFocus() {
    const group = this.groups.get(this.focus);
    const member = this.current();
    this.position.textContent = this.total ? `${whole(this.focus + 1)} / ${whole(this.total)}` : "";
    this.grid.setAttribute("aria-activedescendant", `${this.uid}-${this.focus}-${this.member}`);
    this.detail.replaceChildren();
    this.why.textContent = "";
    if (!member) return;
    const now = standing(member, group);
    const word = member.mark ? `${now} (your mark)` : WORDS[now] ?? now;
    const path = member.folder ? `${member.folder}/${member.name}` : member.name;
    this.detail.append(node("b", `dnb-is-${now}`, word), node("bdi", "", path));
    this.detail.title = path;
    const { value, reason, root, stage, mtime } = member;
    const facts = [this.member === 0 ? "keeper" : value && `${value} to the keeper`, reason];
    facts.push(root, stage, mtime);
    this.why.textContent = facts.filter(Boolean).join(" · ");
    this.why.title = this.why.textContent;
  }

  say(text) {
    this.said.textContent = text;
  }

  complain(text) {
    this.problem.textContent = text;
    this.problem.hidden = false;
  }

  // -- asking -------------------------------------------------------------------------------------

  // Ask for what is in sight and not here; called again after each answer, so that what has left
  // the sight meanwhile is never asked for.
  pump() {
    if (!this.inSight || this.silent.size) return;
    this.askGroups();
    this.askMembers();
    this.askThumbnails();
  }

  askGroups() {
    const [first, stop] = this.inSight;
    for (let index = first; index < stop; index++) {
      const start = Math.floor(index / PAGE) * PAGE;
      if (this.groups.has(index) || this.questions.has(`groups ${start}`)) continue;
      if (this.questions.full("groups")) return;
      const page = { kind: "groups", version: this.version, start, stop: start + PAGE };
      this.questions.ask(`groups ${start}`, page);
    }
  }

  askMembers() {
    for (const [index, row] of this.rows) {
      const group = this.groups.get(index);
      const start = group ? row.lacking(group) : null;
      const name = `members ${index} ${start}`;
      if (start === null || this.questions.has(name) || this.questions.full("members")) continue;
      this.questions.ask(name, { kind: "members", version: this.version, group: index, start });
    }
  }

  askThumbnails() {
    while (!this.questions.full("thumbnails")) {
      const asked = new Set();
      for (const { message } of this.questions.waiting.values()) {
        for (const key of message.kind === "thumbnails" ? message.keys : []) asked.add(key);
      }
      const keys = [...this.keysInSight()].filter((k) => !asked.has(k) && !this.pictures.known(k));
      if (!keys.length) return;
      const message = { kind: "thumbnails", keys: keys.slice(0, BATCH) };
      this.questions.ask(`thumbnails ${this.requests++}`, message);
    }
  }

  // Tell the kernel where we are, so that another cut can be shown at the same place.
  look(top) {
    const tell = () => {
      this.reported = top;
      this.told = { kind: "look", version: this.version, focus: this.focus, top };
      this.model.send(this.told);
    };
    const { version, focus, top: before } = this.told ?? {};
    clearTimeout(this.lookTimer);
    if (version !== this.version || focus !== this.focus) tell();
    else if (before !== top) this.lookTimer = setTimeout(tell, 80); // not for each step of a wheel
  }

  count() {
    clearTimeout(this.countTimer);
    this.countTimer = setTimeout(
      () => this.model.send({ kind: "count", version: this.version }),
      400,
    );
  }

  // -- choosing -----------------------------------------------------------------------------------

  current() {
    return this.groups.get(this.focus)?.members[this.member];
  }

  takeKeys() {
    const place = this.compare.open ? this.compare.el : this.grid;
    if (!place.matches(":focus")) place.focus({ preventScroll: true });
  }

  focusOn(index, member = 0) {
    this.focus = clamp(index, 0, Math.max(0, this.total - 1));
    const size = this.groups.get(this.focus)?.size ?? 1;
    this.member = clamp(member, 0, size - 1);
    this.follow = true;
    this.key = undefined;
    this.takeKeys();
    this.reveal();
    this.draw();
  }

  reveal() {
    const at = this.focus * this.rowHeight;
    const whole = Math.max(1, Math.floor(this.sight / this.rowHeight));
    if (at < this.top()) this.setTop(at);
    else if (at + this.rowHeight > this.top() + this.sight) {
      this.setTop(at - (whole - 1) * this.rowHeight); // whole rows, and a peek at the next
    }
  }

  nextOpen() {
    for (let index = this.focus + 1; index < this.total; index++) {
      if (!this.groups.get(index)?.reviewed) return this.focusOn(index);
    }
    this.say("no group after this one is unreviewed");
  }

  // Send a choice. `subject` is what it is about and `wanted` what it will be: until the answer
  // comes the next key is judged by that, so that nobody types too fast.
  decide(message, subject, wanted) {
    const request = `${this.uid}-${this.requests++}`; // asked again, it is not decided twice
    const sent = { kind: "decide", request, version: this.version, group: this.focus, ...message };
    if (subject) this.pending.set(subject, { request, wanted });
    this.outbox.push(sent);
    this.sendFirst();
  }

  // One choice at a time: two could be heard in the wrong order, for JupyterLab may move the
  // messages of widgets to another thread of the kernel in between.
  sendFirst() {
    const [first] = this.outbox;
    const name = `decide ${first?.request}`;
    if (first && !this.questions.has(name)) this.questions.ask(name, first);
  }

  // What `subject` is, or will be once the kernel has answered.
  soonToBe(subject, now) {
    return this.pending.has(subject) ? this.pending.get(subject).wanted : now;
  }

  settle(request) {
    for (const [subject, asked] of this.pending) {
      if (asked.request === request) this.pending.delete(subject);
    }
    this.settled.add(request);
    if (this.settled.size > KEPT_SETTLED) this.settled.delete(this.settled.values().next().value);
    const mine = this.questions.answered(`decide ${request}`);
    if (this.outbox[0]?.request === request) this.outbox.shift();
    this.sendFirst();
    return mine;
  }

  mark(mark) {
    const member = this.current();
    if (!member) return;
    const subject = `mark ${member.key}`;
    if (this.soonToBe(subject, member.mark) === mark) return;
    this.decide({ what: "mark", key: member.key, mark }, subject, mark);
  }

  answer(index, what, answer) {
    const group = this.groups.get(index);
    if (!group) return;
    if (index !== this.focus) this.focusOn(index);
    this.takeKeys();
    const subject = `${what} ${this.version} ${index}`;
    const now = this.soonToBe(subject, what === "review" ? group.accepted : group.answered);
    const wanted = answer ?? !now;
    if (wanted !== now) this.decide({ what, answer: wanted }, subject, wanted);
  }

  undo() {
    this.takeKeys();
    this.pending.clear(); // what comes back decides
    this.decide({ what: "undo" });
  }

  toggleHelp(open = this.help.hidden) {
    this.help.hidden = !open;
    this.helpButton.setAttribute("aria-expanded", open);
    if (open) this.help.querySelector("button").focus();
    else this.takeKeys();
  }

  onKey(event) {
    const plain = !event.ctrlKey && !event.metaKey && !event.altKey;
    const keys = this.compare.open ? this.compare : this;
    const undo = (event.ctrlKey || event.metaKey) && event.key === "z";
    const onButton = event.target.closest("button") && ["Enter", " "].includes(event.key);
    const act = undo ? () => this.undo() : plain && !onButton && keys.actions(event)[event.key];
    if (!act) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  }

  actions(event) {
    const page = Math.max(1, Math.floor(this.sight / this.rowHeight));
    const group = (step) => () => this.focusOn(this.focus + step);
    const image = (step) => () => this.focusOn(this.focus, this.member + step);
    return {
      ArrowDown: group(1), n: group(1), ArrowUp: group(-1), p: group(-1),
      PageDown: group(page), PageUp: group(-page),
      Home: () => this.focusOn(0), End: () => this.focusOn(this.total - 1),
      ArrowRight: image(1), ArrowLeft: image(-1),
      r: () => this.nextOpen(),
      k: () => this.mark("keep"), s: () => this.mark("stage"), x: () => this.mark(null),
      d: () => this.answer(this.focus, "not_duplicate"),
      Enter: () => this.accept(!event.shiftKey),
      u: () => this.undo(),
      "+": () => this.resize(1), "=": () => this.resize(1), "-": () => this.resize(-1),
      c: () => this.compare.toggle(),
      "?": () => this.toggleHelp(),
      Escape: () => this.toggleHelp(false),
    }; // prettier-ignore
  }

  accept(answer) {
    this.answer(this.focus, "review", answer);
    if (answer) this.focusOn(this.focus + 1);
  }
}

function render({ model, el }) {
  const view = new View(model, el);
  return () => view.dispose(); // no listener outlives its view
}

export default { render };
