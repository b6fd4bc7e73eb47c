import assert from "node:assert/strict";
import { test } from "node:test";

import { chipsOf, chosen } from "#gallery/chips.js";
import { commonOf, metaParts, whenText } from "#gallery/differing.js";

import { group, member } from "./kit.mjs";

const texts = (made, at, common = new Set()) => chipsOf(made, at, common).map(({ text }) => text);

const row = (key, badges, mtime) => member(key, { badges, mtime });

test("what waits comes first, then what the keeper lacks, then what only this image bears", () => {
  const two = group(2);
  const lacks = ["keeper lacks prompt"];
  two.members[1] = member(1, { role: "review", badges: ["mojo1", "cropped"], lacks });
  const wanted = ["2 bits", "review", "keeper lacks prompt", "cropped"];
  assert.deepEqual(texts(two, 1, new Set(["mojo1"])), wanted);
  assert.deepEqual(texts(two, 0), ["keeper"]);
  two.members[1].mark = "keep";
  assert.ok(!texts(two, 1).includes("review"));
});

test("a time that has no room beside the sizes stands before the badges", () => {
  const two = group(2);
  two.members[1].badges = ["cropped"];
  const chips = (differs) => chipsOf(two, 1, new Set(), ["2026-01-02", differs]).slice(1);
  assert.deepEqual(chips(true)[0], { text: "2026-01-02", look: "dnb-when" });
  assert.deepEqual(chips(false)[0], { text: "2026-01-02", look: "" });
  assert.equal(chips(true)[1].text, "cropped");
});

test("a keeper that stays although it is marked for staging says so", () => {
  const one = group(2);
  one.members[0].mark = "stage";
  assert.deepEqual(texts(one, 0), ["keeper", "must stay"]);
});

const badges = (widths, look = "dnb-badge") => widths.map((width) => ({ text: "", look, width }));
const widthOf = ({ width = 25 }) => width;

test("as many chips are shown as fit into two lines, with room for the number of the others", () => {
  const cases = [
    [[], 0],
    [[40, 40], 2],
    [[60, 60], 2], // one in each line
    [[60, 60, 60], 2], // the third would be on a third line; +1 fits beside the second
    [[60, 90, 60], 2], // the second is cut, so that +1 fits beside it
    [[60, 30, 60, 60], 3],
    [[500], 1], // is cut by the style sheet
    [[500, 500], 2],
    [[500, 500, 10], 2],
  ];
  for (const [widths, count] of cases) {
    const { shown, more } = chosen(badges(widths), 100, widthOf);
    assert.equal(shown.length, more ? count + 1 : count, String(widths));
    assert.equal(shown.at(-1)?.text ?? "", more ? `+${widths.length - count}` : "");
  }
});

test("the distance gives way to what matters more, and only then", () => {
  const [value] = badges([70], "dnb-value");
  const [call] = badges([52], "dnb-call");
  const [lack] = badges([165], "dnb-lack");
  const chips = [value, call, lack, ...badges([30])];
  assert.deepEqual(chosen(chips, 116, widthOf).shown.slice(0, 2), [call, lack]);
  assert.deepEqual(chosen(chips, 200, widthOf).shown.slice(0, 3), [value, call, lack]);
});

test("badges of all members and equal times say nothing about one of them", () => {
  const one = commonOf([row(0, ["a", "b"], "2026-01-02 03:04"), row(1, ["b"], "2026-01-02 03:05")]);
  assert.deepEqual([...one.badges], ["b"]);
  assert.deepEqual([one.time, one.day], [false, true]);
  assert.deepEqual([...commonOf([row(0, ["a"])]).badges], []);
});

test("a time is shown as precisely as the group needs", () => {
  const image = { mtime: "2026-01-02T03:04:05Z" };
  assert.equal(whenText(image, { time: true, day: true }), "");
  assert.equal(whenText(image, { time: false, day: true }), "03:04:05");
  assert.equal(whenText(image, { time: false, day: false }), "2026-01-02");
});

test("what differs from the keeper is told apart from what is equal", () => {
  const sizes = { width: 30, height: 20, bytes: 1500, mtime: "2026-01-02 03:04" };
  const common = { time: false, day: false };
  const smaller = { ...sizes, bytes: 900, mtime: "2026-01-02 03:09" };
  assert.deepEqual(metaParts(smaller, sizes, common), [
    ["30×20", false],
    ["900 bytes", true],
    ["2026-01-02", false],
  ]);
  assert.deepEqual(metaParts({ ...sizes, mtime: "" }, null, common), [
    ["30×20", false],
    ["1.5 kB", false],
  ]);
});
