import assert from "node:assert/strict";
import { test } from "node:test";

import {
  acrossOf,
  besideOf,
  comparedAfter,
  firstProposed,
  isPressed,
  keeperOf,
  keptOf,
  memberWithKey,
  neighbourOf,
  standing,
} from "#gallery/members.js";
import { group, member, sets } from "./kit.mjs";

test("a mark decides before the answer, and the answer before the proposal", () => {
  const open = { answered: false };
  const answered = { answered: true };
  assert.equal(standing(member(1, { mark: "stage" }), answered), "stage");
  assert.equal(standing(member(1), answered), "keep");
  assert.equal(standing(member(1), open), "stage");
  assert.equal(standing(member(0, { role: "keeper" }), open), "keep");
  assert.equal(standing(member(1, { role: "review" }), open), "review");
});

test("a keeper is never shown with Stage pressed, even if you marked it", () => {
  const now = standing(member(0, { role: "keeper", mark: "stage" }), { answered: false });
  assert.equal(now, "keep");
  assert.ok(!isPressed("stage", now));
});

test("a protected image stays protected, and its keep button is pressed", () => {
  const now = standing(member(1, { role: "protected" }), { answered: true });
  assert.equal(now, "protected");
  assert.ok(isPressed("keep", now));
  assert.ok(!isPressed("stage", now));
});

test("a member is compared with its keeper, or with the same stage of the kept set", () => {
  assert.equal(keeperOf(group(4), 3).key, 0);
  assert.equal(keeperOf(sets(3, 9), 7).key, 1);
  assert.equal(keptOf(group(4)), 1);
  assert.equal(keptOf(sets(3, 9)), 3);
});

test("the neighbour of the first and the last member is that member itself", () => {
  const three = group(3);
  assert.equal(neighbourOf(three, 0, 1), 1);
  assert.equal(neighbourOf(three, 2, 1), 2);
  assert.equal(neighbourOf(three, 0, -1), 0);
  assert.equal(neighbourOf(three, 1, 0), 1);
});

test("places where a set has no image are skipped", () => {
  const two = sets(3, 6, [2, 3, 5]);
  assert.equal(neighbourOf(two, 1, 1), 4);
  assert.equal(neighbourOf(two, 4, -1), 1);
  assert.equal(neighbourOf(two, 4, 1), 4); // nothing after it
});

test("the same stage of the other set is found there and back", () => {
  const three = sets(3, 9, [5]);
  assert.equal(acrossOf(three, 1, 2), 7);
  assert.equal(acrossOf(three, 7, 2), 1);
  assert.equal(acrossOf(three, 2, 1), 2); // that set lacks the stage
});

test("comparing skips the kept members, whichever way it goes", () => {
  const four = group(4);
  assert.equal(comparedAfter(four, 0, 0), 1);
  assert.equal(comparedAfter(four, 1, 1), 2);
  assert.equal(comparedAfter(four, 1, -1), 1);
  assert.equal(comparedAfter(four, 3, 1), 3);
});

test("comparing sets goes from a kept stage to the one below it", () => {
  const two = sets(3, 6);
  assert.equal(comparedAfter(two, 1, 0), 4);
  assert.equal(comparedAfter(two, 3, -1), 3);
  assert.equal(comparedAfter(sets(3, 6, [3]), 0, 0), 4);
});

test("a member is found by its key, also among members that have not come", () => {
  const three = group(3);
  three.members[1] = undefined;
  assert.equal(memberWithKey(three, 2), 2);
  assert.equal(memberWithKey(three, 99), 0);
  assert.equal(memberWithKey(undefined, 2), 0);
});

test("the first image to look at is proposed, else waits for you, else is not the keeper", () => {
  const four = group(4);
  four.members[1].role = "protected";
  four.members[2].role = "review";
  assert.equal(firstProposed(four), 3);
  four.members[3].mark = "keep";
  assert.equal(firstProposed(four), 2);
  four.members[2].mark = "keep";
  assert.equal(firstProposed(four), 1);
  assert.equal(firstProposed(sets(3, 6, [3])), 4);
  assert.equal(firstProposed(group(1)), 0);
});

test("no image is ever compared with itself", () => {
  const groups = [group(2), group(5), sets(3, 6), sets(3, 9, [1, 5])];
  for (const one of groups) {
    for (const at of one.members.keys()) {
      if (!one.members[at]) continue;
      for (const held of [undefined, ...one.members.keys()]) {
        if (held !== undefined && !one.members[held]) continue;
        for (const step of [-1, 0, 1]) {
          const next = comparedAfter(one, at, step, held);
          const beside = besideOf(one, next, held);
          assert.notEqual(beside, next, `${one.size} ${at} ${held} ${step}`);
          assert.ok(one.members[beside] && one.members[next]);
        }
      }
    }
  }
});

test("with an image held, all others are walked, the keeper too", () => {
  const four = group(4);
  assert.deepEqual([0, 1, 3].map((at) => comparedAfter(four, at, 1, 2)), [1, 3, 3]);
  assert.deepEqual([0, 1, 3].map((at) => comparedAfter(four, at, -1, 2)), [0, 0, 1]);
});

test("members that have not come yet are walked to, and then loaded", () => {
  const many = group(3);
  many.size = 5;
  assert.deepEqual([2, 3, 4].map((at) => comparedAfter(many, at, 1)), [3, 4, 4]);
});
