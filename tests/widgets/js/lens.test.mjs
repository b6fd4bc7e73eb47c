import assert from "node:assert/strict";
import { test } from "node:test";

import { Lens, bestColumns, fittedScale, wheelFactor } from "#gallery/lens.js";
import { SAME, apply, scaleOf } from "#gallery/maps.js";

const FRAME = [800, 600];
const LARGE = [4000, 3000]; // is fitted at 20 %
const SMALL = [200, 150]; // at 400 %

// What picture pixel is seen `at` screen pixels from the corner of the frame.
const seen = (lens, at, size = LARGE) => {
  const [scale, , left, , , top] = lens.first(FRAME, size);
  return [(at[0] - left) / scale, (at[1] - top) / scale];
};

test("the whole picture is shown at first, in the middle", () => {
  const lens = new Lens();
  assert.deepEqual(lens.first(FRAME, LARGE), [0.2, 0, 0, 0, 0.2, 0]);
  assert.deepEqual(lens.first([800, 800], LARGE), [0.2, 0, 0, 0, 0.2, 100]);
});

test("100 % is one pixel of the picture for one of the screen, and lies on whole pixels", () => {
  for (const size of [LARGE, SMALL, [201, 151]]) {
    const lens = new Lens();
    lens.zoomTo(1, FRAME, size);
    const map = lens.first(FRAME, size);
    assert.equal(scaleOf(map), 1);
    assert.ok(map.every(Number.isInteger));
  }
});

test("zooming keeps the point under the pointer in its place", () => {
  const lens = new Lens();
  const before = seen(lens, [500, 250]);
  lens.zoomTo(1, FRAME, LARGE, [100, -50]);
  const after = seen(lens, [500, 250]);
  for (const at of [0, 1]) assert.ok(Math.abs(before[at] - after[at]) <= 1);
});

test("zooming stops at the whole picture, and at 100 % where that is smaller", () => {
  const large = new Lens();
  large.zoomTo(1, FRAME, LARGE);
  large.zoom(0.01, FRAME, LARGE);
  assert.ok(large.isFit);
  large.zoom(0.5, FRAME, LARGE);
  assert.ok(large.isFit);
  large.zoomTo(1000, FRAME, LARGE);
  assert.equal(large.scale, 32);
  const small = new Lens();
  small.zoom(0.5, FRAME, SMALL);
  assert.equal(small.scaleIn(FRAME, SMALL), 2);
  small.zoom(0.1, FRAME, SMALL);
  assert.equal(small.scaleIn(FRAME, SMALL), 1);
  small.zoom(5, FRAME, SMALL);
  assert.ok(small.isFit); // a step across the fitted size stops there
});

test("a picture is not moved out of its frame, a whole one not at all", () => {
  const lens = new Lens();
  assert.ok(!lens.move(50, 50, FRAME, LARGE));
  lens.zoomTo(1, FRAME, LARGE);
  assert.ok(lens.move(1e6, -1e6, FRAME, LARGE));
  assert.deepEqual(seen(lens, [0, 600]), [0, 3000]);
  assert.ok(!lens.move(5, 0, FRAME, LARGE));
});

test("pictures of different size show the same place at the same size", () => {
  const lens = new Lens();
  const half = [0.5, 0, 0, 0, 0.5, 0];
  lens.zoomTo(1, FRAME, LARGE, [300, 200]);
  const map = lens.other(FRAME, LARGE, half, [2000, 1500]);
  assert.equal(scaleOf(map), 2);
  const place = seen(lens, [400, 300]);
  const there = apply(map, apply(half, place));
  assert.ok(Math.hypot(there[0] - 400, there[1] - 300) < 2);
});

test("a copy of nearly the same scale is not resampled at 100 %", () => {
  const lens = new Lens();
  lens.zoomTo(1, FRAME, LARGE);
  const map = lens.other(FRAME, LARGE, [1.0004, 0, -3.2, 0, 1.0003, 1.1], [3990, 2990]);
  assert.deepEqual([map[0], map[4]], [1, 1]);
  assert.ok(map.every(Number.isInteger));
});

test("locked by pixels, each shows its own pixels, around the same place", () => {
  const lens = new Lens();
  const half = [0.5, 0, 0, 0, 0.5, 0];
  lens.pixels = true;
  lens.zoomTo(1, FRAME, LARGE, [300, 200]);
  const map = lens.other(FRAME, LARGE, half, [2000, 1500]);
  assert.deepEqual([map[0], map[4]], [1, 1]);
  assert.ok(map.every(Number.isInteger));
  const there = apply(map, apply(half, seen(lens, [400, 300])));
  assert.ok(Math.hypot(there[0] - 400, there[1] - 300) < 2);
});

test("a copy lies on the first picture, shifted, scaled, mirrored or turned", () => {
  const lens = new Lens();
  lens.zoomTo(1, FRAME, LARGE);
  for (const to of [SAME, [0.5, 0, -3, 0, 0.5, 2], [-1, 0, 4000, 0, 1, 0], [0, 1, 0, -1, 0, 4000]]) {
    const place = [1234, 987];
    const on = apply(lens.over(FRAME, LARGE, to), apply(to, place));
    const first = apply(lens.first(FRAME, LARGE), place);
    for (const at of [0, 1]) assert.ok(Math.abs(on[at] - first[at]) < 1e-6);
  }
});

test("whole pictures are fitted each on their own if they are not aligned", () => {
  const lens = new Lens();
  const map = lens.other(FRAME, LARGE, [0.05, 0, 0, 0, 0.05, 0], [200, 150], false);
  assert.deepEqual(map, [4, 0, 0, 0, 4, 0]);
  const crop = lens.other(FRAME, LARGE, [1, 0, -500, 0, 1, -500], [2000, 2000]);
  assert.equal(crop[0], 0.2); // as large as what it shows of the first
});

test("the wheel zooms by a bounded factor", () => {
  assert.equal(wheelFactor(0), 1);
  assert.ok(wheelFactor(-100) > 1 && wheelFactor(100) < 1);
  assert.equal(wheelFactor(1e6), wheelFactor(200));
});

test("a picture is fitted by its tighter side", () => {
  assert.equal(fittedScale([400, 300], [800, 300]), 0.5);
  assert.equal(fittedScale([400, 300], [100, 600]), 0.5);
  assert.equal(fittedScale([400, 300], [0, 0]), 1); // unknown
  assert.equal(fittedScale([0, 0], [10, 10]), 1); // hidden
});

test("panes are arranged so that their pictures are largest", () => {
  assert.equal(bestColumns(2, [1000, 500], [300, 400]), 2);
  assert.equal(bestColumns(2, [500, 800], [400, 300]), 1);
  assert.equal(bestColumns(6, [1200, 800], [300, 300]), 3);
  assert.equal(bestColumns(1, [500, 500], [300, 300]), 1);
});
