"""Memory stays bounded, whatever an upstream sends; what is too much ends with an error."""

import subprocess
import sys
from pathlib import Path

import pytest
from tests.fuzz.growth import ANTHROPIC, BEGUN, CHAT, CONVERSE, GROWING, RESPONSES
from tests.fuzz.seeds import CONTEXT

from lethe.dialects.codec import CODECS, UPSTREAM_CODECS
from lethe.ir.content import Dialect
from lethe.ir.loss import Losses
from lethe.transcode import StreamTranscoder
from lethe.wire.framing import Framing

TOTAL = 100 * 1024 * 1024
# An encoder of Responses holds a whole answer, at most 64 MB of it: as text in small pieces, or as objects.
ALLOWED = 40 * 1024 * 1024
HOLDING = 400 * 1024 * 1024
ROOT = Path(__file__).parent.parent.parent
PAIRS = [
    (name, target)
    for name, (source, _) in GROWING.items()
    for target in (RESPONSES, CHAT if source is ANTHROPIC else ANTHROPIC)
    if target is not source
]


@pytest.mark.parametrize("name", GROWING)
def test_a_little_of_it_is_read(name: str) -> None:
    """So that the test below feeds what it means to."""
    source, event = GROWING[name]
    framing = Framing.EVENT_STREAM if source is CONVERSE else Framing.SSE
    target = CHAT if source is ANTHROPIC else ANTHROPIC
    transcoder = StreamTranscoder(UPSTREAM_CODECS[source], CODECS[target], CONTEXT, Losses(), framing)
    transcoder.feed(BEGUN[source])
    for n in range(10):
        transcoder.feed(event(n))
    assert not transcoder.ended


@pytest.mark.slow
@pytest.mark.parametrize(("name", "target"), PAIRS, ids=[f"{name}: {target}" for name, target in PAIRS])
def test_memory_is_bounded(name: str, target: Dialect) -> None:
    command = [sys.executable, "-m", "tests.fuzz.growth", name, target, str(TOTAL)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    taken, grown = map(int, done.stdout.split())
    assert grown < (HOLDING if target is RESPONSES else ALLOWED), f"{grown:,} bytes for {taken:,}"
    print(f"{name} to {target}: {grown / 2**20:.0f} MB for {taken / 2**20:.0f} MB")
