"""What children see of the environment, and what the allocator does under it."""

import subprocess
import sys

import pytest

from lethe.sandbox import environment
from lethe.sandbox.children import FLAGS

FREED = """
import ctypes
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
block = libc.malloc(1000)
ctypes.memset(block, 65, 1000)
libc.free(block)
print(ctypes.string_at(block + 32, 900).count(b"A"))
"""
ALLOCATOR = "import sys, _testcapi; print(_testcapi.pymem_getallocatorsname())"


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("LANG", True),
        ("LC_ALL", True),
        ("TZ", True),
        ("SSL_CERT_FILE", True),
        ("SSL_CERT_DIR", True),
        ("PATH", False),
        ("HOME", False),
        ("PYTHONPATH", False),
        ("PYTHONMALLOC", False),
        ("GLIBC_TUNABLES", False),
        ("LD_PRELOAD", False),
        ("SSLKEYLOGFILE", False),
        ("HTTPS_PROXY", False),
        ("ANTHROPIC_API_KEY", False),
        ("XLANG", False),
    ],
)
def test_an_allow_list(name: str, kept: bool) -> None:
    assert environment.bare({name: "value"}) == ({name: "value"} if kept else {})
    added = environment.of_worker({})
    assert set(added) == {*environment.SCRUB_ON_FREE, *environment.NO_IO_URING, "PYTHONPATH"}
    assert environment.of_worker({name: "value"}) == {**environment.bare({name: "value"}), **added}
    assert environment.dropped({name: "value"}) == (() if kept else (name,))


def run(program: str, environ: dict[str, str]) -> str:
    return subprocess.run(
        [sys.executable, *FLAGS, "-c", program], env=environ, check=True, capture_output=True, text=True
    ).stdout.strip()


def test_freed_memory_is_overwritten_in_a_worker_only() -> None:
    assert run(FREED, environment.of_worker({})) == "0"
    assert run(FREED, {}) != "0"


def test_a_workers_objects_come_from_malloc() -> None:
    pytest.importorskip("_testcapi")
    assert run(ALLOCATOR, environment.of_worker({})) == "malloc"
    assert run(ALLOCATOR, {}) == "pymalloc"
