import assert from "node:assert/strict";
import { test } from "node:test";

import * as wording from "#gallery/wording.js";
import { group, member, sets } from "./kit.mjs";

test("bytes are shown with three digits at most and their unit", () => {
  const texts = [0, 999, 1000, 12_345, 999_999, 4_321_000, 5e9, 7e15].map(wording.bytesText);
  const wanted = [
    "0 bytes",
    "999 bytes",
    "1.0 kB",
    "12.3 kB",
    "1000 kB",
    "4.3 MB",
    "5.0 GB",
    "7000 TB",
  ];
  assert.deepEqual(texts, wanted);
  assert.equal(wording.bytesText(null), "");
  assert.equal(wording.bytesText(undefined), "");
});

test("numbers are grouped, and one thing is not many", () => {
  assert.equal(wording.whole(1234567), "1,234,567");
  assert.equal(wording.whole(null), "0");
  assert.equal(wording.counted(1, "pair", "pairs"), "1 pair");
  assert.equal(wording.counted(1200, "pair", "pairs"), "1,200 pairs");
});

test("the end of a name is split off", () => {
  assert.deepEqual(wording.splitName("20260101_000001_stage3.png"), [
    "20260101_000001",
    "_stage3.png",
  ]);
  assert.deepEqual(wording.splitName("a.png"), ["", "a.png"]);
});

test("a tile says its name, state, distance, badges, size and reason", () => {
  const two = group(2);
  const fields = {
    badges: ["Cropped"],
    width: 30,
    height: 20,
    bytes: 1500,
    reason: "fewer pixels",
  };
  two.members[1] = member(1, { name: "b.png", ...fields });
  assert.equal(
    wording.tileLabel(two, 1),
    "b.png, stage, 2 bits, Cropped, 30×20 · 1.5 kB, fewer pixels",
  );
  two.members[1].mark = "keep";
  assert.match(wording.tileLabel(two, 1), /^b\.png, your mark keep, /);
  assert.match(wording.tileLabel(two, 0), /, keep, keeper$/);
});

test("a pressed button says whether a person or the proposal pressed it", () => {
  assert.equal(wording.whoseMark(member(1, { mark: "keep" }), "keep", "keep"), "your mark");
  assert.equal(wording.whoseMark(member(1), "stage", "stage"), "proposed");
  assert.equal(wording.whoseMark(member(1), "keep", "protected"), "proposed");
  assert.equal(wording.whoseMark(member(1), "keep", "stage"), "");
});

test("paths and tooltips leave out what is not known", () => {
  assert.equal(wording.pathText({ folder: "", name: "a.png" }), "a.png");
  assert.equal(
    wording.tooltip({ folder: "crop", name: "a.png", reason: "same", badges: [] }),
    "crop/a.png\nsame",
  );
  assert.equal(wording.tooltip({ folder: "crop", name: "a.png", reason: null, badges: [] }), "crop/a.png");
  assert.equal(wording.metaText({ width: null, height: 3, bytes: null }), "");
});

test("the line below says how far an image is from its keeper, and why it goes", () => {
  const two = group(2);
  two.members[1] = member(1, {
    reason: "fewer pixels",
    root: "crop",
    stage: null,
    mtime: "2026-01-02",
  });
  assert.equal(wording.whyText(two, 1), "2 bits to the keeper · fewer pixels · 2026-01-02");
  assert.equal(wording.whyText(two, 0), "keeper");
});

test("a group is open, reviewed or answered", () => {
  const open = { answered: false, reviewed: false, accepted: false };
  const states = [open, { ...open, reviewed: true }, { ...open, reviewed: true, accepted: true }];
  states.push({ ...open, answered: true, reviewed: true });
  assert.deepEqual(states.map(wording.stateOf), ["open", "reviewed", "reviewed", "answered"]);
  assert.deepEqual(states.map(wording.stateText), ["", "marked", "reviewed", "not duplicates"]);
});

test("the head of a row says which members are in sight", () => {
  assert.equal(wording.spanText(group(1), 1, [0], false), "1 image");
  assert.equal(wording.spanText(group(3), 1, [0, 1, 2], false), "3 images");
  assert.equal(wording.spanText(group(1200), 5, [0, 5, 6, 7], true), "1, 6–8 of 1,200");
  assert.equal(wording.spanText(sets(3, 6), 1, [0, 1, 2, 3, 4, 5], false), "2 sets of 3 stages");
  assert.equal(wording.spanText(sets(3, 12), 2, [0, 1, 2, 6, 7, 8], true), "1, 3 of 4");
});

test("rows and compared images have labels", () => {
  const two = group(2, { title: "mojo1/00001" });
  assert.equal(wording.rowLabel(two, 4, ""), "group 5, mojo1/00001, 2 images, not reviewed");
  assert.equal(wording.rowLabel(two, 4, "reviewed"), "group 5, mojo1/00001, 2 images, reviewed");
  assert.equal(wording.comparedText(two, 1), "mojo1/00001 · 2 of 2");
  assert.equal(wording.comparedText(sets(3, 6), 4), "a group · stage 2 of 3");
  assert.equal(wording.markText(member(1, { mark: "stage" }), two), "stage, your mark");
  assert.equal(wording.markText(member(1, { role: "review" }), two), "to review");
});

test("the sums leave out what the kernel has not counted", () => {
  const sums = { images: 1200, bytes: 4_300_000 };
  const all = wording.sumsTexts({ count: 3, total: 3, sums, reviewed: 0 });
  const wanted = [
    ["3", "groups"],
    ["1,200", "would move"],
    ["4.3 MB", "freed"],
    ["0", "reviewed"],
  ];
  assert.deepEqual(all, wanted);
  const filtered = wording.sumsTexts({ count: 2, total: 3, sums: {}, reviewed: null });
  assert.deepEqual(filtered, [["2 of 3", "groups"]]);
});

test("a kernel that does not answer may have lost choices", () => {
  assert.match(wording.silenceText(0), /^The kernel does not respond/);
  assert.match(wording.silenceText(1), /^Your last choice may not be saved\. The kernel/);
  assert.match(wording.silenceText(3), /^Your last 3 choices may not be saved\. /);
});

test("shares are told as finely as they are small", () => {
  const texts = [0, 0.00003, 0.0012, 0.034, 0.56, 1].map(wording.shareText);
  assert.deepEqual(texts, ["0 %", "less than 0.01 %", "0.12 %", "3.4 %", "56 %", "100 %"]);
});

test("the line below compared images tells alignment, difference and outlines", () => {
  const pair = { text: "aligned: mirrored", differing: 0.001, outlined: "a spot" };
  const shown = { waits: false, outlining: true, all: false };
  const wanted = "aligned: mirrored · 0.10 % of the pixels differ · outlined: a spot";
  assert.equal(wording.toldText(pair, shown), wanted);
  assert.match(wording.toldText(pair, { ...shown, outlining: false }), /a spot \(o outlines it\)$/);
  assert.equal(wording.toldText(pair, { ...shown, all: true }), "aligned: mirrored");
  assert.equal(wording.toldText(pair, { ...shown, waits: true }), "aligning …");
  const unknown = { text: "not aligned", differing: null, outlined: "" };
  assert.equal(wording.toldText(unknown, shown), "not aligned");
});

test("a large picture is named by its role, and how it is aligned", () => {
  const three = group(3);
  assert.equal(wording.roleText(three, three.members[0]), "keeper");
  assert.equal(wording.roleText(three, three.members[2]), "2 bits");
  three.members[2].value = "";
  assert.equal(wording.roleText(three, three.members[2]), "image 3");
  const label = wording.paneLabel(three, three.members[1], "not aligned");
  assert.equal(label, "2 bits, 202601_000001_stage1.png, stage, not aligned");
});

test("names are shortened where those of a group are equal, not where they differ", () => {
  const names = ["20250615_102752_stage2.png", "20250620_103553_stage2.png"];
  const parts = names.map((name) => wording.nameParts(name, wording.commonEnds(names)));
  assert.deepEqual(parts, [
    ["202506", "15_102752", "_stage2.png"],
    ["202506", "20_103553", "_stage2.png"],
  ]);
  for (const [k, part] of parts.entries()) assert.equal(part.join(""), names[k]);
});

test("what all names begin with is cut to a sign, unless it is short anyway", () => {
  assert.deepEqual(["202506", "IMG", ""].map(wording.shortText), ["…", "IMG", ""]);
});

test("names that overlap at both ends keep every character", () => {
  const names = ["aa.png", "aaa.png", "a.png"];
  const ends = wording.commonEnds(names);
  for (const name of names) assert.equal(wording.nameParts(name, ends).join(""), name);
  assert.deepEqual(wording.nameParts("aaa.png", ends), ["a", "aa", ".png"]);
});

test("a letter that two suffixes share is no common end", () => {
  assert.deepEqual(wording.commonEnds(["a_1.png", "a_2.jpg"]), [2, 0]);
});

test("of equal names only the end is kept whole", () => {
  const ends = wording.commonEnds(["20250615_stage2.png", "20250615_stage2.png"]);
  assert.deepEqual(wording.nameParts("20250615_stage2.png", ends), ["20250615", "", "_stage2.png"]);
});
