// Filters by name: save the present one, apply or delete another.

import { button, node, option, ownKeys } from "./dom.js";

export class Saved {
  constructor(view, filter) {
    this.view = view;
    this.filter = filter;
    this.el = node("span", "dnb-saved");
    this.el.setAttribute("role", "group");
    this.el.setAttribute("aria-label", "saved filters");
    this.build();
  }

  build() {
    this.list = ownKeys(node("select"));
    this.list.setAttribute("aria-label", "saved filters");
    this.list.addEventListener("change", () => this.apply());
    this.name = ownKeys(node("input"));
    this.name.type = "text";
    this.name.placeholder = "name";
    this.name.setAttribute("aria-label", "name of the filter to save");
    this.name.addEventListener("keydown", (event) => {
      if (event.key === "Enter") this.save();
    });
    this.keep = button("Save", "save this filter and order by name", () => this.save());
    this.drop = button("Delete", "delete the chosen filter", () => this.delete());
    const label = node("label", "dnb-field");
    label.append(node("span", "", "saved"), this.list);
    this.el.append(label, this.drop, this.name, this.keep);
  }

  all() {
    return this.view.model.get("saved") ?? {};
  }

  apply() {
    const asked = this.all()[this.list.value];
    if (asked) this.filter.ask(asked);
  }

  save() {
    const name = this.name.value.trim();
    if (!name) {
      this.view.say("type a name for this filter");
      this.name.focus();
      return;
    }
    this.send({ what: "save", name });
    this.name.value = "";
  }

  delete() {
    if (this.list.value) this.send({ what: "delete", name: this.list.value });
  }

  send(message) {
    this.view.questions.ask("filters", { kind: "filters", ...message });
  }

  // The list shows which saved filter is in use, if one is.
  paint() {
    const all = this.all();
    const now = sameAs(this.filter.sieve());
    const names = Object.keys(all);
    const inUse = names.find((name) => sameAs(all[name]) === now) ?? "";
    this.list.replaceChildren(option("", "none"), ...names.map((name) => option(name, name)));
    this.list.value = inUse;
    this.list.parentElement.hidden = names.length === 0;
    this.drop.hidden = names.length === 0;
    this.drop.disabled = !inUse;
  }
}

// Two filters are the same if these texts are.
export function sameAs({ order = "found", filter = {} }) {
  return JSON.stringify([order, Object.entries(filter).toSorted()]);
}
