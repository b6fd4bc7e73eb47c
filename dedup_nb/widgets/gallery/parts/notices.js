// Messages: problems above the groups; below them, the image in focus and the last choice.

import { node } from "./dom.js";
import { standing } from "./members.js";
import { WORDS, everyText, pathText, whyText } from "./wording.js";

export class Problem {
  constructor() {
    this.el = node("div", "dnb-problem");
    this.el.setAttribute("role", "alert");
    this.el.hidden = true;
  }

  show(text) {
    this.el.textContent = text;
    this.el.hidden = false;
  }

  hide() {
    this.el.hidden = true;
  }
}

export class Foot {
  constructor() {
    this.el = node("div", "dnb-foot");
    this.detail = node("div", "dnb-detail");
    this.why = node("div", "dnb-why");
    this.said = node("div", "dnb-said");
    this.said.setAttribute("role", "status"); // announced when it changes
    this.el.append(this.detail, this.said, this.why);
  }

  say(text) {
    this.said.textContent = text;
  }

  paint(group, at, every) {
    const member = group?.members[at];
    this.detail.replaceChildren();
    this.why.textContent = "";
    if (!member) return;
    const now = standing(member, group);
    const word = member.mark ? `${now} (your mark)` : (WORDS[now] ?? now);
    this.detail.append(node("b", `dnb-is-${now}`, word), node("bdi", "", pathText(member)));
    this.detail.title = pathText(member);
    this.why.textContent = every ? everyText(group) : whyText(group, at);
    this.why.title = this.why.textContent;
  }
}
