// The module that anywidget loads: shows a gallery, and removes it when its output is removed.

import { View } from "./view.js";

function render({ model, el }) {
  const view = new View(model, el);
  return () => view.dispose();
}

export default { render };
