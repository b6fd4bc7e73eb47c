// Rules about the members of a group: which are kept, what happens to each, which is next.

import { clamp } from "./layout.js";

// Number of kept members at the start: one, or the whole first set.
export const keptOf = (group) => group.columns || 1;

// The image that a member is compared with: its keeper, or the same stage of the kept set.
export function keeperOf(group, at) {
  return group.columns ? group.members[at % group.columns] : group.members[0];
}

// What will happen to an image: your mark, else "not duplicates", else the proposal. A keeper that
// you marked for staging stays all the same, since one of the group must stay.
export function standing(member, group) {
  if (member.mark && !(member.mark === "stage" && member.role === "keeper")) return member.mark;
  if (group.answered && member.role !== "protected") return "keep";
  return member.role === "keeper" ? "keep" : member.role;
}

// Whether the button for `mark` is pressed; a protected image counts as kept.
export const isPressed = (mark, now) => now === mark || (mark === "keep" && now === "protected");

// The next member before or after `at`, skipping gaps where a set has no image.
export function neighbourOf(group, at, step) {
  if (!step) return at;
  let next = at + step;
  while (group.members[next] === null) next += step;
  return next < 0 || next >= group.size ? at : next;
}

// The same stage of the other set: from the kept set to line `line` of the row, or back.
export function acrossOf({ columns, members }, at, line) {
  const other = at < columns ? at + line * columns : at % columns;
  return members[other] ? other : at;
}

// The image to look at first in a group: the first that is proposed, else the first that waits for
// you, else the first that is not the keeper; 0 until they have come.
export function firstProposed(group) {
  const from = keptOf(group);
  const others = group.members
    .map((member, at) => [member, at])
    .filter(([member, at]) => member && at >= from);
  const first = (now) => others.find(([member]) => standing(member, group) === now);
  return (first("stage") ?? first("review") ?? others[0] ?? [null, 0])[1];
}

// The position of the image that a member is compared with; `held` is one that you chose.
export function besideOf(group, at, held) {
  if (held !== undefined && group.members[held]) return held;
  const kept = group.columns ? at % group.columns : 0;
  if (group.members[kept]) return kept;
  return Math.max(0, group.members.findIndex(Boolean)); // the kept set lacks this stage
}

// The positions in a group, also of members that have not come.
export const placesOf = ({ size }) => Array.from({ length: size }, (unused, at) => at);

// The next member to compare, which is never the one that it is compared with. Kept members are
// skipped unless you chose what to compare with: the one below is compared instead.
export function comparedAfter(group, at, step, held) {
  const from = held === undefined ? keptOf(group) : 0;
  const places = placesOf(group).filter(
    (place) => place >= from && group.members[place] !== null && place !== held,
  );
  const now = places.indexOf(at);
  if (now >= 0) return places[clamp(now + step, 0, places.length - 1)];
  const before = step < 0 ? places.findLast((place) => place < at) : undefined;
  return before ?? places.find((place) => place >= at + from) ?? places.at(-1) ?? at;
}

// Position of the member with an image key in its group, or 0.
export function memberWithKey(group, key) {
  return Math.max(0, group?.members.findIndex((member) => member?.key === key) ?? 0);
}
