"""Functions that remember what they were asked, as `urllib.parse.urlsplit` does, must not be asked anybody's words."""

import functools
import gc
import json

import pytest
from tests.dialects.golden import encoded
from tests.dialects.grid import CONTEXT
from tests.memory.cases import CALLERS, CONVERSE, Case, Tags, question, spoken

from lethe import transcode
from lethe.dialects.codec import CODECS, UPSTREAM_CODECS
from lethe.ir.content import Dialect
from lethe.ir.loss import Losses
from lethe.verify.voices import VOICES

ALL = [(caller, upstream) for caller in CALLERS for upstream in (*CALLERS, CONVERSE)]


def remembered() -> str:
    """The arguments and results that any cache of a function holds."""
    caches = [thing for thing in gc.get_objects() if isinstance(thing, functools._lru_cache_wrapper)]
    return repr([entry for cache in caches for entry in gc.get_referents(cache) if isinstance(entry, dict)])


@pytest.mark.parametrize(("caller", "upstream"), ALL, ids=str)
def test_no_cache_holds_what_was_translated(caller: Dialect, upstream: Dialect) -> None:
    tags = Tags()
    encoded({"model": "m", **question(Case(caller=caller), tags.prompt)}, caller, upstream)
    said = json.dumps(VOICES[upstream].whole(spoken(tags.answer, 1))).encode()
    transcode.translate_reply(UPSTREAM_CODECS[upstream], CODECS[caller], said, CONTEXT, Losses())
    held = remembered()
    assert tags.prompt not in held
    assert tags.answer not in held


def test_what_is_remembered_is_seen() -> None:
    tag = Tags().prompt
    keeping = functools.cache(len)
    keeping(tag)
    assert tag in remembered()
