"""Canaries and the account of where they got to."""

import os

from lethe.verify.canary import ALPHABET, LENGTH, MARK, SHORT_LENGTH, TAG, Mint, Where


def test_a_canary_begins_and_ends_with_the_tag_of_its_run() -> None:
    mint = Mint(os.urandom)
    canary = mint.new("system", "case")
    assert (canary.position, canary.case, len(canary.text)) == ("system", "case", LENGTH)
    assert canary.text.startswith(MARK + mint.tag)
    assert canary.text.endswith(mint.tag)
    assert len(mint.tag) == TAG
    assert set(canary.text) <= set(ALPHABET)


def test_a_short_one_fits_where_little_does() -> None:
    mint = Mint(os.urandom)
    canary = mint.short("json-key", "case")
    assert len(canary.text) == SHORT_LENGTH <= 24
    assert canary.text.startswith(MARK + mint.tag)


def test_no_two_are_alike() -> None:
    mint = Mint(os.urandom)
    assert len({mint.new("p", "c").text for _ in range(100)} | {mint.short("p", "c").text for _ in range(100)}) == 200
    assert Mint(os.urandom).tag != mint.tag


def test_what_was_never_seen_is_told() -> None:
    mint = Mint(os.urandom)
    first, second, third = (mint.new("p", "c") for _ in range(3))
    mint.arrived(first, Where.UPSTREAM)
    mint.arrived(third, Where.CLIENT)
    mint.arrived(third, Where.LETHE)
    assert mint.unseen() == [second]
