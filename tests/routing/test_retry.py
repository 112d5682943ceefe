"""What moves on, and for how long an upstream is left alone."""

import pytest

from lethe import errors
from lethe.routing.retry import moves_on, retry_after

ANSWERS = [
    (400, False),
    (401, False),
    (404, False),
    (408, True),
    (413, False),
    (429, True),
    (500, True),
    (503, True),
    (529, True),
]


@pytest.mark.parametrize(("status", "expected"), ANSWERS)
def test_answers(status: int, expected: bool) -> None:
    assert moves_on(errors.UpstreamAnswered(status, [], b"")) is expected


@pytest.mark.parametrize(
    "error",
    [
        errors.ConnectFailed,
        errors.ConnectTimeout,
        errors.TlsFailed,
        errors.FirstByteTimeout,
        errors.StreamCut,
        errors.MalformedReply,
    ],
)
def test_faults_move_on(error: type[errors.LetheError]) -> None:
    assert moves_on(error())  # type: ignore[call-arg]


@pytest.mark.parametrize("error", [errors.InvalidRequest("$", "x"), errors.InternalFault(), errors.BodyTooLarge(1)])
def test_others_do_not(error: errors.LetheError) -> None:
    assert not moves_on(error)


NOW = 1_800_000_000.0
WAITS: list[tuple[list[tuple[bytes, bytes]], float | None]] = [
    ([], None),
    ([(b"retry-after", b"7")], 7.0),
    ([(b"retry-after-ms", b"1500"), (b"retry-after", b"9")], 1.5),
    ([(b"retry-after", b"Fri, 15 Jan 2027 08:00:30 GMT")], 30.0),
    ([(b"retry-after", b"Fri, 15 Jan 2027 07:59:00 GMT")], 0.0),
    ([(b"retry-after", b"soon")], None),
    ([(b"retry-after-ms", b"\xff")], None),
]


@pytest.mark.parametrize(("headers", "expected"), WAITS, ids=range(len(WAITS)))
def test_retry_after(headers: list[tuple[bytes, bytes]], expected: float | None) -> None:
    assert retry_after(headers, NOW) == expected
