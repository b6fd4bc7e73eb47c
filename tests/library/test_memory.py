"""The garbage collector, where there are very many objects."""

import gc
import weakref

import pytest

from dedup_nb.library import memory


def test_what_is_settled_is_looked_at_again_afterwards_even_after_a_failure():
    with pytest.raises(ValueError), memory.settled():
        within = gc.get_freeze_count()
        raise ValueError
    assert within > 0 and gc.get_freeze_count() == 0


@pytest.mark.parametrize(("many", "is_gone"), [(0, True), (10**9, False)])
def test_what_became_free_meanwhile_is_collected_where_there_is_much(monkeypatch, many, is_gone):
    class Node:
        pass

    monkeypatch.setattr(memory, "MANY", many)
    gc.disable()
    try:
        node = Node()
        node.itself, seen = node, weakref.ref(node)
        with memory.settled():
            del node
        assert (seen() is None) == is_gone
    finally:
        gc.enable()
