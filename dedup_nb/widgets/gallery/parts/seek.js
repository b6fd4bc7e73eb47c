// The way to the next group that is open or waits: the kernel knows where it is.

const NONE_LEFT = {
  open: "every other group is reviewed",
  waiting: "no other group waits for you",
};

export class Seek {
  constructor(view) {
    this.view = view;
    this.what = undefined; // that is sought; keys wait until it is found
  }

  go(what) {
    this.what = what;
    this.view.takeKeys();
    this.ask();
  }

  // Choices come first, as they may answer the question.
  ask() {
    const { questions, choices, focus, version } = this.view;
    if (!this.what || choices.length || questions.has("seek")) return;
    questions.ask("seek", { kind: "seek", what: this.what, group: focus, version });
  }

  onSought({ what, index }) {
    const { view } = this;
    view.questions.answered("seek");
    if (what !== this.what) return;
    this.what = undefined;
    if (index === null) view.say(NONE_LEFT[what]);
    else if (index < view.focus) view.say("went on at the top");
    if (index !== null) view.focusOn(index);
  }

  forget() {
    this.what = undefined;
  }
}
