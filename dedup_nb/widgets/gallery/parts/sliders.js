// Names for the sliders beside a gallery: those of ipywidgets have none for screen readers.

const UNNAMED = ".widget-slider .noUi-handle:not([aria-label])";

// The handle of a slider gets the text beside it, such as the name of the parameter.
export function nameSliders(root) {
  const box = root.parentElement?.closest(".widget-vbox");
  for (const handle of box?.querySelectorAll(UNNAMED) ?? []) {
    const slider = handle.closest(".widget-slider");
    const name = slider.querySelector(".widget-label")?.textContent.trim();
    handle.setAttribute("aria-label", name || "threshold");
    slider.querySelector(".widget-readout")?.setAttribute("aria-label", `${name || "threshold"}, value`);
  }
}
