"""Bundles: which files belong to an image."""

import pytest

from dedup_nb.library.bundles import FolderBundles, bundle_members


@pytest.mark.parametrize(
    ("image", "others", "members"),
    [
        ("a.png", ["a.yaml", "a.cropped", "b.yaml"], ["a.cropped", "a.yaml"]),
        ("a.jpg", ["a.jpg.xmp", "a.xmp", "ab.jpg"], ["a.jpg.xmp", "a.xmp"]),
        ("a.jpg", ["._a.jpg", "._b.jpg"], ["._a.jpg"]),
        (
            "x_stage1.5_swap.png",
            ["x_stage1.yaml", "x_stage1.5_swap.yaml"],
            ["x_stage1.5_swap.yaml"],
        ),  # the stem ends at the last dot
        ("a.jpg", ["a.cr2", "A.yaml"], ["a.cr2"]),  # another case is another name
        ("noext", ["noext.txt"], ["noext.txt"]),
    ],
)
def test_a_bundle_is_the_image_and_what_is_named_after_it(image, others, members):
    assert bundle_members([image, *others], image) == [image, *members]


def test_names_that_differ_only_in_case_or_unicode_form_are_ambiguous():
    folder = FolderBundles(["caf\u00e9.png", "cafe\u0301.yaml", "CAF\u00c9.txt", "cafe.yaml"])
    assert folder.ambiguous("caf\u00e9.png") == ["CAF\u00c9.txt", "cafe\u0301.yaml"]
