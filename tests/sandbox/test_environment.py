"""What children see of the environment, and what the allocator does under it."""

import subprocess
import sys
from pathlib import Path

import pytest

from lethe.sandbox import environment
from lethe.sandbox.children import FLAGS
from lethe.sandbox.generation import FLAGS as WORKER_FLAGS

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
        ("LD_AUDIT", False),
        ("OPENSSL_CONF", False),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", False),
        ("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", False),
        ("PYTHONASYNCIODEBUG", False),
        ("PYTHONDEVMODE", False),
        ("PYTHONFAULTHANDLER", False),
        ("PYTHONINSPECT", False),
        ("PYTHONPROFILEIMPORTTIME", False),
        ("PYTHONSTARTUP", False),
        ("PYTHONTRACEMALLOC", False),
        ("PYTHONWARNINGS", False),
        ("REQUESTS_CA_BUNDLE", False),
        ("SENTRY_DSN", False),
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


def test_freed_memory_is_overwritten() -> None:
    assert run(FREED, environment.of_worker({})) == "0"
    assert run(FREED, {}) != "0"


def test_a_broker_gets_all_but_what_is_withheld() -> None:
    given = {"HOME": "/home/x", "KEY": "k", "SIGNING": "s", "PYTHONMALLOC": "pymalloc"}
    assert environment.of_broker(given, {"SIGNING"}) == {"HOME": "/home/x", "KEY": "k", **environment.SCRUB_ON_FREE}


def test_a_workers_objects_come_from_malloc() -> None:
    pytest.importorskip("_testcapi")
    assert run(ALLOCATOR, environment.of_worker({})) == "malloc"
    assert run(ALLOCATOR, {}) == "pymalloc"


ACTS = (
    "ALL_PROXY",
    "ANTHROPIC_LOG",
    "GLIBC_TUNABLES",
    "LD_PRELOAD",
    "OTEL_X",
    "PYTHONINSPECT",
    "SSLKEYLOGFILE",
    "no_proxy",
)


def test_names_that_would_have_acted() -> None:
    assert environment.acting(reversed([*ACTS, "HOME", "PATH", "ANTHROPIC_API_KEY", "PROXY", "OTEL"])) == ACTS


@pytest.mark.parametrize(
    ("environ", "names"),
    [
        ({}, ()),
        ({"LD_PRELOAD": ""}, ()),
        ({"LD_PRELOAD": "x.so"}, ("LD_PRELOAD",)),
        ({"LD_AUDIT": "x.so", "LD_PRELOAD": "y.so", "LD_LIBRARY_PATH": "/x"}, ("LD_PRELOAD", "LD_AUDIT")),
    ],
)
def test_foreign_code_that_is_loaded_already(environ: dict[str, str], names: tuple[str, ...]) -> None:
    assert environment.preloaded(environ) == names


def test_a_worker_runs_nothing_of_what_is_installed_beside_it(tmp_path: Path) -> None:
    """`.pth` files and `sitecustomize` are for `site`, which is not imported; our own packages are found without it."""
    (tmp_path / "sitecustomize.py").write_text("print('canary')")
    environ = environment.of_worker({})
    environ["PYTHONPATH"] += f":{tmp_path}"
    program = "import lethe, msgspec, httptools, uvloop, sys; print('site' in sys.modules)"
    command = [sys.executable, *FLAGS, "-c", program]
    with_site = subprocess.run(command, env=environ, check=True, capture_output=True, text=True)
    assert with_site.stdout.split() == ["canary", "True"]
    command[1:1] = WORKER_FLAGS
    assert subprocess.run(command, env=environ, check=True, capture_output=True, text=True).stdout.split() == ["False"]
