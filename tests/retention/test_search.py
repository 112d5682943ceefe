"""Names are found in what is written of a value, however long it is, and none can hide."""

import pytest

from lethe.config.register import all_surfaces
from lethe.retention.levels import Level
from lethe.retention.paths import parse
from lethe.retention.rules import compile_rules
from lethe.retention.search import LONGEST, deep_nodes, written

LONG = b"x " * 8000
NAME = b'"cache_control"'
TEXTS = [
    b'[{"cache_control":1,"content":"%b"}]' % LONG,
    b'[{"content":"%b","Cache_Control" :1}]' % LONG,
    b'[{"content":"%b","a":{"cache_control":1},"more":"%b"}]' % (LONG, LONG),
    b'[{"content":"%b\\"%b","cache_control":1}]' % (LONG, LONG),
    b'[{"content":"%b\\\\","cache_control":1}]' % LONG,
    b'[{%b"cache_control":1}]' % (b'"a":1,' * 4000),
]
HIDDEN = [
    b'[{"cache\\u005fcontrol":1,"content":"%b"}]' % LONG,
    b'[{"content":"%b","%b":1}]' % (LONG, b"".join(b"\\u%04x" % ord(c) for c in "cache_control")),
    b'[{"content":"%b","tas\xe2\x84\xaa":1}]' % LONG,
    b'[{%b"cache\\u005fcontrol":1}]' % (b'"a":1,' * 4000),
]


@pytest.mark.parametrize("text", TEXTS)
def test_a_name_is_found_in_a_long_text(text: bytes) -> None:
    names = written(text)
    assert names is not None
    assert NAME in names


@pytest.mark.parametrize("text", HIDDEN)
def test_a_name_that_could_hide_in_a_long_text_is_told(text: bytes) -> None:
    assert written(text) is None


def test_what_is_said_at_length_is_not_searched() -> None:
    names = written(b'[{"role":"user","content":"\\n%b"}]' % LONG)
    assert names is not None
    assert len(names) < 100


def test_no_name_of_the_register_is_too_long() -> None:
    names = {name for surface in all_surfaces() for row in surface.fields for name in parse(row.path)}
    assert 6 * max(map(len, names)) < LONGEST


def test_each_rule_for_any_depth_is_found_by_its_own_names() -> None:
    tried = 0
    for surface in all_surfaces():
        compiled = compile_rules(surface, Level.A2, refuse_unknown=True)
        for root in (*compiled.roots.values(), *filter(None, (compiled.anywhere,))):
            for needed, node in root.deep:
                assert node in deep_nodes(b" ".join(needed), root)
                assert deep_nodes(b'"nothing"', root) == [other for names, other in root.deep if not names]
                tried += 1
    assert tried > 100
