// The bar that chooses which groups are shown, and in what order.

import { button, node, option, ownKeys } from "./dom.js";
import { Saved } from "./saved.js";
import { whole } from "./wording.js";

const TYPING_MS = 300; // wait for the rest of a number or text

const ORDERS = [
  ["found", "original order"],
  ["doubt", "most doubtful first"],
  ["bytes", "most bytes freed first"],
  ["size", "most images first"],
  ["newest", "newest first"],
  ["oldest", "oldest first"],
];
const ROLES = { review: "your call", stage: "would move", protected: "protected", keeper: "keeper" };
// What limits the groups: a `list` to choose from, of which the kernel sends the texts, shown from
// `least` texts on; a `text`; a `number` with its unit; or a `check`.
const LIMITS = [
  { name: "role", kind: "list", word: "role", least: 1 },
  { name: "kind", kind: "list", word: "kind", least: 1 },
  { name: "lacks", kind: "list", word: "keeper lacks", least: 1 },
  { name: "finder", kind: "list", word: "finder", least: 2 },
  { name: "root", kind: "list", word: "root", least: 2 },
  { name: "stage", kind: "list", word: "stage", least: 2 },
  { name: "folder", kind: "text", word: "folder" },
  { name: "name", kind: "text", word: "name has" },
  { name: "least_mb", kind: "number", word: "frees at least", unit: "MB" },
  { name: "from_value", kind: "number", word: "weakest link from" },
  { name: "to_value", kind: "number", word: "to" },
  { name: "unreviewed", kind: "check", word: "not reviewed yet" },
];
const TYPES = { text: "text", number: "number", check: "checkbox" };
const LISTS = LIMITS.filter(({ kind }) => kind === "list");

// -- the request ----------------------------------------------------------------------------------

// The number in a field, or null.
export function numberIn(text) {
  return text === "" || Number.isNaN(Number(text)) ? null : Number(text);
}

// An order and a filter in the kernel's format, from the values of the fields. The filter holds only
// what it limits.
export function askedFrom({ order, ...values }) {
  const limits = LIMITS.map(({ name, kind }) => {
    const value = values[name];
    return [name, kind === "number" ? numberIn(value) : value];
  });
  return { order, filter: Object.fromEntries(limits.filter(isLimit)) };
}

const isLimit = ([, limit]) => ![null, undefined, false, ""].includes(limit);

// Whether it hides or reorders groups.
export function isInUse({ order, filter }) {
  return Boolean(order && order !== "found") || Object.keys(filter ?? {}).length > 0;
}

// -- the bar --------------------------------------------------------------------------------------

export class Filter {
  // `opener` is the button that opens it.
  constructor(view, opener) {
    this.view = view;
    this.opener = opener;
    this.choices = {};
    this.saved = new Saved(view, this);
    this.build();
    this.paintFields();
  }

  build() {
    this.el = node("div", "dnb-filter");
    this.el.setAttribute("role", "search");
    this.el.setAttribute("aria-label", "filter and order");
    this.el.hidden = true;
    this.fields = {};
    this.fields.order = this.field("select", "order");
    this.fields.order.append(...ORDERS.map(([value, text]) => option(value, text)));
    for (const { name, kind, word, unit } of LIMITS) {
      const made = this.field(kind === "list" ? "select" : "input", word, unit);
      if (kind !== "list") made.type = TYPES[kind];
      if (kind === "number") made.step = "any";
      this.fields[name] = made;
    }
    this.folders = node("datalist");
    this.folders.id = `${this.view.uid}-folders`;
    this.fields.folder.setAttribute("list", this.folders.id);
    this.count = node("span", "dnb-count");
    this.count.setAttribute("role", "status");
    const clear = button("Clear", "show all groups in the original order", () => this.clear());
    this.el.append(this.folders, clear, this.saved.el, this.count);
  }

  field(tag, word, unit = "") {
    const made = ownKeys(node(tag));
    made.setAttribute("aria-label", `${word} ${unit}`.trim());
    made.addEventListener("change", () => this.send(0));
    if (tag === "input") made.addEventListener("input", () => this.send(TYPING_MS));
    const label = node("label", "dnb-field");
    label.append(node("span", "", word), made, unit);
    this.el.append(label);
    return made;
  }

  dispose() {
    clearTimeout(this.timer);
  }

  toggle(open = this.el.hidden) {
    this.el.hidden = !open;
    this.opener.setAttribute("aria-expanded", open);
    if (!open) return this.view.takeKeys();
    this.view.questions.ask("choices", { kind: "choices" });
    return this.fields.order.focus();
  }

  onChoices({ choices }) {
    this.view.questions.answered("choices");
    this.choices = choices;
    this.paintFields();
  }

  onSaved({ said }) {
    this.view.questions.answered("filters");
    this.view.say(said);
  }

  send(wait) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.ask(askedFrom(this.values())), wait);
  }

  ask(asked) {
    clearTimeout(this.timer);
    this.view.send({ kind: "sift", ...asked });
  }

  values() {
    const values = {};
    for (const [name, field] of Object.entries(this.fields)) {
      values[name] = field.type === "checkbox" ? field.checked : field.value;
    }
    return values;
  }

  clear() {
    this.ask({ order: "found", filter: {} });
  }

  // -- painting -----------------------------------------------------------------------------------

  paint() {
    const on = isInUse(this.sieve());
    const label = `filter and order the groups (f)${on ? ", in use" : ""}`;
    this.opener.setAttribute("aria-pressed", on);
    this.opener.setAttribute("aria-label", label);
    this.paintFields();
  }

  paintCount({ count, total }) {
    const text = `${whole(count)} of ${whole(total)} groups`;
    if (this.count.textContent !== text) this.count.textContent = text;
  }

  paintSaved() {
    this.saved.paint();
  }

  // What is being typed is not overwritten.
  paintFields() {
    const { order, filter = {} } = this.sieve();
    for (const limit of LISTS) this.paintChoices(limit, filter[limit.name] ?? "");
    this.folders.replaceChildren(...(this.choices.folder ?? []).map((text) => option(text, "")));
    const values = { ...filter, order: order || "found" };
    for (const [name, field] of Object.entries(this.fields)) {
      if (field === document.activeElement && field.type !== "checkbox") continue;
      if (field.type === "checkbox") field.checked = Boolean(values[name]);
      else field.value = values[name] ?? "";
    }
    this.saved.paint();
  }

  paintChoices({ name, least }, chosen) {
    const field = this.fields[name];
    const here = this.choices[name] ?? [];
    const texts = chosen && !here.includes(chosen) ? [...here, chosen] : here;
    const wordOf = (text) => (name === "role" ? (ROLES[text] ?? text) : text);
    field.replaceChildren(option("", "any"), ...texts.map((text) => option(text, wordOf(text))));
    field.value = chosen;
    field.parentElement.hidden = texts.length < least && !chosen;
  }

  sieve() {
    return this.view.model.get("sieve") ?? {};
  }
}
