import assert from "node:assert/strict";
import { test } from "node:test";

import { Lens } from "#gallery/lens.js";
import { Place } from "#gallery/place.js";

import { group, spy } from "./kit.mjs";

const VIEW = { order: "size", filter: { root: "crop" } };

function made(fields = {}) {
  const one = group(3, { id: "g-1" });
  one.members[1].folder = "crop";
  return {
    model: { get: (name) => ({ sieve: VIEW })[name], set: spy(), save_changes: spy() },
    groups: { get: () => one },
    focus: 0,
    layout: { size: 128 },
    full: { on: false },
    compare: { open: false },
    current: () => one.members[1],
    ...fields,
  };
}

test("a place is plain and small", () => {
  const place = new Place(made()).get();
  const image = "crop/202601_000001_stage1.png";
  const rest = { size: 128, full: false, compare: null };
  assert.deepEqual(place, { ...VIEW, group: "g-1", image, ...rest });
  assert.deepEqual(JSON.parse(JSON.stringify(place)), place);
});

test("a place is told once, and not while its group has not come", () => {
  const view = made();
  const place = new Place(view);
  place.tell();
  const told = place.get();
  view.model.get = (name) => ({ sieve: VIEW, view: told })[name];
  place.tell();
  view.groups.get = () => undefined;
  place.tell();
  assert.equal(view.model.save_changes.calls.length, 1);
});

test("the zoom of a comparison is put back, and one that makes no sense is the whole picture", () => {
  const [lens, other] = [new Lens(), new Lens()];
  lens.zoomTo(2, [100, 100], [400, 300], [10, 0]);
  other.putAt(JSON.parse(JSON.stringify(lens.place())));
  assert.deepEqual(other, lens);
  for (const zoom of [null, "x", -1, Number.NaN]) other.putAt({ ...lens.place(), zoom });
  assert.ok(other.isFit);
});
