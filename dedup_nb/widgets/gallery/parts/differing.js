// What the members of a group have in common, and what differs from one to the other.

import { bytesText, commonEnds, pixelsText } from "./wording.js";

const DAY = 10; // characters of a date
const TIME = 19; // and of the time of day after it

// What some members have in common: the ends of their names, badges, the time of their last change.
export function commonOf(members) {
  const [first] = members;
  const others = members.slice(1);
  const badges = others.length ? first.badges : [];
  const times = members.map(({ mtime }) => mtime ?? "");
  return {
    ends: commonEnds(members.map(({ name }) => name)),
    badges: new Set(badges.filter((text) => others.every((one) => one.badges.includes(text)))),
    time: times.every((time) => time === times[0]),
    day: times.every((time) => time.slice(0, DAY) === times[0].slice(0, DAY)),
  };
}

// When an image was changed, as precisely as its group needs to tell it from the others.
export function whenText({ mtime }, { time, day }) {
  if (!mtime || time) return "";
  return day ? mtime.slice(DAY + 1, TIME) : mtime.slice(0, DAY);
}

// Pairs of a text about a member and whether it is another than that of its keeper.
export function metaParts(member, keeper, common) {
  const texts = (one) => [pixelsText(one), bytesText(one.bytes), whenText(one, common)];
  const kept = texts(keeper ?? member);
  return texts(member)
    .map((text, k) => [text, text !== kept[k]])
    .filter(([text]) => text);
}
