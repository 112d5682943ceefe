"""Five seconds after a request nothing of it, and nothing of its answer, is in the worker's memory."""

import itertools
import secrets
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.memory.cases import CALLERS, CHAT, LONG, MIDDLE, SHORT, UPSTREAMS, Case, Tags
from tests.memory.rig import Rig, rig
from tests.memory.scan import search

ENDINGS = ("whole", "error", "garbage", "cut", "cancel", "refused")
SIZES = pytest.mark.parametrize("size", [SHORT, MIDDLE, LONG], ids=["1KB", "100KB", "1MB"])
WAYS = pytest.mark.parametrize(("tls", "callers_tls"), [(False, False), (True, True)], ids=["plain", "tls"])


def every(size: int) -> list[Case]:
    """All pairs of dialects, whole and streamed, with all that can become of them."""
    each = itertools.product(CALLERS, UPSTREAMS, (False, True), ENDINGS)
    return [Case(caller=c, upstream=u, stream=s, size=size, ending=e) for c, u, s, e in each]


def served(to: Rig, cases: list[Case]) -> None:
    """Ask them all; each must have ended as it should, else nothing is proven."""
    statuses = [to.ask(case) for case in cases]
    for case, status in zip(cases, statuses, strict=True):
        assert status in EXPECTED[case.ending], f"{case}: {status}"
    assert to.arrived()


EXPECTED = {"whole": {200}, "error": {429}, "garbage": {502}, "cut": {200, 502}, "cancel": {0}, "refused": {400}}


@pytest.mark.slow
@WAYS
@SIZES
def test_nothing_is_left(tmp_path: Path, size: int, *, tls: bool, callers_tls: bool) -> None:
    with rig(tmp_path, tls=tls, callers_tls=callers_tls) as to:
        served(to, every(size))
        assert to.left() == []


@pytest.mark.slow
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_nothing_is_left_on_a_connection_that_stays_in_use(tmp_path: Path, *, tls: bool) -> None:
    with rig(tmp_path, tls=tls, callers_tls=tls) as to:
        over = to.caller.connect()
        for case in (Case(size=MIDDLE), Case(size=MIDDLE, stream=True), Case(size=MIDDLE, upstream=CHAT)):
            assert to.ask(case, over=over) == 200
        assert to.left() == []
        asked, to.tags = to.tags, Tags()
        for _ in range(50):
            assert to.ask(Case(), over=over) == 200
        assert to.found(asked) == []


@pytest.mark.slow
def test_under_steady_load_what_is_older_than_five_seconds_is_gone(tmp_path: Path) -> None:
    with rig(tmp_path) as to:
        served(to, every(SHORT))
        asked, to.tags = to.tags, Tags()
        over = to.caller.connect()
        for _ in range(100):  # five seconds of it
            assert to.ask(Case(ending="error"), over=over) == 429
            time.sleep(0.05)
        assert to.found(asked) == []


@pytest.mark.slow
def test_the_search_finds_what_is_there(tmp_path: Path) -> None:
    """A stream that has not ended is in memory, and must be: otherwise the search sees nothing."""
    with rig(tmp_path) as to:
        with to.open_stream():
            assert search(to.pid, to.tags.prompt)
        assert to.left() == []


def test_every_form_is_found() -> None:
    text = "canary" + secrets.token_hex(8)
    program = (
        "import base64, sys; name = sys.stdin.readline().strip(); raw = name.encode()\n"
        "held = [name + '\\u2603', name + '\\U0001f600', raw.hex()] + [base64.b64encode(b'x' * n + raw) for n in range(3)]\n"
        "print('ready', flush=True); sys.stdin.readline()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(text + "\n")
        process.stdin.flush()
        assert process.stdout.readline() == "ready\n"
        found = search(process.pid, text)
        process.stdin.close()
    assert {each.form for each in found} == {"bytes", "UCS-2", "UCS-4", "base64", "hex"}
    assert len({each.around for each in found if each.form == "base64"}) >= 3
