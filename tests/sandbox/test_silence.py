"""A worker's libraries have nowhere to write to, whatever they try."""

import subprocess
import sys

import pytest

from lethe.sandbox import silence

TALK = """
import logging, sys, warnings
from lethe.sandbox import silence
if len(sys.argv) > 1:
    silence.everything()
warnings.warn("canary-1")
logging.basicConfig(level=1)
logging.getLogger("httpx").error("canary-2")
logging.getLogger("asyncio").warning("%d", "canary-3")
handler = logging.StreamHandler()
logging.getLogger("x").addHandler(handler)
logging.getLogger("x").critical("canary-4")
logging.getLogger("y").critical("canary-5")
logging.getLogger("x").log(99, "canary-6")
"""
FORBID = """
import sys
from lethe.sandbox import silence
{before}
try:
    silence.forbid_imports()
    {after}
except ImportError as error:
    print("refused:", error)
"""


def said(program: str, *arguments: str) -> str:
    ended = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True)
    return ended.stdout + ended.stderr


def test_nothing_is_written() -> None:
    loud = said(TALK)
    assert all(f"canary-{n}" in loud for n in range(1, 7))
    assert said(TALK, "quiet") == ""


@pytest.mark.parametrize(
    "module", ["cgitb", "sentry_sdk", "ddtrace.auto", "opentelemetry.sdk", "rich.traceback", "IPython"]
)
def test_what_must_not_be_imported(module: str) -> None:
    assert "refused: this module" in said(FORBID.format(before="", after=f"import {module}"))
    assert silence.is_forbidden(module)


def test_what_was_there_before() -> None:
    assert "refused: a module" in said(FORBID.format(before="sys.modules['sentry_sdk'] = sys", after="pass"))


@pytest.mark.parametrize("module", ["json", "rich", "rich.table", "sentry", "traceback"])
def test_what_may_be_imported(module: str) -> None:
    assert not silence.is_forbidden(module)
