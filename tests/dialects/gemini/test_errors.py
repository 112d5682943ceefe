"""Errors: what each means, and that the SDK reads ours."""

import json
from typing import Any

import pytest
from google.genai.errors import APIError
from tests.dialects.cases import decoded

from lethe.dialects import gemini
from lethe.dialects.gemini.errors import ERROR_INFO, ERRORS, RETRY_INFO, TOO_LONG, decode_error_object
from lethe.errors import ErrorKind
from lethe.ir.content import Dialect, Extras
from lethe.ir.events import Failure

BAD_KEY = {"@type": ERROR_INFO, "reason": "API_KEY_INVALID", "domain": "googleapis.com"}
VIOLATION = {"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [{"field": "contents"}]}
LONG = "The input token count (9) exceeds the maximum number of tokens allowed (8)."


def error(code: int, status: str | None = None, message: str = "why", **fields: Any) -> Any:
    return {"error": {"code": code, "message": message, **({"status": status} if status else {}), **fields}}


# (HTTP status, body, kind, message, code)
ANSWERS: list[tuple[int | None, Any, ErrorKind, str, str | None]] = [
    (400, error(400, "INVALID_ARGUMENT"), ErrorKind.INVALID_REQUEST, "why", None),
    (400, error(400, "INVALID_ARGUMENT", details=[BAD_KEY]), ErrorKind.AUTHENTICATION, "why", "API_KEY_INVALID"),
    (400, error(400, "INVALID_ARGUMENT", LONG), ErrorKind.INVALID_REQUEST, LONG, TOO_LONG),
    (400, error(400, "FAILED_PRECONDITION"), ErrorKind.INVALID_REQUEST, "why", None),
    (401, error(401, "UNAUTHENTICATED"), ErrorKind.AUTHENTICATION, "why", None),
    (402, error(402, "FAILED_PRECONDITION"), ErrorKind.BILLING, "why", None),
    (403, error(403, "PERMISSION_DENIED"), ErrorKind.PERMISSION, "why", None),
    (404, error(404, "NOT_FOUND"), ErrorKind.NOT_FOUND, "why", None),
    (409, error(409, "ABORTED"), ErrorKind.INVALID_REQUEST, "why", None),
    (413, error(413, "INVALID_ARGUMENT"), ErrorKind.TOO_LARGE, "why", None),
    (429, error(429, "RESOURCE_EXHAUSTED"), ErrorKind.RATE_LIMIT, "why", None),
    (429, [error(429, "RESOURCE_EXHAUSTED")], ErrorKind.RATE_LIMIT, "why", None),
    (500, error(500, "INTERNAL"), ErrorKind.API, "why", None),
    (503, error(503, "UNAVAILABLE"), ErrorKind.OVERLOADED, "why", None),
    (504, error(504, "DEADLINE_EXCEEDED"), ErrorKind.TIMEOUT, "why", None),
    (501, error(501), ErrorKind.API, "why", None),
    (None, error(503, "UNAVAILABLE"), ErrorKind.OVERLOADED, "why", None),
    (None, error(404), ErrorKind.NOT_FOUND, "why", None),
    (None, {"error": {"status": "NOT_FOUND", "details": [1, {}]}}, ErrorKind.NOT_FOUND, "the upstream answered with an error", None),
    (400, {"error": "plain"}, ErrorKind.INVALID_REQUEST, "plain", None),
    (502, "<html>", ErrorKind.API, "the upstream answered with an error (502)", None),
    (None, None, ErrorKind.API, "the upstream answered with an error", None),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "kind", "message", "code"), ANSWERS)
def test_what_an_answer_means(status: int | None, body: Any, kind: ErrorKind, message: str, code: str | None) -> None:
    failure = decode_error_object(body, status)
    assert (failure.kind, failure.message, failure.code) == (kind, message, code)


def test_bodies_of_any_kind() -> None:
    body = json.dumps(error(400, "INVALID_ARGUMENT", details=[VIOLATION])).encode()
    assert gemini.decode_error(400, body).param == "contents"
    assert gemini.decode_error(500, b"\xff<html>").message == "the upstream answered with an error (500)"


@pytest.mark.parametrize("kind", ErrorKind)
def test_the_sdk_reads_ours(kind: ErrorKind) -> None:
    failure = Failure(kind=kind, message="why", code="c", param="p")
    read = APIError(0, json.loads(gemini.encode_error(failure)))
    assert (read.message, read.status, read.code) == ("why", *ERRORS[kind])
    again = gemini.decode_error(read.code, gemini.encode_error(failure))
    assert (again.kind, again.message, again.code, again.param) == (kind, "why", "c", "p")


@pytest.mark.parametrize(
    ("delay", "seconds"), [("37s", 37), ("0.5s", 1), ("3.000000001s", 4), ("soon", None), (7, None)]
)
def test_how_long_to_wait(delay: Any, seconds: int | None) -> None:
    body = error(429, "RESOURCE_EXHAUSTED", details=[{"@type": RETRY_INFO, "retryDelay": delay}])
    assert decode_error_object(body, 429).retry_after == seconds


def test_a_caller_is_told_how_long_to_wait() -> None:
    made = json.loads(gemini.encode_error(Failure(kind=ErrorKind.RATE_LIMIT, message="slow", retry_after=5)))
    assert made["error"]["details"] == [{"@type": RETRY_INFO, "retryDelay": "5s"}]


def test_the_upstreams_own_object_passes_whole() -> None:
    body = error(429, "RESOURCE_EXHAUSTED", details=[{"@type": "x", "retryDelay": "37s"}])
    assert json.loads(gemini.encode_error(decode_error_object(body, 429))) == body
    foreign = Failure(kind=ErrorKind.API, message="m", wire=Extras(Dialect.ANTHROPIC, {"x": 1}))
    assert json.loads(gemini.encode_error(foreign)) == error(500, "INTERNAL", "m")


def test_the_event_that_ends_a_stream_is_one() -> None:
    failure = Failure(kind=ErrorKind.OVERLOADED, message="busy")
    data = gemini.encode_error_event(failure)
    assert data.startswith(b'data: {"error":')
    assert [(e.kind, e.message) for e in decoded(gemini.stream_decoder(), data) if isinstance(e, Failure)] == [
        (ErrorKind.OVERLOADED, "busy")
    ]
