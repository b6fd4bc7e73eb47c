// The registry of the gallery's keys: what each does, and its text in the list of keys.

// An entry holds
//   shown  the keys as listed on screen; an entry without it is not listed
//   help   what they do
//   does   key -> action, called with the view. Keys are named as in `event.key`, with "Shift+" or
//          "Ctrl+" in front; a key without "Shift+" also acts while Shift is held
//   free   the keys do not depend on the group in focus, so they act before it has loaded
//   always like `free`, and also while two pictures are compared
//
// To add a key, add it here and write a test in tests/js/keys.test.mjs.

export const GALLERY_KEYS = [
  {
    shown: "↓ ↑",
    help: "next, previous group (also n, p)",
    free: true,
    does: {
      ArrowDown: (view) => view.stepGroup(1),
      ArrowUp: (view) => view.stepGroup(-1),
      n: (view) => view.stepGroup(1),
      p: (view) => view.stepGroup(-1),
    },
  },
  {
    shown: "→ ←",
    help: "next, previous image",
    does: {
      ArrowRight: (view) => view.stepMember(1),
      ArrowLeft: (view) => view.stepMember(-1),
    },
  },
  {
    shown: "PgDn PgUp Home End",
    help: "next page, previous page, first group, last group",
    free: true,
    does: {
      PageDown: (view) => view.stepPage(1),
      PageUp: (view) => view.stepPage(-1),
      Home: (view) => view.focusOn(0),
      End: (view) => view.focusOn(view.layout.total - 1),
    },
  },
  {
    shown: "r",
    help: "next group that is not reviewed",
    free: true,
    does: { r: ({ seek }) => seek.go("open") },
  },
  {
    shown: "y",
    help: "next group in which an image waits for your call",
    free: true,
    does: { y: ({ seek }) => seek.go("waiting") },
  },
  {
    shown: "k",
    help: "keep this image",
    does: { k: (view) => view.mark("keep") },
  },
  {
    shown: "s",
    help: "stage this image: it moves to the review folder and is not deleted",
    does: { s: (view) => view.mark("stage") },
  },
  {
    shown: "x",
    help: "clear my mark",
    does: { x: (view) => view.mark(null) },
  },
  {
    shown: "i",
    help: "keep this image instead of the keeper, the rest as proposed",
    does: { i: (view) => view.makeKeeper() },
  },
  {
    shown: "e",
    help: "select every image of the group for the next k, s or x (again: only this one)",
    does: { e: (view) => view.selectAll(view.focus) },
  },
  {
    shown: "d",
    help: "not duplicates: nothing in this group moves; on to the next (again there: undo)",
    does: { d: (view) => view.answer(view.focus, "not_duplicate", undefined, true) },
  },
  {
    shown: "Enter",
    help: "accept the group as shown and go to the next (Shift+Enter: undo)",
    does: {
      Enter: (view) => view.accept(true),
      "Shift+Enter": (view) => view.accept(false),
    },
  },
  {
    shown: "a Shift+A",
    help: "accept all groups shown, all that are alike; first you see how many, and a sample",
    free: true,
    does: {
      a: ({ sweep }) => sweep.open("all"),
      "Shift+A": ({ sweep }) => sweep.open("alike"),
    },
  },
  {
    shown: "u",
    help: "undo the last choice; repeat for earlier ones (also Ctrl+Z)",
    free: true,
    does: { u: (view) => view.undo() },
  },
  { always: true, does: { "Ctrl+z": (view) => view.undo() } },
  {
    shown: "c",
    help: "compare this image with its keeper, large",
    does: { c: ({ compare }) => compare.toggle() },
  },
  {
    shown: "v",
    help: "same stage of the other set, if sets are compared",
    does: { v: (view) => view.across() },
  },
  {
    shown: "f",
    help: "filter and sort the groups (Esc: back to the groups)",
    free: true,
    does: { f: ({ filter }) => filter.toggle() },
  },
  {
    shown: "w",
    help: "fill the window, and back",
    always: true,
    does: { w: ({ full }) => full.toggle() },
  },
  {
    shown: "+ −",
    help: "larger, smaller pictures",
    free: true,
    does: {
      "+": (view) => view.resize(1),
      "=": (view) => view.resize(1),
      "-": (view) => view.resize(-1),
    },
  },
  {
    shown: "?",
    help: "show or hide these keys (Esc: back from these keys or the full window)",
    free: true,
    does: {
      "?": ({ help }) => help.toggle(),
      Escape: ({ full }) => full.leave(),
    },
  },
];

// While two pictures are compared, these come before the keys of the gallery.
export const COMPARE_KEYS = [
  {
    shown: "Space",
    help: "flicker: one image in the place of the other, in turn",
    does: { " ": ({ compare }) => compare.flicker() },
  },
  {
    shown: "b h g",
    help: "both side by side, their difference, all images of the group",
    does: {
      b: ({ compare }) => compare.show("both"),
      h: ({ compare }) => compare.show("heat"),
      g: ({ compare }) => compare.show("all"),
    },
  },
  {
    shown: "→ ←",
    help: "next, previous image of the group",
    does: {
      ArrowRight: ({ compare }) => compare.step(1),
      ArrowLeft: ({ compare }) => compare.step(-1),
    },
  },
  {
    does: {
      ArrowDown: ({ compare }) => compare.stepGroup(1),
      ArrowUp: ({ compare }) => compare.stepGroup(-1),
    },
  },
  {
    shown: "l",
    help: "hold this image: compare the others with it (again: with the keeper)",
    does: { l: ({ compare }) => compare.hold() },
  },
  {
    shown: "o",
    help: "outline the areas that held the pair back, or not",
    does: { o: ({ compare }) => compare.toggleOutlines() },
  },
  {
    shown: "t",
    help: "show or hide the table of what differs",
    does: { t: ({ compare }) => compare.toggleFacts() },
  },
  // The filter lies behind.
  { does: { f: ({ compare }) => compare.leaveForFilter() } },
  // The browser handles Tab and, in the table, the arrow keys.
  { shown: "Tab", help: "go to the table of differences; arrow keys scroll it", does: {} },
  {
    shown: "1 0",
    help: "100 %: one pixel of the picture for one of the screen; the whole picture (double-click)",
    does: {
      1: ({ compare }) => compare.table.zoomTo(1),
      0: ({ compare }) => compare.table.zoomToFit(),
    },
  },
  {
    shown: "+ −",
    help: "zoom in, zoom out (also the mouse wheel)",
    does: {
      "+": ({ compare }) => compare.table.zoom(1.5),
      "=": ({ compare }) => compare.table.zoom(1.5),
      "-": ({ compare }) => compare.table.zoom(1 / 1.5),
    },
  },
  {
    shown: "m",
    help: "pictures of different size: the same pixels, or the same place",
    does: { m: ({ compare }) => compare.toggleLock() },
  },
  {
    shown: "Shift with arrows",
    help: "move the pictures (also drag)",
    does: {
      "Shift+ArrowRight": ({ compare }) => compare.table.move(-60, 0),
      "Shift+ArrowLeft": ({ compare }) => compare.table.move(60, 0),
      "Shift+ArrowDown": ({ compare }) => compare.table.move(0, -60),
      "Shift+ArrowUp": ({ compare }) => compare.table.move(0, 60),
    },
  },
  // The keys of the gallery, which act here too.
  { shown: "k s x i u y w ?", help: "mark, undo, next, full window: as in the gallery", does: {} },
  {
    shown: "Esc",
    help: "back to the gallery (also c)",
    does: {
      Escape: ({ compare }) => compare.leave(),
      c: ({ compare }) => compare.toggle(false),
    },
  },
];

// While many groups are about to be accepted, only these act.
export const SWEEP_KEYS = [
  { shown: "Enter", help: "accept them, if the button is in focus", does: {} },
  { shown: "n", help: "another sample", does: { n: ({ sweep }) => sweep.drawAgain() } },
  {
    shown: "a Shift+A",
    help: "all groups shown, all that are alike",
    does: {
      a: ({ sweep }) => sweep.open("all"),
      "Shift+A": ({ sweep }) => sweep.open("alike"),
    },
  },
  { shown: "Esc", help: "back to the gallery", does: { Escape: ({ sweep }) => sweep.close() } },
];

// The names under which a keyboard event is looked up, in this order.
export function keyNames({ key, ctrlKey, metaKey, altKey, shiftKey }) {
  if (ctrlKey || metaKey) return [`Ctrl+${key}`];
  if (altKey) return [];
  return shiftKey ? [`Shift+${key}`, key] : [key];
}

// The action of a keyboard event as {act, free}, or undefined.
export function findKey(event, comparing) {
  const lists = comparing ? [COMPARE_KEYS, GALLERY_KEYS] : [GALLERY_KEYS];
  return findIn(lists, event, comparing);
}

export function findIn(lists, event, comparing = false) {
  for (const entries of lists) {
    for (const name of keyNames(event)) {
      const entry = entries.find(({ does }) => Object.hasOwn(does, name));
      if (!entry) continue;
      return { act: entry.does[name], free: Boolean(entry.always || (entry.free && !comparing)) };
    }
  }
  return undefined;
}

// The rows of the list on screen: the keys, and what they do.
export const listed = (entries) => entries.filter(({ shown }) => shown);
