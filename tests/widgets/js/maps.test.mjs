import assert from "node:assert/strict";
import { test } from "node:test";

import {
  SAME,
  apply,
  boxOf,
  chain,
  fromCentres,
  inverse,
  moved,
  scaleOf,
  scaled,
  stretched,
} from "#gallery/maps.js";

test("maps are applied one after the other", () => {
  assert.deepEqual(apply(chain(scaled(2), moved(3, 4)), [5, 6]), [13, 16]);
  assert.deepEqual(apply(chain(moved(3, 4), scaled(2)), [5, 6]), [16, 20]);
});

test("the way back is the way back, mirrored and turned too", () => {
  for (const map of [SAME, [0.5, 0, 3, 0, 0.5, -2], [-1, 0, 9, 0, 1, 0], [0, 2, 1, -2, 0, 7]]) {
    const there = apply(map, [3, 5]);
    assert.deepEqual(
      apply(inverse(map), there).map((value) => Math.round(value * 1e6) / 1e6),
      [3, 5],
    );
  }
  assert.equal(scaleOf([0, 2, 1, -2, 0, 7]), 2);
});

test("pixel centres become corners: half the size has its corner in the same place", () => {
  const half = fromCentres([0.5, 0, -0.25, 0, 0.5, -0.25]);
  assert.deepEqual(apply(half, [0, 0]), [0, 0]);
  assert.deepEqual(apply(half, [600, 400]), [300, 200]);
  const mirrored = fromCentres([-1, 0, 599, 0, 1, 0]);
  assert.deepEqual(apply(mirrored, [0, 0]), [600, 0]);
  assert.deepEqual(apply(stretched([600, 400], [300, 100]), [600, 400]), [300, 100]);
});

test("the box around a turned box holds it", () => {
  assert.deepEqual(boxOf([0, 1, 0, 1, 0, 0], [1, 2, 3, 5]), [2, 1, 5, 3]);
});
