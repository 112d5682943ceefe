"""Of an exception its class and place are told, never its text."""

import gc
import sys
import threading
from pathlib import Path
from typing import NoReturn

import pytest

from lethe.credentials.static import Unresolved, resolve
from lethe.sandbox import faults
from lethe.sandbox.channel import Fault, frame

CANARY = "canary-6d1b"


class PlantedError(Exception):
    pass


def planted() -> NoReturn:
    raise PlantedError(CANARY)


def caught() -> PlantedError:
    with pytest.raises(PlantedError) as error:
        planted()
    return error.value


def test_class_and_place() -> None:
    fault = faults.describe(caught())
    line = planted.__code__.co_firstlineno + 1
    assert fault == Fault("PlantedError", f"test_faults.py:{line}")
    assert faults.plain(fault)
    assert CANARY.encode() not in frame(fault)


def test_our_own_code_is_named_before_what_it_called() -> None:
    class Hostile(dict[str, str]):
        def get(self, *_: object) -> NoReturn:
            planted()

    with pytest.raises(PlantedError) as error:
        resolve("env:A", Hostile())
    assert faults.describe(error.value).location.startswith("static.py:")


def test_an_exception_that_was_never_raised() -> None:
    assert faults.describe(Unresolved(CANARY, CANARY)) == Fault("Unresolved", "unknown:0")


@pytest.mark.parametrize(
    ("error", "location", "plain"),
    [
        ("KeyError", "app.py:1", True),
        ("Key_Error2", "my_app.py:1234567", True),
        ("KeyError", "unknown:0", True),
        ("Key Error", "app.py:1", False),
        ("KeyError\n", "app.py:1", False),
        ("", "app.py:1", False),
        ("Schlüssel", "app.py:1", False),
        ("E" * 65, "app.py:1", False),
        ("KeyError", "app.py", False),
        ("KeyError", "app.py:", False),
        ("KeyError", "app.py:1x", False),
        ("KeyError", "app.py:\u0661", False),
        ("KeyError", "app.py:12345678", False),
        ("KeyError", "some text.py:1", False),
        ("KeyError", "a/b.py:1", False),
        ("KeyError", f"{'a' * 65}:1", False),
        ("KeyError", "\x1b[31m:1", False),
    ],
)
def test_only_what_looks_like_one_is_passed_on(error: str, location: str, plain: bool) -> None:
    assert faults.plain(Fault(error, location)) is plain


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[Fault]:
    """What the hooks told; they are taken back afterwards."""
    for module, hook in ((sys, "excepthook"), (sys, "unraisablehook"), (threading, "excepthook")):
        monkeypatch.setattr(module, hook, getattr(module, hook))
    heard: list[Fault] = []
    faults.report_to(heard.append)
    return heard


def test_uncaught(told: list[Fault], capsys: pytest.CaptureFixture[str]) -> None:
    error = caught()
    sys.excepthook(type(error), error, error.__traceback__)
    assert told == [faults.describe(error)]
    assert capsys.readouterr() == ("", "")


def test_uncaught_in_a_thread(told: list[Fault], capsys: pytest.CaptureFixture[str]) -> None:
    thread = threading.Thread(target=planted)
    thread.start()
    thread.join()
    assert [fault.error for fault in told] == ["PlantedError"]
    assert capsys.readouterr() == ("", "")


def test_in_a_finaliser(told: list[Fault], capsys: pytest.CaptureFixture[str]) -> None:
    class Doomed:
        def __del__(self) -> None:
            planted()

    Doomed()
    gc.collect()
    assert [fault.error for fault in told] == ["PlantedError"]
    assert capsys.readouterr() == ("", "")


def test_place_is_a_name_without_folders() -> None:
    assert "/" not in faults.describe(caught()).location
    assert Path(__file__).name in faults.describe(caught()).location
