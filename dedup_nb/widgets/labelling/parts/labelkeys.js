// The registry of the keys for answering: what each does, and its text in the list on screen.
// `once`: the key acts once, however long it is held down.

import { keyNames } from "../../gallery/parts/keys.js";

export const LABEL_KEYS = [
  { shown: "y", help: "yes", once: true, does: { y: (view) => view.answer("y"), Y: (view) => view.answer("y") } },
  { shown: "n", help: "no", once: true, does: { n: (view) => view.answer("n"), N: (view) => view.answer("n") } },
  {
    shown: "?",
    help: "I cannot tell; counts as no",
    once: true,
    does: { "?": (view) => view.answer("?"), "Shift+?": (view) => view.answer("?") },
  },
  {
    shown: "u",
    help: "take the last answer back; repeat for earlier ones (also Ctrl+Z)",
    once: true,
    does: { u: (view) => view.undo(), "Ctrl+z": (view) => view.undo() },
  },
  {
    shown: "PgUp PgDn",
    help: "previous, next pair: look again, or answer anew",
    does: { PageUp: (view) => view.step(-1), PageDown: (view) => view.step(1) },
  },
  {
    shown: "Space",
    help: "flicker: one picture in the place of the other, in turn",
    does: { " ": (view) => view.flicker() },
  },
  {
    shown: "b h",
    help: "both side by side; their difference",
    does: { b: (view) => view.show("both"), h: (view) => view.show("heat") },
  },
  {
    shown: "1 0",
    help: "100 %: one pixel of the picture for one of the screen; the whole picture",
    does: { 1: (view) => view.table.zoomTo(1), 0: (view) => view.table.zoomToFit() },
  },
  {
    shown: "+ −",
    help: "zoom in, zoom out (also the mouse wheel)",
    does: {
      "+": (view) => view.table.zoom(1.5),
      "=": (view) => view.table.zoom(1.5),
      "-": (view) => view.table.zoom(1 / 1.5),
    },
  },
  {
    shown: "arrows",
    help: "move the pictures (also drag)",
    does: {
      ArrowRight: (view) => view.table.move(-60, 0),
      ArrowLeft: (view) => view.table.move(60, 0),
      ArrowDown: (view) => view.table.move(0, -60),
      ArrowUp: (view) => view.table.move(0, 60),
    },
  },
  {
    shown: "w",
    help: "fill the window, and back (also Esc)",
    does: { w: (view) => view.full.toggle(), Escape: (view) => view.full.toggle(false) },
  },
];

// The entry of a keyboard event as {act, once}, or undefined.
export function labelKey(event) {
  for (const name of keyNames(event)) {
    const entry = LABEL_KEYS.find(({ does }) => Object.hasOwn(does, name));
    if (entry) return { act: entry.does[name], once: Boolean(entry.once) };
  }
  return undefined;
}
