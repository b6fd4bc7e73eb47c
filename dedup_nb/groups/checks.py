"""Stars, pixel checks and holdings -> stars without the members that must stay.

A member stays if its pixels show another picture, if its keeper lacks something that it holds, or
if both are frames of one set of which all are kept, or of one burst.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from dedup_nb.groups.images import Images
from dedup_nb.groups.roles import Indices
from dedup_nb.groups.stars import Assignment, Stars

CROPPED = "cropped"  # in `kind`: the member shows only a part of the keeper
CONTAINED = "contained"  # `kind` of a pair of which one shows the other inside itself
WHAT = "inside a larger picture (a screenshot, collage or page)"
CONTAINER, INSIDE = f"shows the keeper {WHAT}", f"the keeper shows it {WHAT}"
MOST_NEAR = 64  # images with which one is compared to see whether it is a container
BETTER = "its set is the better one, but the other cannot go for it"
# Whether two images show the same picture: the closer, the sooner they share a group for review.
SAME, DOUBTFUL, DIFFERENT = "same", "doubtful", "different"
APART = {DOUBTFUL: 1, DIFFERENT: 2}


class Judgement(NamedTuple):
    """The result of comparing the pixels of a member and its keeper."""

    accepted: bool  # the member may be staged for this keeper
    kind: str  # how the picture was changed, in words
    score: float  # 0 to 1, confidence that they are the same picture
    reason: str = ""  # why it is not accepted
    lacks: tuple[str, ...] = ()  # what the keeper's pixels lack of the member
    equal: bool = False  # all pixels are the same at full size
    contained: str = ""  # `member` or `keeper`: the one that shows the other inside itself
    picture: str = SAME  # SAME, DOUBTFUL or DIFFERENT; DOUBTFUL if it could not be compared


class Checks(Protocol):
    """Compares pixels; called for each member that would be staged."""

    def refused(self, members: Indices, keepers: Indices) -> NDArray[np.bool_]:
        """Return which pairs are known not to be copies; may compare more pairs first.

        Parameters
        ----------
        members, keepers : ndarray of int64, shape (n,)
            Positions of the images, pair by pair.

        Returns
        -------
        ndarray of bool, shape (n,)
        """

    def judgement(self, member: int, keeper: int) -> Judgement | None:
        """Return the result for a pair, or None if it is not known."""

    def pictures(self, members: Indices, keepers: Indices) -> list[str | None]:
        """Return whether pairs show the same picture, None if not known; may compare them first.

        Parameters
        ----------
        members, keepers : ndarray of int64, shape (n,)
            Positions of the images, pair by pair.

        Returns
        -------
        list of `SAME`, `DOUBTFUL`, `DIFFERENT` or None
        """


class Accepted:
    """Pairs that are known to be accepted, so that none of them is asked for at every cut."""

    def __init__(self) -> None:
        self._keys, self._cropped = np.zeros(0, np.int64), np.zeros(0, np.bool_)

    def among(self, members: Indices, keepers: Indices) -> NDArray[np.bool_]:
        """Return which pairs are known to be accepted.

        Parameters
        ----------
        members, keepers : ndarray of int64, shape (n,)
            Positions of the images, pair by pair.

        Returns
        -------
        ndarray of bool, shape (n,)
        """
        return _among(self._keys, _keys(members, keepers))

    def cropped(self, members: Indices, keepers: Indices) -> NDArray[np.bool_]:
        """Return which pairs are known to be accepted and their member to be a crop."""
        return _among(self._keys[self._cropped], _keys(members, keepers))

    def add(self, members: Indices, keepers: Indices, cropped: NDArray[np.bool_]) -> None:
        """Add pairs that are not among them, and whether the member is a crop."""
        if len(members):
            keys = np.concatenate([self._keys, _keys(members, keepers)])
            order = np.argsort(keys, kind="stable")
            self._keys = keys[order]
            self._cropped = np.concatenate([self._cropped, cropped])[order]


def _keys(members: Indices, keepers: Indices) -> Indices:
    keys: Indices = (members << 32) | keepers
    return keys


def frames_apart(
    images: Images, checks: Checks | None, members: Indices, keepers: Indices
) -> NDArray[np.bool_]:
    """Return which pairs are two frames of one burst and not known to have equal pixels.

    Parameters
    ----------
    images : Images
        Tells which images are frames.
    checks : Checks or None
        Tells which pairs have equal pixels; nothing is compared here.
    members, keepers : ndarray of int64, shape (n,)
        Rows of the images, pair by pair.

    Returns
    -------
    ndarray of bool, shape (n,)
    """
    apart = images.bursts.apart(members, keepers)
    if checks is None:
        return apart
    for k in np.flatnonzero(apart).tolist():
        judged = checks.judgement(int(members[k]), int(keepers[k]))
        apart[k] = judged is None or not judged.equal
    return apart


class Checked:
    """Stars without the members that must stay; a `Grouping`.

    Such a member still joins a star, so that it is shown there for review: first one whose keeper
    shows the same picture, such as one without an edit. It joins none whose keeper shows a
    different picture.

    Parameters
    ----------
    stars : Stars
        The pairs; refused pairs are recorded in it.
    images : Images
        Tells what each image holds, and which images need no check because no rule ever stages
        them.
    checks : Checks or None
        None accepts the pixels of every pair.
    """

    def __init__(self, stars: Stars, images: Images, checks: Checks | None) -> None:
        self.stars, self.images, self.checks = stars, images, checks
        self.components, self.between = stars.components, stars.between
        self.may_propose = stars.may_propose
        self._accepted = Accepted()
        self._open: dict[tuple[int, int], float] = {}  # refused pairs -> distance, until compared

    def assign(self, threshold: float) -> Assignment:
        """Return each image's keeper at a threshold (inclusive)."""
        keepers, distances = self.accepted(threshold)
        self._part(threshold)
        reasons = self._join_refused(threshold, keepers, distances)
        members = np.flatnonzero((keepers >= 0) & (keepers != np.arange(len(keepers))))
        held = members[self.images.series.against(members, keepers[members])]
        reasons |= dict.fromkeys(held.tolist(), BETTER)
        sure = np.ones(len(keepers), np.bool_)
        sure[list(reasons)] = False
        return Assignment(keepers, distances, sure, reasons=reasons)

    def _join_refused(
        self, threshold: float, keepers: Indices, distances: NDArray[np.float64]
    ) -> dict[int, str]:
        """Add refused members for review, in place; none to a keeper that contains it.

        A screenshot or a collage joins the group of the best picture that it shows instead.

        Returns
        -------
        dict of int -> str
            Why containers that joined wait for review.
        """
        while True:
            joined, near = keepers.copy(), distances.copy()
            for apart in sorted(APART.values()) if self.checks is not None else [1]:
                self.stars.join_refused(threshold, joined, near, apart)
            added = np.flatnonzero((keepers < 0) & (joined >= 0) & (joined != np.arange(len(near))))
            shows = np.array(self.containers(added, joined[added]), object)
            inside = added[shows == "keeper"]
            if not len(inside):
                keepers[:], distances[:] = joined, near
                around = added[(shows == "member") & ~self.images.protected[added]]
                return {k: self._why(k, int(joined[k])) for k in around.tolist()}
            self.stars.bar(inside, joined[inside])

    def containers(self, members: Indices, keepers: Indices) -> list[str]:
        """Return which of each pair shows the other inside itself, as far as it is known.

        Parameters
        ----------
        members, keepers : ndarray of int64, shape (n,)
            Positions of the images, pair by pair.

        Returns
        -------
        list of str
            `Judgement.contained` of each pair.
        """
        if self.checks is None or not len(members):
            return [""] * len(members)
        alike = ~self.images.works_apart(members, keepers)  # of a raw file only a preview is shown
        self.checks.refused(members[alike], keepers[alike])  # compares them
        ends = zip(members.tolist(), keepers.tolist(), strict=True)
        judged = (self.checks.judgement(*pair) for pair in ends)
        return [one.contained if one is not None else "" for one in judged]

    def _why(self, member: int, keeper: int) -> str:
        judged = self.checks.judgement(member, keeper) if self.checks else None
        return judged.reason if judged else ""

    def accepted(self, threshold: float) -> tuple[Indices, NDArray[np.float64]]:
        """Cut the stars repeatedly until no member is refused; see `Stars.cut`.

        Parameters
        ----------
        threshold : float
            Largest distance, inclusive.

        Returns
        -------
        keepers : ndarray of int64, shape (n,)
            -1 for an image in no group.
        distances : ndarray of float64, shape (n,)
        """
        images = self.images
        self.stars.release()
        while True:
            keepers, distances = self.stars.cut(threshold)
            joined = (keepers >= 0) & (keepers != np.arange(len(keepers))) & images.needs_check
            members = np.flatnonzero(joined)
            members = members[~images.doubted[keepers[members]]]
            fresh = members[~self._accepted.among(members, keepers[members])]
            fresh = fresh[np.argsort(distances[fresh], kind="stable")]  # the best first
            are_refused = self._are_refused(fresh, keepers[fresh])
            self._accept(fresh[~are_refused], keepers[fresh[~are_refused]])
            if are_refused.any():
                refused = fresh[are_refused]
                self._refuse(refused, keepers[refused], distances[refused])
                continue
            inside = self._parts_of_containers(threshold, members, keepers[members])
            if not len(inside):
                return keepers, distances
            self.stars.hold(inside, keepers[inside])

    def _accept(self, members: Indices, keepers: Indices) -> None:
        """Record the pairs that are known to be accepted."""
        cropped = np.zeros(len(members), np.bool_)
        if self.checks is not None:
            ends = zip(members.tolist(), keepers.tolist(), strict=True)
            judged = [self.checks.judgement(*pair) for pair in ends]
            known = np.array([one is not None for one in judged], bool)
            cropped = np.array([one is not None and CROPPED in one.kind for one in judged], bool)
            members, keepers, cropped = members[known], keepers[known], cropped[known]
        self._accepted.add(members, keepers, cropped)

    def _parts_of_containers(self, threshold: float, members: Indices, keepers: Indices) -> Indices:
        """Return the crops among members whose keeper is a container of another image near it.

        A crop has no sides in a screenshot of the whole picture, so that only the whole, or a copy
        of it, tells that the keeper is a screenshot.
        """
        cropped = self._accepted.cropped(members, keepers)
        parts, wholes = members[cropped], keepers[cropped]
        shows = {k: self._is_container(k, threshold) for k in np.unique(wholes).tolist()}
        inside: Indices = parts[np.array([shows[k] for k in wholes.tolist()], bool)]
        return inside

    def _is_container(self, image: int, threshold: float) -> bool:
        near = self.stars.near(image, threshold)[:MOST_NEAR]
        return "keeper" in self.containers(near, np.full(len(near), image))

    def _are_refused(self, members: Indices, keepers: Indices) -> NDArray[np.bool_]:
        places = self.images.places
        refused = places[members] < places[keepers]
        refused |= self.images.works_apart(members, keepers)
        refused |= self.images.keep_all.apart(members, keepers)
        refused |= self.images.holdings.lacking(members, keepers)
        if self.checks is not None:
            left = np.flatnonzero(~refused)
            refused[left] = self.checks.refused(members[left], keepers[left])
        else:
            refused |= self._loses_pixels(members, keepers)
        refused |= self._known_frames(members, keepers)
        refused |= self.images.series.against(members, keepers)
        return refused

    def _known_frames(self, members: Indices, keepers: Indices) -> NDArray[np.bool_]:
        """Return which pairs are two frames of one burst; not those that may yet prove equal."""
        apart = frames_apart(self.images, self.checks, members, keepers)
        if self.checks is not None:
            for k in np.flatnonzero(apart).tolist():
                apart[k] = self.checks.judgement(int(members[k]), int(keepers[k])) is not None
        return apart

    def _loses_pixels(self, members: Indices, keepers: Indices) -> NDArray[np.bool_]:
        """Return which images would go for a smaller one although the keeper order prefers them.

        Without checks, nothing but the size tells what pixels would be lost.
        """
        images = self.images
        turned = images.ranks[members] < images.ranks[keepers]
        turned &= images.places[members] <= images.places[keepers]
        loses: NDArray[np.bool_] = turned & (images.pixels[members] > images.pixels[keepers])
        return loses

    def _refuse(self, members: Indices, keepers: Indices, distances: NDArray[np.float64]) -> None:
        """Record refused pairs; a keeper that may be staged for its member lets it go first."""
        ends = zip(keepers.tolist(), members.tolist(), strict=True)
        yielding = np.array([self._may_go_for(k, m) for k, m in ends], bool)
        self.stars.refuse(members, keepers, yielding)
        if self.checks is not None:
            refused = zip(members.tolist(), keepers.tolist(), strict=True)
            self._open |= dict(zip(refused, distances.tolist(), strict=True))

    def _part(self, threshold: float) -> None:
        """Tell which of the refused pairs within a threshold may show different pictures.

        A pair may have been refused for what its keeper lacks besides pixels, so it is compared
        here. A pair that cannot be compared now is asked for again.
        """
        within = [pair for pair, distance in self._open.items() if distance <= threshold]
        if self.checks is None or not within:
            return
        ends = np.array(within, np.int64)
        pictures = self.checks.pictures(ends[:, 0], ends[:, 1])
        apart = np.array([APART.get(picture or "", 0) for picture in pictures], np.int8)
        members, keepers = ends[apart > 0].T
        self.stars.part(members, keepers, apart[apart > 0])
        for pair, picture in zip(within, pictures, strict=True):
            if picture is not None:
                del self._open[pair]

    def left_out(self, threshold: float) -> int:
        """Return how many pairs within a threshold are known to show different pictures."""
        return self.stars.parted(threshold, APART[DIFFERENT])

    def _may_go_for(self, image: int, other: int) -> bool:
        """Return whether an image that would be kept may be staged for the other instead."""
        images = self.images
        if images.protected[image] or images.places[image] < images.places[other]:
            return False
        ends = np.array([image]), np.array([other])
        if images.works_apart(*ends).any() or images.keep_all.apart(*ends).any():
            return False
        if images.holdings.lacks(image, other):
            return False
        if frames_apart(images, self.checks, *ends).any():
            return False
        if self.checks is None:
            return not self._loses_pixels(*ends).any()
        judged = self.checks.judgement(image, other)
        return judged is not None and judged.accepted


def _among(keys: Indices, sought: Indices) -> NDArray[np.bool_]:
    """Return which of some keys are among others, which are sorted; faster than `np.isin`."""
    at = np.searchsorted(keys, sought)
    among: NDArray[np.bool_] = at < len(keys)
    among[among] = keys[at[among]] == sought[among]
    return among
