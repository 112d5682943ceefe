"""Secrets behind references: what they are, and what is said of those that cannot be had."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from lethe.credentials.static import LIMIT, Unresolved, resolve, stamp

SECRET = "sk-canary-7f3a"


@pytest.mark.parametrize(
    ("content", "value"),
    [
        ("abc", "abc"),
        ("abc\n", "abc"),
        ("abc\r\n", "abc"),
        ("a b", "a b"),
        ("abc\n\n", None),  # one newline is an editor's; two are something else
        ("abc\ndef", None),
        ("\nabc", None),
        ("a\tb", None),
        ("a\x00b", None),
        ("schlüssel", None),
        ("", None),
        ("\n", None),
    ],
)
def test_a_value_and_its_trailing_newline(content: str, value: str | None, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(content.encode())
    for reference in ("env:A", f"file:{tmp_path / 'secret'}"):
        if value is None:
            with pytest.raises(Unresolved):
                resolve(reference, {"A": content})
        else:
            assert resolve(reference, {"A": content}) == value


def _missing(_: Path) -> None: ...


def _folder(path: Path) -> None:
    path.mkdir()


def _large(path: Path) -> None:
    path.write_bytes(SECRET.encode() * (LIMIT // len(SECRET) + 1))


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))


def _device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _binary(path: Path) -> None:
    path.write_bytes(SECRET.encode() + b"\xff\xfe")


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (_missing, "there is no such file"),
        (_folder, "the file cannot be read"),
        (_large, "the file is too large for a secret"),
        (_binary, "the file is not text"),
        (_pipe, "it is a pipe or a device, not a file"),  # without a writer it would be waited for without end
        (_device, "it is a pipe or a device, not a file"),
        (_socket, "the file cannot be read"),
    ],
)
def test_a_file_that_is_no_secret(make: Callable[[Path], None], reason: str, tmp_path: Path) -> None:
    make(tmp_path / "secret")
    reference = f"file:{tmp_path / 'secret'}"
    with pytest.raises(Unresolved) as caught:
        resolve(reference, {})
    assert (caught.value.reference, caught.value.reason) == (reference, reason)
    assert str(caught.value) == f"{reference}: {reason}"
    assert caught.value.__context__ is None or caught.value.__suppress_context__


@pytest.mark.parametrize("reference", ["env:B", "env:", "gcp-sm:projects/x", "plain", ""])
def test_a_reference_that_leads_nowhere(reference: str) -> None:
    with pytest.raises(Unresolved) as caught:
        resolve(reference, {"A": SECRET})
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("value", [SECRET + "\x7f", SECRET + "\n\n", SECRET + "é"])
def test_an_error_never_quotes_the_value(value: str) -> None:
    with pytest.raises(Unresolved) as caught:
        resolve("env:A", {"A": value})
    assert SECRET not in repr(caught.value) + str(caught.value)


def test_a_stamp_changes_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    reference = f"file:{path}"
    seen = [stamp(reference)]
    path.write_text("one")
    seen.append(stamp(reference))
    path.write_text("longer")
    seen.append(stamp(reference))
    other = tmp_path / "other"
    other.write_text("second")  # of the same length
    os.utime(other, ns=(path.stat().st_mtime_ns, path.stat().st_mtime_ns))
    other.replace(path)
    seen.append(stamp(reference))
    assert seen[0] is None
    assert len(set(seen)) == 4
    assert stamp(reference) == seen[-1]


def test_a_swapped_link_is_followed(tmp_path: Path) -> None:
    """As an orchestrator mounts secrets: a link to a folder that is exchanged as a whole."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "key").write_text(name)
    link = tmp_path / "current"
    link.symlink_to("one")
    reference = f"file:{link / 'key'}"
    before = stamp(reference)
    (tmp_path / "next").symlink_to("two")
    (tmp_path / "next").replace(link)
    assert stamp(reference) != before
    assert resolve(reference, {}) == "two"


def test_a_variable_has_no_stamp() -> None:
    assert stamp("env:PATH") is None
