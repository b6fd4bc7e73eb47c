"""Headings of merged groups: which inputs found them, in a sentence."""

from pathlib import Path

import pandas as pd
import pytest

from dedup_nb.session import runs
from dedup_nb.steps.review import sources
from dedup_nb.steps.review.agreeing import Agreement
from dedup_nb.steps.review.findings import Finding

FINDERS = {"10_phash": "pHash", "30_clip_faiss": "CLIP", "50_czkawka": "Czkawka"}


@pytest.mark.parametrize(
    ("near", "heading"),
    [  # the images that each of the three inputs finds near their keeper 0
        ([[1, 2], [1, 2], [1, 2]], "found by pHash, CLIP and Czkawka"),
        ([[1, 2], [1, 2], []], "found by pHash and CLIP, not by Czkawka"),
        ([[1, 2], [1], []], "found by pHash, in part by CLIP, not by Czkawka"),
        ([[1], [2], []], "found in part by pHash and CLIP, not by Czkawka"),
        ([[1, 2], [], []], "found by pHash, not by CLIP or Czkawka"),
    ],
)
def test_a_heading_says_which_inputs_found_the_group(near, heading):
    rows = [(0, k, n, 1.0, "near", "") for n, found in enumerate(near) for k in found]
    every = pd.DataFrame(rows, columns=["i", "j", "input", "value", "state", "reason"])
    every = every.sort_values(["i", "j", "input"], ignore_index=True)
    findings = [Finding(name, Path(), words) for name, words in FINDERS.items()]
    assert Agreement(findings, every, range(3)).describe([(1, 0), (2, 0)]) == heading


@pytest.mark.parametrize(
    ("notebook", "values", "words"),
    [
        ("10_phash", {}, "pHash"),
        ("10_phash", {"hash": "dhash"}, "dHash"),
        ("30_clip_faiss", {}, "local features"),
        ("30_clip_faiss", {"embedder": "clip"}, "CLIP"),
        ("30_clip_faiss", {"embedder": "dct"}, "the embedder dct"),
        ("40_set_pruning", {}, "set pruning"),
        ("45_my_finder", {}, "45_my_finder"),  # a finder of your own
    ],
)
def test_a_finder_is_called_by_what_it_compares(tmp_path, notebook, values, words):
    runs.write_params(tmp_path / notebook, notebook, {"library": "x"} | values)
    assert sources.finder_words(tmp_path / notebook, notebook) == words
