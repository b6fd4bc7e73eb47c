import assert from "node:assert/strict";
import { test } from "node:test";

import { Questions } from "#gallery/questions.js";
import { Tiles } from "#gallery/tiles.js";
import { spy } from "./kit.mjs";

const LAYER = { key: 7 };
const SQUARES = [
  [0, 0],
  [1, 0],
  [2, 0],
];

async function decode(buffer) {
  if (buffer === "bad") throw new Error("no picture");
  return { drawn: buffer };
}

function opened() {
  const sent = [];
  const questions = new Questions((message) => sent.push(structuredClone(message)), spy());
  questions.dispose(); // no timer
  const come = spy();
  return { sent, questions, come, tiles: new Tiles(questions, come, decode) };
}

const answer = (tiles, more = {}) => ({ key: 7, other: null, level: 1, tiles, ...more });

test("what is missing is asked for once, and drawn when it has come", async () => {
  const { sent, questions, come, tiles } = opened();
  assert.ok(!tiles.want(LAYER, 1, SQUARES));
  assert.ok(!tiles.want(LAYER, 1, SQUARES));
  assert.deepEqual(sent, [{ kind: "tiles", key: 7, other: null, level: 1, tiles: SQUARES }]);
  await tiles.onTiles(answer(SQUARES.slice(0, 2)), ["a", "b"]);
  assert.ok(questions.has("tiles 0")); // the third is still to come
  await tiles.onTiles(answer(SQUARES.slice(2)), ["c"]);
  assert.ok(!questions.has("tiles 0"));
  assert.ok(tiles.want(LAYER, 1, SQUARES));
  assert.deepEqual(tiles.get(LAYER, 1, [2, 0]), { drawn: "c" });
  assert.equal(come.calls.length, 2);
});

test("a layer that cannot be shown says why and is not asked for again", async () => {
  const { sent, tiles } = opened();
  tiles.want(LAYER, 1, SQUARES);
  await tiles.onTiles(answer(SQUARES, { said: "cannot be shown: damaged PNG" }), []);
  assert.equal(tiles.whyNot(LAYER), "cannot be shown: damaged PNG");
  assert.ok(tiles.want(LAYER, 0, SQUARES));
  assert.equal(sent.length, 1);
});

test("bytes that the browser cannot read are said so", async () => {
  const { tiles } = opened();
  await tiles.onTiles(answer([[0, 0]]), ["bad"]);
  assert.match(tiles.whyNot(LAYER), /browser cannot read/);
});

test("what was never answered may be asked for again", () => {
  const { sent, questions, tiles } = opened();
  tiles.want(LAYER, 1, SQUARES);
  questions.answered("tiles 0"); // given up
  tiles.onSilence(sent[0]);
  tiles.want(LAYER, 1, SQUARES);
  assert.equal(sent.length, 2);
});

test("the difference of two images is a layer of its own", async () => {
  const { tiles } = opened();
  await tiles.onTiles(answer([[0, 0]], { other: 9 }), ["heat"]);
  assert.equal(tiles.get(LAYER, 1, [0, 0]), undefined);
  assert.deepEqual(tiles.get({ key: 7, other: 9 }, 1, [0, 0]), { drawn: "heat" });
});

test("without whole pictures nothing is asked for", () => {
  const { sent, tiles } = opened();
  tiles.on = false;
  assert.ok(tiles.want(LAYER, 0, SQUARES));
  assert.deepEqual(sent, []);
});
