import assert from "node:assert/strict";
import { test } from "node:test";

import { askedFrom, isInUse, numberIn } from "#gallery/filter.js";

const EMPTY = {
  order: "found",
  unreviewed: false,
  root: "",
  stage: "",
  lacks: "",
  least_mb: "",
  from_value: "",
  to_value: "",
};

test("a field holds a number or nothing", () => {
  assert.deepEqual(["", "0", "1.5", "-2", "x"].map(numberIn), [null, 0, 1.5, -2, null]);
});

test("the values of the fields become an order and what the filter limits", () => {
  assert.deepEqual(askedFrom(EMPTY), { order: "found", filter: {} });
  const values = { ...EMPTY, order: "doubt", unreviewed: true, root: "crop", to_value: "0.5" };
  const filter = { unreviewed: true, root: "crop", to_value: 0.5 };
  assert.deepEqual(askedFrom(values), { order: "doubt", filter });
});

test("a filter is in use if it hides or reorders any group", () => {
  assert.ok(!isInUse({}));
  assert.ok(!isInUse(askedFrom(EMPTY)));
  assert.ok(isInUse({ order: "size" }));
  assert.ok(isInUse({ order: "found", filter: { root: "crop" } }));
});
