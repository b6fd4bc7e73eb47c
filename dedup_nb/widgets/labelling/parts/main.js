// The module that anywidget loads: asks about pairs, and ends when its output is removed.

import { LabelView } from "./labelview.js";

function render({ model, el }) {
  const view = new LabelView(model, el);
  return () => view.dispose();
}

export default { render };
