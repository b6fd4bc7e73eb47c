// Fills the window with the gallery, above everything that JupyterLab shows.

const REACHED = "button, input, select, [tabindex]";

export class FullWindow {
  constructor(view) {
    this.view = view;
    this.on = false;
    this.onFocus = (event) => this.watch(event);
  }

  // An element in the top layer is neither clipped nor moved by the cell that it lies in.
  toggle(on = !this.on) {
    const { root } = this.view;
    if (on === this.on) return;
    if (!root.showPopover) this.view.say("this browser cannot fill the window");
    else this.change(on);
  }

  change(on) {
    const { root } = this.view;
    const row = this.view.grid.placeOf(this.view.focus);
    this.on = on;
    root.classList.toggle("dnb-full", on);
    if (on) {
      root.setAttribute("popover", "manual");
      root.showPopover();
      document.addEventListener("focusin", this.onFocus);
    } else {
      document.removeEventListener("focusin", this.onFocus);
      if (root.matches(":popover-open")) root.hidePopover();
      root.removeAttribute("popover");
      root.scrollIntoView({ block: "nearest" });
    }
    this.view.bar.paintFull(on);
    this.view.takeKeys();
    this.view.backTo(row);
  }

  // Close what is on top: the list of keys, else the full window.
  leave() {
    const { help } = this.view;
    if (help.el.hidden) this.toggle(false);
    else help.toggle(false);
  }

  // What asks for attention outside, such as a dialog of JupyterLab, lies behind: make way for it.
  watch({ target }) {
    if (!this.view.root.contains(target)) this.toggle(false);
  }

  // Tab stays inside while the window is filled.
  onTab(event) {
    if (!this.on || event.key !== "Tab") return false;
    const places = [...this.view.root.querySelectorAll(REACHED)].filter(isReached);
    const at = places.indexOf(document.activeElement);
    const last = event.shiftKey ? 0 : places.length - 1;
    if (!places.length || (at >= 0 && at !== last)) return false;
    places[event.shiftKey ? places.length - 1 : 0].focus();
    return true;
  }

  dispose() {
    document.removeEventListener("focusin", this.onFocus);
  }
}

const isReached = (el) =>
  el.tabIndex >= 0 && !el.disabled && !el.closest("[inert]") && el.getClientRects().length > 0;
