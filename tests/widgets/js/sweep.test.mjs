import assert from "node:assert/strict";
import { test } from "node:test";

import { sameAs } from "#gallery/saved.js";
import { Seek } from "#gallery/seek.js";
import { sweptText, titleText } from "#gallery/sweep.js";

import { spy } from "./kit.mjs";

test("what would be accepted is said, and what stays undecided", () => {
  const found = { which: "all", count: 1200, group: 4, text: "" };
  assert.equal(titleText(found), "Accept all that are shown: 1,200 open groups");
  const alike = { ...found, which: "alike", count: 1, text: "cropped, in crop" };
  const like = "Accept all that are like group 5: 1 open group · cropped, in crop";
  assert.equal(titleText(alike), like);
  const sums = { count: 2, images: 3, freed_bytes: 4_300_000, waiting: 0, waiting_groups: 0 };
  assert.equal(sweptText(sums), "3 images would move, 4.3 MB freed. No image is left undecided.");
  const left = sweptText({ ...sums, waiting: 4, waiting_groups: 1 });
  assert.match(left, /Accepting leaves 4 images in 1 group undecided, waiting for you\.$/);
  assert.match(sweptText({ ...sums, count: 0 }), /accepted already/);
});

function seeking() {
  const view = { focus: 3, version: 1, choices: [], takeKeys: spy(), say: spy(), focusOn: spy() };
  const asked = spy();
  view.questions = { ask: asked, has: () => asked.calls.length > 0, answered: spy() };
  return { view, asked, seek: new Seek(view) };
}

test("the kernel is asked once what comes next, after the choices before it", () => {
  const { view, asked, seek } = seeking();
  view.choices = ["a choice"];
  seek.go("waiting");
  assert.equal(asked.calls.length, 0);
  view.choices = [];
  seek.ask();
  seek.ask();
  assert.deepEqual(asked.calls, [
    ["seek", { kind: "seek", what: "waiting", group: 3, version: 1 }],
  ]);
});

test("what is found comes into focus, and that nothing is left is said", () => {
  const { view, seek } = seeking();
  seek.go("open");
  seek.onSought({ what: "open", index: 1 });
  assert.deepEqual(view.focusOn.calls, [[1]]);
  assert.deepEqual(view.say.calls, [["went on at the top"]]);
  seek.go("waiting");
  seek.onSought({ what: "open", index: 9 }); // of the question before
  seek.onSought({ what: "waiting", index: null });
  assert.deepEqual(view.focusOn.calls, [[1]]);
  assert.equal(view.say.calls.at(-1)[0], "no other group waits for you");
});

test("a saved filter is the one in use whatever the order of its limits", () => {
  const one = { order: "size", filter: { root: "a", name: "b" } };
  assert.equal(sameAs(one), sameAs({ filter: { name: "b", root: "a" }, order: "size" }));
  assert.notEqual(sameAs(one), sameAs({ ...one, order: "found" }));
  assert.equal(sameAs({}), sameAs({ order: "found", filter: {} }));
});
