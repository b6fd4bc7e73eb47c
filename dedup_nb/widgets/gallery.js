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
const HEAD_PX = 34; // of a row, and what a tile has below its picture
const TILE_PX = 68;
const KEPT_KEYS = 64; // keys typed ahead of an answer
const KEPT_LOOKS = 64;
const KEPT_FACTS = 32;
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
  ["v", "the same stage of the other set, where sets are compared"],
  ["f", "filter and order the groups (Esc: back to them)"],
  ["+ −", "larger, smaller pictures"],
  ["?", "show or hide these keys"],
];

const COMPARE_KEYS = [
  ["Space", "flicker: the other image in the same place"],
  ["h", "where they differ, as a heat map"],
  ["b", "both side by side"],
  ["→ ←", "next, previous image of the group"],
  ["Tab", "to the table of what differs; arrows move it"],
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
const ORDERS = [
  ["found", "as found"],
  ["doubt", "most doubtful first"],
  ["bytes", "most bytes freed first"],
  ["size", "most images first"],
  ["newest", "newest first"],
  ["oldest", "oldest first"],
];
const NUMBERS = [
  ["least_mb", "frees at least", "MB"],
  ["from_value", "weakest link from", ""],
  ["to_value", "to", ""],
];
// Keys that do not depend on what is in the group in focus: never held back.
const FREE_KEYS = new Set(["ArrowDown", "ArrowUp", "n", "p", "PageDown", "PageUp", "Home", "End", "r", "u", "f", "+", "=", "-", "?", "Escape"]);
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
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  let at = 0;
  while (bytes >= 1000 && at < units.length - 1) (bytes /= 1000), at++;
  return `${bytes >= 100 || at === 0 ? Math.round(bytes) : bytes.toFixed(1)} ${units[at]}`;
}

// How many of the first members are kept: one, or the whole first set.
const keptOf = (group) => group.columns || 1;

// The image that a member is compared with: its keeper, or the same stage of the kept set.
function keeperOf(group, at) {
  return group.columns ? group.members[at % group.columns] : group.members[0];
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

  count(kind) {
    let n = 0;
    for (const { message } of this.waiting.values()) n += message.kind === kind;
    return n;
  }

  full(kind) {
    return this.count(kind) >= IN_FLIGHT;
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
    const size = this.row.tileSize(group);
    this.el.style.width = `${size + 2}px`;
    this.picture.style.height = `${size}px`;
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
    this.value.textContent = this.at < keptOf(group) ? "keeper" : value;
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
    const others = group.columns ? 1 : this.view.fit - 1;
    const last = group.columns ? Math.ceil(group.size / group.columns) - 1 : group.size - others;
    this.first = clamp(this.first + pages * others, 1, Math.max(1, last));
    this.paint(group);
    this.view.pump();
  }

  // Sets are shown whole: their pictures shrink until every stage has its place.
  tileSize(group) {
    const { size, width } = this.view;
    if (!group.columns) return size;
    return clamp(Math.floor((width + GAP) / group.columns) - GAP - 2, 56, size);
  }

  // Stage under stage: the kept set above, one of the others below.
  rangeOfSets(group) {
    const { columns, size } = group;
    const last = Math.ceil(size / columns) - 1;
    const line = Math.floor(this.view.member / columns);
    if (this.view.focus === this.index && line > 0 && this.view.follow) this.first = line;
    this.first = clamp(this.first, 1, Math.max(1, last));
    const shown = [];
    for (const start of last ? [0, this.first * columns] : [0]) {
      for (let at = start; at < Math.min(size, start + columns); at++) shown.push(at);
    }
    return shown;
  }

  wheel(event) {
    if (Math.abs(event.deltaX) < 2 * Math.abs(event.deltaY)) return;
    if (this.view.groups.get(this.index)?.columns) return;
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
    if (group.columns) return this.rangeOfSets(group);
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
    this.strip.classList.toggle("dnb-sets", Boolean(group.columns));
    this.strip.style.gridTemplateColumns = group.columns ? `repeat(${group.columns}, max-content)` : "";
    const kept = new Map();
    const wanted = [];
    for (const at of range) {
      const member = group.members[at];
      if (member === null) wanted.push(this.gap(group));
      if (!member) continue; // asked for and not here yet, or none
      const tile = this.tiles.get(at) ?? new Tile(this.view, this, at);
      tile.paint(group, member);
      kept.set(at, tile);
      wanted.push(tile.el);
    }
    const there = [...this.strip.children];
    if (wanted.length !== there.length || wanted.some((el, k) => el !== there[k])) {
      this.strip.replaceChildren(...wanted);
    }
    this.tiles = kept;
  }

  // A set that lacks a stage.
  gap(group) {
    const made = node("div", "dnb-gap", "no such stage");
    made.style.width = `${this.tileSize(group) + 2}px`;
    made.style.height = `${this.tileSize(group)}px`;
    return made;
  }

  paintHead(group, range) {
    this.title.textContent = group.title;
    this.title.title = group.title;
    this.el.dataset.state = group.answered ? "answered" : group.reviewed ? "reviewed" : "open";
    this.state.replaceChildren();
    if (group.answered || group.reviewed) {
      const word = group.answered ? "not duplicates" : group.accepted ? "reviewed" : "marked";
      this.state.append(group.answered ? "≠" : icon("keep"), node("span", "dnb-word", word));
      this.state.title = word;
    }
    const hidden = group.columns ? group.size > 2 * group.columns : group.size > range.length;
    const sets = Math.ceil(group.size / (group.columns || group.size));
    this.back.hidden = this.on.hidden = !hidden;
    this.back.disabled = this.first <= 1;
    this.on.disabled = range[range.length - 1] >= group.size - 1;
    const last = range[range.length - 1] + 1;
    this.span.textContent = hidden
      ? `1, ${this.first + 1}${group.columns ? "" : `–${last}`} of ${whole(group.columns ? sets : group.size)}`
      : counted(group.size, "image", "images");
    if (group.columns && !hidden) this.span.textContent = `${counted(sets, "set", "sets")} of ${counted(group.columns, "stage", "stages")}`;
    this.not.setAttribute("aria-pressed", group.answered);
    this.accept.setAttribute("aria-pressed", group.accepted);
    const name = `group ${this.index + 1}, ${group.title}, ${counted(group.size, "image", "images")}`;
    this.el.setAttribute("aria-label", `${name}, ${this.state.textContent || "not reviewed"}`);
  }

  // Members in sight that are not here yet, as the start of a page, or null.
  lacking(group) {
    const at = this.range(group).find((k) => group.members[k] === undefined);
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
    this.facts = ownKeys(node("div", "dnb-scroll"));
    this.facts.tabIndex = 0; // arrows scroll it
    this.facts.setAttribute("role", "region");
    this.facts.setAttribute("aria-label", "what differs");
    this.facts.append(this.table);
    this.told = new Map(); // what was told of two images, the last few
    this.el.append(bar, this.panes, this.facts);
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
    for (const behind of [this.view.bar, this.view.filter, this.view.changed, this.view.grid]) behind.inert = open;
    if (open) this.view.help.hidden = true;
    if (open) this.step(0);
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
    const keeper = keeperOf(group, this.view.member) ?? member;
    this.el.dataset.mode = this.mode;
    for (const [mode, made] of Object.entries(this.modes)) made.setAttribute("aria-pressed", mode === this.mode);
    const { columns } = group;
    const place = columns ? `stage ${(this.view.member % columns) + 1} of ${columns}` : `${this.view.member + 1} of ${group.size}`;
    this.title.textContent = `${group.title} · ${place}`;
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
    this.paintTold(keeper, member);
  }

  // What the kernel tells of both: stamps, companions, captions, stored prompts.
  paintTold(keeper, member) {
    const { model, questions } = this.view;
    if (!model.get("has_facts")) return;
    const name = `facts ${keeper.key} ${member.key}`;
    const rows = this.told.get(name);
    if (!rows && !questions.has(name)) questions.ask(name, { kind: "facts", a: keeper.key, b: member.key });
    for (const told of rows ?? []) this.table.append(this.toldRow(told));
  }

  toldRow({ name, same, a, b, diff }) {
    const row = node("tr", same ? "" : "dnb-differs");
    row.append(node("th", "", name));
    if (diff.length) {
      const cell = node("td");
      cell.colSpan = 2;
      const text = node("pre", "dnb-diff");
      for (const [sign, line] of diff) {
        const shown = node("span", { "-": "dnb-gone", "+": "dnb-new" }[sign] ?? "", sign === "@" ? "⋯" : `${sign} ${line}`);
        text.append(shown, "\n");
      }
      cell.append(text);
      row.append(cell);
    } else {
      row.append(node("td", "", a ?? "none"), node("td", "", same ? "the same" : b ?? "none"));
    }
    return row;
  }

  onFacts({ keys: [a, b], rows, said }) {
    const name = `facts ${a} ${b}`;
    this.view.questions.answered(name);
    if (said) this.view.complain(said);
    this.told.set(name, rows);
    if (this.told.size > KEPT_FACTS) this.told.delete(this.told.keys().next().value);
    this.paint();
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

  // To the next image beside the kept ones; where that is one of them, to the one under it.
  step(by) {
    const group = this.view.groups.get(this.view.focus);
    if (!group) return;
    let at = this.view.neighbour(by);
    if (at < keptOf(group)) at = by < 0 ? this.view.member : at + keptOf(group);
    if (at < keptOf(group)) at += keptOf(group);
    while (at < group.size && group.members[at] === null) at++;
    this.view.focusOn(this.view.focus, at);
  }

  group(step) {
    this.fit();
    this.view.focusOn(this.view.focus + step, 0);
    const group = this.view.groups.get(this.view.focus);
    this.view.focusOn(this.view.focus, group ? keptOf(group) : 1);
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
    this.ahead = []; // keys typed before the group that they mean was here
    this.looks = new Map(); // where we were in this cut, by the number the kernel was told it under
    this.base = { focus: model.get("focus"), top: model.get("top") }; // where it put us
    this.looked = 0;
    this.choices = { root: [], stage: [] };
    this.build(el);
    this.listen();
    this.measure();
    this.setTop(model.get("top") * this.rowHeight);
    this.paintSums();
    this.paintChanged();
    this.paintSieve();
    this.count();
    this.draw();
  }

  build(el) {
    this.root = node("div", "dnb-gallery");
    this.root.style.height = `${this.model.get("height_px")}px`;
    this.root.append(this.buildBar(), this.buildFilter(), this.buildProblem(), this.buildChanged());
    this.root.append(this.buildGrid(), this.buildFoot());
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
    this.filterButton = button("Filter", "filter and order the groups (f)", () => this.toggleFilter());
    this.filterButton.setAttribute("aria-expanded", false);
    tools.append(this.position, this.filterButton, compare, this.undoButton, smaller, larger, this.helpButton);
    bar.append(this.sums, tools);
    return bar;
  }

  buildFilter() {
    this.filter = node("div", "dnb-filter");
    this.filter.setAttribute("role", "search");
    this.filter.setAttribute("aria-label", "filter and order");
    this.filter.hidden = true;
    this.fields = { order: this.field("select", "order"), root: this.field("select", "root"), stage: this.field("select", "stage") };
    this.fields.order.append(...ORDERS.map(([value, text]) => this.option(value, text)));
    for (const [name, word, unit] of NUMBERS) {
      this.fields[name] = this.field("input", word, unit);
      Object.assign(this.fields[name], { type: "number", step: "any" });
    }
    this.fields.unreviewed = this.field("input", "not reviewed yet");
    this.fields.unreviewed.type = "checkbox";
    this.filter.append(button("Clear", "show every group, as found", () => this.clearFilter()));
    this.paintChoices();
    return this.filter;
  }

  field(tag, word, unit = "") {
    const made = ownKeys(node(tag));
    made.setAttribute("aria-label", `${word} ${unit}`.trim());
    const asks = tag === "select" ? ["change"] : ["input", "change"];
    for (const event of asks) made.addEventListener(event, () => this.sift(event === "input" ? 300 : 0));
    const label = node("label", "dnb-field");
    label.append(node("span", "", word), made, unit);
    this.filter.append(label);
    return made;
  }

  option(value, text) {
    const made = node("option", "", text);
    made.value = value;
    return made;
  }

  paintChoices() {
    const asked = this.model.get("sieve") ?? {};
    for (const name of ["root", "stage"]) {
      const field = this.fields[name];
      const now = this.choices[name].length ? asked[name] : undefined;
      const choices = this.choices[name].map((text, k) => this.option(String(k), text));
      field.replaceChildren(this.option("", "any"), ...choices);
      field.value = now === undefined || now === null ? "" : String(now);
      field.parentElement.hidden = this.choices[name].length < 2;
    }
    if (document.activeElement?.closest(".dnb-filter")) return; // what is being typed stays
    this.fields.order.value = asked.order || "found";
    for (const [name] of NUMBERS) this.fields[name].value = asked[name] ?? "";
    this.fields.unreviewed.checked = Boolean(asked.unreviewed);
  }

  buildChanged() {
    this.changed = node("div", "dnb-changed");
    this.changed.setAttribute("role", "group");
    this.changed.hidden = !this.model.get("tells_changes");
    this.changedText = node("span", "dnb-changed-text");
    this.changedPairs = node("div", "dnb-pairs");
    this.changed.append(this.changedText, this.changedPairs);
    this.twins = []; // pictures of those pairs
    return this.changed;
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
    for (const name of ["sums", "reviewed", "undoable", "problems", "count", "total"]) {
      on(`change:${name}`, () => this.paintSums());
    }
    on("change:changed", () => this.paintChanged());
    on("change:lines", () => this.onLines());
    on("change:sieve", () => this.paintSieve());
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
    clearTimeout(this.siftTimer);
    this.root.remove();
  }

  // The kernel says where we are now, going by what it had been told when it made this cut: what
  // we have moved since then is added, so that no key is lost and none means another group.
  onVersion() {
    const seen = this.looks.get(this.model.get("seen")) ?? this.base;
    const offset = this.top() - seen.top * this.rowHeight;
    const moved = this.focus - seen.focus;
    this.key = this.current()?.key ?? this.key;
    this.version = this.model.get("version");
    this.groups.clear();
    this.questions.forget("groups");
    this.questions.forget("members");
    this.looks.clear(); // they count groups of another cut
    this.base = { focus: this.model.get("focus"), top: this.model.get("top") };
    this.focus = Math.max(0, this.base.focus + moved);
    this.measure();
    this.setTop(this.base.top * this.rowHeight + offset);
    this.paintSums();
    this.count();
    this.soon();
  }

  // Sets need two lines: rows grow, and the row on top stays there.
  onLines() {
    if (this.model.get("lines") > 1 && this.size === SIZES[1]) this.size = SIZES[0];
    this.onResize();
  }

  onMessage(message, buffers) {
    if (this.silent.size) this.onLife();
    if (message.kind === "groups") this.onGroups(message);
    else if (message.kind === "members") this.onMembers(message);
    else if (message.kind === "thumbnails") this.onThumbnails(message, buffers);
    else if (message.kind === "decided") this.onDecided(message);
    else if (message.kind === "image") this.compare.onImage(message, buffers);
    else if (message.kind === "facts") this.compare.onFacts(message);
    else if (message.kind === "choices") this.onChoices(message);
    else if (message.kind === "failed") this.onFailed(message);
    this.pump();
    this.catchUp();
  }

  // Do what was typed ahead, now that the group in focus is here.
  catchUp() {
    while (this.ahead.length && this.ready()) this.ahead.shift()();
    this.tellBusy();
  }

  ready() {
    const group = this.groups.get(this.focus);
    return !this.total || Boolean(group && group.members[this.member] !== undefined);
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
      this.member = Math.max(0, group.members.findIndex((member) => member?.key === this.key));
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
    this.paintTwins();
  }

  // A question asked twice is answered twice: the late one tells of how things were.
  onDecided(message) {
    if (this.settled.has(message.request)) return;
    const mine = this.settle(message.request);
    if (this.lost) this.relieve();
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
    const at = this.groups.get(go)?.members.findIndex((member) => member?.key === Number(key));
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
    this.lost = true; // it stays until a choice has reached the disk again
  }

  // No answer for long: the kernel computes, or it is gone. What was confirmed is on disk.
  silence(message) {
    this.silent.add(message.kind);
    const choices = this.outbox.length > 1 ? `${this.outbox.length} choices` : "choice";
    const lost = message.kind === "decide" ? `Your last ${choices} may not be saved. ` : "";
    if (lost) this.outbox = [], this.pending.clear();
    this.ahead = []; // nobody wants these keys to come true much later
    this.tellBusy();
    this.complain(`${lost}The kernel does not answer; choices shown here before are on disk.`);
  }

  onLife() {
    this.silent.clear();
    if (!this.lost) this.relieve();
  }

  relieve() {
    this.lost = false;
    this.problem.hidden = true;
    if (this.model.get("problems").length) this.complain(this.model.get("problems").join("\n"));
  }

  // -- where things are ---------------------------------------------------------------------------

  measure() {
    this.total = this.model.get("count");
    this.rowHeight = HEAD_PX + this.model.get("lines") * (this.size + TILE_PX);
    this.sight = this.grid.clientHeight || 400;
    this.width = (this.grid.clientWidth || 800) - 2 * GAP - 10;
    this.fit = Math.max(2, Math.floor((this.width + GAP) / (this.size + 2 + GAP)));
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
    for (let index = stop - 1; index >= first; index--) { // each before the one below it
      const row = this.rows.get(index) ?? this.addRow(index);
      row.el.style.transform = `translateY(${index * this.rowHeight + shift}px)`;
      row.el.style.height = `${this.rowHeight}px`;
      row.refresh(this.groups.get(index));
    }
    if (![...this.rows.keys()].some((index) => !this.groups.has(index))) this.root.dataset.painted = this.version;
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
    for (const [key] of this.twins) keys.add(key);
    return keys;
  }

  paintSums() {
    const sums = this.model.get("sums");
    const [count, total] = [this.model.get("count"), this.model.get("total")];
    const parts = [[count === total ? whole(count) : `${whole(count)} of ${whole(total)}`, "groups"]];
    this.empty.textContent = total ? "No group matches the filter." : "No groups at this threshold.";
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

  // The pairs that joined or left with the last move of the slider, nearest to it first.
  paintChanged() {
    const { joined, count, pairs = [] } = this.model.get("changed");
    if (count === undefined) {
      this.changedText.textContent = "Pairs that join or leave with a move of the slider show here.";
      return;
    }
    const what = joined ? "joined" : "left";
    this.changedText.textContent = `${counted(count, "pair", "pairs")} ${what}`;
    this.changed.setAttribute("aria-label", `${this.changedText.textContent} with the last move`);
    this.changed.dataset.what = what;
    this.twins = [];
    this.changedPairs.replaceChildren(
      ...pairs.map(([a, b, value, nameA, nameB]) => {
        const pair = node("span", "dnb-pair");
        pair.title = `${nameA}\n${nameB}\n${value}`;
        pair.setAttribute("role", "img");
        pair.setAttribute("aria-label", `${nameA} and ${nameB}, ${value}`);
        for (const key of [a, b]) {
          const image = node("img");
          image.alt = "";
          this.twins.push([key, image]);
          pair.append(image);
        }
        pair.append(node("span", "", value));
        return pair;
      }),
    );
    this.paintTwins();
    this.pump();
  }

  paintTwins() {
    for (const [key, image] of this.twins) {
      const url = this.pictures.get(key);
      if (url && image.getAttribute("src") !== url) image.src = url;
    }
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
    const facts = [this.member < keptOf(group) ? "keeper" : value && `${value} to the keeper`, reason];
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
      this.looked = Math.max(this.looked + 1, Date.now()); // rises, also over a view made anew
      this.looks.set(this.looked, { focus: this.focus, top });
      if (this.looks.size > KEPT_LOOKS) this.looks.delete(this.looks.keys().next().value);
      this.told = { kind: "look", version: this.version, focus: this.focus, top, number: this.looked };
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

  // The next member before or after the one in focus, over the places where a set has none.
  neighbour(step) {
    const group = this.groups.get(this.focus);
    if (!group) return this.member;
    let at = this.member + step;
    while (step && group.members[at] === null) at += step;
    return at < 0 || at >= group.size ? this.member : at;
  }

  // The same stage of the other set.
  across() {
    const group = this.groups.get(this.focus);
    if (!group?.columns) return;
    const { columns } = group;
    const line = this.rows.get(this.focus)?.first ?? 1;
    const at = this.member < columns ? this.member + line * columns : this.member % columns;
    if (group.members[at]) this.focusOn(this.focus, at);
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
    this.tellBusy();
  }

  // Whether a choice or a key still waits for the kernel.
  tellBusy() {
    this.root.dataset.busy = this.ahead.length > 0 || this.outbox.length > 0;
  }

  // One choice at a time: two could be heard in the wrong order, for JupyterLab may move the
  // messages of widgets to another thread of the kernel in between.
  sendFirst() {
    const [first] = this.outbox;
    const name = `decide ${first?.request}`;
    if (!first || this.questions.has(name)) return;
    first.oldest = Math.min(...this.outbox.map(({ version }) => version)); // cuts still asked about
    this.questions.ask(name, first);
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

  answer(index, what, answer, goOn = false) {
    const group = this.groups.get(index);
    if (!group) return;
    if (goOn || index !== this.focus) this.focusOn(goOn ? index + 1 : index);
    this.takeKeys();
    const subject = `${what} ${this.version} ${index}`;
    const now = this.soonToBe(subject, what === "review" ? group.accepted : group.answered);
    const wanted = answer ?? !now;
    if (wanted !== now) this.decide({ what, answer: wanted, group: index }, subject, wanted);
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

  // -- which groups, in what order ----------------------------------------------------------------

  toggleFilter(open = this.filter.hidden) {
    this.filter.hidden = !open;
    this.filterButton.setAttribute("aria-expanded", open);
    if (!open) return this.takeKeys();
    this.questions.ask("choices", { kind: "choices" });
    this.fields.order.focus();
  }

  onChoices({ root, stage }) {
    this.questions.answered("choices");
    this.choices = { root, stage };
    this.paintChoices();
  }

  sift(wait) {
    clearTimeout(this.siftTimer);
    this.siftTimer = setTimeout(() => this.model.send({ kind: "sift", ...this.wanted() }), wait);
  }

  wanted() {
    const number = (text) => (text === "" || Number.isNaN(Number(text)) ? null : Number(text));
    const asked = { order: this.fields.order.value, unreviewed: this.fields.unreviewed.checked };
    for (const name of ["root", "stage", ...NUMBERS.map(([each]) => each)]) asked[name] = number(this.fields[name].value);
    return asked;
  }

  clearFilter() {
    for (const field of Object.values(this.fields)) field.value = "";
    this.fields.order.value = "found";
    this.fields.unreviewed.checked = false;
    this.sift(0);
  }

  paintSieve() {
    const asked = this.model.get("sieve") ?? {};
    const on = Object.entries(asked).some(([name, value]) => (name === "order" ? value && value !== "found" : value !== null && value !== false && value !== undefined));
    this.filterButton.setAttribute("aria-pressed", on);
    this.filterButton.setAttribute("aria-label", `filter and order the groups (f)${on ? ", in use" : ""}`);
    this.paintChoices();
  }

  onKey(event) {
    const field = event.target.closest("input, select");
    if (field && event.key !== "Escape") return;
    if (field) return event.preventDefault(), event.stopPropagation(), this.toggleFilter(false);
    if (event.target === this.compare.facts && event.key.startsWith("Arrow")) return;
    const plain = !event.ctrlKey && !event.metaKey && !event.altKey;
    const keys = this.compare.open ? this.compare : this;
    const undo = (event.ctrlKey || event.metaKey) && event.key === "z";
    const onButton = event.target.closest("button") && ["Enter", " "].includes(event.key);
    const act = undo ? () => this.undo() : plain && !onButton && keys.actions(event)[event.key];
    if (!act) return;
    event.preventDefault();
    event.stopPropagation();
    const free = undo || (FREE_KEYS.has(event.key) && !this.compare.open);
    if (!this.ahead.length && (free || this.ready())) act();
    else if (this.ahead.length < KEPT_KEYS) this.ahead.push(act);
    this.tellBusy();
  }

  actions(event) {
    const page = Math.max(1, Math.floor(this.sight / this.rowHeight));
    const group = (step) => () => this.focusOn(this.focus + step);
    const image = (step) => () => this.focusOn(this.focus, this.neighbour(step));
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
      v: () => this.across(),
      f: () => this.toggleFilter(),
      "?": () => this.toggleHelp(),
      Escape: () => this.toggleHelp(false),
    }; // prettier-ignore
  }

  accept(answer) {
    this.answer(this.focus, "review", answer, answer); // we go on first, and then tell of the choice
  }
}

function render({ model, el }) {
  const view = new View(model, el);
  return () => view.dispose(); // no listener outlives its view
}

export default { render };
