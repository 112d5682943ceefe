"""What a probe may conclude, and how it reads an answer: by fields, with failures in fixed words."""

import json
from collections.abc import Awaitable, Callable, Collection, Mapping
from enum import StrEnum
from typing import Any, TypeAlias, TypeVar

from msgspec import Struct

from lethe.providers.probe import ProbeTask

T = TypeVar("T")

BODY_LIMIT = 1024 * 1024  # bytes


class Reason(StrEnum):
    """All that a finding may say."""

    PROVEN = "proven"
    NO_KEY = "its key cannot be had"
    UNREACHABLE = "nobody answers"
    TLS = "the TLS connection fails"
    SLOW = "no answer in time"
    TOO_LARGE = "the answer is too large"
    MALFORMED = "the answer is not what the API defines"
    KEY_REFUSED = "the key is refused"
    NOT_THERE = "what is asked about is not there"
    REDIRECTED = "the answer points elsewhere"
    THROTTLED = "asked too often"
    STATUS = "the answer has an unexpected status"
    MISSING = "a field is missing"
    UNEXPECTED = "a field is not what was expected"
    RETAINS = "the setting keeps content"
    ELSEWHERE = "the answer is about something else"
    NO_MODEL = "it holds for none of the configured models"
    NOT_ATTESTED = "a response did not attest it"
    NO_LISTENER = "nothing listens there"
    UNREADABLE = "the process that listens there cannot be looked into"
    OTHER_PROGRAM = "another program listens there"
    FLAG_MISSING = "a flag that closes a sink is missing"
    FLAG_OPENS = "a flag opens a sink"
    PRINTS = "what it prints may quote content, and does not go to /dev/null"
    FAULT = "the probe itself failed"


class Verdict(Struct, frozen=True, kw_only=True):
    """`models` are the exact names for which it holds; empty: all."""

    holds: bool
    reason: Reason
    models: tuple[str, ...] = ()


PROVEN = Verdict(holds=True, reason=Reason.PROVEN)


class Unproven(Exception):
    """The answer does not prove it."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


class Question(Struct, frozen=True, kw_only=True):
    """A GET of `base` and `path`. Header names are in lower case; values may be secrets."""

    base: str
    path: str
    headers: Mapping[str, str]
    limit: int = BODY_LIMIT

    def __repr__(self) -> str:
        return f"Question({self.path!r})"


class Answer(Struct, frozen=True, kw_only=True):
    """Header names are in lower case."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def __repr__(self) -> str:
        return f"Answer({self.status})"


Ask: TypeAlias = Callable[[Question], Awaitable[Answer]]  # raises Unproven
Probe: TypeAlias = Callable[[ProbeTask, str | None, Ask], Awaitable[Verdict]]  # raises Unproven

_STATUS = {
    401: Reason.KEY_REFUSED,
    403: Reason.KEY_REFUSED,
    404: Reason.NOT_THERE,
    429: Reason.THROTTLED,
}


def succeeded(answer: Answer) -> Answer:
    """The answer, if its status is 200. Raises Unproven."""
    if answer.status == 200:
        return answer
    if 300 <= answer.status < 400:
        raise Unproven(Reason.REDIRECTED)
    raise Unproven(_STATUS.get(answer.status, Reason.STATUS))


def document(answer: Answer) -> dict[str, Any]:
    """The JSON object of a successful answer, which can be read in one way only. Raises Unproven."""
    try:
        parsed = json.loads(succeeded(answer).body, object_pairs_hook=_members)
    except (ValueError, RecursionError):
        raise Unproven(Reason.MALFORMED) from None
    return of(parsed, dict)


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError
    return made


def of(value: object, kind: type[T]) -> T:
    """The value, if its type is exactly that one: true is no number here. Raises Unproven."""
    if type(value) is not kind:
        raise Unproven(Reason.UNEXPECTED)
    return value


def field(body: Mapping[str, Any], name: str, kind: type[T]) -> T:
    """A field that must be there, of that type. Raises Unproven."""
    if name not in body:
        raise Unproven(Reason.MISSING)
    return of(body[name], kind)


def only(body: Mapping[str, Any], names: Collection[str]) -> None:
    """Nothing else: a field that is new may limit what the others say. Raises Unproven."""
    if not body.keys() <= set(names):
        raise Unproven(Reason.UNEXPECTED)


def bearer(key: str | None) -> dict[str, str]:
    """The header of a key, if there is one."""
    return {"authorization": f"Bearer {key}"} if key is not None else {}
