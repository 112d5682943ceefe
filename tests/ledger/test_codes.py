"""Codes of the error tree, by index."""

from collections.abc import Iterator

from lethe.errors import LetheError
from lethe.ledger.codes import CODES, index_of
from lethe.ledger.events import NONE


def tree(root: type[LetheError] = LetheError) -> Iterator[type[LetheError]]:
    yield root
    for kind in root.__subclasses__():
        if kind.__module__ == "lethe.errors":
            yield from tree(kind)


def test_every_error_has_an_index_and_every_index_an_error() -> None:
    assert {kind.code for kind in tree()} == set(CODES)
    assert all(CODES[index_of(kind.code)] == kind.code for kind in tree())


def test_no_code_twice() -> None:
    assert len(set(CODES)) == len(CODES) < NONE


def test_what_is_in_no_tree_has_no_index() -> None:
    assert index_of("made up") == NONE
