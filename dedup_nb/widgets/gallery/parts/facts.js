// The table below two compared pictures: the facts about each, and what differs.

import { Recent } from "./caches.js";
import { node, ownKeys } from "./dom.js";
import { standing } from "./members.js";
import { bytesText, pixelsText, whole } from "./wording.js";

const KEPT_FACTS = 32;
const SIGNS = { "-": "dnb-gone", "+": "dnb-new" };

const sizeText = ({ bytes }) => (bytes === null ? "" : `${bytesText(bytes)} (${whole(bytes)})`);

const FACTS = [
  ["pixels", pixelsText],
  ["size", sizeText],
  ["modified", ({ mtime }) => mtime],
  ["stage", ({ stage }) => stage],
  ["folder", ({ folder }) => folder],
  ["reason", ({ reason }) => reason],
];

// Rows of {name, a, b, same} about the keeper and a member; facts that neither has are omitted.
export function factRows(keeper, member) {
  return FACTS.map(([name, fact]) => ({ name, a: fact(keeper) ?? "", b: fact(member) ?? "" }))
    .filter(({ a, b }) => a || b)
    .map((row) => ({ ...row, same: row.a === row.b }));
}

// The cells of a row: different values are written out, equal ones are not repeated.
export const factCells = ({ a, b, same }) => [a ?? "none", same ? "same" : (b ?? "none")];

// One line of a diff, whose sign is "-", "+", " " or "@" where lines are omitted.
export function diffLine([sign, line]) {
  return { className: SIGNS[sign] ?? "", text: sign === "@" ? "⋯" : `${sign} ${line}` };
}

export class Facts {
  constructor(view) {
    this.view = view;
    this.sent = new Recent(KEPT_FACTS); // rows that the kernel sent, by the keys of two images
    this.table = node("table", "dnb-facts");
    this.el = ownKeys(node("div", "dnb-scroll"));
    this.el.tabIndex = 0; // arrow keys scroll it
    this.el.setAttribute("role", "region");
    this.el.setAttribute("aria-label", "what differs");
    this.el.append(this.table);
  }

  // `name` says which image the other is compared with.
  paint(keeper, member, group, name) {
    const head = node("tr");
    const here = `this, ${standing(member, group)}`;
    head.append(node("td"), node("th", "", name), node("th", "", here));
    const rows = [...factRows(keeper, member), ...this.askFor(keeper, member)];
    this.table.replaceChildren(head, ...rows.map(rowElement));
  }

  // Facts that only the kernel knows: stamps, companions, captions, stored prompts.
  askFor({ key: a }, { key: b }) {
    const { model, questions } = this.view;
    const name = factsName(a, b);
    if (!model.get("has_facts")) return [];
    if (!this.sent.has(name) && !questions.has(name)) questions.ask(name, { kind: "facts", a, b });
    return this.sent.get(name) ?? [];
  }

  onFacts({ keys: [a, b], rows, said }) {
    const name = factsName(a, b);
    this.view.questions.answered(name);
    if (said) this.view.complain(said);
    this.sent.set(name, rows);
  }
}

const factsName = (a, b) => `facts ${a} ${b}`;

function rowElement(fact) {
  const row = node("tr", fact.same ? "" : "dnb-differs");
  row.append(node("th", "", fact.name));
  if (fact.diff?.length) row.append(diffCell(fact.diff));
  else row.append(...factCells(fact).map((text) => node("td", "", text)));
  return row;
}

function diffCell(diff) {
  const cell = node("td");
  cell.colSpan = 2;
  const text = node("pre", "dnb-diff");
  for (const line of diff.map(diffLine)) text.append(node("span", line.className, line.text), "\n");
  cell.append(text);
  return cell;
}
