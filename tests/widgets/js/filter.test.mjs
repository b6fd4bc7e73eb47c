import assert from "node:assert/strict";
import { test } from "node:test";

import { isInUse, numberIn, sieveFrom } from "#gallery/filter.js";

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

test("the texts of the fields become a filter", () => {
  const limits = { least_mb: null, from_value: null, to_value: null };
  const nothing = { root: null, stage: null, lacks: null, ...limits };
  assert.deepEqual(sieveFrom(EMPTY), { order: "found", unreviewed: false, ...nothing });
  const texts = { ...EMPTY, order: "doubt", unreviewed: true, root: "0", to_value: "0.5" };
  const wanted = { order: "doubt", unreviewed: true, ...nothing, root: 0, to_value: 0.5 };
  assert.deepEqual(sieveFrom(texts), wanted);
});

test("a filter is in use if it hides or reorders any group", () => {
  assert.ok(!isInUse({}));
  assert.ok(!isInUse(sieveFrom(EMPTY)));
  assert.ok(isInUse({ order: "size" }));
  assert.ok(isInUse({ order: "found", root: 0 }));
  assert.ok(isInUse({ unreviewed: true }));
});
