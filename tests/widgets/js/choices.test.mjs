import assert from "node:assert/strict";
import { test } from "node:test";

import { Choices } from "#gallery/choices.js";

// Questions that remember what was asked; `reply` answers like the kernel.
function chosen() {
  const waiting = new Set();
  const asked = [];
  const ask = (name, message) => {
    waiting.add(name);
    asked.push({ ...message });
  };
  const answered = (name) => waiting.delete(name);
  const choices = new Choices({ ask, answered, has: (name) => waiting.has(name) }, "me");
  return { choices, asked };
}

const keep = { what: "mark", mark: "keep", version: 4 };
const stage = { what: "mark", mark: "stage", version: 3 };

test("one choice is asked at a time, in the order in which they were made", () => {
  const { choices, asked } = chosen();
  choices.decide(keep);
  choices.decide(stage);
  assert.deepEqual(asked, [{ kind: "decide", request: "me-0", oldest: 4, ...keep }]);
  assert.ok(choices.settle("me-0"));
  assert.deepEqual(asked[1], { kind: "decide", request: "me-1", oldest: 3, ...stage });
  assert.equal(choices.length, 1);
});

test("a choice carries the oldest version that is still asked about", () => {
  const { choices, asked } = chosen();
  for (const message of [keep, keep, stage]) choices.decide(message);
  choices.settle("me-0");
  assert.equal(asked[1].oldest, 3);
});

test("the next key is judged by what was chosen, before the answer comes", () => {
  const { choices } = chosen();
  choices.decide(keep, "mark 7", "keep");
  assert.equal(choices.soonToBe("mark 7", null), "keep");
  assert.equal(choices.soonToBe("mark 8", null), null);
  choices.settle("me-0");
  assert.equal(choices.soonToBe("mark 7", null), null); // now the answer says it
});

test("an answer to an earlier choice leaves a later one on the same image", () => {
  const { choices } = chosen();
  choices.decide(keep, "mark 7", "keep");
  choices.decide(stage, "mark 7", "stage");
  choices.settle("me-0");
  assert.equal(choices.soonToBe("mark 7", "keep"), "stage");
});

test("an answer that comes twice is known", () => {
  const { choices } = chosen();
  choices.decide(keep);
  assert.ok(!choices.isSettled("me-0"));
  choices.settle("me-0");
  assert.ok(choices.isSettled("me-0"));
});

test("the answer to another gallery's choice is settled but not ours", () => {
  const { choices } = chosen();
  choices.decide(keep);
  assert.ok(!choices.settle("other-0"));
  assert.equal(choices.length, 1);
});

test("what is given up is counted, and nothing is expected of it", () => {
  const { choices } = chosen();
  choices.decide(keep, "mark 7", "keep");
  choices.decide(stage, "mark 8", "stage");
  assert.equal(choices.giveUp(), 2);
  assert.equal(choices.length, 0);
  assert.equal(choices.soonToBe("mark 7", null), null);
});
