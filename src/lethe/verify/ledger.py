"""What an instance writes down of requests: the lines of its ledger, under their closed schema."""

import re
from collections.abc import Sequence
from datetime import datetime

import msgspec

from lethe.config.plan import Plan
from lethe.ledger.codes import CODES
from lethe.ledger.lines import Line
from lethe.ledger.names import CLASSES, ENDPOINTS, OUTCOMES
from lethe.retention.levels import Level
from lethe.upstream.fake.said import USED
from lethe.verify.sinks import Hit, Looked, Sink

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)
_ID = re.compile(r"[0-9a-f]{32}")
_LARGE, _MANY = 1 << 26, 1000  # milliseconds or bytes, and things, of one request
_LONG = 2 * 3600.0  # seconds that no verification takes
_LINE: msgspec.json.Decoder[Line] = msgspec.json.Decoder(Line, strict=True)


class _Allowed:
    """The values that each text of a line may have."""

    def __init__(self, plan: Plan) -> None:
        self.routes = {route.model for route in plan.routes} | {None}
        self.upstreams = {upstream.name for upstream in plan.upstreams} | {None}
        self.keys = {key.name for key in plan.keys} | {None}

    def line(self, line: Line) -> bool:
        return (
            _TIME.fullmatch(line.time) is not None
            and _ID.fullmatch(line.request_id) is not None
            and line.endpoint in {*ENDPOINTS, None}
            and line.route in self.routes
            and line.upstream in self.upstreams
            and line.key in self.keys
            and line.level == Level.C
            and line.upstream_class in {*CLASSES, None}
            and line.outcome in OUTCOMES
            and line.error in {*CODES, None}
            and self.numbers(line)
        )

    def numbers(self, line: Line) -> bool:
        """A number can be a letter, too: these are what scripted upstreams tell, and no larger than what was done."""
        sizes = (line.first_byte_ms, line.duration_ms, line.request_bytes, line.response_bytes)
        counts = (line.attempts, line.loss_hints, line.loss_degraded, line.loss_dropped, line.tee_errors)
        tokens = (line.input_tokens, line.cache_read_tokens, line.cache_write_tokens, line.output_tokens)
        return (
            {*tokens, line.reasoning_tokens} <= USED
            and (line.status == 0 or 100 <= line.status < 600)
            and all(0 <= size < _LARGE for size in sizes)
            and all(0 <= count < _MANY for count in counts)
        )


def ledger(output: bytes, plan: Plan) -> Looked:
    """Every line of stdout under the closed schema. Where the configuration's level is not C, there is none."""
    lines = output.splitlines()
    if plan.level is not Level.C and lines:
        return Looked(Sink.LEDGER, len(output), (Hit(Sink.LEDGER, "bytes were written", f"at level {plan.level}"),))
    allowed = _Allowed(plan)
    wrong = sum(not _fits(line, allowed) for line in lines)
    hits = (Hit(Sink.LEDGER, "outside the schema", f"{wrong} lines"),) if wrong else ()
    if not wrong and lines and _spread(lines) > _LONG:
        hits = (Hit(Sink.LEDGER, "times of no one verification"),)
    return Looked(Sink.LEDGER, len(output), hits, notes=(f"{len(lines)} lines",))


def _spread(lines: Sequence[bytes]) -> float:
    """Seconds between the first and the last of their times."""
    times = sorted(datetime.fromisoformat(_LINE.decode(line).time) for line in lines)
    return (times[-1] - times[0]).total_seconds()


def _fits(line: bytes, allowed: _Allowed) -> bool:
    """Is that a line, written as ours are? JSON has room beside it: blanks, escapes, a name twice."""
    try:
        read = _LINE.decode(line)
        datetime.fromisoformat(read.time)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return False
    return allowed.line(read) and msgspec.json.encode(read) == line
