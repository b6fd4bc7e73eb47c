// What the browser caches: groups, pictures, and small answers it may need again.

import { commonOf } from "./differing.js";
import { memberWithKey } from "./members.js";

const KEPT_GROUPS = 400;
const KEPT_PICTURES = 600;

// A map of bounded size. The least recently used entries leave first, `spared` ones never.
export class Recent {
  constructor(limit, onDrop = () => {}) {
    this.limit = limit;
    this.onDrop = onDrop;
    this.entries = new Map();
  }

  get size() {
    return this.entries.size;
  }

  has(key) {
    return this.entries.has(key);
  }

  get(key) {
    return this.entries.get(key);
  }

  values() {
    return this.entries.values();
  }

  // Like `get`, and marks the entry as used.
  touch(key) {
    if (!this.entries.has(key)) return undefined;
    const value = this.entries.get(key);
    this.entries.delete(key);
    this.entries.set(key, value);
    return value;
  }

  set(key, value, spared = () => false) {
    this.entries.delete(key);
    this.entries.set(key, value);
    for (const old of this.entries.keys()) {
      if (this.entries.size <= this.limit) break;
      if (!spared(old)) this.drop(old);
    }
  }

  drop(key) {
    this.onDrop(this.entries.get(key));
    this.entries.delete(key);
  }

  clear() {
    for (const key of this.entries.keys()) this.drop(key);
  }
}

// Pictures by image key, as Blob URLs.
export class Pictures {
  constructor(limit = KEPT_PICTURES) {
    this.urls = new Recent(limit, (url) => URL.revokeObjectURL(url));
    this.missing = new Set();
  }

  get(key) {
    return this.urls.touch(key);
  }

  has(key) {
    return this.urls.has(key);
  }

  // Whether a picture is here, or known not to exist.
  known(key) {
    return this.urls.has(key) || this.missing.has(key);
  }

  put(key, buffer, spared, type = "image/jpeg") {
    if (this.urls.has(key)) return;
    this.urls.set(key, URL.createObjectURL(new Blob([buffer], { type })), spared);
  }

  dispose() {
    this.urls.clear();
  }
}

// Groups of one version of the gallery, by index. Members come in pages: a member is undefined until
// it arrives, and null where a set has no image.
export class Groups {
  constructor(limit = KEPT_GROUPS) {
    this.kept = new Recent(limit);
  }

  has(index) {
    return this.kept.has(index);
  }

  get(index) {
    return this.kept.get(index);
  }

  // Store a group with its first members as the kernel sends it; pages already here are kept.
  put(group, spared) {
    const old = this.kept.get(group.index);
    if (old && old.size === group.size) {
      group.members.push(...old.members.slice(group.members.length));
    }
    this.kept.set(group.index, group, spared);
  }

  putMembers(index, start, members) {
    const { members: known } = this.kept.get(index);
    members.forEach((member, k) => {
      known[start + k] = member;
    });
  }

  // What the members of a group have in common, as far as they have come.
  commonOf(group) {
    const here = group.members.filter(Boolean);
    if (group.compared !== here.length) {
      Object.assign(group, { compared: here.length, common: commonOf(here) });
    }
    return group.common;
  }

  setMark(key, mark) {
    for (const group of this.kept.values()) {
      for (const member of group.members) if (member?.key === key) member.mark = mark;
    }
  }

  memberWithKey(index, key) {
    return memberWithKey(this.kept.get(index), key);
  }

  clear() {
    this.kept.clear();
  }
}
