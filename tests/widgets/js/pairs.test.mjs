import assert from "node:assert/strict";
import { test } from "node:test";

import { Pairs } from "#gallery/pairs.js";
import { Questions } from "#gallery/questions.js";
import { spy } from "./kit.mjs";

function opened() {
  const sent = [];
  const questions = new Questions(({ a, b, fine }) => sent.push([a, b, fine]), spy());
  questions.dispose(); // no timer
  return { sent, pairs: new Pairs(questions) };
}

const told = (fine, more = {}) => ({
  a: 1,
  b: 2,
  fine,
  matrix: [1, 0, 3, 0, 1, 0],
  aligned: true,
  text: fine ? "aligned: shifted" : "roughly",
  ...more,
});

test("a pair is asked for roughly at first, then exactly, each once", () => {
  const { sent, pairs } = opened();
  for (let time = 0; time < 2; time++) assert.equal(pairs.get(1, 2, true), undefined);
  assert.deepEqual(sent, [[1, 2, false]]);
  pairs.onPair(told(false));
  for (let time = 0; time < 2; time++) assert.equal(pairs.get(1, 2, true).text, "roughly");
  assert.deepEqual(sent.slice(1), [[1, 2, true]]);
  pairs.onPair(told(true));
  assert.equal(pairs.get(1, 2, true).text, "aligned: shifted");
  assert.equal(pairs.get(1, 2, false).fine, true);
  assert.equal(sent.length, 2);
});

test("a survey is content with rough alignments", () => {
  const { sent, pairs } = opened();
  pairs.get(1, 2, false);
  pairs.onPair(told(false));
  assert.deepEqual(pairs.get(1, 2, false).to, [1, 0, 3, 0, 1, 0]);
  assert.equal(sent.length, 1);
});

test("an image lies on itself, and nobody is asked", () => {
  const { sent, pairs } = opened();
  assert.deepEqual(pairs.get(5, 5, true).to, [1, 0, 0, 0, 1, 0]);
  assert.deepEqual(sent, []);
});

test("why a pair cannot be aligned is told, and not asked for again", () => {
  const { sent, pairs } = opened();
  pairs.get(1, 2, true);
  pairs.onPair(told(false));
  pairs.get(1, 2, true);
  pairs.onPair({ a: 1, b: 2, fine: true, said: "cannot be shown: gone" });
  const pair = pairs.get(1, 2, true);
  assert.deepEqual([pair.text, pair.to], ["cannot be shown: gone", [1, 0, 3, 0, 1, 0]]);
  assert.equal(sent.length, 2);
});
