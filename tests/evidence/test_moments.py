"""Moments of signed documents, written and read."""

import pytest

from lethe.evidence import moments


@pytest.mark.parametrize(
    ("at", "text"),
    [(0.0, "1970-01-01T00:00:00Z"), (1_795_000_000.9, "2026-11-18T11:06:40Z"), (1.0, "1970-01-01T00:00:01Z")],
)
def test_whole_seconds_of_utc(at: float, text: str) -> None:
    assert moments.written(at) == text
    assert moments.read(text) == int(at)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-11-18",
        "2026-11-18T11:06:40",
        "2026-11-18T11:06:40+00:00",
        "2026-11-18T11:06:40.5Z",
        "2026-11-18T11:06:40Z\n",
        "2026-13-18T11:06:40Z",
        "2026-11-18T11:06:4\N{ARABIC-INDIC DIGIT ZERO}Z",
    ],
)
def test_no_other_form_is_read(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        moments.read(text)
