"""Every golden is what Lethe does, every case is judged by the official types, and every feature has its cases."""

import base64
import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.dialects import golden, judges
from tests.dialects.cases import canaries, under
from tests.dialects.generated import GENERATED
from tests.dialects.golden import ERRORS, REPLIES, REQUESTS, ROOT, STREAMS, Case

from lethe.dialects.codec import CODECS, UPSTREAM_CODECS
from lethe.errors import LetheError
from lethe.ir.content import Dialect
from lethe.transcode import located

ANTHROPIC, CHAT, RESPONSES, GEMINI = (
    Dialect.ANTHROPIC,
    Dialect.OPENAI_CHAT,
    Dialect.OPENAI_RESPONSES,
    Dialect.GEMINI,
)
WORD = re.compile(r"CANARY\w*")
MOST_BYTES = 1_500_000

# What a caller of every dialect must be tested with; a case has its feature's name.
FEATURES = (
    "full", "parallel_tools", "history_without_tools", "result_image", "result_error", "thinking_signed",
    "thinking_unsigned", "thinking_redacted", "thinking_foreign", "effort", "structured", "cache_ttl", "server_tools",
    "documents", "image_url", "image_inline", "stop", "truncated_arguments", "empty_arguments", "texts",
    "system_midway", "developer", "unicode", "result_of_1_mb", "tools_200",
)  # fmt: skip
# Where a dialect has no such thing.
INEXPRESSIBLE: dict[tuple[Dialect, str], str] = {
    (ANTHROPIC, "developer"): "has no such role",
    (ANTHROPIC, "truncated_arguments"): "an input is an object",
    (CHAT, "result_image"): "a tool message holds text only",
    (CHAT, "result_error"): "a tool message has no mark for it",
    (RESPONSES, "result_error"): "an output has no mark for it",
    (RESPONSES, "stop"): "has no such parameter",
    (GEMINI, "developer"): "has no such role",
    (GEMINI, "system_midway"): "has no such role",
    (GEMINI, "truncated_arguments"): "args are an object",
    (GEMINI, "cache_ttl"): "caches are resources of their own",
    (GEMINI, "thinking_redacted"): "a signature is beside its part, never alone",
}
# What an upstream of every dialect must be tested with: kind of case, and its name.
ANSWERS = (
    ("replies", "text"), ("replies", "tools"), ("replies", "empty_arguments"), ("replies", "thinking"),
    ("replies", "refusal"), ("replies", "truncated"), ("replies", "zero_tokens"), ("replies", "usage"),
    ("replies", "unicode"), ("streams", "text"), ("streams", "tools"), ("streams", "empty_arguments"),
    ("streams", "truncated_arguments"), ("streams", "thinking_signed"), ("streams", "refusal"),
    ("streams", "zero_tokens"), ("streams", "overloaded_midway"), ("streams", "overloaded_first"), ("streams", "cut"),
    ("streams", "unicode"), ("errors", "context_overflow"), ("errors", "overloaded"), ("errors", "rate_limit"),
    ("errors", "authentication"), ("errors", "html"),
)  # fmt: skip
UNANSWERABLE = {(GEMINI, ("streams", "truncated_arguments")): "args come whole"}
ASKED = [(case, target) for case in golden.cases(REQUESTS) for target in case.targets()]
ANSWERED = [
    (case, target) for kind in (REPLIES, STREAMS, ERRORS) for case in golden.cases(kind) for target in case.targets()
]
FILES = sorted(set(golden.goldens()) | set(ROOT.rglob("*.*.json")))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_goldens_are_current(path: Path) -> None:
    wanted = golden.goldens().get(path)
    assert wanted is not None, "says nothing new: run `make golden`"
    assert path.exists(), "run `make golden`"
    assert path.read_text(encoding="utf-8") == wanted, "if this is meant, run `make golden`"


@pytest.mark.parametrize("source", CODECS)
def test_every_feature_has_a_case(source: Dialect) -> None:
    found = {case.name for case in golden.cases(REQUESTS) if case.source is source}
    absent = {feature for dialect, feature in INEXPRESSIBLE if dialect is source}
    assert set(FEATURES) - found == absent
    assert len(found) >= 25


@pytest.mark.parametrize("source", UPSTREAM_CODECS)
def test_every_answer_has_a_case(source: Dialect) -> None:
    found = {(case.kind, case.name) for case, _ in ANSWERED if case.source is source}
    absent = {answer for dialect, answer in UNANSWERABLE if dialect is source}
    assert set(ANSWERS) - found == absent
    assert source is not ANTHROPIC or (STREAMS, "usage_in_delta") in found


def test_goldens_stay_small() -> None:
    assert sum(path.stat().st_size for path in ROOT.rglob("*.json")) < MOST_BYTES


@pytest.mark.parametrize(("case", "target"), ASKED, ids=str)
def test_what_goes_upstream_is_valid_by_the_official_types(case: Case, target: Dialect) -> None:
    try:
        _, body, _ = golden.encoded(case.body(), case.source, target)
    except LetheError:
        return
    judges.REQUESTS[target](body)


@pytest.mark.parametrize(("case", "target"), ASKED, ids=str)
def test_no_loss_is_silent(case: Case, target: Dialect) -> None:
    """What the caller said and the upstream does not hear stands at or under the path of a loss."""
    try:
        request, body, losses = golden.encoded(case.body(), case.source, target)
    except LetheError:
        return
    said = [(path, set(WORD.findall(text))) for path, text in canaries(msgspec.to_builtins(request))]
    reported = set[str]().union(*(found for path, found in said if any(under(path, loss.path) for loss in losses)))
    kept = words(body)
    assert [path for path, found in said if not found <= kept | reported] == []
    places = [loss.path for loss in located(losses, case.source, case.body())]
    assert all(re.fullmatch(r"\$(\.[\w*-]+|\[\d+\])+", place) for place in places)
    assert "CANARY" not in str(places)


@pytest.mark.parametrize(("case", "target"), ANSWERED, ids=str)
def test_what_comes_back_is_valid_by_the_official_types(case: Case, target: Dialect) -> None:
    made = golden.TRANSLATIONS[case.kind](case.body(), case.source, target)
    if "status" in made:
        judges.ERRORS[target](made["body"])
    elif case.kind == REPLIES:
        judges.REPLIES[target](made["body"])
    else:
        for name, data in made["frames"]:
            judges.STREAMS[target](name, data)


@pytest.mark.parametrize(("case", "target"), [each for each in ANSWERED if each[0].kind == REPLIES], ids=str)
def test_what_was_said_comes_back_or_is_reported(case: Case, target: Dialect) -> None:
    """Texts may be joined."""
    made = golden.answered(case.body(), case.source, target)
    came = str(made) + "".join(_hidden(made))
    assert all(word in came for word in WORD.findall(str(case.body()))) or made.get("losses")
    assert "CANARY" not in str(made.get("losses"))


def words(value: Any) -> set[str]:
    """Also those within base64, as some APIs have plain documents."""
    found = set(WORD.findall(str(value)))
    return found.union(*(WORD.findall(text) for text in _hidden(value)))


def _hidden(value: Any) -> Iterator[str]:
    match value:
        case dict():
            yield from (text for inner in value.values() for text in _hidden(inner))
        case list():
            yield from (text for inner in value for text in _hidden(inner))
        case str() if len(value) % 4 == 0 and value.isascii():
            with contextlib.suppress(ValueError):
                yield base64.b64decode(value, validate=True).decode("utf-8", "replace")


@pytest.mark.parametrize("source", CODECS)
def test_large_requests(source: Dialect) -> None:
    """They are not stored, so what they say is checked here."""
    for target in UPSTREAM_CODECS:
        _, body, losses = golden.encoded(GENERATED[source, "result_of_1_mb"](), source, target)
        assert losses == []
        assert len(str(body)) > 1_000_000
        _, body, losses = golden.encoded(GENERATED[source, "tools_200"](), source, target)
        assert losses == []
        assert sum(f"'CANARY_tool_{n}'" in str(body) for n in range(200)) == 200
