// Pairs drawn by chance, one after the other at true pixels, answered by keys.

import { Pictures, Recent } from "../../gallery/parts/caches.js";
import { button, node, ownKeys } from "../../gallery/parts/dom.js";
import { FullWindow } from "../../gallery/parts/fullwindow.js";
import { LightTable } from "../../gallery/parts/lighttable.js";
import { SAME, stretched } from "../../gallery/parts/maps.js";
import { Pairs } from "../../gallery/parts/pairs.js";
import { Questions, sender } from "../../gallery/parts/questions.js";
import { LABEL_KEYS, labelKey } from "./labelkeys.js";
import { Sheet } from "./sheet.js";

const PAGE_ITEMS = 16;
const KEPT_ITEMS = 256;
const AHEAD = 3; // pairs that are loaded before they are asked about
const CHOICES = [
  ["y", "Yes", "yes (y)"],
  ["n", "No", "no (n)"],
  ["?", "Cannot tell", "I cannot tell; counts as no (?)"],
];
const SHOWN = [
  ["both", "Both", "both side by side (b)"],
  ["flicker", "Flicker", "one in the place of the other, in turn (Space)"],
  ["heat", "Difference", "where they differ (h)"],
];

export class LabelView {
  constructor(model, el) {
    this.model = model;
    this.mode = "both";
    this.second = true;
    this.asked = 0; // requests
    this.uid = Math.random().toString(36).slice(2, 10);
    this.items = new Recent(KEPT_ITEMS);
    this.pictures = new Pictures();
    this.questions = new Questions(sender(model), (message) => this.onSilence(message));
    this.sheet = new Sheet(model.get("answers"));
    this.pairs = new Pairs(this.questions);
    this.table = new LightTable(this, () => this.takeKeys());
    this.table.tiles.on = model.get("can_compare");
    // what the full window asks of a gallery
    this.grid = { placeOf: () => 0 };
    this.bar = { paintFull: (on) => this.wide.setAttribute("aria-pressed", on) };
    this.help = { el: { hidden: true } };
    this.build(el);
    this.listen();
    this.paint();
  }

  // -- building -----------------------------------------------------------------------------------

  build(el) {
    this.root = ownKeys(node("div", "dnb-labelling"));
    this.root.tabIndex = 0;
    this.root.setAttribute("role", "application");
    this.root.setAttribute("aria-roledescription", "questions about pairs of pictures");
    this.full = new FullWindow(this);
    this.question = node("b", "dnb-question", this.model.get("question"));
    this.position = node("span", "dnb-position");
    this.told = node("p", "dnb-told");
    this.told.setAttribute("role", "status");
    this.problem = node("p", "dnb-problem-line");
    this.problem.setAttribute("role", "alert");
    this.problem.hidden = true;
    this.finished = node("p", "dnb-finished");
    this.meter = node("progress");
    this.meter.setAttribute("aria-label", "answered");
    this.root.append(this.buildTop(), this.problem, this.finished, this.table.el, this.told, this.buildKeys());
    this.root.style.height = `${this.model.get("height_px")}px`;
    el.append(this.root);
  }

  buildTop() {
    const top = node("div", "dnb-bar");
    const asked = node("div", "dnb-tools dnb-asked");
    asked.append(this.question);
    const answers = node("div", "dnb-tools");
    answers.setAttribute("role", "group");
    answers.setAttribute("aria-label", "your answer");
    this.buttons = CHOICES.map(([answer, word, label]) =>
      button(word, label, () => this.act(() => this.answer(answer)), `dnb-answer-${answer === "?" ? "unsure" : answer}`),
    );
    this.back = button("Undo", "take the last answer back (u)", () => this.act(() => this.undo()));
    answers.append(...this.buttons, this.back, this.meter, this.position);
    const tools = node("div", "dnb-tools");
    this.modes = {};
    for (const [mode, word, label] of SHOWN) {
      this.modes[mode] = button(word, label, () => this.act(() => this.show(mode)));
      tools.append(this.modes[mode]);
    }
    this.zoomed = node("span", "dnb-zoom");
    const whole = button("100 %", "one pixel of the picture for one of the screen (1)", () =>
      this.act(() => this.table.zoomTo(1)),
    );
    const fit = button("Fit", "the whole picture (0)", () => this.act(() => this.table.zoomToFit()));
    this.wide = button("Full window", "fill the window (w)", () => this.full.toggle());
    tools.append(this.zoomed, whole, fit, this.wide);
    this.table.onZoom = () => this.paintZoom();
    top.append(asked, answers, tools);
    return top;
  }

  buildKeys() {
    const details = node("details", "dnb-label-keys");
    details.append(ownKeys(node("summary", "", "keys")));
    const list = node("div", "dnb-keys");
    for (const { shown, help } of LABEL_KEYS) {
      const keys = node("span");
      keys.append(...shown.split(" ").map((name) => node("kbd", "", name)));
      list.append(keys, node("span", "", help));
    }
    details.append(list);
    return details;
  }

  listen() {
    this.off = [];
    const on = (event, act) => {
      this.model.on(event, act);
      this.off.push(() => this.model.off(event, act));
    };
    on("msg:custom", (message, buffers) => this.onMessage(message, buffers));
    on("change:version", () => this.onVersion());
    for (const name of ["answers", "told", "undoable", "question"]) on(`change:${name}`, () => this.onAnswers());
    this.root.addEventListener("keydown", (event) => this.press(event));
  }

  dispose() {
    for (const off of this.off) off();
    for (const part of [this.questions, this.table, this.pictures, this.full]) part.dispose();
    this.root.remove();
  }

  // -- acting -------------------------------------------------------------------------------------

  press(event) {
    if (this.full.onTab(event)) return take(event);
    const onButton = event.target.closest("button, summary") && ["Enter", " "].includes(event.key);
    const entry = onButton ? undefined : labelKey(event);
    if (!entry) return undefined;
    take(event);
    if (!(entry.once && event.repeat)) entry.act(this); // a key held down answers one pair
    return undefined;
  }

  act(act) {
    act();
    this.takeKeys();
  }

  takeKeys() {
    this.root.focus({ preventScroll: true });
  }

  backTo() {
    this.table.arrange();
  }

  // Only a pair that is in sight can be answered.
  answer(answer) {
    if (this.sheet.done || !this.isInSight()) return;
    const at = this.sheet.answer(answer);
    const name = `answer ${this.uid} ${this.asked++}`;
    this.questions.ask(name, { kind: "answer", at, answer, version: this.model.get("version"), request: name });
    this.mode = "both";
    this.paint();
  }

  isInSight() {
    const item = this.item();
    return Boolean(item) && (this.table.sharp || [item.a, item.b].every((key) => this.pictures.known(key)));
  }

  undo() {
    if (this.questions.ofKind("undo").length) return;
    const name = `undo ${this.uid} ${this.asked++}`;
    this.questions.ask(name, { kind: "undo", version: this.model.get("version"), request: name });
  }

  // To another pair of the sample, answered or not.
  step(by) {
    this.sheet.goTo(this.sheet.at + by);
    this.mode = "both";
    this.paint();
  }

  show(mode) {
    this.mode = mode;
    this.second = true;
    this.paint();
  }

  flicker() {
    if (this.mode !== "flicker") return this.show("flicker");
    this.second = !this.second;
    return this.paint();
  }

  // -- painting -----------------------------------------------------------------------------------

  item(at = this.sheet.at) {
    return this.items.get(at);
  }

  paint() {
    const { sheet, model } = this;
    const { answered, total } = sheet;
    Object.assign(this.meter, { max: Math.max(total, 1), value: answered });
    this.position.textContent = `${answered} of ${total}${sheet.given}`;
    this.question.textContent = model.get("question");
    this.root.setAttribute("aria-label", model.get("question"));
    if (this.told.textContent !== model.get("told")) this.told.textContent = model.get("told");
    this.back.disabled = !model.get("undoable") && !sheet.sent.size;
    this.finished.hidden = !sheet.done;
    this.finished.textContent = total ? model.get("finished") : model.get("empty");
    this.table.el.hidden = sheet.done;
    for (const made of this.buttons) made.disabled = sheet.done;
    for (const [mode, made] of Object.entries(this.modes)) made.setAttribute("aria-pressed", mode === this.mode);
    const waits = [...this.questions.waiting.keys()].some((name) => /^(answer|undo)/.test(name));
    this.root.dataset.busy = waits || (!sheet.done && !this.item());
    this.root.dataset.at = sheet.at;
    this.pump();
    if (!sheet.done && this.item()) this.paintPair(this.item());
  }

  paintPair({ a, b, sizeA, sizeB }) {
    if (this.shown !== this.sheet.at) {
      this.shown = this.sheet.at;
      this.table.lens.fit();
    }
    this.isFine = this.needsFine();
    const known = this.table.tiles.on && this.pairs.get(a, b, this.isFine);
    const to = (known && known.to) || stretched(sizeA, sizeB);
    const pair = known ? { ...known, to } : { to, aligned: false, fine: false };
    const [one, other] = this.model.get("sides");
    const left = this.pane(one, a, sizeA, SAME, true);
    const right = this.pane(other, b, sizeB, pair.to, pair.aligned);
    const places = { both: [left, right], flicker: [this.second ? { ...right, over: true } : left] };
    this.table.show(sizeA, places[this.mode] ?? [this.difference(left, b, pair)]);
  }

  pane(what, key, size, to, aligned) {
    return { what, name: "", side: "", label: what, layer: { key }, size, to, over: false, aligned, areas: [] };
  }

  difference(left, other, { fine }) {
    if (!fine || !this.table.tiles.on) return { ...left, what: "difference …" };
    return { ...left, what: "difference", label: "difference", layer: { key: left.layer.key, other } };
  }

  // Two whole pictures side by side need no exact alignment, which takes the kernel some time.
  needsFine() {
    return this.mode !== "both" || !this.table.lens.isFit;
  }

  paintZoom() {
    const { table } = this;
    if (this.needsFine() && !this.isFine) return void this.paint();
    this.zoomed.textContent = `${table.zoomed} %${table.sharp ? "" : " …"}`;
    this.root.dataset.sharp = Boolean(table.sharp);
    if (table.sharp && this.mode === "both") this.prepare();
  }

  // Ask for the pixels of the pair that comes next, so that it is here when you get to it.
  prepare() {
    const next = this.item(this.sheet.nextOpen(this.sheet.at + 1));
    if (!next || !this.table.tiles.on || this.sheet.done || this.table.items.length < 2) return;
    for (const [key, size] of [[next.a, next.sizeA], [next.b, next.sizeB]]) {
      this.table.prepare(this.pane("", key, size, SAME, true));
    }
  }

  // -- messages -----------------------------------------------------------------------------------

  // Ask for the pairs that come next, and for their thumbnails.
  pump() {
    const { sheet, questions } = this;
    const wanted = [];
    for (let at = sheet.at; wanted.length < AHEAD && at < sheet.total; at++) {
      if (at === sheet.at || sheet.isOpen(at)) wanted.push(at);
    }
    for (const at of wanted) {
      const start = Math.floor(at / PAGE_ITEMS) * PAGE_ITEMS;
      const name = `items ${start}`;
      if (this.items.has(at) || questions.has(name)) continue;
      const version = this.model.get("version");
      questions.ask(name, { kind: "items", version, start, stop: start + PAGE_ITEMS });
    }
    const items = wanted.map((at) => this.item(at)).filter(Boolean);
    questions.askPictures(new Set(items.flatMap(({ a, b }) => [a, b])), this.pictures);
  }

  onMessage(message, buffers) {
    const answers = {
      items: () => this.onItems(message),
      thumbnails: () => this.onThumbnails(message, buffers),
      tiles: () => this.table.tiles.onTiles(message, buffers),
      pair: () => this.pairs.onPair(message),
      answered: () => this.onAnswered(message),
      undone: () => this.onUndone(message),
    };
    answers[message.kind]?.();
    this.paint();
  }

  onItems({ version, start, items }) {
    this.questions.answered(`items ${start}`);
    if (version !== this.model.get("version")) return;
    items.forEach((item, k) => this.items.set(start + k, item, (at) => at === this.sheet.at));
  }

  onThumbnails({ keys, missing }, buffers) {
    keys.forEach((key, k) => this.pictures.put(key, buffers[k], () => false));
    for (const key of missing) this.pictures.missing.add(key);
    this.questions.gotPictures(new Set([...keys, ...missing]));
    this.table.draw();
  }

  onAnswered({ request, at, said }) {
    if (!this.questions.answered(request)) return;
    this.sheet.settle(at, Boolean(said));
    this.complain(said);
  }

  onUndone({ request, at, said }) {
    if (!this.questions.answered(request)) return;
    if (at !== null) this.sheet.goTo(at);
    this.complain(said);
  }

  onAnswers() {
    this.sheet.take(this.model.get("answers"));
    if (this.sheet.done) this.sheet.at = this.sheet.nextOpen(0);
    this.paint();
  }

  // Another sample, or a longer one.
  onVersion() {
    this.items.clear();
    this.questions.forget("items");
    this.sheet = new Sheet(this.model.get("answers"));
    this.shown = undefined;
    this.paint();
  }

  onSilence(message) {
    if (message.kind === "tiles") this.table.tiles.onSilence(message);
    if (message.kind === "answer") this.sheet.settle(message.at, true);
    this.complain("the kernel does not answer; what it has confirmed is saved");
    this.paint();
  }

  complain(said) {
    this.problem.hidden = !said;
    this.problem.textContent = said ?? "";
  }
}

// Neither the browser nor JupyterLab acts on it.
function take(event) {
  event.preventDefault();
  event.stopPropagation();
}
