// The texts of the gallery: numbers, sizes, names, and descriptions of members and groups.

import { isPressed, keptOf, standing } from "./members.js";

const NAME_END = 11; // characters at the end of a name that are never cut
export const WORDS = { keep: "keep", stage: "stage", protected: "protected", review: "to review", last: "must stay" };

const joinTexts = (texts, separator) => texts.filter(Boolean).join(separator);

// -- numbers and names ----------------------------------------------------------------------------

export const whole = (value) => (value ?? 0).toLocaleString("en");
export const counted = (n, one, many) => `${whole(n)} ${n === 1 ? one : many}`;

export function bytesText(bytes) {
  if (bytes === null || bytes === undefined) return "";
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  let at = 0;
  while (bytes >= 1000 && at < units.length - 1) {
    bytes /= 1000;
    at++;
  }
  return `${bytes >= 100 || at === 0 ? Math.round(bytes) : bytes.toFixed(1)} ${units[at]}`;
}

export const pixelsText = ({ width, height }) => (width && height ? `${width}×${height}` : "");
export const pathText = ({ folder, name }) => (folder ? `${folder}/${name}` : name);

// Names often differ only at the end, so that part is never cut.
export function splitName(name) {
  const split = Math.max(0, name.length - NAME_END);
  return [name.slice(0, split), name.slice(split)];
}

// How many characters all of some names begin and end with.
export function commonEnds(names) {
  const [first = "", ...others] = new Set(names);
  if (!others.length) return [first.length, 0];
  const least = Math.min(first.length, ...others.map(({ length }) => length));
  const alike = (from) => {
    let count = 0;
    while (count < least && others.every((name) => name.at(from(count)) === first.at(from(count))))
      count++;
    return count;
  };
  const start = alike((count) => count);
  const end = Math.min(alike((count) => -1 - count), least - start);
  return [start, first.slice(first.length - end).includes(".") ? end : 0]; // not the g of png, jpg
}

// A name in three parts: what it begins with as all of its group do, what differs, and its end.
// Where nothing differs, only the end counts.
export function nameParts(name, [start, end]) {
  if (start >= name.length) return splitName(name).toSpliced(1, 0, "");
  return [name.slice(0, start), name.slice(start, name.length - end), name.slice(name.length - end)];
}

// What all names of a group begin with says little.
export const shortText = (text) => (text.length > 3 ? "…" : text);

// -- a member -------------------------------------------------------------------------------------

export const valueText = (group, at) =>
  at < keptOf(group) ? "keeper" : (group.members[at].value ?? "");
const sizeTexts = (member) => [pixelsText(member), bytesText(member.bytes)];

export const metaText = (member) => joinTexts(sizeTexts(member), " · ");
export const toldOf = ({ lacks = [], badges }) => [...lacks, ...badges];
export const tooltip = (member) =>
  joinTexts([pathText(member), member.reason, joinTexts(toldOf(member), " · "), member.mtime], "\n");

// Whether a pressed button shows your mark or the proposal.
export function whoseMark(member, mark, now) {
  if (member.mark === mark) return "your mark";
  return isPressed(mark, now) ? "proposed" : "";
}

// The accessible label of a tile.
export function tileLabel(group, at) {
  const member = group.members[at];
  const now = standing(member, group);
  const state = member.mark ? `your mark ${now}` : (WORDS[now] ?? now);
  const { name, reason } = member;
  const texts = [name, state, valueText(group, at), ...toldOf(member), metaText(member), reason];
  return joinTexts(texts, ", ");
}

// The line below the gallery about the member in focus.
export function whyText(group, at) {
  const member = group.members[at];
  const { value, reason, stage, mtime } = member;
  const distance = at < keptOf(group) ? "keeper" : value && `${value} to the keeper`;
  const texts = [distance, reason, ...toldOf(member), stage, mtime];
  return joinTexts([...new Set(texts)], " · ");
}

// The caption of a large picture.
export function markText(member, group) {
  return member.mark ? `${member.mark}, your mark` : WORDS[standing(member, group)];
}

// -- a group --------------------------------------------------------------------------------------

export function stateOf({ answered, reviewed }) {
  if (answered) return "answered";
  return reviewed ? "reviewed" : "open";
}

export function stateText({ answered, reviewed, accepted, waiting }) {
  if (answered) return "not duplicates";
  if (!reviewed) return "";
  if (!accepted) return "marked";
  return waiting ? `reviewed, ${waiting} wait` : "reviewed";
}

// The line below the gallery while every image of a group is selected.
export const everyText = ({ size }) =>
  `all ${counted(size, "image", "images")} selected: k keeps, s stages, x clears them; e ends this`;

export const setsOf = ({ size, columns }) => Math.ceil(size / (columns || size));

// Which members of a group are in sight, or their number if all are.
export function spanText(group, first, shown, hidden) {
  const { columns, size } = group;
  if (hidden && columns) return `1, ${first + 1} of ${whole(setsOf(group))}`;
  if (hidden) return `1, ${first + 1}–${shown[shown.length - 1] + 1} of ${whole(size)}`;
  if (!columns) return counted(size, "image", "images");
  return `${counted(setsOf(group), "set", "sets")} of ${counted(columns, "stage", "stages")}`;
}

// The accessible label of a row.
export function rowLabel(group, index, state) {
  const images = counted(group.size, "image", "images");
  return `group ${index + 1}, ${group.title}, ${images}, ${state || "not reviewed"}`;
}

// The position of the compared member in its group.
export function comparedText({ title, columns, size }, at) {
  const place = columns ? `stage ${(at % columns) + 1} of ${columns}` : `${at + 1} of ${size}`;
  return `${title} · ${place}`;
}

// Which image of a group a large picture is: the keeper, or how far from it.
export function roleText(group, member) {
  const at = group.members.indexOf(member);
  if (at >= 0 && at < keptOf(group)) return "keeper";
  return member.value || `image ${at + 1}`;
}

// The accessible label of a large picture.
export const paneLabel = (group, member, text) =>
  joinTexts([roleText(group, member), member.name, markText(member, group), text], ", ");

// A share, 0 to 1, in percent.
export function shareText(share) {
  const percent = 100 * share;
  if (percent === 0) return "0 %";
  if (percent < 0.01) return "less than 0.01 %";
  const digits = percent < 1 ? 2 : percent < 10 ? 1 : 0;
  return `${percent.toFixed(digits)} %`;
}

// The line below compared images: how they are aligned, how much differs, what is outlined.
export function toldText({ text, differing, outlined }, { waits, outlining, all }) {
  const differs =
    differing === null || differing === undefined || all
      ? ""
      : `${shareText(differing)} of the pixels differ`;
  const areas = outlining ? `outlined: ${outlined}` : `${outlined} (o outlines it)`;
  if (waits) return "aligning …";
  return joinTexts([text, differs, outlined && !all ? areas : ""], " · ");
}

// -- the whole ------------------------------------------------------------------------------------

// The sums above the groups, as pairs of a number and a label.
export function sumsTexts({ count, total, sums, reviewed }) {
  const parts = [[count === total ? whole(count) : `${whole(count)} of ${whole(total)}`, "groups"]];
  if (sums.images !== undefined) parts.push([whole(sums.images), "would move"]);
  if (sums.bytes !== undefined) parts.push([bytesText(sums.bytes), "freed"]);
  if (reviewed !== null) parts.push([whole(reviewed), "reviewed"]);
  return parts;
}

// The message if the kernel does not answer; `choices` is how many choices may be lost.
export function silenceText(choices) {
  const lost = choices > 1 ? `${choices} choices` : "choice";
  const warning = choices ? `Your last ${lost} may not be saved. ` : "";
  return `${warning}The kernel does not respond; choices confirmed earlier are on disk.`;
}
