import assert from "node:assert/strict";
import { test } from "node:test";

import { Looks } from "#gallery/looks.js";

const BASE = { focus: 5, top: 4 };

// A gallery that looks around; the clock of its numbers stands still.
function looking(t) {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const sent = [];
  const place = { version: 0, focus: 5 };
  const looks = new Looks(
    (message) => sent.push(message),
    BASE,
    () => place,
    () => 100,
  );
  t.after(() => looks.dispose());
  return { looks, sent, place };
}

test("another focus is told at once, another top a moment later", (t) => {
  const { looks, sent, place } = looking(t);
  looks.look(4);
  place.focus = 6;
  looks.look(4);
  assert.deepEqual(
    sent.map(({ focus, top }) => [focus, top]),
    [
      [5, 4],
      [6, 4],
    ],
  );
  looks.look(5);
  looks.look(7);
  assert.equal(sent.length, 2);
  t.mock.timers.tick(80);
  assert.deepEqual([sent.length, sent[2].top], [3, 7]); // not for each step of the wheel
});

test("the same place is not told twice", (t) => {
  const { looks, sent } = looking(t);
  looks.look(4);
  looks.look(4);
  t.mock.timers.tick(1000);
  assert.equal(sent.length, 1);
});

test("numbers rise, and each is remembered with its place", (t) => {
  const { looks, sent, place } = looking(t);
  for (place.focus = 1; place.focus < 4; place.focus++) looks.look(0);
  assert.deepEqual(
    sent.map(({ number }) => number),
    [100, 101, 102],
  );
  assert.deepEqual(looks.seen(101), { focus: 2, top: 0 });
  assert.deepEqual(looks.seen(0), BASE);
});

test("another cut starts from where the kernel put it", (t) => {
  const { looks } = looking(t);
  looks.look(0);
  looks.restart({ focus: 9, top: 8 });
  assert.deepEqual(looks.seen(100), { focus: 9, top: 8 });
});
