"""A cut and the images -> the cut with more careful roles, by an ordered list of rules.

A rule turns `stage` into `review` or `protected`, never the opposite; `apply` checks this. A finder
appends its own rules to the standard list and overrides none. To add a rule for all finders, write
a function and add a `Rule` to `standard`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from dedup_nb.groups.checks import Accepted, Checks, frames_apart
from dedup_nb.groups.companions import Companions
from dedup_nb.groups.cut import Cut
from dedup_nb.groups.holdings import sentence
from dedup_nb.groups.images import Images
from dedup_nb.groups.roles import NONE, PROTECTED, STAGE, loosened
from dedup_nb.groups.stars import Grouping

NOT_CHECKED = "not verified yet"
GUARDED = "in a curated root or protected"
KEPT_BESIDE = ("a layered file, kept beside its pictures", "a raw file, kept beside its pictures")
CROPPED = "cropped, its keeper is not"


@dataclass(frozen=True)
class Rule:
    """One rule that holds images back.

    Attributes
    ----------
    name : str
        Short and unique.
    help : str
        What it holds back, in one sentence.
    apply : callable
        Takes a cut and the images, holds images back (see `Cut.hold`) and returns the cut.
    chains : bool
        Whether its result depends on what the other rules hold back, so that it must be applied
        again after them.
    """

    name: str
    help: str
    apply: Callable[[Cut, Images], Cut]
    chains: bool = False


class LooseRule(RuntimeError):
    """A rule would stage an image that was held back; a program error."""


def apply(rules: Sequence[Rule], cut: Cut, images: Images) -> Cut:
    """Apply the rules in order, then repeat those that chain until nothing changes.

    Raises
    ------
    LooseRule
        If a rule makes a role less careful.
    """
    for rule in rules:
        cut = _applied(rule, cut, images)
    chaining = [rule for rule in rules if rule.chains]
    staged = None
    while chaining and staged != (left := int(np.count_nonzero(cut.roles == STAGE))):
        staged = left
        for rule in chaining:
            cut = _applied(rule, cut, images)
    return cut


def _applied(rule: Rule, cut: Cut, images: Images) -> Cut:
    before = cut.roles.copy()
    cut = rule.apply(cut, images)
    if len(loose := loosened(before, cut.roles)):
        raise LooseRule(
            f"the rule {rule.name} would stage {images.paths[loose[0]]}, which was held back; "
            "nothing was written; please report this"
        )
    return cut


def standard(checks: Checks | None = None, companions: Companions | None = None) -> list[Rule]:
    """Return the rules that every finder uses, in order."""
    by_pixels = [confirmed_by_pixels(checks)] if checks is not None else []
    last = [works_stay(companions), one_name(companions), WHOLE_SETS]
    first = [PROTECT, WORKS_APART, DOUBT, KEEP_CROPPED, BUNDLE, PLACES, KEEP_ALL]
    return [*first, bursts_stay(checks), HOLDS, *by_pixels, *last]


def _protect(cut: Cut, images: Images) -> Cut:
    staged = cut.staged(by_rule=True)
    cut.hold(staged[images.protected[staged]], role=PROTECTED)
    return cut


def _works_apart(cut: Cut, images: Images) -> Cut:
    staged = cut.staged()
    keepers = cut.keepers[staged]
    apart = images.works_apart(staged, keepers)
    own = apart & images.is_work[staged]
    for k in staged[own].tolist():
        cut.hold([k], KEPT_BESIDE[bool(images.is_raw[k])], role=PROTECTED)
    cut.hold(staged[apart & ~own], "its keeper is a raw file, which shows nothing by itself")
    return cut


def _doubt(cut: Cut, images: Images) -> Cut:
    staged = cut.staged(by_rule=True)
    cut.hold(staged[images.doubted[staged] | images.doubted[cut.keepers[staged]]])
    return cut


def _keep_cropped(cut: Cut, images: Images) -> Cut:
    staged = cut.staged(by_rule=True)
    cut.hold(staged[images.cropped[staged] & ~images.cropped[cut.keepers[staged]]])
    return cut


def _keep_all(cut: Cut, images: Images) -> Cut:
    staged = cut.staged(by_rule=True)
    for k in staged[images.keep_all.apart(staged, cut.keepers[staged])].tolist():
        cut.hold([k], images.keep_all.reason(k))
    return cut


def _holds(cut: Cut, images: Images) -> Cut:
    staged = cut.staged(by_rule=True)
    for k in staged[images.holdings.lacking(staged, cut.keepers[staged])].tolist():
        cut.hold([k], sentence(images.holdings.lacks(k, int(cut.keepers[k]))))
    return cut


def _places(cut: Cut, images: Images) -> Cut:
    staged = cut.staged(by_rule=True)
    better = staged[images.places[staged] < images.places[cut.keepers[staged]]]
    copies = images.series.copies[cut.keepers[better]]
    cut.hold(better[copies], "its keeper is a copy of a stage, by its name")
    cut.hold(better[~copies], "in a preferred place, but its keeper holds more")
    return cut


def _whole_sets(cut: Cut, images: Images) -> Cut:
    staged = cut.staged()
    for k, why in images.series.torn(staged, cut.keepers[staged]).items():
        if not cut.by_person[k]:
            cut.hold([k], why)
    return cut


def _bundle(cut: Cut, images: Images) -> Cut:
    staged = cut.staged()
    for k in staged[images.blocked[staged] != ""].tolist():
        cut.hold([k], f"its files cannot move: {images.blocked[k]}")
    return cut


PROTECT = Rule(
    "protect", "images in a curated root or matched by protect are never staged", _protect
)
WORKS_APART = Rule(
    "works_apart",
    "a raw or layered file goes only for a copy of itself, and nothing goes for a raw file",
    _works_apart,
)
DOUBT = Rule("doubt", "images whose measure is not trusted wait for review", _doubt)
KEEP_CROPPED = Rule(
    "cropped", "a cropped image is never staged for one that is not cropped", _keep_cropped
)
KEEP_ALL = Rule(
    "keep_all",
    "frames of one exposure bracket or focus stack are never staged for each other",
    _keep_all,
)
HOLDS = Rule(
    "holds", "an image is staged only for a keeper that holds everything that it holds", _holds
)
PLACES = Rule(
    "places",
    "an image is never staged for one in a worse place or a copy of a stage",
    _places,
)
WHOLE_SETS = Rule(
    "sets",
    "two series of one line-up are paired in every stage and in one direction, or not at all",
    _whole_sets,
    chains=True,
)
BUNDLE = Rule(
    "bundle", "an image whose files could never be staged together waits for review", _bundle
)


def bursts_stay(checks: Checks | None) -> Rule:
    """Return the rule that frames of one burst are never staged for each other.

    Only equal pixels show that they are one frame, whose capture data was changed.
    """

    def hold(cut: Cut, images: Images) -> Cut:
        staged = cut.staged(by_rule=True)
        framed = staged[images.bursts.apart(staged, cut.keepers[staged])]
        if checks is not None and len(framed):
            checks.refused(framed, cut.keepers[framed])
        for k in framed[frames_apart(images, checks, framed, cut.keepers[framed])].tolist():
            cut.hold([k], images.bursts.why(k, int(cut.keepers[k])))
        return cut

    help = "frames of one burst are never staged for each other, unless their pixels are equal"
    return Rule("bursts", help, hold)


def works_stay(companions: Companions | None) -> Rule:
    """Return the rule that no film, model or drawing moves because a picture of its name does.

    It moves only if the keeper's bundle holds the same content. This holds for images that you
    marked for staging too, since `stage` would refuse them.
    """

    def hold(cut: Cut, images: Images) -> Cut:
        staged = cut.staged()
        for k in staged[images.works[staged] != ""].tolist():
            keeper = int(cut.keepers[k])
            lacking = companions.works_lacking(k, keeper) if companions else images.works_of(k)
            if lacking:
                cut.hold([k], f"the keeper has no copy of its {', '.join(lacking)}")
        return cut

    return Rule("works", "no film, model or drawing moves with a picture of its name", hold)


def one_name(companions: Companions | None) -> Rule:
    """Return the rule that images of one name in one folder move together or not at all.

    A raw or layered image goes with the others of its stem, since `works_stay` has found its copy
    beside their keepers.
    """

    def hold(cut: Cut, images: Images) -> Cut:
        by_stem: dict[int, list[int]] = {}
        for k in images.shared_stem.tolist():
            by_stem.setdefault(int(images.stems[k]), []).append(k)
        for members in by_stem.values():
            going = [k for k in members if cut.roles[k] == STAGE]
            others = [
                k
                for k in members
                if cut.roles[k] != STAGE
                and not (companions and cut.roles[k] == NONE and companions.is_work(k))
            ]
            for k in going if others else ():
                cut.hold([k], f"shares its name with {images.paths[others[0]]}, which stays")
        return cut

    help = "images of the same name in one folder move together or not at all"
    return Rule("one_name", help, hold, chains=True)


def confirmed_by_pixels(checks: Checks) -> Rule:
    """Return the rule that holds images back until comparing the pixels confirms the pair."""

    accepted = Accepted()

    def hold(cut: Cut, images: Images) -> Cut:
        staged = cut.staged(by_rule=True)
        staged = staged[~accepted.among(staged, cut.keepers[staged])]
        checks.refused(staged, cut.keepers[staged])
        passed = []
        for k in staged.tolist():
            judged = checks.judgement(k, int(cut.keepers[k]))
            if judged is None or not judged.accepted:
                cut.hold([k], judged.reason if judged else NOT_CHECKED)
            else:
                passed.append(k)
        sure = np.array(passed, np.int64)
        accepted.add(sure, cut.keepers[sure], np.zeros(len(sure), np.bool_))
        return cut

    return Rule("pixels", "images wait for review until their pixels confirm the pair", hold)


def proposed_pairs_only(grouping: Grouping, reason: str) -> Rule:
    """Return the rule that stages an image only for a keeper it was proposed for.

    You may keep another image than the rules chose. The others are then staged for it only if the
    finder proposes that pair too.
    """

    def hold(cut: Cut, images: Images) -> Cut:
        staged = cut.staged(by_rule=True)
        sure = grouping.may_propose(staged, cut.keepers[staged], cut.distance)
        cut.hold(staged[~sure], reason)
        return cut

    return Rule("proposed_pairs", "an image is staged only for a keeper it was proposed for", hold)
