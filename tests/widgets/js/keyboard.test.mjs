import assert from "node:assert/strict";
import { test } from "node:test";

import { Keyboard } from "#gallery/keyboard.js";
import { spy } from "./kit.mjs";

function typing({ ready = true } = {}) {
  const view = { isReady: ready, marked: spy(), moved: spy(), closed: spy() };
  Object.assign(view, {
    compare: { open: false, facts: { el: {} } },
    filter: { toggle: view.closed },
    full: { onTab: ({ key }) => key === "Tab" && view.inFull },
    seek: { what: undefined },
    sweep: { isOpen: false, close: spy() },
    ready: () => view.isReady,
    tellBusy: spy(),
    mark: view.marked,
    stepGroup: view.moved,
    accept: spy(),
  });
  const keyboard = new Keyboard(view);
  const press = (key, target = element()) => {
    const event = { key, target, preventDefault: spy(), stopPropagation: spy() };
    keyboard.press(event);
    assert.deepEqual(event.preventDefault.calls, event.stopPropagation.calls);
    return event.preventDefault.calls.length > 0;
  };
  return { view, keyboard, press };
}

// An element that lies in others of these kinds.
const element = (...around) => ({
  closest: (selector) => selector.split(", ").some((kind) => around.includes(kind)) || null,
});

test("a key acts at once, and nobody else gets it", () => {
  const { view, press } = typing();
  assert.ok(press("k"));
  assert.deepEqual(view.marked.calls, [["keep"]]);
});

test("a key that means nothing is left to the others", () => {
  const { press } = typing();
  assert.ok(!press("q"));
});

test("keys wait for the group in focus and then act in their order", () => {
  const { view, keyboard, press } = typing({ ready: false });
  for (const key of ["k", "ArrowDown", "s"]) assert.ok(press(key));
  assert.deepEqual([view.marked.calls, view.moved.calls], [[], []]);
  view.isReady = true;
  keyboard.catchUp();
  assert.deepEqual([view.marked.calls, view.moved.calls], [[["keep"], ["stage"]], [[1]]]);
  assert.equal(keyboard.ahead.length, 0);
});

test("moving on does not wait where nothing was typed before", () => {
  const { view, press } = typing({ ready: false });
  press("ArrowDown");
  assert.deepEqual(view.moved.calls, [[1]]);
});

test("a bounded number of keys is typed ahead, and they can be forgotten", () => {
  const { view, keyboard, press } = typing({ ready: false });
  for (let k = 0; k < 100; k++) press("k");
  assert.equal(keyboard.ahead.length, 64);
  keyboard.forget();
  view.isReady = true;
  keyboard.catchUp();
  assert.equal(view.marked.calls.length, 0);
});

test("a field of the filter gets its keys, and Escape closes the filter", () => {
  const { view, press } = typing();
  assert.ok(!press("k", element("input")));
  assert.ok(!press("ArrowDown", element("select")));
  assert.ok(press("Escape", element("input")));
  assert.deepEqual([view.marked.calls, view.closed.calls], [[], [[false]]]);
});

test("Enter and Space press a button that has the focus", () => {
  const { view, press } = typing();
  assert.ok(!press("Enter", element("button")));
  assert.ok(!press(" ", element("button")));
  assert.ok(press("k", element("button")));
  assert.deepEqual(view.accept.calls, []);
});

test("arrows scroll the table of facts", () => {
  const { view, press } = typing();
  Object.assign(view.compare.facts.el, element());
  assert.ok(!press("ArrowDown", view.compare.facts.el));
  assert.ok(press("k", view.compare.facts.el));
});

test("Tab is handled here while the window is filled, and else by the browser", () => {
  const { view, press } = typing();
  assert.ok(!press("Tab"));
  view.inFull = true;
  assert.ok(press("Tab"));
});

test("keys wait until what is sought is found", () => {
  const { view, keyboard, press } = typing();
  view.seek.what = "open";
  press("ArrowDown");
  assert.equal(view.moved.calls.length, 0);
  view.seek.what = undefined;
  keyboard.catchUp();
  assert.deepEqual(view.moved.calls, [[1]]);
});

test("the keys of the gallery are silent while many groups are about to be accepted", () => {
  const { view, keyboard, press } = typing();
  view.sweep.isOpen = true;
  const stopPropagation = spy();
  keyboard.press({ key: "k", target: element(), preventDefault: assert.fail, stopPropagation });
  assert.equal(stopPropagation.calls.length, 1); // nor does JupyterLab hear it
  assert.ok(press("Escape"));
  assert.equal(view.sweep.close.calls.length, 1);
  assert.equal(view.marked.calls.length, 0);
});
