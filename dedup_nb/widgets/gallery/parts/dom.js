// Makes elements: plain ones, icons and buttons that keep JupyterLab's shortcuts away.

const SHAPES = {
  keep: "M3 8.5l3.2 3.2L13 5",
  stage: "M8 2v7M5 6.5L8 9.5l3-3M2.5 11v2.5h11V11",
  protected: "M4 7.5h8v6H4zM5.5 7.5V5a2.5 2.5 0 0 1 5 0v2.5",
  review: "M6 6a2 2 0 1 1 3 1.7c-.7.4-1 .8-1 1.6M8 12v.6",
};

// Text from files is only ever set as `textContent`, never as markup.
export function node(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

export function option(value, text) {
  const made = node("option", "", text);
  made.value = value;
  return made;
}

export function drawn(tag, attributes = {}) {
  const space = "http://www.w3.org/2000/svg";
  const made = document.createElementNS(space, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

export function icon(shape) {
  const svg = drawn("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" });
  const path = drawn("path", { d: SHAPES[shape] });
  svg.append(path);
  return svg;
}

export function button(text, label, onClick, className = "") {
  const made = node("button", `dnb-button ${className}`, text);
  made.type = "button";
  made.title = label;
  made.setAttribute("aria-label", label);
  made.addEventListener("click", onClick);
  return ownKeys(made);
}

// Suppress JupyterLab's own shortcuts (x, d d, b, ...), which would cut and delete cells. JupyterLab
// checks the focused element before its ancestors, so every focusable element needs this.
export function ownKeys(made) {
  made.setAttribute("data-lm-suppress-shortcuts", "true");
  return made;
}

// Set the source of an image, or remove it if there is none; an unchanged source is not reloaded.
export function setSource(image, url) {
  if (image.getAttribute("src") === (url ?? null)) return;
  if (url) image.src = url;
  else image.removeAttribute("src");
}
