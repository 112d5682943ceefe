"""What the supervisor says to people: every line of stderr is one of a few, with configured names and numbers in them.

What is not one of them is told even if it looks like nothing: content can be spelt so that no search finds it.
"""

import asyncio
import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path

import lethe
from lethe.config.plan import Plan
from lethe.verify.sinks import Hit, Looked, Sink

_KNOWN = (
    re.compile(r"listening on https?://[\d.:\[\]a-f]+"),
    re.compile(r"shutting down|reloaded the configuration|starting the embedded model"),
    re.compile(
        r"worker \d{1,4} (ended with exit code \d{1,3}|was ended by (SIG[A-Z0-9]{2,8}|signal \d{1,2}))"
        r"(; another one starts in [\d.]{1,6} s)?"
    ),
)
_FAULT = re.compile(
    r"worker \d{1,4}: (?P<error>\w{1,64}) at (?P<file>[\w.]{1,64}):(?P<line>\d{1,7})( \(\d{1,9} times\))?"
)
_UNPROVEN = re.compile(r"upstream (?P<name>.*) did not attest its retention")


def notices(output: bytes, plan: Plan) -> Looked:
    """Every line of stderr."""
    lines = output.decode("utf-8", "replace").splitlines()
    wrong = sum(not _known(line, plan) for line in lines)
    hits = (Hit(Sink.STDERR, "no line that is known", f"{wrong} lines"),) if wrong else ()
    return Looked(Sink.STDERR, hits=hits, notes=(f"{len(lines)} lines",))


def _known(line: str, plan: Plan) -> bool:
    if not line.startswith("lethe: "):
        return False
    text = line.removeprefix("lethe: ")
    if any(known.fullmatch(text) for known in _KNOWN):
        return True
    if (fault := _FAULT.fullmatch(text)) is not None:
        return fault["error"] in _errors() and int(fault["line"]) <= _lines().get(fault["file"], 0)
    unproven = _UNPROVEN.fullmatch(text)
    return unproven is not None and unproven["name"] in {each.name for each in plan.upstreams}


@cache
def _errors() -> frozenset[str]:
    """Every class of exception that a worker has."""
    import_module("lethe.server.serving")
    return frozenset({"LoopError", *(each.__name__ for each in _descending(BaseException))})


def _descending(kind: type[BaseException]) -> Iterator[type[BaseException]]:
    yield kind
    for each in type.__subclasses__(kind):
        yield from _descending(each)


@cache
def _lines() -> dict[str, int]:
    """Our files and the interpreter's, and how many lines each has; of files of one name, the longest."""
    library = Path(asyncio.__file__).parent
    found: dict[str, int] = {"unknown": 0}
    for path in (*Path(lethe.__file__).parent.rglob("*.py"), *library.glob("*.py"), *library.parent.glob("*.py")):
        found[path.name] = max(found.get(path.name, 0), path.read_bytes().count(b"\n"))
    return found
