import assert from "node:assert/strict";
import { test } from "node:test";

import { diffLine, factCells, factRows } from "#gallery/facts.js";

const keeper = { width: 30, height: 20, bytes: 1500, mtime: "2026-01-01", stage: null, folder: "" };
const smaller = {
  ...keeper,
  width: 15,
  height: 10,
  bytes: null,
  folder: "crop",
  reason: "fewer pixels",
};

test("facts that neither image has are left out, and those that differ are told", () => {
  assert.deepEqual(factRows(keeper, smaller), [
    { name: "pixels", a: "30×20", b: "15×10", same: false },
    { name: "size", a: "1.5 kB (1,500)", b: "", same: false },
    { name: "modified", a: "2026-01-01", b: "2026-01-01", same: true },
    { name: "folder", a: "", b: "crop", same: false },
    { name: "reason", a: "", b: "fewer pixels", same: false },
  ]);
});

test("what is the same is not repeated, and what is lacking is named", () => {
  assert.deepEqual(factCells({ a: "1", b: "1", same: true }), ["1", "same"]);
  assert.deepEqual(factCells({ a: null, b: "2", same: false }), ["none", "2"]);
  assert.deepEqual(factCells({ a: "1", b: null, same: false }), ["1", "none"]);
  assert.deepEqual(factCells({ a: "", b: "2", same: false }), ["", "2"]);
});

test("lines of a diff are signed, and left out lines are dots", () => {
  assert.deepEqual(diffLine(["-", "red"]), { className: "dnb-gone", text: "- red" });
  assert.deepEqual(diffLine(["+", "blue"]), { className: "dnb-new", text: "+ blue" });
  assert.deepEqual(diffLine([" ", "sky"]), { className: "", text: "  sky" });
  assert.deepEqual(diffLine(["@", ""]), { className: "", text: "⋯" });
});
