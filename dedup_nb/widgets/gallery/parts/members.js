// Rules about the members of a group: which are kept, what happens to each, which is next.

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

// The next member to compare. Kept members are skipped: the one below is compared instead.
export function comparedAfter(group, at, step) {
  const kept = keptOf(group);
  let next = neighbourOf(group, at, step);
  if (next < kept) next = step < 0 ? at : next + kept;
  if (next < kept) next += kept;
  while (next < group.size && group.members[next] === null) next++;
  return next;
}

// Position of the member with an image key in its group, or 0.
export function memberWithKey(group, key) {
  return Math.max(0, group?.members.findIndex((member) => member?.key === key) ?? 0);
}
