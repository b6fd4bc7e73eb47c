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
// positions in the lists that the kernel sends, and from how many on there is a choice
const CHOICES = { root: 2, stage: 2, lacks: 1 };
const CHOICE_LABELS = { lacks: "keeper lacks" };

// -- the request ----------------------------------------------------------------------------------

// The number in a field, or null.
export function numberIn(text) {
  return text === "" || Number.isNaN(Number(text)) ? null : Number(text);
}

// The filter in the kernel's format, from the texts of the fields.
export function sieveFrom({ order, unreviewed, ...texts }) {
  const sieve = { order, unreviewed };
  for (const name of [...Object.keys(CHOICES), ...NUMBERS.map(([number]) => number)]) {
    sieve[name] = numberIn(texts[name]);
  }
  return sieve;
}

// Whether a filter hides or reorders groups.
export function isInUse({ order, ...limits }) {
  if (order && order !== "found") return true;
  return Object.values(limits).some(
    (limit) => limit !== null && limit !== false && limit !== undefined,
  );
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
      this.view.model.send({ kind: "sift", ...sieveFrom(this.values()) });
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
    const sieve = this.sieve();
    for (const name of Object.keys(CHOICES)) this.paintChoices(name, sieve[name]);
    if (document.activeElement?.closest(".dnb-filter")) return; // do not overwrite what is being typed
    this.fields.order.value = sieve.order || "found";
    for (const [name] of NUMBERS) this.fields[name].value = sieve[name] ?? "";
    this.fields.unreviewed.checked = Boolean(sieve.unreviewed);
  }

  paintChoices(name, chosen) {
    const field = this.fields[name];
    const texts = this.choices[name];
    field.replaceChildren(option("", "any"), ...texts.map((text, k) => option(String(k), text)));
    field.value = texts.length ? String(chosen ?? "") : "";
    field.parentElement.hidden = texts.length < CHOICES[name];
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
