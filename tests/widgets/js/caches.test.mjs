import assert from "node:assert/strict";
import { resolveObjectURL } from "node:buffer";
import { test } from "node:test";

import { Groups, Pictures, Recent } from "#gallery/caches.js";
import { group, member } from "./kit.mjs";

const keysOf = (recent) => [...recent.entries.keys()];

test("the entry used longest ago leaves first", () => {
  const dropped = [];
  const recent = new Recent(2, (value) => dropped.push(value));
  recent.set("a", 1);
  recent.set("b", 2);
  assert.equal(recent.touch("a"), 1);
  recent.set("c", 3);
  assert.deepEqual(keysOf(recent), ["a", "c"]);
  assert.deepEqual(dropped, [2]);
});

test("looking at an entry does not make it newer, setting it does", () => {
  const recent = new Recent(2);
  recent.set("a", 1);
  recent.set("b", 2);
  recent.get("a");
  recent.set("b", 3);
  recent.set("c", 4);
  assert.deepEqual(keysOf(recent), ["b", "c"]);
  assert.equal(recent.touch("z"), undefined);
});

test("spared entries stay, even where too many are left", () => {
  const recent = new Recent(2);
  for (const key of [1, 2, 3, 4]) recent.set(key, key, (old) => old < 4);
  assert.deepEqual(keysOf(recent), [1, 2, 3]);
});

test("pictures are let go with their URLs, those in sight are not", () => {
  const pictures = new Pictures(2);
  for (const key of [1, 2, 3]) pictures.put(key, new Uint8Array([key]), (old) => old === 1);
  assert.deepEqual(
    [1, 2, 3].map((key) => pictures.has(key)),
    [true, false, true],
  );
  const url = pictures.get(3);
  assert.match(url, /^blob:/);
  pictures.put(3, new Uint8Array([9]), () => false);
  assert.equal(pictures.get(3), url); // it is not made twice
  assert.ok(resolveObjectURL(url));
  pictures.dispose();
  assert.ok(!pictures.has(3));
  assert.equal(resolveObjectURL(url), undefined);
});

test("a picture that does not exist is known and not asked for again", () => {
  const pictures = new Pictures();
  pictures.missing.add(7);
  assert.ok(pictures.known(7));
  assert.ok(!pictures.known(8));
  assert.equal(pictures.get(7), undefined);
});

test("members that have come stay when their group is sent again", () => {
  const groups = new Groups();
  groups.put({ ...group(2), size: 4 }, () => false);
  groups.putMembers(0, 2, [member(2), member(3)]);
  groups.put({ ...group(2), size: 4, title: "again" }, () => false);
  assert.deepEqual(
    groups.get(0).members.map(({ key }) => key),
    [0, 1, 2, 3],
  );
  groups.put({ ...group(2), size: 3 }, () => false); // another group by now
  assert.equal(groups.get(0).members.length, 2);
});

test("members of a later page leave the ones between undefined", () => {
  const groups = new Groups();
  groups.put({ ...group(2), size: 9 }, () => false);
  groups.putMembers(0, 8, [member(8)]);
  assert.equal(groups.get(0).members[5], undefined);
  assert.equal(groups.get(0).members[8].key, 8);
  assert.equal(groups.memberWithKey(0, 8), 8);
});

test("a mark is set on an image in every group that holds it", () => {
  const groups = new Groups();
  for (const index of [0, 1]) groups.put({ ...group(3), index }, () => false);
  groups.get(1).members[2] = null; // a set without this stage
  groups.setMark(1, "keep");
  assert.deepEqual(
    [0, 1].map((index) => groups.get(index).members[1].mark),
    ["keep", "keep"],
  );
  assert.equal(groups.get(0).members[0].mark, undefined);
});

test("groups that are not in sight are let go", () => {
  const groups = new Groups(2);
  for (const index of [0, 1, 2]) groups.put({ ...group(1), index }, (old) => old === 0);
  assert.deepEqual(
    [0, 1, 2].map((index) => groups.has(index)),
    [true, false, true],
  );
  groups.clear();
  assert.ok(!groups.has(0));
});
