"""The memory of a real process."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from lethe.verify import memory, procfs
from lethe.verify.canary import Canary, Mint
from lethe.verify.procfs import Opened
from lethe.verify.search import Search
from lethe.verify.sinks import Hit, Sink, Verdict

# It is given its content over a pipe, as a worker is; `keep` is Python that keeps it, or does not.
PROGRAM = """
import os, sys
kept = []
data = os.read(0, 4096)
{keep}
del data
print("done", flush=True)
os.read(0, 1)
"""


@contextmanager
def holding(keep: str, content: bytes) -> Iterator[Opened]:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(keep=keep)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={
            "PYTHONMALLOC": "malloc",
            "GLIBC_TUNABLES": "glibc.malloc.perturb=165:glibc.malloc.tcache_count=0",
        },
    )
    assert process.stdin
    assert process.stdout
    opened = Opened(process.pid, procfs.WORKER)
    try:
        process.stdin.write(content)
        process.stdin.flush()
        assert process.stdout.readline() == b"done\n"
        yield opened
    finally:
        opened.close()
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


@pytest.mark.parametrize(
    ("keep", "form"),
    [
        ("kept.append(data)", "raw"),
        ("kept.append(data.decode() + chr(0x4e2d))", "UTF-16"),
        ("kept.append(data.decode() + chr(0x1f642))", "UCS-4"),
        ("kept.append(data.hex())", "hex"),
        ("import base64; kept.append(base64.b64encode(b'x' + data))", "base64"),
        ("import gzip; kept.append(gzip.compress(data))", "gzip of raw"),
        ("import mmap; m = mmap.mmap(-1, 5_000_000); m[4_194_290:4_194_325] = data[:35]", "raw"),
        ("os.write(os.memfd_create('a'), data); import mmap; m = mmap.mmap(3, 35)", "raw"),
    ],
)
def test_what_is_kept_is_found(mint: Mint, canary: Canary, keep: str, form: str) -> None:
    with holding(keep, canary.text.encode()) as opened:
        look = memory.scan([opened], Search(mint), "now")
    assert form in {hit.what for hit in look.hits}
    assert {(hit.position, hit.case) for hit in look.hits} == {("user-text", "case")}
    assert look.scanned > 1_000_000


@pytest.mark.parametrize(
    ("keep", "form"),
    [
        ("import zlib; kept.append(zlib.compress(data))", "zlib of raw"),
        ("import hashlib; kept.append(hashlib.sha256(data).digest())", "sha256"),
        ("import hashlib; kept.append(hashlib.md5(data).hexdigest())", "md5 in hex"),
        ("kept.append(data[::-1])", "backwards"),
    ],
)
def test_what_is_kept_in_a_rare_form_is_found_by_a_thorough_look(
    mint: Mint, canary: Canary, keep: str, form: str
) -> None:
    with holding(keep, canary.text.encode()) as opened:
        look = memory.scan([opened], Search(mint), "now", thorough=True)
    assert form in {hit.what for hit in look.hits}
    assert {(hit.position, hit.case) for hit in look.hits} == {("user-text", "case")}


def test_what_is_forgotten_is_not_found(mint: Mint, canary: Canary) -> None:
    with holding("", canary.text.encode()) as opened:
        look = memory.scan([opened], Search(mint), "now", thorough=True)
    assert (look.verdict, look.hits) == (Verdict.CLEAN, ())


def test_a_process_that_cannot_be_opened_is_no_pass(mint: Mint) -> None:
    opened = Opened(os.getpid(), procfs.WORKER)
    opened.close()
    opened.reasons.append("mem of the worker cannot be opened: Permission denied")
    look = memory.scan([opened], Search(mint), "now")
    assert look.verdict is Verdict.INCONCLUSIVE


def test_a_process_that_is_gone_holds_nothing(mint: Mint, canary: Canary) -> None:
    with holding("kept.append(data)", canary.text.encode()) as opened:
        os.kill(opened.pid, 9)
        while procfs.alive(opened.pid):
            time.sleep(0.01)
        assert memory.scan([opened], Search(mint), "now").verdict is Verdict.CLEAN


def test_pieces_are_counted_by_side() -> None:
    hits = tuple(Hit(Sink.MEMORY, "raw", "", position) for position in ("system", "answer-text", "", "answer-error"))
    assert memory.copies(hits) == memory.Copies(prompt=2, answer=2)
