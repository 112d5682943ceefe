"""What an instance shows to everybody: its pages, each of which says known words and no others."""

import re
from collections.abc import Iterable, Mapping

import msgspec

import lethe
from lethe.config.plan import Plan
from lethe.evidence.posture import read
from lethe.evidence.signing import Verdict as Signature
from lethe.ledger.codes import CODES
from lethe.ledger.metrics import Figures, Totals, render
from lethe.ledger.names import ENDPOINTS, LEVELS, OUTCOMES
from lethe.ledger.pages import POSTURE_PATH
from lethe.ledger.tally import SEVERITIES, TOKEN_KINDS
from lethe.verify.hits import looked_at
from lethe.verify.remote import asked
from lethe.verify.search import Search
from lethe.verify.sinks import Hit, Looked, Sink

METRICS = "/metrics"
PATHS: tuple[str, ...] = ("/", "/health", "/ready", METRICS, POSTURE_PATH)
# Where other servers show requests, caches, variables and the like: nothing of ours is there.
STRANGE: tuple[str, ...] = (
    "/admin", "/api/requests", "/cache", "/config", "/dashboard", "/debug", "/debug/pprof/heap", "/debug/requests",
    "/debug/vars", "/docs", "/env", "/events", "/history", "/logs", "/openapi.json", "/requests", "/spend/logs",
    "/stats", "/status", "/trace", "/ui", "/v1/logs", "/v1/requests", "/v1/traces",
)  # fmt: skip
_SAMPLE = re.compile(
    r'(?P<name>[a-z_]+?)(_bucket|_sum|_count)?(\{([a-z_]+="(?:[^"\\]|\\.)*",?)+\})? [0-9.]{1,24}(e[+-]?[0-9]{1,3})?'
)
_LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')
_NUMBER = re.compile(r"[0-9.]+|\+Inf")
_ANY: msgspec.json.Decoder[dict[str, object]] = msgspec.json.Decoder(dict[str, object])


def pages(url: str, keys: Mapping[str, str], plan: Plan | None, searches: Iterable[Search]) -> Looked:
    """All pages, and places where others have some: searched, and each as it is known to be. Without `plan` those of an
    instance elsewhere, whose names and version nobody told us."""
    scanned = 0
    hits: list[Hit] = []
    reasons: list[str] = []
    searches = tuple(searches)
    key = next(iter(keys.values()), None)
    headers = {"x-api-key": key} if key else {}
    for path in (*PATHS, *STRANGE):
        try:
            page = asked(url, path, headers)
        except OSError as error:
            if path in STRANGE and reasons:  # nobody answers there
                break
            reasons.append(f"{path} cannot be had: {error.strerror or type(error).__name__}")
            continue
        scanned += len(page.body)
        hits += looked_at(Sink.PAGES, page.whole, searches, path).hits
        if path in STRANGE:
            if plan is not None and page.status != 404:  # elsewhere it may be of what stands in front
                hits.append(Hit(Sink.PAGES, "a page that is none of ours", path))
        elif page.status not in (200, 503):
            reasons.append(f"{path} cannot be had: status {page.status}")
        elif path == METRICS:
            hits += labels(page.body.decode(errors="replace"), plan)
        elif not _as_known(path, page.body, plan):
            hits.append(Hit(Sink.PAGES, "more than it should say", path))
    return Looked(Sink.PAGES, scanned, tuple(hits), tuple(reasons))


def _as_known(path: str, body: bytes, plan: Plan | None) -> bool:
    """Is that all that this page ever says?"""
    try:
        said = _ANY.decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return False
    if path == POSTURE_PATH:
        reading = read(said, None, 0.0)
        return reading.statement is not None if plan is not None else reading.verdict is not Signature.BAD
    if path == "/":
        known = said.get("name") == "lethe" and (plan is None or said.get("version") == lethe.__version__)
        return known and set(said) == {"name", "version"}
    return said in ({"status": "ok"}, {"status": "ready"}, {"status": "draining"})


def labels(page: str, plan: Plan | None) -> list[Hit]:
    """Labels of the metrics page that are none of ours, or have a value that is not from a closed set."""
    closed = _closed(plan)
    lines = page.splitlines()
    samples = [line for line in lines if not line.startswith("#")]
    wrong = [
        name
        for line in samples
        for name, value in _LABEL.findall(line)
        if name not in closed or not _may_be(closed[name], value)
    ]
    hits = [Hit(Sink.PAGES, "a label outside its closed set", METRICS)] if wrong else []
    if plan is not None and not _families() >= {
        *(line for line in lines if line.startswith("#")),
        *map(_family, samples),
    }:
        hits.append(Hit(Sink.PAGES, "a figure that is none of ours", METRICS))
    return hits


def _families() -> frozenset[str]:
    """What a page without figures says of each, and their names."""
    lines = render(Totals(), Figures()).decode().splitlines()
    names = (line.split()[2] for line in lines if line.startswith("# TYPE"))
    return frozenset((*lines, *names))


def _family(sample: str) -> str:
    """The name of a sample's family, if the rest of the sample is as it should be."""
    found = _SAMPLE.fullmatch(sample)
    return found["name"] if found is not None else sample


def _closed(plan: Plan | None) -> "dict[str, frozenset[str] | re.Pattern[str] | None]":
    """Label -> its values, or their form; None where an instance elsewhere has names of its own."""
    upstreams = None if plan is None else frozenset(_escaped(each.name) for each in plan.upstreams) | {"none"}
    return {
        "endpoint": frozenset({*ENDPOINTS, "none"}),
        "upstream": upstreams,
        "level": frozenset(LEVELS),
        "status": frozenset({"1xx", "2xx", "3xx", "4xx", "5xx", "none"}),
        "outcome": frozenset({*OUTCOMES, "none"}),
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
