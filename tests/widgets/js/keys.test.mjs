import assert from "node:assert/strict";
import { test } from "node:test";

import { COMPARE_KEYS, GALLERY_KEYS, SWEEP_KEYS, findIn, findKey, listed } from "#gallery/keys.js";

const LISTS = { gallery: GALLERY_KEYS, compare: COMPARE_KEYS, sweep: SWEEP_KEYS };

// An object that remembers which of its methods are called, and with what.
function recorder(called, prefix = "") {
  return new Proxy(
    {},
    {
      get: (target, name) => {
        if (name in target) return target[name];
        if (["focus", "layout"].includes(name)) return { focus: 3, layout: { total: 10 } }[name];
        const parts = ["compare", "filter", "full", "help", "seek", "sweep", "table"];
        if (parts.includes(name)) return recorder(called, `${prefix}${name}.`);
        return (...args) => {
          called.push([prefix + name, ...args]);
        };
      },
    },
  );
}

// What a key does, as "method arguments"; "Shift+" and the like come before its name.
function does(text, comparing = false) {
  const [, modifiers, key] = text.match(/^((?:(?:Shift|Ctrl|Meta|Alt)\+)*)(.+)$/);
  const held = (name) => modifiers.includes(name);
  const event = { key, shiftKey: held("Shift"), ctrlKey: held("Ctrl"), metaKey: held("Meta") };
  const found = findKey({ ...event, altKey: held("Alt") }, comparing);
  const called = [];
  found?.act(recorder(called));
  return called.map((call) => call.map(String).join(" ")).join();
}

// What a key does while many groups are about to be accepted.
function sweeps(key, shiftKey = false) {
  const called = [];
  findIn([SWEEP_KEYS], { key, shiftKey })?.act(recorder(called));
  return called.map((call) => call.join(" ")).join();
}

const isFree = (key, comparing = false) => findKey({ key }, comparing).free;

test("no key is defined twice in a list", () => {
  for (const [name, entries] of Object.entries(LISTS)) {
    const keys = entries.flatMap((entry) => Object.keys(entry.does));
    assert.equal(new Set(keys).size, keys.length, name);
  }
});

test("every entry that is listed says what it does, and every other one does something", () => {
  for (const entry of Object.values(LISTS).flat()) {
    assert.equal(Boolean(entry.shown), Boolean(entry.help));
    assert.ok(entry.shown || Object.keys(entry.does).length);
  }
  assert.equal(listed(GALLERY_KEYS).length, 20);
  assert.equal(listed(COMPARE_KEYS).length, 13);
  assert.equal(listed(SWEEP_KEYS).length, 4);
});

test("every key of the gallery acts", () => {
  const wanted = {
    ArrowDown: "stepGroup 1",
    n: "stepGroup 1",
    ArrowUp: "stepGroup -1",
    p: "stepGroup -1",
    ArrowRight: "stepMember 1",
    ArrowLeft: "stepMember -1",
    PageDown: "stepPage 1",
    PageUp: "stepPage -1",
    Home: "focusOn 0",
    End: "focusOn 9",
    r: "seek.go open",
    y: "seek.go waiting",
    i: "makeKeeper",
    e: "selectAll 3",
    a: "sweep.open all",
    "Shift+A": "sweep.open alike",
    k: "mark keep",
    s: "mark stage",
    x: "mark null",
    d: "answer 3 not_duplicate undefined true",
    Enter: "accept true",
    "Shift+Enter": "accept false",
    u: "undo",
    "Ctrl+z": "undo",
    c: "compare.toggle",
    v: "across",
    f: "filter.toggle",
    w: "full.toggle",
    "+": "resize 1",
    "=": "resize 1",
    "-": "resize -1",
    "?": "help.toggle",
    Escape: "full.leave",
  };
  const keys = GALLERY_KEYS.flatMap((entry) => Object.keys(entry.does));
  assert.deepEqual(keys.toSorted(), Object.keys(wanted).toSorted());
  for (const [key, action] of Object.entries(wanted)) assert.equal(does(key), action, key);
});

test("few keys act while many groups are about to be accepted", () => {
  assert.equal(sweeps("n"), "sweep.drawAgain");
  assert.equal(sweeps("a"), "sweep.open all");
  assert.equal(sweeps("A", true), "sweep.open alike");
  assert.equal(sweeps("Escape"), "sweep.close");
  for (const key of ["k", "s", "d", "u", "Enter", "Tab"]) assert.equal(sweeps(key), "", key);
});

test("every key acts while two pictures are compared", () => {
  const wanted = {
    " ": "compare.flicker",
    h: "compare.show heat",
    b: "compare.show both",
    g: "compare.show all",
    l: "compare.hold",
    m: "compare.toggleLock",
    o: "compare.toggleOutlines",
    t: "compare.toggleFacts",
    f: "compare.leaveForFilter",
    ArrowRight: "compare.step 1",
    ArrowLeft: "compare.step -1",
    ArrowDown: "compare.stepGroup 1",
    ArrowUp: "compare.stepGroup -1",
    "+": "compare.table.zoom 1.5",
    "=": "compare.table.zoom 1.5",
    "-": `compare.table.zoom ${1 / 1.5}`,
    1: "compare.table.zoomTo 1",
    0: "compare.table.zoomToFit",
    "Shift+ArrowRight": "compare.table.move -60 0",
    "Shift+ArrowLeft": "compare.table.move 60 0",
    "Shift+ArrowDown": "compare.table.move 0 -60",
    "Shift+ArrowUp": "compare.table.move 0 60",
    Escape: "compare.leave",
    c: "compare.toggle false",
  };
  const keys = COMPARE_KEYS.flatMap((entry) => Object.keys(entry.does));
  assert.deepEqual(keys.toSorted(), Object.keys(wanted).toSorted());
  for (const [key, action] of Object.entries(wanted)) assert.equal(does(key, true), action, key);
});

test("keys of the gallery act while comparing, except those that comparing uses itself", () => {
  assert.equal(does("k", true), "mark keep");
  assert.equal(does("Shift+Enter", true), "accept false");
  assert.equal(does("w", true), "full.toggle");
  assert.equal(does("Ctrl+z", true), "undo");
});

test("Shift is held for some keys and ignored for the others", () => {
  assert.equal(does("Shift+?"), "help.toggle");
  assert.equal(does("Shift+ArrowDown"), "stepGroup 1");
  assert.equal(does("K"), "");
});

test("keys with Ctrl, Meta or Alt are left to the browser, except undo", () => {
  for (const key of ["Ctrl+k", "Meta+k", "Alt+k", "Ctrl+Enter", "Ctrl+Shift+Z"]) {
    assert.equal(does(key), "", key);
  }
  assert.equal(does("Meta+z"), "undo");
});

test("names that every object has are not keys", () => {
  assert.equal(findKey({ key: "constructor" }, false), undefined);
  assert.equal(findKey({ key: "toString" }, true), undefined);
});

test("moving on does not wait for the group in focus, choosing does", () => {
  for (const key of ["ArrowDown", "End", "r", "y", "a", "u", "f", "+", "?", "Escape"])
    assert.ok(isFree(key), key);
  for (const key of ["ArrowRight", "k", "s", "x", "i", "e", "d", "Enter", "c", "v"])
    assert.ok(!isFree(key), key);
  for (const key of ["ArrowDown", "u", "+", "Escape"]) assert.ok(!isFree(key, true), key);
  for (const comparing of [false, true]) assert.ok(isFree("w", comparing));
  assert.ok(findKey({ key: "z", ctrlKey: true }, true).free);
});
