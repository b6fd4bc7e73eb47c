// What stands below a picture: how far it is from its keeper, what waits, what its badges say.

import { Recent } from "./caches.js";
import { standing } from "./members.js";
import { WORDS, valueText } from "./wording.js";

const FONT_PX = 11;
const CHIP_PX = 8; // of a chip, left and right
const GAP_PX = 2; // between two
const LINES = 2;
const KEPT_WIDTHS = 4000;
const URGENT = new Set(["dnb-call", "dnb-lack"]);
const BOLD = new Set(["dnb-call", "dnb-lack", "dnb-more", "dnb-when"]);

// The chips of a member, the most important first, as {text, look}. What all of its group have stands
// in the head of the group. `when` is a time, and whether it is another than that of the keeper.
export function chipsOf(group, at, common, when) {
  const member = group.members[at];
  const now = standing(member, group);
  const chips = [{ text: valueText(group, at), look: "dnb-value" }];
  if (now === "review") chips.push({ text: "review", look: "dnb-call" });
  if (member.mark === "stage" && now === "keep") chips.push({ text: WORDS.last, look: "dnb-call" });
  for (const text of member.lacks ?? []) chips.push({ text, look: "dnb-lack" });
  if (when) chips.push({ text: when[0], look: when[1] ? "dnb-when" : "" });
  for (const text of member.badges) if (!common.has(text)) chips.push({ text, look: "dnb-badge" });
  return chips.filter(({ text }) => text);
}

// The chips that fit into a width, and the number of the others. `widthOf` measures one. Where the
// distance would take the place of what matters more, it comes after that.
export function chosen(chips, room, widthOf) {
  const more = widthOf(moreChip(chips.length)) + GAP_PX;
  const countOf = (some) => fitting(some.map(widthOf), room, more);
  const [value, ...others] = chips;
  const urgent = others.filter(({ look }) => URGENT.has(look));
  const isShort = value?.look === "dnb-value" && countOf(chips) <= urgent.length;
  const ordered = isShort ? [...urgent, value, ...others.slice(urgent.length)] : chips;
  const count = countOf(ordered);
  if (count === chips.length) return { shown: ordered, more: 0 };
  return { shown: [...ordered.slice(0, count), moreChip(chips.length - count)], more };
}

// How many others there are.
const moreChip = (count) => ({ text: `+${count}`, look: "dnb-more" });

// How many of some chips fit into lines of `room` pixels, with `more` pixels left for the number of
// the others, if not all do.
function fitting(widths, room, more, lines = LINES) {
  const all = packed(widths, room, lines);
  return all === widths.length ? all : packed(widths, room, lines, more);
}

// How many fit, if `more` is to follow the last of them, for which wide ones are cut.
function packed(widths, room, lines, more = 0) {
  let [line, left, count] = [1, room, 0];
  for (const [k, wide] of widths.entries()) {
    const width = Math.min(wide, room - more);
    if (left !== room && width > left) [line, left] = [line + 1, room];
    if (line > lines) break;
    left -= width + GAP_PX;
    if (!more || line < lines || left + GAP_PX >= more) count = k + 1;
  }
  return count;
}

// Widths of texts in pixels, each measured once, without a layout of the page.
export class Ruler {
  constructor(el) {
    this.el = el;
    this.widths = new Recent(KEPT_WIDTHS);
  }

  chip({ text, look }) {
    const name = `${look} ${text}`;
    if (!this.widths.has(name)) {
      this.widths.set(name, Math.ceil(this.measure(text, BOLD.has(look))) + CHIP_PX);
    }
    return this.widths.get(name);
  }

  measure(text, bold) {
    this.paper ??= document.createElement("canvas").getContext("2d");
    this.family ??= getComputedStyle(this.el).fontFamily;
    this.paper.font = `${bold ? 600 : 400} ${FONT_PX}px ${this.family}`;
    return this.paper.measureText(text).width;
  }
}
