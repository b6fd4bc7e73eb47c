// Groups and members as the kernel sends them, for the tests.

export function member(key, fields = {}) {
  const name = `202601_${String(key).padStart(6, "0")}_stage1.png`;
  return { key, name, role: "stage", badges: [], value: "2 bits", ...fields };
}

export function group(size, fields = {}) {
  const members = Array.from({ length: size }, (unused, k) =>
    member(k, k ? {} : { role: "keeper" }),
  );
  return { index: 0, title: "a group", size, members, answered: false, ...fields };
}

// A group of sets: `lacking` lists the places where a set has no image.
export function sets(columns, size, lacking = []) {
  const made = group(size, { columns });
  for (const at of lacking) made.members[at] = null;
  return made;
}

// A function that remembers what it was called with.
export function spy() {
  const called = (...args) => {
    called.calls.push(args);
  };
  called.calls = [];
  return called;
}
