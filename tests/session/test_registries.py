"""Registries: one entry for each thing that people add, and everything that reads them."""

import pytest

from dedup_nb.compare import verdicts
from dedup_nb.finders import embeddings, phash
from dedup_nb.finders.local import proposing, search
from dedup_nb.groups import columns, keepers, measures, rules
from dedup_nb.library import formats
from dedup_nb.pictures import decoding, engines, images, store
from dedup_nb.session import allowed, example, notebooks, parameters
from dedup_nb.steps.set_pruning import pruning

HELPFUL = {
    "keeper words": keepers.KEEPER_WORDS,
    "hashes": phash.HASHES,
    "formats": formats.FORMATS,
    "measures": measures.MEASURES,
    "engines": engines.ENGINES,
    "columns": {column.name: column for column in columns.COLUMNS},
    "rules": {rule.name: rule for rule in rules.standard()},
}


@pytest.mark.parametrize("registry", HELPFUL.values(), ids=HELPFUL)
def test_every_entry_has_its_name_and_a_sentence_of_help(registry):
    assert {name: entry.name for name, entry in registry.items()} == {n: n for n in registry}
    assert all(entry.help.strip() == entry.help != "" for entry in registry.values())


def test_every_embedder_says_what_it_is_and_lies_within_its_scale():
    for name, entry in embeddings.EMBEDDERS.items():
        assert (entry.name, bool(entry.says)) == (name, True)
        low, high = (-1, 1) if entry.has_vectors else (search.AGREE, search.TRIED)
        if entry.min_cosine is not None:  # onnx: each model has its own
            assert low <= entry.floor <= entry.min_cosine <= high


def test_matches_have_the_same_scale_wherever_they_are_named():
    local = embeddings.EMBEDDERS["local"]
    ends = (search.AGREE, search.TRIED)
    assert (local.floor, embeddings.MOST_MATCHES) == ends
    assert (proposing.FEWEST, measures.MEASURES["matches"].most) == ends
    bounds = allowed.ALLOWED["min_matches"]
    assert (bounds.low, bounds.high) == ends


def test_every_bound_is_of_a_parameter_that_a_notebook_has():
    known = {p for name in notebooks.notebook_names() for p in parameters.of_notebook(name)}
    assert set(allowed.ALLOWED) - known == {parameters.JOBS}  # of a whole run


def test_the_default_of_every_parameter_is_allowed():
    for name in notebooks.notebook_names():
        for parameter in parameters.of_notebook(name).values():
            parameters.check_value(parameter, parameter.default, name)


def test_the_words_of_candidates_are_those_that_set_pruning_knows():
    assert list(allowed.ALLOWED["candidates"].words) == list(pruning.PROPOSERS)


def test_a_keeper_word_is_known_everywhere_once_it_is_in_the_registry(monkeypatch):
    word = keepers.KeeperWord(
        "widest", "wider", "the widest", lambda images, prefer: [-images["width"]]
    )
    monkeypatch.setitem(keepers.KEEPER_WORDS, "widest", word)
    order = parameters.of_notebook("10_phash")["keeper_order"]
    parameters.check_value(order, ["widest", "path"], "a profile")
    text = "# Words of keeper_order:\n#   old  gone\nlibrary: .\n"
    monkeypatch.setitem(example.HELP, "keeper_order", {"widest": word.help})
    assert example.refreshed(text) == (
        "# Words of keeper_order:\n#   widest  the widest\nlibrary: .\n"
    )


def test_the_example_profile_names_the_choices_of_today():
    path = notebooks.params_folder() / "example.yaml"
    text = path.read_text(encoding="utf-8")
    assert example.refreshed(text) == text
    hashes = ", ".join(phash.HASHES)
    assert f"  hash: phash  # one of {hashes}\n" in text


def test_no_suffix_belongs_to_two_formats():
    every = [s for entry in formats.FORMATS.values() for s in entry.suffixes.split()]
    assert len(every) == len(set(every))
    assert all(s.startswith(".") and s == s.lower() for s in every)


def test_every_notebook_that_the_registry_names_is_there():
    assert set(notebooks.NOTEBOOKS) <= set(notebooks.notebook_names())


def test_the_notebooks_keep_in_the_order_that_the_package_does():
    for name in notebooks.notebook_names():
        known = parameters.of_notebook(name)
        if "keeper_order" in known:
            assert known["keeper_order"].default == keepers.KEEPER_ORDER, name


def test_thumbnails_of_another_size_have_another_version():
    """Thumbnails feed `verify`: raise `THUMBNAIL`, `VERDICTS` and `FEATURES` with their size."""
    assert (store.THUMBNAIL, images.THUMBNAIL_PX, decoding.LONG_SIDE_PX) == (1, 256, 256)
    assert (verdicts.VERDICTS, verdicts.FEATURES) == ("verdict 18", "sift 5")
