import assert from "node:assert/strict";
import { test } from "node:test";

import { Lens, fittedScale, heatMap, heatSize, wheelFactor } from "#gallery/lens.js";

const pixels = (...reds) => Uint8ClampedArray.from(reds.flatMap((red) => [red, 100, 100, 255]));

test("zooming keeps the point under the pointer in its place", () => {
  const lens = new Lens();
  lens.zoom(2, 30, -10);
  assert.deepEqual([lens.scale, lens.x, lens.y], [2, -30, 10]);
  lens.zoom(2, 30, -10);
  assert.deepEqual([lens.scale, lens.x, lens.y], [4, -90, 30]);
  assert.equal(lens.transform, "translate(-90px, 30px) scale(4)");
});

test("zooming out to the whole picture puts it back into its frame", () => {
  const lens = new Lens();
  lens.zoom(3, 50, 50);
  lens.zoom(0.01);
  assert.deepEqual([lens.scale, lens.x, lens.y], [1, 0, 0]);
  lens.zoom(1000);
  assert.equal(lens.scale, 64);
});

test("a zoomed picture cannot be moved out of its frame, a whole one not at all", () => {
  const lens = new Lens();
  assert.ok(!lens.move(10, 10, 400, 300));
  lens.zoom(2);
  assert.ok(lens.move(1000, -1000, 400, 300));
  assert.deepEqual([lens.x, lens.y], [200, -150]);
});

test("the wheel zooms by a bounded factor", () => {
  assert.equal(wheelFactor(0), 1);
  assert.ok(wheelFactor(-100) > 1 && wheelFactor(100) < 1);
  assert.equal(wheelFactor(1e6), wheelFactor(200));
});

test("a picture is fitted by its tighter side", () => {
  const frame = { clientWidth: 400, clientHeight: 300 };
  assert.equal(fittedScale(frame, { naturalWidth: 800, naturalHeight: 300 }), 0.5);
  assert.equal(fittedScale(frame, { naturalWidth: 100, naturalHeight: 600 }), 0.5);
  assert.equal(fittedScale(frame, { naturalWidth: 0, naturalHeight: 0 }), 1); // not loaded
});

test("heat maps are no larger than they need to be, nor empty", () => {
  assert.deepEqual(heatSize({ naturalWidth: 4096, naturalHeight: 2048 }), [1024, 512]);
  assert.deepEqual(heatSize({ naturalWidth: 300, naturalHeight: 200 }), [300, 200]);
  assert.deepEqual(heatSize({ naturalWidth: 100_000, naturalHeight: 10 }), [1024, 1]);
});

test("the grain of a JPEG is no difference, and the heat grows from black to white", () => {
  const a = pixels(0, 0, 0, 0);
  assert.equal(heatMap(a, pixels(0, 12, 13, 255)), 2);
  const [same, , grain, most] = [0, 4, 8, 12].map((at) => Array.from(a.subarray(at, at + 4)));
  assert.deepEqual(same, [0, 0, 0, 255]);
  assert.deepEqual(grain, [78, 0, 0, 255]);
  assert.deepEqual(most, [255, 255, 255, 255]);
});
