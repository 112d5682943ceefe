"""Which references are asked for elsewhere, and what they need."""

import subprocess
import sys

import pytest

from lethe.credentials import issued
from lethe.credentials.issued import SOURCES, Issued, Source, carried, fetch, is_issued, refuse_missing, state
from lethe.credentials.static import SCHEMES, Unresolved


def test_every_reference_has_one_source() -> None:
    assert not set(SOURCES) & set(SCHEMES)
    assert [each for each in ("env:A", "file:/a", "plain", "", "aws") if is_issued(each)] == ["aws"]
    assert all(is_issued(f"{scheme}:x") for scheme in SOURCES)


@pytest.mark.parametrize("package", ["none_such", "none_such.part", "lethe.none_such"])
def test_what_is_not_installed(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(issued.SOURCES, "aws", Source("aws", (package,), ""))
    for ask in (fetch, refuse_missing):
        with pytest.raises(Unresolved) as caught:
            ask("aws:prod")
        assert str(caught.value) == "aws:prod: it needs more packages: pip install 'lethe-proxy[aws]'"


def test_what_people_are_told_without_asking(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(issued.SOURCES, "google", Source("google", ("none_such",), ""))
    told = [state(reference, {"A": "a"}) for reference in ("env:A", "env:B", "aws:", "google:")]
    missing = "no: it needs more packages: pip install 'lethe-proxy[google]'"
    assert told == ["yes", "no: the variable is not set", "asked for at start", missing]


def test_whatever_goes_wrong_is_told_in_our_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: str) -> Issued:
        raise KeyError("CANARY_x")

    monkeypatch.setattr(issued, "_fetch", fail)
    with pytest.raises(Unresolved) as caught:
        fetch("aws:")
    assert caught.value.reason == "asking for it has failed"
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("value", ["", "a\nb", "ä", "\x7f"])
def test_what_no_header_can_carry(value: str) -> None:
    with pytest.raises(Unresolved):
        carried("aws:", value)


def test_a_value_is_in_no_repr() -> None:
    assert "CANARY" not in f"{[Issued('CANARY_x', 1.0)]}"


@pytest.mark.parametrize(
    "module",
    [
        "lethe.sandbox.broker",
        "lethe.sandbox.supervisor",
        "lethe.sandbox.worker",
        "lethe.server.serving",
        "lethe.cli.check",
    ],
)
def test_nothing_of_it_is_imported_before_it_is_asked_for(module: str) -> None:
    """Cold start and workers: SDKs of clouds are the broker's, and only where such a reference is configured."""
    program = f"import {module}, sys; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in run.stdout.split()}
    assert not loaded & {"botocore", "google", "azure", "msal", "requests", "urllib3", "boto3"}
