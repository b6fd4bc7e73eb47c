// The bar that chooses which groups are shown, and in what order.

import { button, node, ownKeys } from "./dom.js";

const TYPING_MS = 300; // wait for the rest of a number

const ORDERS = [
  ["found", "original order"],
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
// texts of the lists that the kernel sends, and from how many on there is a choice
const CHOICES = { root: 2, stage: 2, lacks: 1 };
const CHOICE_LABELS = { lacks: "keeper lacks" };

// -- the request ----------------------------------------------------------------------------------

// The number in a field, or null.
export function numberIn(text) {
  return text === "" || Number.isNaN(Number(text)) ? null : Number(text);
}

// An order and a filter in the kernel's format, from the values of the fields. The filter holds only
// what it limits.
export function askedFrom({ order, ...values }) {
  const numbers = NUMBERS.map(([name]) => [name, numberIn(values[name])]);
  const limits = Object.entries({ ...values, ...Object.fromEntries(numbers) });
  return { order, filter: Object.fromEntries(limits.filter(isLimit)) };
}

const isLimit = ([, limit]) => limit !== null && limit !== false && limit !== "";

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
    this.choices = { root: [], stage: [], lacks: [] };
    this.build();
    this.paintFields();
  }

  build() {
    this.el = node("div", "dnb-filter");
    this.el.setAttribute("role", "search");
    this.el.setAttribute("aria-label", "filter and order");
    this.el.hidden = true;
    this.fields = {};
    for (const name of ["order", ...Object.keys(CHOICES)]) {
      this.fields[name] = this.field("select", CHOICE_LABELS[name] ?? name);
    }
    this.fields.order.append(...ORDERS.map(([value, text]) => option(value, text)));
    for (const [name, word, unit] of NUMBERS) {
      this.fields[name] = this.field("input", word, unit);
      Object.assign(this.fields[name], { type: "number", step: "any" });
    }
    this.fields.unreviewed = this.field("input", "not reviewed yet");
    this.fields.unreviewed.type = "checkbox";
    this.el.append(button("Clear", "show all groups in the original order", () => this.clear()));
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

  onChoices({ root, stage, lacks }) {
    this.view.questions.answered("choices");
    this.choices = { root, stage, lacks };
    this.paintFields();
  }

  send(wait) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.view.model.send({ kind: "sift", ...askedFrom(this.values()) });
    }, wait);
  }

  values() {
    const values = {};
    for (const [name, field] of Object.entries(this.fields)) values[name] = field.value;
    return { ...values, unreviewed: this.fields.unreviewed.checked };
  }

  clear() {
    for (const field of Object.values(this.fields)) field.value = "";
    this.fields.order.value = "found";
    this.fields.unreviewed.checked = false;
    this.send(0);
  }

  // -- painting -----------------------------------------------------------------------------------

  paint() {
    const on = isInUse(this.sieve());
    const label = `filter and order the groups (f)${on ? ", in use" : ""}`;
    this.opener.setAttribute("aria-pressed", on);
    this.opener.setAttribute("aria-label", label);
    this.paintFields();
  }

  paintFields() {
    const { order, filter = {} } = this.sieve();
    for (const name of Object.keys(CHOICES)) this.paintChoices(name, filter[name] ?? "");
    if (document.activeElement?.closest(".dnb-filter")) return; // do not overwrite what is being typed
    this.fields.order.value = order || "found";
    for (const [name] of NUMBERS) this.fields[name].value = filter[name] ?? "";
    this.fields.unreviewed.checked = Boolean(filter.unreviewed);
  }

  paintChoices(name, chosen) {
    const field = this.fields[name];
    const here = this.choices[name];
    const texts = chosen && !here.includes(chosen) ? [...here, chosen] : here;
    field.replaceChildren(option("", "any"), ...texts.map((text) => option(text, text)));
    field.value = chosen;
    field.parentElement.hidden = texts.length < CHOICES[name] && !chosen;
  }

  sieve() {
    return this.view.model.get("sieve") ?? {};
  }
}

function option(value, text) {
  const made = node("option", "", text);
  made.value = value;
  return made;
}
