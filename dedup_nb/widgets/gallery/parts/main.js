// The module that anywidget loads: shows one gallery, and lets go of it when its output goes.

import { View } from "./view.js";

function render({ model, el }) {
  const view = new View(model, el);
  return () => view.dispose();
}

export default { render };
