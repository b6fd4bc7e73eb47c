import assert from "node:assert/strict";
import { test } from "node:test";

import {
  Layout,
  SIZES,
  clamp,
  firstShowing,
  hidesMembers,
  lastFirst,
  membersShown,
} from "#gallery/layout.js";
import { group, sets } from "./kit.mjs";

// One group in a row, unless it is wider.
function layout(total, { lines = 1, width = 700, height = 762 } = {}) {
  const made = new Layout();
  made.measure(total, lines, width, height);
  return made;
}

test("clamp keeps a value between two others", () => {
  assert.deepEqual(
    [-1, 0, 5, 9].map((x) => clamp(x, 0, 5)),
    [0, 0, 5, 5],
  );
});

test("rows have one height, which grows with the pictures and the lines", () => {
  assert.equal(layout(10).rowHeight, 30 + 128 + 96);
  assert.equal(layout(10, { lines: 2 }).rowHeight, 30 + 2 * (128 + 96));
  const larger = layout(10);
  larger.resize(1);
  larger.measure(10, 1, 700, 762);
  assert.equal(larger.rowHeight, 30 + 160 + 96);
});

test("pictures have a smallest and a largest size", () => {
  const made = layout(10);
  for (const [step, end] of [
    [-1, SIZES[0]],
    [1, SIZES.at(-1)],
  ]) {
    for (let k = 0; k < 10; k++) made.resize(step);
    assert.equal(made.size, end);
  }
});

test("a gallery that is not shown yet has a size all the same", () => {
  const made = layout(10, { width: 0, height: 0 });
  assert.equal(made.sight, 400);
  assert.ok(made.fit >= 2);
});

test("only the rows in sight are drawn, and one more on each side", () => {
  const made = layout(100); // three rows of 254 in 762 pixels
  assert.deepEqual(made.rowsInSight(0), [0, 4]);
  assert.deepEqual(made.rowsInSight(2540), [9, 14]);
  assert.deepEqual(made.rowsInSight(made.tall - made.sight), [96, 100]);
  assert.deepEqual(layout(0).rowsInSight(0), [0, 0]);
});

test("scroll positions are pixels while the rows fit into one element", () => {
  const made = layout(100);
  assert.equal(made.canvasHeight, 25_400);
  assert.equal(made.topAt(1234), 1234);
  assert.equal(made.scrollAt(1234), 1234);
  assert.equal(made.scrollAt(-5), 0);
  assert.equal(made.scrollAt(1e9), made.tall - made.sight);
});

test("scroll positions of a hundred thousand groups are scaled, and every row is reached", () => {
  const made = layout(100_000);
  assert.ok(made.canvasHeight < made.tall);
  assert.equal(made.topAt(0), 0);
  assert.ok(Math.abs(made.topAt(made.canvasHeight - made.sight) - (made.tall - made.sight)) < 1);
  for (const top of [0, 254, 1e6, 2.2e7]) {
    assert.ok(Math.abs(made.topAt(made.scrollAt(top)) - top) < 1e-3);
  }
});

test("a row is brought into sight by as little as needed", () => {
  const made = layout(100);
  assert.equal(made.page(), 3);
  assert.equal(made.topShowing(1, 0), 0); // in sight already
  assert.equal(made.topShowing(5, 2000), 5 * 254); // above: becomes the first
  assert.equal(made.topShowing(9, 0), 7 * 254); // below: becomes the last whole one
});

test("the pictures of a set shrink until all its stages fit", () => {
  const made = layout(10, { lines: 2, width: 1000 });
  assert.equal(made.tileSize(group(3)), 128);
  assert.equal(made.tileSize(sets(3, 6)), 128);
  const small = made.tileSize(sets(10, 20));
  assert.ok(small < 128 && 10 * (small + 2 + 8) - 8 <= made.width);
  assert.equal(made.tileSize(sets(100, 200)), 56);
});

test("pictures of a small group widen into what is left of their line", () => {
  const wide = layout(100, { width: 1220 });
  assert.deepEqual(wide.tileBox(group(3)), [119, 119]);
  assert.deepEqual(wide.tileBox(group(9)), [119, 119]);
  assert.deepEqual(wide.tileBox(group(2)), [184, 119]);
  assert.deepEqual(wide.tileBox(group(1)), [202, 119]); // no more than they gain by it
  assert.deepEqual(wide.tileBox(sets(3, 6)), [119, 119]);
});

// Member 0 is always shown; `fit` 5 leaves room for four others.
test("a strip shows the keeper and as many others as fit", () => {
  assert.deepEqual(membersShown(group(3), 5, 1), [0, 1, 2]);
  assert.deepEqual(membersShown(group(40), 5, 1), [0, 1, 2, 3, 4]);
  assert.deepEqual(membersShown(group(40), 5, 36), [0, 36, 37, 38, 39]);
  assert.deepEqual(membersShown(group(1), 5, 1), [0]);
});

test("a strip follows the focus and leaves no room empty", () => {
  const forty = group(40);
  assert.equal(firstShowing(forty, 5, 1, 4), 1);
  assert.equal(firstShowing(forty, 5, 1, 5), 2);
  assert.equal(firstShowing(forty, 5, 20, 7), 7);
  assert.equal(firstShowing(forty, 5, 20, 0), 20); // the keeper is in sight anyway
  assert.equal(firstShowing(forty, 5, 99, 0), 36);
  assert.equal(lastFirst(forty, 5), 36);
  assert.equal(lastFirst(group(3), 5), 1);
});

test("two sets are in sight: the kept one and one below it", () => {
  const four = sets(3, 12);
  assert.deepEqual(membersShown(four, 5, 2), [0, 1, 2, 6, 7, 8]);
  assert.deepEqual(membersShown(sets(3, 3), 5, 1), [0, 1, 2]);
  assert.deepEqual(membersShown(sets(3, 5), 5, 1), [0, 1, 2, 3, 4]);
  assert.equal(firstShowing(four, 5, 1, 10), 3);
  assert.equal(firstShowing(four, 5, 3, 2), 3);
  assert.equal(lastFirst(four, 5), 3);
});

test("members are hidden where not all of them are in sight", () => {
  assert.ok(!hidesMembers(group(3), [0, 1, 2]));
  assert.ok(hidesMembers(group(4), [0, 1, 2]));
  assert.ok(!hidesMembers(sets(3, 6), [0, 1, 2, 3, 4, 5]));
  assert.ok(hidesMembers(sets(3, 7), [0, 1, 2, 3, 4, 5]));
});

test("groups lie side by side where three images of each fit, a little smaller if need be", () => {
  const wide = layout(100, { width: 1220 });
  assert.deepEqual([wide.perRow, wide.cell, wide.fit], [3, 406, 3]);
  assert.equal(wide.tileSize(group(3)), 119);
  assert.equal(wide.rowHeight, 30 + 119 + 96);
  assert.deepEqual([560, 700, 1000, 1900].map((width) => layout(9, { width }).perRow), [1, 1, 2, 4]);
  assert.equal(layout(9, { width: 1900, lines: 2 }).perRow, 1); // sets
});

test("rows of several groups are drawn, paged and brought into sight as a whole", () => {
  const wide = layout(100, { width: 1220 }); // 34 rows of 245 in 762 pixels
  assert.equal(wide.tall, 34 * 245);
  assert.deepEqual(wide.rowsInSight(0), [0, 15]);
  assert.deepEqual(wide.rowsInSight(wide.tall - wide.sight), [87, 100]);
  assert.equal(wide.page(), 9);
  assert.deepEqual([0, 4, 8].map((index) => [wide.rowOf(index), wide.leftOf(index)]), [
    [0, 0],
    [1, 406],
    [2, 812],
  ]);
  assert.equal(wide.topShowing(8, 0), 0);
  assert.equal(wide.topShowing(9, 0), 245);
});
