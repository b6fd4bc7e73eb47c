import assert from "node:assert/strict";
import { test } from "node:test";

import { levelFor, sizeAt, spanOf, tilesOf } from "#gallery/pyramid.js";

test("a picture is never coarser than the screen, and in full size from 100 % on", () => {
  const levels = [4, 1, 0.99, 0.5, 0.49, 0.25, 0.1].map(levelFor);
  assert.deepEqual(levels, [0, 0, 0, 1, 1, 2, 3]);
  assert.deepEqual(sizeAt([3001, 5], 2), [751, 2]);
  assert.deepEqual(sizeAt([1, 1], 9), [1, 1]);
});

test("a box needs the squares that it touches, and none outside of the picture", () => {
  assert.deepEqual(spanOf([2000, 1000], 0, [600, 100, 1100, 500]), [1, 0, 2, 0]);
  assert.deepEqual(spanOf([2000, 1000], 0, [-500, -500, 9000, 9000]), [0, 0, 3, 1]);
  assert.deepEqual(spanOf([2000, 1000], 1, [1100, 0, 1200, 10]), [1, 0, 1, 0]);
  assert.deepEqual(spanOf([1024, 512], 0, [0, 0, 1024, 512]), [0, 0, 1, 0]);
  assert.equal(spanOf([2000, 1000], 0, [2100, 0, 2200, 10]), undefined);
});

test("squares in the middle come first", () => {
  const tiles = tilesOf([0, 0, 2, 2]);
  assert.deepEqual(tiles[0], [1, 1]);
  assert.equal(tiles.length, 9);
});
