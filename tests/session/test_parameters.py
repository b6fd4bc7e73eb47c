"""Parameters: a profile is checked before anything starts, in one sentence."""

import os
import re

import pytest

from dedup_nb import groups
from dedup_nb.session import allowed, notebooks, parameters
from dedup_nb.session.run import checked_values


def profile(tmp_path, text):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (
            "10_phash: {max_dist: 3}",
            "sets max_dist, which 10_phash does not have; did you mean max_distance?",
        ),
        (
            "10_phas: {max_distance: 3}",
            "sets 10_phas, which no notebook has; did you mean 10_phash?",
        ),
        ("libary: x", "sets libary, which no notebook has; did you mean library?"),
        (
            "10_phash: {max_distance: '3'}",
            'sets max_distance to "3" \\(text\\); it must be a whole number',
        ),
        ("10_phash: {max_distance: 3.5}", "sets max_distance to 3.5 \\(a number\\)"),
        ("10_phash: {max_distance: true}", "sets max_distance to true \\(true or false\\)"),
        ("10_phash: {max_distance: -1}", "it must be from 0 to 256"),
        ("10_phash: {max_distance: 20}", "max_distance 20 above ceiling 16"),
        ("10_phash: {ceiling: 65}", "ceiling 65 for a hash of 64 bits"),
        ("10_phash: {hash: sha}", "sets hash to sha; choose one of phash"),
        ("10_phash: {hash_bits: 128}", "choose one of 64, 256"),
        ("roots: mojo1", 'sets roots to "mojo1" \\(text\\); it must be a list of strings'),
        ("limit: 0", "it must be at least 1"),
        ("keeper_order: [stage, pixel]", "sets keeper_order to pixel; choose one of protected"),
        ("max_distance: 3", "at the top; it belongs in the section 10_phash"),
        ("interactive: true", "which lab and run set themselves"),
        ("10_phash: 8", "has 10_phash as a whole number"),
        ("roots: [a\nlibrary: b", "is not a valid profile: line 2: "),
        ("- a", "has no parameters"),
        ("limit: .nan", "sets limit to NaN"),
        ("min_cosine: .inf", "belongs in the section"),
        ("30_clip_faiss: {min_cosine: .inf}", "sets min_cosine to inf; it must be a number of"),
        ("30_clip_faiss: {min_cosine: .nan}", "sets min_cosine to nan; it must be a number of"),
        ("limit: 1" + "0" * 300, "sets limit to 1000.*…; it must be a number of at most"),
        ("limit: true", "sets limit to true"),
        ("roots: [" + "[" * 60, "is not a valid profile: it is nested more than 50 levels"),
        ('roots: ["a\\0b"]', "sets roots to a.b, which contains a NUL character"),
        ('roots: ["a\\ud800b"]', "sets roots to a.b, which contains half a character"),
        ("10_phash: {1: 2}", "sets 1, which 10_phash does not have"),
        ("10_phash: {[a, b]: 2}", "which 10_phash does not have"),
        ("roots: [a]\nroots: [b]", "line 3: found duplicate key"),
        ("? [a]\n: 1", "which no notebook has"),
        ("k" * 100_000 + ": 1", "is not a valid profile|which no notebook has"),
        ("verify: !!bool x", "line 2 has the tag"),
        ("roots: [a]", "has no library"),
    ],
)
def test_a_wrong_profile_is_refused_in_one_sentence(tmp_path, text, complaint):
    whole = (
        text
        if "library" in text or "libary" in text or "no library" in complaint or text[0] == "-"
        else f"library: .\n{text}"
    )
    with pytest.raises(ValueError, match=complaint) as caught:
        parameters.load(profile(tmp_path, whole))
    assert "mine.yaml" in str(caught.value)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 2_000


def make_folder(path):
    path.mkdir()


def make_pipe(path):
    os.mkfifo(path)


def make_large(path):
    path.write_bytes(b"# " + b"x" * 2**19)


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (make_folder, "mine.yaml cannot be read: Is a directory"),
        (make_pipe, "mine.yaml cannot be read: not a regular file"),
        (make_large, "mine.yaml cannot be read: 524,290 bytes; at most 262,144 are read"),
        (lambda path: path.symlink_to("nowhere"), "mine.yaml does not exist"),
        (lambda path: path.symlink_to("mine.yaml"), "mine.yaml cannot be read: Too many levels"),
        (lambda path: path.write_bytes("library: ü".encode("latin-1")), "is not UTF-8 text"),
    ],
)
def test_what_is_not_a_profile_is_refused_at_once(tmp_path, make, complaint):
    make(tmp_path / "mine.yaml")
    with pytest.raises(ValueError, match=complaint):
        parameters.load(tmp_path / "mine.yaml")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_profile_is_read_in_the_encodings_that_editors_write(tmp_path, encoding):
    (tmp_path / "mine.yaml").write_bytes("library: übung\r\n".encode(encoding))
    assert parameters.load(tmp_path / "mine.yaml").shared == {"library": "übung"}


def test_a_tilde_that_names_no_user_is_part_of_the_name(tmp_path):
    flat = parameters.load(profile(tmp_path, "library: ~nosuchuser/x")).flat("10_phash")
    assert flat["library"] == str(tmp_path / "~nosuchuser/x")


def test_the_words_of_keeper_order_are_those_that_groups_know():
    assert list(allowed.ALLOWED["keeper_order"].words) == list(groups.KEEPER_WORDS)


def test_a_missing_profile_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"no\.yaml does not exist"):
        parameters.load(tmp_path / "no.yaml")


def test_shared_keys_and_section_become_flat_parameters_with_absolute_paths(tmp_path):
    path = profile(
        tmp_path,
        "library: pics\nroots: [a]\ncache_dir: ~/c\n10_phash:\n  max_distance: 3\n  roots: [b]\n",
    )
    flat = parameters.load(path).flat("10_phash")
    assert flat["library"] == str(tmp_path / "pics")
    assert flat["cache_dir"].startswith("/") and "~" not in flat["cache_dir"]
    assert (flat["max_distance"], flat["roots"]) == (3, ["b"])
    assert "max_distance" not in parameters.load(path).flat("00_catalogue")


def test_writing_a_threshold_keeps_comments_and_order(tmp_path):
    text = "# mine\nlibrary: .  # here\n\n10_phash:\n  # how near\n  max_distance: 8  # bits\n  ceiling: 16\nroots: ['.']\n"
    path = profile(tmp_path, text)
    parameters.write_value(path, "10_phash", "max_distance", 5)
    assert path.read_text() == text.replace("max_distance: 8", "max_distance: 5")
    with pytest.raises(ValueError, match="above ceiling"):
        parameters.write_value(path, "10_phash", "max_distance", 17)
    assert "max_distance: 5" in path.read_text()


def test_writing_makes_the_section_where_there_is_none(tmp_path):
    path = profile(tmp_path, "library: .  # here\n")
    parameters.write_value(path, "10_phash", "max_distance", 5)
    assert path.read_text() == "library: .  # here\n10_phash:\n  max_distance: 5\n"


@pytest.mark.parametrize("name", notebooks.notebook_names())
def test_every_parameter_has_type_help_and_a_default_that_passes(name):
    known = parameters.of_notebook(name)
    parameters.check(name, {key: p.default for key, p in known.items()}, "defaults")
    assert all(p.help for p in known.values())
    assert {"library", *parameters.SET_BY_RUNNER} <= set(known)


@pytest.mark.parametrize(
    ("patterns", "complaint"),
    [
        (["{date}_{tiem}"], 'sets names to "{date}_{tiem}": {tiem} is not a part; did you mean {time}?'),
        (["auto", "phon"], 'sets names to "phon", which is not a preset; did you mean phone?'),
        ("auto", "it must be a list of strings"),
    ],
)  # fmt: skip
def test_every_notebook_refuses_a_mistaken_name_pattern_in_one_sentence(patterns, complaint):
    reading = [n for n in notebooks.notebook_names() if "names" in parameters.of_notebook(n)]
    assert len(reading) >= 8
    for name in reading:
        with pytest.raises(ValueError, match=re.escape(complaint)) as refused:
            checked_values(name, {"names": patterns, "library": "x"})
        assert "\n" not in str(refused.value)


def test_papermill_reads_the_same_help(capsys):
    from papermill.inspection import inspect_notebook

    for name in notebooks.notebook_names():
        theirs = inspect_notebook(notebooks.notebooks_folder() / f"{name}.ipynb")
        ours = parameters.of_notebook(name)
        assert set(theirs) == set(ours)
        assert {key: entry["help"] for key, entry in theirs.items()} == {
            k: p.help for k, p in ours.items()
        }


@pytest.mark.parametrize("shipped", ["demo.yaml", "example.yaml"])
def test_the_profiles_that_ship_are_valid(shipped):
    parameters.load(notebooks.notebooks_folder().parent / "params" / shipped)


def test_a_misspelt_variable_is_noticed_where_papermill_only_warns():
    assert parameters.misspelt("10_phash", {"max_distanse": 3, "other": 1}) == (
        "max_distanse",
        "max_distance",
    )
    assert parameters.misspelt("10_phash", {"max_distance": 3, "pairs_found": 1}) is None
