"""Errors: one table for names, kinds and statuses; whatever an upstream says is survived."""

import json
from typing import Any

import anthropic
import httpx2
import pytest
from anthropic.types import ErrorResponse

from lethe.dialects.anthropic import ERROR_STATUS, decode_error, encode_error, encode_error_event
from lethe.dialects.anthropic.errors import ERRORS, UNREADABLE
from lethe.errors import ErrorKind, ThreadUnsupported
from lethe.ir.content import Dialect, Extras
from lethe.ir.events import Failure

OURS = Dialect.ANTHROPIC


def body_of(failure: Failure) -> Any:
    return json.loads(encode_error(failure))


def test_every_kind_has_a_name_and_a_status_of_its_own() -> None:
    assert set(ERRORS) == set(ERROR_STATUS) == set(ErrorKind)
    assert len({name for name, _ in ERRORS.values()}) == len({status for _, status in ERRORS.values()}) == len(ERRORS)


@pytest.mark.parametrize("kind", ErrorKind)
def test_a_kind_survives_there_and_back(kind: ErrorKind) -> None:
    failure = Failure(kind=kind, message="m", code="c", param="p")
    again = decode_error(ERROR_STATUS[kind], encode_error(failure))
    assert (again.kind, again.message, again.code, again.param) == (kind, "m", "c", "p")
    assert encode_error(again) == encode_error(failure)
    if kind is not ErrorKind.TOO_LARGE:  # the SDK's union has no name for it
        ErrorResponse.model_validate(body_of(Failure(kind=kind, message="m")))


# (status, body, kind, message)
BODIES: list[tuple[int, bytes, ErrorKind, str]] = [
    (529, b"", ErrorKind.OVERLOADED, f"{UNREADABLE} (529)"),
    (502, b"<html>CANARY</html>", ErrorKind.API, f"{UNREADABLE} (502)"),
    (503, b"null", ErrorKind.OVERLOADED, f"{UNREADABLE} (503)"),
    (418, b"[1]", ErrorKind.INVALID_REQUEST, f"{UNREADABLE} (418)"),
    (408, b"\xff\xfe", ErrorKind.TIMEOUT, f"{UNREADABLE} (408)"),
    (500, b'{"error":{"type":["x"],"message":5}}', ErrorKind.API, UNREADABLE),
    (500, b'{"error":7}', ErrorKind.API, f"{UNREADABLE} (500)"),
    (500, b"[" * 5000, ErrorKind.API, f"{UNREADABLE} (500)"),
    (404, b'{"error":"model not found"}', ErrorKind.NOT_FOUND, "model not found"),
    (401, b'{"message":"who"}', ErrorKind.AUTHENTICATION, "who"),
    (429, b'{"type":"error","error":{"type":"future_error","message":"m"}}', ErrorKind.RATE_LIMIT, "m"),
    (400, b'{"type":"error","error":{"type":"billing_error","message":"m"}}', ErrorKind.BILLING, "m"),
    (413, b'{"type":"error","error":{"type":"invalid_request_error","message":"m"}}', ErrorKind.TOO_LARGE, "m"),
    (200, b'{"type":"error","error":{"type":"overloaded_error","message":"m"}}', ErrorKind.OVERLOADED, "m"),
    (400, b'{"error":{"type":"invalid_request_error","message":"m","code":"c"}}', ErrorKind.INVALID_REQUEST, "m"),
]


@pytest.mark.parametrize(("status", "body", "kind", "message"), BODIES)
def test_bodies(status: int, body: bytes, kind: ErrorKind, message: str) -> None:
    failure = decode_error(status, body)
    assert (failure.kind, failure.message) == (kind, message)


def test_an_error_comes_back_as_the_api_said_it() -> None:
    wire = {
        "type": "error",
        "error": {"type": "rate_limit_error", "message": "slow", "details": {"error_code": "x", "limit": 5}},
        "request_id": "req_1",
    }
    failure = decode_error(429, json.dumps(wire).encode())
    assert failure.code == "x"
    assert body_of(failure) == wire


def test_another_apis_object_is_not_replayed() -> None:
    foreign = Failure(kind=ErrorKind.API, message="m", wire=Extras(Dialect.OPENAI_CHAT, {"type": "server_error"}))
    assert body_of(foreign) == {"type": "error", "error": {"type": "api_error", "message": "m"}}
    openai = decode_error(500, b'{"error":{"type":"server_error","message":"m","code":null}}')
    assert body_of(openai) == {"type": "error", "error": {"type": "api_error", "message": "m"}}


def test_a_refused_thread_is_told_where_the_sdks_look() -> None:
    error = ThreadUnsupported()
    failure = Failure(kind=error.kind, message=error.message, code=error.code)
    body = body_of(failure)
    response = httpx2.Response(400, json=body, request=httpx2.Request("POST", "http://localhost"))
    raised = anthropic.BadRequestError("x", response=response, body=body)
    assert raised.body == body
    assert body["error"]["details"]["error_code"] == "thread_unsupported_request"


@pytest.mark.parametrize(
    ("code", "message", "told"),
    [
        ("context_length_exceeded", "too many tokens", "prompt is too long: too many tokens"),
        ("context_length_exceeded", "prompt is too long: 9 > 8", "prompt is too long: 9 > 8"),
        ("other", "too many tokens", "too many tokens"),
    ],
)
def test_a_conversation_that_is_too_long_is_told_in_the_apis_words(code: str, message: str, told: str) -> None:
    body = body_of(Failure(kind=ErrorKind.INVALID_REQUEST, message=message, code=code))
    assert body["error"]["message"] == told


def test_the_event_that_ends_a_stream() -> None:
    failure = Failure(kind=ErrorKind.API, message="m")
    assert encode_error_event(failure) == b"event: error\ndata: " + encode_error(failure) + b"\n\n"
