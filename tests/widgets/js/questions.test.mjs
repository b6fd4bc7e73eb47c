import assert from "node:assert/strict";
import { test } from "node:test";

import { Questions, sender } from "#gallery/questions.js";
import { spy } from "./kit.mjs";

// Questions whose clock is set by hand: `asked.time`.
function asking(t) {
  const send = spy();
  const silence = spy();
  const questions = new Questions(send, silence, () => made.time);
  const made = {
    questions,
    send,
    silence,
    time: 0,
    sent: () => send.calls.map(([message]) => message),
  };
  t.after(() => questions.dispose());
  return made;
}

const has = (...indices) => ({ has: (index) => indices.includes(index) });
const known = (...keys) => ({ known: (key) => keys.includes(key) });

test("a question without an answer is asked three times, each time more patiently", (t) => {
  const made = asking(t);
  made.questions.ask("a", { kind: "x" });
  const counts = [];
  for (made.time = 0; made.time <= 12_000; made.time += 1_000) {
    made.questions.retry();
    counts.push(made.send.calls.length);
  }
  assert.deepEqual(counts, [1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 3]);
  assert.deepEqual(made.silence.calls, [[{ kind: "x" }]]);
  assert.ok(!made.questions.has("a"));
});

test("what a restarted kernel cannot be sent is repeated, and the view hears of it at last", (t) => {
  t.mock.method(console, "warn", () => {});
  const made = asking(t);
  let tries = 0;
  made.questions.send = sender({
    send() {
      tries++;
      throw new Error("Cannot send");
    },
  });
  made.questions.ask("a", { kind: "decide" });
  for (made.time = 0; made.time <= 12_000; made.time += 1_000) made.questions.retry();
  assert.equal(tries, 3);
  assert.deepEqual(made.silence.calls, [[{ kind: "decide" }]]);
});

test("an answered question is not asked again, and is answered once", (t) => {
  const made = asking(t);
  made.questions.ask("a", { kind: "x" });
  assert.ok(made.questions.answered("a"));
  assert.ok(!made.questions.answered("a"));
  made.time = 60_000;
  made.questions.retry();
  assert.equal(made.send.calls.length, 1);
  assert.equal(made.silence.calls.length, 0);
});

test("questions of one kind are forgotten together", (t) => {
  const { questions } = asking(t);
  questions.ask("a", { kind: "x" });
  questions.ask("b", { kind: "y" });
  questions.forget("x");
  assert.deepEqual([questions.has("a"), questions.has("b")], [false, true]);
});

test("groups in sight are asked for by pages, two pages at a time", (t) => {
  const { questions, sent } = asking(t);
  questions.askGroups([10, 60], has(), 3);
  const pages = [
    { start: 0, stop: 16 },
    { start: 16, stop: 32 },
  ];
  assert.deepEqual(
    sent(),
    pages.map((page) => ({ kind: "groups", version: 3, ...page })),
  );
  questions.answered("groups 0");
  questions.askGroups([10, 60], has(), 3); // the first page was of another cut: it is asked again
  assert.equal(sent().length, 3);
});

test("groups that are here are not asked for", (t) => {
  const { questions, sent } = asking(t);
  questions.askGroups([14, 18], has(14, 15, 16, 17), 0);
  assert.deepEqual(sent(), []);
  questions.askGroups([14, 18], has(14, 15, 16), 0);
  assert.deepEqual(
    sent().map(({ start }) => start),
    [16],
  );
});

test("members are asked for by the first one that is lacking", (t) => {
  const { questions, sent } = asking(t);
  questions.askMembers(
    [
      [5, 24],
      [6, 48],
      [7, 24],
    ],
    1,
  );
  questions.askMembers([[5, 24]], 1);
  const asked = sent().map(({ group, start }) => [group, start]);
  assert.deepEqual(asked, [
    [5, 24],
    [6, 48],
  ]); // the third waits for an answer
});

test("pictures are asked for in batches, none twice and none that is known", (t) => {
  const { questions, sent } = asking(t);
  const wanted = new Set(Array.from({ length: 100 }, (unused, key) => key));
  questions.askPictures(wanted, known(0, 1));
  questions.askPictures(wanted, known(0, 1));
  const [first, second] = sent().map(({ keys }) => keys);
  assert.equal(sent().length, 2);
  assert.deepEqual([first[0], first.length, second[0], second.length], [2, 24, 26, 24]);
});

test("an answer with some of the pictures leaves the others waiting", (t) => {
  const { questions } = asking(t);
  questions.askPictures(new Set([1, 2, 3]), known());
  questions.gotPictures(new Set([1, 3]));
  assert.deepEqual(questions.ofKind("thumbnails"), [{ kind: "thumbnails", keys: [2] }]);
  questions.gotPictures(new Set([2]));
  assert.deepEqual(questions.ofKind("thumbnails"), []);
});
