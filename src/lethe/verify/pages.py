"""What an instance tells everybody: its ledger, and its pages; both have closed schemas."""

import http.client
import re
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

import msgspec

import lethe
from lethe.config.plan import Plan
from lethe.ledger.codes import CODES
from lethe.ledger.events import Outcome
from lethe.ledger.lines import Line
from lethe.ledger.names import CLASSES, ENDPOINTS, LEVELS
from lethe.ledger.pages import POSTURE_PATH
from lethe.ledger.tally import SEVERITIES, TOKEN_KINDS
from lethe.retention.levels import Level
from lethe.verify.hits import looked_at
from lethe.verify.search import Search
from lethe.verify.sinks import Hit, Looked, Sink

METRICS = "/metrics"
PATHS: tuple[str, ...] = ("/", "/health", "/ready", METRICS, POSTURE_PATH)
LARGEST = 4 * 1024 * 1024  # bytes of a page
_PATIENCE = 10.0  # seconds
_OUTCOMES = frozenset(each.name.lower() for each in Outcome)
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
_ID = re.compile(r"[0-9a-f]{32}")
_LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')
_NUMBER = re.compile(r"[0-9.]+|\+Inf")
_LINE: msgspec.json.Decoder[Line] = msgspec.json.Decoder(Line, strict=True)
_ANY: msgspec.json.Decoder[dict[str, object]] = msgspec.json.Decoder(dict[str, object])


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
            and line.outcome in _OUTCOMES
            and line.error in {*CODES, None}
        )


def ledger(output: bytes, plan: Plan) -> Looked:
    """Every line of stdout under the closed schema. Where the configuration's level is not C, there is none."""
    lines = output.splitlines()
    if plan.level is not Level.C and lines:
        return Looked(Sink.LEDGER, len(output), (Hit(Sink.LEDGER, "bytes were written", f"at level {plan.level}"),))
    allowed = _Allowed(plan)
    wrong = sum(not _fits(line, allowed) for line in lines)
    hits = (Hit(Sink.LEDGER, "outside the schema", f"{wrong} lines"),) if wrong else ()
    return Looked(Sink.LEDGER, len(output), hits, notes=(f"{len(lines)} lines",))


def _fits(line: bytes, allowed: _Allowed) -> bool:
    try:
        return set(_ANY.decode(line)) == set(Line.__struct_fields__) and allowed.line(_LINE.decode(line))
    except (msgspec.MsgspecError, ValueError):
        return False


def pages(url: str, keys: Mapping[str, str], plan: Plan | None, searches: Iterable[Search]) -> Looked:
    """All pages: searched, and the labels of the metrics among the values that are known. Without `plan` those of an
    instance elsewhere, whose names nobody told us."""
    scanned = 0
    hits: list[Hit] = []
    reasons: list[str] = []
    searches = tuple(searches)
    for path in PATHS:
        try:
            status, body = fetched(url, path, next(iter(keys.values()), None))
        except OSError as error:
            reasons.append(f"{path} cannot be had: {error.strerror or type(error).__name__}")
            continue
        if status not in (200, 503):
            reasons.append(f"{path} cannot be had: status {status}")
            continue
        scanned += len(body)
        hits += looked_at(Sink.PAGES, body, searches, path).hits
        if path == METRICS:
            hits += labels(body.decode(errors="replace"), plan)
    return Looked(Sink.PAGES, scanned, tuple(hits), tuple(reasons))


def labels(page: str, plan: Plan | None) -> list[Hit]:
    """Labels of the metrics page that are none of ours, or have a value that is not from a closed set."""
    closed = _closed(plan)
    wrong = [
        name
        for line in page.splitlines()
        if not line.startswith("#")
        for name, value in _LABEL.findall(line)
        if name not in closed or not _may_be(closed[name], value)
    ]
    return [Hit(Sink.PAGES, "a label outside its closed set", METRICS)] if wrong else []


def _closed(plan: Plan | None) -> "dict[str, frozenset[str] | re.Pattern[str] | None]":
    """Label -> its values, or their form; None where an instance elsewhere has names of its own."""
    upstreams = None if plan is None else frozenset(_escaped(each.name) for each in plan.upstreams) | {"none"}
    return {
        "endpoint": frozenset({*ENDPOINTS, "none"}),
        "upstream": upstreams,
        "level": frozenset(LEVELS),
        "status": frozenset({"1xx", "2xx", "3xx", "4xx", "5xx", "none"}),
        "outcome": _OUTCOMES | {"none"},
        "code": frozenset({*CODES, "none"}),
        "kind": frozenset(TOKEN_KINDS),
        "severity": frozenset(SEVERITIES),
        "version": frozenset({lethe.__version__}) if plan is not None else None,
        "le": _NUMBER,
    }


def _may_be(closed: "frozenset[str] | re.Pattern[str] | None", value: str) -> bool:
    match closed:
        case None:
            return True
        case re.Pattern():
            return closed.fullmatch(value) is not None
        case _:
            return value in closed


def _escaped(name: str) -> str:
    return name.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def fetched(url: str, path: str, key: str | None) -> tuple[int, bytes]:
    """One page: status and body. Raises OSError."""
    where = urlsplit(url)
    kind = http.client.HTTPSConnection if where.scheme == "https" else http.client.HTTPConnection
    connection = kind(where.hostname or "", where.port, timeout=_PATIENCE)
    try:
        connection.request("GET", path, headers={"x-api-key": key} if key else {})
        answer = connection.getresponse()
        return answer.status, answer.read(LARGEST)
    except http.client.HTTPException:
        raise ConnectionError("it does not speak HTTP") from None
    finally:
        connection.close()
