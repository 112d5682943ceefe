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
CLOUDS = """
import logging, select, sys, warnings
from lethe.credentials.issued import Issued
from lethe.sandbox.fetching import Fetching

def ask(reference):
    warnings.warn("canary-1")
    logging.getLogger("botocore").error("canary-2")
    return Issued("token", None)

fetching = Fetching(ask) if len(sys.argv) > 1 else Fetching(ask, prepare=lambda: None)
fetching.order(["aws:"])
select.select(fetching.woken, (), (), 30)
assert fetching.turn() == {"aws:": "token"}
"""
WORKER = """
import logging, socket, sys, threading, warnings
from lethe.sandbox import worker
from lethe.sandbox.channel import Drain, frame

def fail():
    raise KeyError("canary-7")

ours, theirs = socket.socketpair()
theirs.sendall(frame(Drain(0.0)))
worker.main(ours.detach(), socket.create_server(("127.0.0.1", 0)).detach(), None)
thread = threading.Thread(target=fail)
thread.start()
thread.join()
told = theirs.recv(65536)
sys.stdout.write(f"told: {b'KeyError' in told} {b'canary' in told}; ")
try:
    import cgitb
except ImportError as error:
    sys.stdout.write(f"refused: {error}")
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


def test_nothing_is_written_of_what_clouds_say_to_the_broker() -> None:
    loud = said(CLOUDS)
    assert "canary-1" in loud
    assert "canary-2" in loud
    assert said(CLOUDS, "quiet") == ""


def test_a_worker_begins_so() -> None:
    talk = TALK.partition("silence.everything()\n")[2]
    assert said(WORKER + talk) == "told: True False; refused: this module is not allowed in a worker"


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
