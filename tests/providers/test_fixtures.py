"""Every provider: what it answers, and what it is asked from every caller's dialect, as its documentation shows."""

import json
from collections.abc import Iterator
from datetime import date
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from tests.providers import fixtures
from tests.providers.fixtures import Answers, Asking, Fails, Gives, folded, given, raw
from tests.server.rig import Reply, Rig, request, serving

from lethe.config.load import parse_settings
from lethe.dialects.codec import CODECS, UPSTREAM_CODECS
from lethe.ir.content import Dialect
from lethe.ir.grammar import StreamFailed
from lethe.providers import rows
from lethe.providers.envelopes import CALLERS, PLAIN
from lethe.providers.offers import Offer, Provider
from lethe.providers.rows import EMBEDDED, PROVIDERS
from lethe.providers.sigv4 import Keys
from lethe.providers.upstream import Auth, Upstream
from lethe.retention.levels import Level, UpstreamClass
from lethe.server import serving as server
from lethe.upstream.call import Call, Headers, Sink
from lethe.wire.framing import CONTENT_TYPES

TODAY = date(2026, 11, 29)
NAMES = [row.name for row in PROVIDERS if row.name != EMBEDDED]
FIXTURES = {name: fixtures.load(name) for name in NAMES}
SECRET = "SECRET"
KEYS = msgspec.json.encode(Keys(key_id="KEY", secret="secret", token="token")).decode()

ANSWERED = [(name, dialect) for name in NAMES for dialect in FIXTURES[name].answers]
ASKED = [(name, n) for name in NAMES for n in range(len(FIXTURES[name].asked))]


def test_every_row_has_one_and_every_one_a_row() -> None:
    assert {path.stem for path in fixtures.FOLDER.glob("*.json")} == set(NAMES)
    for row in PROVIDERS:
        if row.name != EMBEDDED:
            assert row.dialect in FIXTURES[row.name].answers
            assert FIXTURES[row.name].answers[row.dialect].error
            assert any(answers.odd for answers in FIXTURES[row.name].answers.values()), row.name


# What it answers


@pytest.mark.parametrize(("name", "dialect"), ANSWERED, ids=[f"{name} {dialect}" for name, dialect in ANSWERED])
def test_what_the_hub_makes_of_it(name: str, dialect: Dialect) -> None:
    answers, codec = FIXTURES[name].answers[dialect], UPSTREAM_CODECS[dialect]
    framing = PLAIN[dialect].framing
    assert given(codec.decode_response(answers.reply)) == answers.gives
    assert given(folded(dialect, raw(answers.stream, framing), framing)) == (answers.streams or answers.gives)
    if answers.error is not None:
        assert failed(dialect, answers.error) == known(answers.error)
    for odd in answers.odd:
        check_oddity(dialect, odd)


def check_oddity(dialect: Dialect, odd: fixtures.Oddity) -> None:
    codec, framing = UPSTREAM_CODECS[dialect], PLAIN[dialect].framing
    try:
        if odd.reply is not None:
            said = given(codec.decode_response(odd.reply))
        elif odd.stream is not None:
            said = given(folded(dialect, raw(odd.stream, framing), framing))
        else:
            assert odd.fails is not None
            assert failed(dialect, odd.fails) == known(odd.fails), odd.why
            return
    except StreamFailed as error:
        assert odd.fails is not None, odd.why
        failure = error.failure
        told = (str(failure.kind), failure.message, failure.code)
        assert told == (odd.fails.kind, odd.fails.message, odd.fails.code), odd.why
    else:
        assert said == odd.gives, odd.why


def failed(dialect: Dialect, error: Fails) -> tuple[str, str, str | None]:
    failure = UPSTREAM_CODECS[dialect].decode_error(error.status, json.dumps(error.body).encode())
    return str(failure.kind), failure.message, failure.code


def known(error: Fails) -> tuple[str, str, str | None]:
    return error.kind, error.message, error.code


# What it is asked


def stanza(name: str, asking: Asking) -> str:
    return f'[upstreams.up]\nprovider = "{name}"\n{asking.stanza}'


def resolved(text: str) -> Upstream:
    """As the file says, but kept by nobody: classes are another test's."""
    (made,) = parse_settings(text, "lethe.toml", embedded_available=False, today=TODAY).plan.upstreams
    kept = tuple(msgspec.structs.replace(each, upstream_class=UpstreamClass.U0) for each in made.surfaces)
    return msgspec.structs.replace(made, surfaces=kept, upstream_class=UpstreamClass.U0)


def test_every_offer_is_asked() -> None:
    def of(row: Provider, asking: Asking) -> Offer | None:
        made = resolved(stanza(row.name, asking))
        dated = made.envelope is not None and "api-version" in "".join(made.envelope.paths.values())
        return row.at(made.base_url, made.dialect, dated=dated)

    for row in PROVIDERS:
        if row.name != EMBEDDED:
            asked = [of(row, asking) for asking in FIXTURES[row.name].asked]
            assert [offer for offer in row.offers if offer not in asked] == [], row.name


class Answer:
    """One reply of a provider, all of it there at once."""

    def __init__(self, body: bytes, kind: bytes) -> None:
        self.status = 200
        self.headers: Headers = [(b"content-type", kind)]
        self._body = body

    async def read_any(self, quiet: float | None = None) -> bytes | None:
        taken, self._body = self._body, b""
        return taken

    async def pour(self, sink: Sink, quiet: float) -> bool | None:
        taken, self._body = self._body, b""
        return not taken or sink(taken)

    async def read_all(self, limit: int) -> bytes:
        return self._body

    def close(self) -> None:
        pass


class Recorder:
    """In place of the network: keeps what is sent, and answers as the fixture says."""

    def __init__(self, upstream: Upstream, answers: Answers) -> None:
        self.upstream, self.answers = upstream, answers
        self.calls: list[Call] = []

    async def open(self, call: Call, connected: object = None) -> Answer:
        self.calls.append(call)
        if dict(call.headers)[b"accept"] == b"application/json":
            return Answer(json.dumps(self.answers.reply).encode(), b"application/json")
        framing = self.upstream.served.framing
        return Answer(raw(self.answers.stream, framing), CONTENT_TYPES[framing])

    def close(self) -> None:
        pass


ASK: dict[Dialect, str] = {
    Dialect.ANTHROPIC: "/v1/messages",
    Dialect.OPENAI_CHAT: "/v1/chat/completions",
    Dialect.OPENAI_RESPONSES: "/v1/responses",
}
GEMINI_METHODS = {False: "generateContent", True: "streamGenerateContent?alt=sse"}


async def put(rig: Rig, caller: Dialect, model: str, *, stream: bool, level: str = "C") -> Reply:
    """One question in a caller's dialect."""
    if caller is Dialect.GEMINI:
        body = {"contents": [{"role": "user", "parts": [{"text": "hello"}]}]}
        target = f"/v1beta/models/{model}:{GEMINI_METHODS[stream]}"
        return await rig.ask("POST", target, body, x_lethe_level=level)
    return await rig.ask("POST", ASK[caller], request(caller, stream=stream, model=model), x_lethe_level=level)


async def ask(rig: Rig, caller: Dialect, model: str, *, stream: bool) -> Gives:
    """What is answered, as its caller sees it."""
    reply = await put(rig, caller, model, stream=stream)
    assert reply.status == 200, reply.body
    return given(folded(caller, reply.body) if stream else CODECS[caller].decode_response(reply.json()))


def recorded(patch: pytest.MonkeyPatch, upstream: Upstream, answers: Answers) -> Recorder:
    recorder = Recorder(upstream, answers)
    patch.setattr(server, "pools", lambda *_, **__: [recorder])
    return recorder


@pytest.mark.parametrize(("name", "n"), ASKED, ids=[f"{name} {n}" for name, n in ASKED])
async def test_what_it_is_asked(name: str, n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    fixture = FIXTURES[name]
    await check_asked(resolved(stanza(name, fixture.asked[n])), fixture, fixture.asked[n], monkeypatch)


async def check_asked(
    upstream: Upstream, fixture: fixtures.Fixture, asking: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = fixture.answers[upstream.dialect]
    recorder = recorded(monkeypatch, upstream, answers)
    async with serving([upstream]) as rig:
        secrets = dict.fromkeys(upstream.secrets, SECRET)
        if upstream.auth is Auth.AWS:
            secrets[upstream.credential or ""] = KEYS
        rig.serving.replace_credentials(secrets)
        for caller in CALLERS:
            for stream in (False, True):
                said = await ask(rig, caller, asking.model, stream=stream)
                wanted = (answers.streams if stream else None) or answers.gives
                assert (said.text, len(said.calls)) == (wanted.text, len(wanted.calls)), (caller, stream)
                call = recorder.calls.pop()
                assert recorder.calls == []
                url = asking.stream if stream and asking.stream else asking.url
                assert upstream.base_url + call.path.decode() == url, caller
                check_headers(call, asking)
                check_body(call, asking)


@pytest.mark.parametrize("level", ["A1", "A2", "B"])
@pytest.mark.parametrize(("name", "n"), ASKED, ids=[f"{name} {n}" for name, n in ASKED])
async def test_what_lethe_makes_is_known_everywhere(
    name: str, n: int, level: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No field of ours is one that the register does not know; a surface that is refused, is refused as a whole."""
    asking = FIXTURES[name].asked[n]
    upstream = resolved(stanza(name, asking))
    recorded(monkeypatch, upstream, FIXTURES[name].answers[upstream.dialect])
    async with serving([upstream]) as rig:
        if upstream.auth is Auth.AWS:
            rig.serving.replace_credentials({upstream.credential or "": KEYS})
        for caller in CALLERS:
            reply = await put(rig, caller, asking.model, stream=False, level=level)
            assert reply.status == (400 if upstream.surfaces[0].refused.get(Level(level)) else 200), reply.body


def check_headers(call: Call, asking: Asking) -> None:
    sent = {name.decode(): value.decode() for name, value in call.headers}
    assert len(sent) == len(call.headers)
    for name, glob in asking.headers.items():
        assert fnmatchcase(sent.get(name, ""), glob), f"{name}: {sent.get(name)}"
    secret = [name for name, value in sent.items() if SECRET in value]
    assert set(secret) <= set(asking.headers)


def check_body(call: Call, asking: Asking) -> None:
    body = json.loads(call.body)
    assert list(missing(asking.body, body)) == []
    assert [name for name in asking.absent if name in body] == []
    if body.get("model") != asking.model:
        assert quote(asking.model, safe="@") in asking.url


def missing(wanted: Any, there: Any, path: str = "$") -> Iterator[str]:
    """Where `there` does not hold what is wanted."""
    if isinstance(wanted, dict) and isinstance(there, dict):
        for name, value in wanted.items():
            yield from missing(value, there.get(name), f"{path}.{name}")
    elif wanted != there:
        yield f"{path}: {there!r}"


# Another one


NEW = Provider(name="acme", offers=rows._at("https://api.acme.example/v1", rows.CHAT), key_env="ACME_API_KEY")
ACME: dict[str, Any] = {
    "sources": ["made up"],
    "asked": [
        {"url": "https://api.acme.example/v1/chat/completions", "headers": {"authorization": "Bearer SECRET"}},
    ],
    "answers": {
        "openai-chat": {
            "reply": {
                "id": "1",
                "object": "chat.completion",
                "created": 1,
                "model": "m",
                "choices": [
                    {"index": 0, "message": {"role": "assistant", "content": "yes"}, "finish_reason": "stop"},
                ],
                "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4},
            },
            "gives": {"text": "yes", "usage": [3, 0, 0, 1, 0]},
            "stream": [
                {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m",
                 "choices": [{"index": 0, "delta": {"content": "yes"}, "finish_reason": "stop"}],
                 "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}},
                "[DONE]",
            ],
        }
    },
}  # fmt: skip


async def test_another_compatible_provider_is_a_row_and_a_fixture(monkeypatch: pytest.MonkeyPatch) -> None:
    """No code but the row. What it keeps has to be said in the register; until then nobody knows."""
    monkeypatch.setattr(rows, "PROVIDERS", (*PROVIDERS, NEW))
    monkeypatch.setitem(rows.PRESETS, NEW.name, NEW)
    fixture = msgspec.convert(ACME, fixtures.Fixture)
    made = resolved(f"[upstreams.{NEW.name}]\n")
    assert (made.base_url, made.credential, made.auth) == ("https://api.acme.example/v1", "env:ACME_API_KEY", "bearer")
    assert made.surfaces[0].id == "generic.chat"
    await check_asked(made, fixture, fixture.asked[0], monkeypatch)
