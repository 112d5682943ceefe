"""Errors of many servers in, OpenAI's shape out."""

import json

import pytest

from lethe.dialects.openai_chat import decode_error, encode_error, encode_error_event
from lethe.dialects.openai_chat.errors import NAMES, decode_error_object
from lethe.errors import ErrorKind
from lethe.ir.content import Dialect, Extras
from lethe.ir.events import Failure

K = ErrorKind
BODIES: list[tuple[int, str, ErrorKind, str, str | None]] = [
    (
        400,
        '{"error":{"message":"m","type":"invalid_request_error","param":"p","code":null}}',
        K.INVALID_REQUEST,
        "m",
        None,
    ),
    (
        400,
        '{"error":{"message":"m","type":"invalid_request_error","code":"context_length_exceeded"}}',
        K.INVALID_REQUEST,
        "m",
        "context_length_exceeded",
    ),
    (
        401,
        '{"error":{"message":"m","type":"invalid_request_error","code":"invalid_api_key"}}',
        K.AUTHENTICATION,
        "m",
        "invalid_api_key",
    ),
    (401, '{"error":{"message":"m","type":"invalid_request_error","code":null}}', K.AUTHENTICATION, "m", None),
    (403, '{"error":{"message":"m"}}', K.PERMISSION, "m", None),
    (400, '[{"error":{"code":400,"message":"m","status":"INVALID_ARGUMENT"}}]', K.INVALID_REQUEST, "m", None),
    (429, '{"object":"error","message":"m","type":"rate_limited","code":"1300"}', K.RATE_LIMIT, "m", "1300"),
    (422, '{"message":{"detail":[{"msg":"m"}]}}', K.INVALID_REQUEST, "m", None),
    (401, '{"success":false,"errors":[{"code":1,"message":"m"}]}', K.AUTHENTICATION, "m", None),
    (401, '{"success":false,"error":[{"code":1,"message":"m"}]}', K.AUTHENTICATION, "m", None),
    (
        404,
        '{"error":{"message":"m","type":"invalid_request_error","code":"model_not_found"}}',
        K.NOT_FOUND,
        "m",
        "model_not_found",
    ),
    (413, '{"error":{"message":"m","type":"invalid_request_error"}}', K.TOO_LARGE, "m", None),
    (
        429,
        '{"error":{"message":"m","type":"insufficient_quota","code":"insufficient_quota"}}',
        K.BILLING,
        "m",
        "insufficient_quota",
    ),
    (
        429,
        '{"error":{"message":"m","type":"requests","code":"rate_limit_exceeded"}}',
        K.RATE_LIMIT,
        "m",
        "rate_limit_exceeded",
    ),
    (429, '{"error":{"message":"m","type":"tokens"}}', K.RATE_LIMIT, "m", None),
    (500, '{"error":{"message":"m","type":"server_error"}}', K.API, "m", None),
    (503, '{"error":{"message":"m","type":"server_error"}}', K.OVERLOADED, "m", None),
    (
        503,
        '{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}',
        K.OVERLOADED,
        "Loading model",
        None,
    ),
    (502, '{"error":{"code":529,"message":"m"}}', K.API, "m", None),
    (200, '{"error":{"code":429,"message":"m"}}', K.RATE_LIMIT, "m", None),
    (
        400,
        '{"error":{"code":400,"message":"too long","type":"exceed_context_size_error"}}',
        K.INVALID_REQUEST,
        "too long",
        None,
    ),
    (529, '{"type":"error","error":{"type":"overloaded_error","message":"m"}}', K.OVERLOADED, "m", None),
    (500, '{"error":"text"}', K.API, "text", None),
    (422, '{"detail":"text"}', K.INVALID_REQUEST, "text", None),
    (422, '{"detail":[{"loc":["body"],"msg":"text"}]}', K.INVALID_REQUEST, "text", None),
    (418, '{"message":"text"}', K.INVALID_REQUEST, "text", None),
    (
        400,
        '{"error":{"message":{"deep":1},"type":7,"code":[]}}',
        K.INVALID_REQUEST,
        "the upstream answered with an error",
        None,
    ),
    (504, "<html>secret</html>", K.TIMEOUT, "the upstream answered with an error (504)", None),
    (500, "", K.API, "the upstream answered with an error (500)", None),
    (599, "[" * 100_000, K.API, "the upstream answered with an error (599)", None),
    (404, '["secret"]', K.NOT_FOUND, "the upstream answered with an error (404)", None),
]


@pytest.mark.parametrize(("status", "body", "kind", "message", "code"), BODIES)
def test_decode(status: int, body: str, kind: ErrorKind, message: str, code: str | None) -> None:
    failure = decode_error(status, body.encode())
    assert (failure.kind, failure.message, failure.code) == (kind, message, code)


@pytest.mark.parametrize("kind", ErrorKind)
def test_every_kind_comes_back(kind: ErrorKind) -> None:
    body = encode_error(Failure(kind=kind, message="m"))
    assert decode_error(400, body).kind is kind or NAMES[kind][0] == "server_error"
    assert set(json.loads(body)["error"]) == {"message", "type", "param", "code"}


def test_its_own_object_comes_back_whole() -> None:
    body = b'{"error":{"message":"m","type":"t","param":"p","code":"c","novel":[1]}}'
    failure = decode_error(400, body)
    assert (failure.code, failure.param) == ("c", "p")
    assert encode_error(failure) == body


def test_another_dialect_s_object_does_not() -> None:
    failure = Failure(kind=K.NOT_FOUND, message="m", code="c", param="p", wire=Extras(Dialect.ANTHROPIC, {"novel": 1}))
    assert json.loads(encode_error(failure)) == {
        "error": {"message": "m", "type": "not_found_error", "param": "p", "code": "c"}
    }


def test_a_frame_of_a_stream() -> None:
    failure = Failure(kind=K.API, message="a\nb")
    assert (
        encode_error_event(failure)
        == b'data: {"error":{"message":"a\\nb","type":"server_error","param":null,"code":null}}\n\n'
    )
    assert decode_error_object({"error": {"message": "m", "type": "server_error"}}).kind is K.API
    assert decode_error_object({"error": {"message": "m", "type": "invalid_request_error"}}).kind is K.INVALID_REQUEST
    assert decode_error_object("secret").message == "the upstream answered with an error"
