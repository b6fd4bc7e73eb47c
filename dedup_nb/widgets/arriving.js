/* Brings the output that it lies in into view once its notebook has run, and holds it there while
   the cells above still change their heights. Whoever scrolls, types or clicks first is left alone.

   State: `arrived` is set once this has happened, so that a page which is opened again stays put. */

const STEP_MS = 60;
const QUIET_MS = 1200; // in place for so long: nothing above moves any more
const LONGEST_MS = 12_000;
const BY_HAND = ["wheel", "keydown", "pointerdown", "touchstart"];

function above(el) {
  const output = el.closest(".jp-Cell-outputArea") ?? el.parentElement;
  const panel = el.closest(".jp-WindowedPanel-outer") ?? document.documentElement;
  const gap = () => output.getBoundingClientRect().top - panel.getBoundingClientRect().top;
  return { output, gap };
}

class Hold {
  constructor(el, arrived) {
    this.el = el;
    this.arrived = arrived;
    this.begun = this.moved = performance.now();
    this.before = null;
    this.end = () => {
      this.stop();
      this.arrived();
    };
    for (const kind of BY_HAND) window.addEventListener(kind, this.end, true);
    this.timer = setInterval(() => this.step(), STEP_MS);
  }

  stop() {
    clearInterval(this.timer);
    for (const kind of BY_HAND) window.removeEventListener(kind, this.end, true);
  }

  step() {
    const now = performance.now();
    if (now - this.moved > QUIET_MS || now - this.begun > LONGEST_MS) {
      this.end();
    } else if (this.el.isConnected) {
      this.bring(now);
    } else {
      this.moved = now; // not shown yet
    }
  }

  bring(now) {
    const { output, gap } = above(this.el);
    if (Math.abs(gap()) <= 1) return;
    output.scrollIntoView({ block: "start" });
    const after = gap();
    if (after !== this.before) this.moved = now; // at the end of a page it cannot come nearer
    this.before = after;
  }
}

function render({ model, el }) {
  el.style.display = "none";
  if (model.get("arrived")) return undefined;
  const hold = new Hold(el, () => {
    model.set("arrived", true);
    model.save_changes();
  });
  return () => hold.stop();
}

export default { render };
