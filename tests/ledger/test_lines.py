"""The line of a request: exactly the documented fields, names of the configuration, one line whatever they hold."""

import json
from datetime import UTC, datetime

from hypothesis import given
from tests.ledger.events import event, events

from lethe.ledger.codes import CODES
from lethe.ledger.events import NONE, RequestEvent
from lethe.ledger.lines import line
from lethe.ledger.names import Names

NAMES = Names(routes=("gpt-*", "claude-*"), upstreams=("a", "b", "c"), keys=("k0", "k1", "k2", "k3"))
LINE = {
    "time": "2025-11-24T16:00:00.123Z",
    "request_id": "000102030405060708090a0b0c0d0e0f",
    "endpoint": "messages",
    "route": "claude-*",
    "upstream": "c",
    "key": "k3",
    "level": "C",
    "upstream_class": "U6",
    "status": 529,
    "outcome": "upstream_answered",
    "error": CODES[4],
    "stream": True,
    "translated": False,
    "attempts": 5,
    "first_byte_ms": 1001,
    "duration_ms": 2002,
    "request_bytes": 3003,
    "response_bytes": 4004,
    "input_tokens": 11,
    "cache_read_tokens": 12,
    "cache_write_tokens": 13,
    "output_tokens": 14,
    "reasoning_tokens": 15,
    "loss_hints": 16,
    "loss_degraded": 17,
    "loss_dropped": 18,
    "tee_errors": 19,
}


def test_the_line_is_pinned() -> None:
    assert list(json.loads(line(event(), NAMES)).items()) == list(LINE.items())


def test_what_never_became_known_is_null() -> None:
    fields = ("endpoint", "route", "upstream", "key", "upstream_class", "error")
    written = json.loads(line(event(**dict.fromkeys(fields, NONE)), NAMES))
    assert {field: written[field] for field in fields} == dict.fromkeys(fields)


def test_a_name_cannot_break_the_line() -> None:
    written = line(event(), Names(routes=("", 'a"\n\u2028b'), upstreams=("", "", ""), keys=("",) * 4))
    assert written.count(b"\n") == 1
    assert json.loads(written)["route"] == 'a"\n\u2028b'


@given(events)
def test_every_event_has_a_line(each: RequestEvent) -> None:
    written = line(each, Names())
    assert written.endswith(b"}\n")
    assert set(json.loads(written)) == set(LINE)


@given(events)
def test_times_keep_their_milliseconds(each: RequestEvent) -> None:
    when = datetime.fromisoformat(json.loads(line(each, Names()))["time"])
    seconds = when - datetime(1970, 1, 1, tzinfo=UTC)
    assert (seconds.days * 86_400 + seconds.seconds) * 1000 + seconds.microseconds // 1000 == each.time
