import assert from "node:assert/strict";
import { test } from "node:test";

import { LABEL_KEYS, labelKey } from "#labelling/labelkeys.js";
import { Sheet } from "#labelling/sheet.js";
import { spy } from "./kit.mjs";

test("it begins at the first pair without an answer", () => {
  assert.deepEqual(
    ["", "...", "yn.", "y.n", "y?n"].map((answers) => new Sheet(answers).at),
    [0, 0, 2, 1, 3],
  );
});

test("an answer goes on to the next open pair, at the end to one that was left out", () => {
  const sheet = new Sheet(".y..");
  sheet.goTo(2);
  assert.deepEqual([sheet.answer("y"), sheet.at], [2, 3]);
  assert.deepEqual([sheet.answer("n"), sheet.at], [3, 0]);
  assert.deepEqual([sheet.answer("?"), sheet.at, sheet.done], [0, 4, true]);
});

test("an answer counts at once, and is asked again if it could not be saved", () => {
  const sheet = new Sheet("...");
  sheet.answer("y");
  assert.equal(sheet.answered, 1);
  sheet.settle(0, true);
  assert.deepEqual([sheet.answered, sheet.at], [0, 0]);
});

test("what the kernel knows stays when an answer is confirmed", () => {
  const sheet = new Sheet("..");
  sheet.answer("y");
  sheet.take("y.");
  sheet.settle(0, false);
  assert.deepEqual([sheet.answerOf(0), sheet.at], ["y", 1]);
});

test("a pair that was answered can be looked at again, with its answer", () => {
  const sheet = new Sheet("yn.");
  assert.equal(sheet.given, "");
  sheet.goTo(1);
  assert.equal(sheet.given, " · pair 2: you answered n");
  assert.deepEqual([sheet.answer("y"), sheet.at], [1, 2]);
  sheet.goTo(-5);
  assert.equal(sheet.at, 0);
  sheet.goTo(9);
  assert.deepEqual([sheet.at, sheet.done], [2, false]); // it is open
  sheet.answer("y");
  sheet.goTo(9);
  assert.ok(sheet.done);
});

test("more pairs may come while it is open", () => {
  const sheet = new Sheet("yy");
  assert.ok(sheet.done);
  sheet.take("yy..");
  assert.equal(sheet.nextOpen(0), 2);
});

const KEYS = [
  ["y", "answer", "y"],
  ["n", "answer", "n"],
  ["?", "answer", "?"],
  ["u", "undo"],
  [" ", "flicker"],
  ["h", "show", "heat"],
  ["PageUp", "step", -1],
];

for (const [key, name, ...given] of KEYS) {
  test(`the key ${key} does ${name}`, () => {
    const view = { [name]: spy() };
    labelKey({ key, shiftKey: key === "?" }).act(view);
    assert.deepEqual(view[name].calls, [given]);
  });
}

test("a key that is held down answers once", () => {
  const once = LABEL_KEYS.filter((entry) => entry.once).map(({ shown }) => shown);
  assert.deepEqual(once, ["y", "n", "?", "u"]);
});

test("keys with Ctrl or Alt are left to others", () => {
  assert.equal(labelKey({ key: "y", ctrlKey: true }), undefined);
  assert.equal(labelKey({ key: "n", altKey: true }), undefined);
});
