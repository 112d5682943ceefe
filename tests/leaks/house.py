"""One run of all cases against real servers, and everything that these left behind."""

import contextlib
import hashlib
import http.client
import json
import re
import secrets
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count, cycle
from pathlib import Path
from urllib.parse import urlsplit

from msgspec import Struct
from tests.e2e.served import Lethe, lethe, route, upstream
from tests.leaks.cases import CASES, INPUT_TOKENS, TOKENS_OF_GEMINI, Case
from tests.leaks.plants import ANTHROPIC, CHAT, GEMINI, RESPONSES, Draft

from lethe.ir.content import Dialect
from lethe.providers.envelopes import Endpoint
from lethe.upstream.fake import FakeThread, Recorded, Script, openai_chat
from lethe.upstream.fake.replies import document
from lethe.verify.voices import VOICES, voice
from lethe.wire.framing import Framing

MARK = "ZDRCANARY"  # all canaries begin with it
KEYS = {"one": "lethe-key-one", "two": "lethe-key-two"}
PROVIDER_KEY = f"{MARK}PROVIDERKEY"
FRONTS: dict[str, tuple[str, Dialect]] = {
    Endpoint.MESSAGES: ("/v1/messages", ANTHROPIC),
    Endpoint.COUNT_TOKENS: ("/v1/messages/count_tokens", ANTHROPIC),
    Endpoint.CHAT: ("/v1/chat/completions", CHAT),
    Endpoint.RESPONSES: ("/v1/responses", RESPONSES),
    Endpoint.GENERATE: ("/v1beta/models/{model}:generateContent", GEMINI),
    Endpoint.EMBEDDINGS: ("/v1/embeddings", CHAT),
    INPUT_TOKENS: ("/v1/responses/input_tokens", RESPONSES),
    TOKENS_OF_GEMINI: ("/v1beta/models/{model}:countTokens", GEMINI),
}
TRANSLATED = (Endpoint.MESSAGES, Endpoint.CHAT, Endpoint.RESPONSES, Endpoint.GENERATE)
# The upstreams, and what each speaks; the last one as Bedrock serves it.
PLACES = {"a": ANTHROPIC, "c": CHAT, "r": RESPONSES, "g": GEMINI, "v": Dialect.CONVERSE, "i": ANTHROPIC}
OF = {ANTHROPIC: "a", CHAT: "c", RESPONSES: "r", GEMINI: "g"}
OPENAI = {"o": CHAT, "p": RESPONSES}  # two of them as OpenAI's own
CLOUDFLARE = "w"  # one behind Cloudflare's gateway
BEDROCK = ("v", "i")
VOICE = {**{name: VOICES[dialect] for name, dialect in PLACES.items()}, "i": voice(ANTHROPIC, Framing.INVOKED)}
AWS = {"AWS_ACCESS_KEY_ID": "AKIDFAKE", "AWS_SECRET_ACCESS_KEY": PROVIDER_KEY, "AWS_EC2_METADATA_DISABLED": "true"}
_MODEL = re.compile(r"/models?/([^/:]+)")
# Switches of other software and of Python that make programs talk, or send what they know somewhere.
TALKATIVE = {
    "DEBUG": "1",
    "LITELLM_LOG": "DEBUG",
    "ANTHROPIC_LOG": "debug",
    "OPENAI_LOG": "debug",
    "LETHE_LOG": "debug",
    "PYTHONASYNCIODEBUG": "1",
    "PYTHONDEVMODE": "1",
    "PYTHONWARNINGS": "always",
    "PYTHONFAULTHANDLER": "1",
    "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "true",
    "OTEL_TRACES_EXPORTER": "console",
}
TRAPS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "SENTRY_DSN", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "DD_TRACE_AGENT_URL")


class Shot(Struct, frozen=True):
    """One request of a case."""

    case: Case
    endpoint: str
    upstream: str
    stream: bool
    canary: str
    model: str

    @property
    def id(self) -> str:
        how = "stream" if self.stream else "buffered"
        return f"{self.endpoint}-{self.upstream}-{how}"


class Reply(Struct):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def everything(self) -> bytes:
        """Headers and body."""
        return repr(self.headers).encode() + self.body


class Trap:
    """A listener that nobody has a reason to call."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://trap@127.0.0.1:{self._listener.getsockname()[1]}/1"
        self.caught = 0
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                self._listener.accept()[0].close()
                self.caught += 1

    def close(self) -> None:
        self._listener.close()


class House:
    """A server at one level between two scripted upstreams, a dead one, and a trap."""

    def __init__(self, level: str, served: Lethe, folder: Path, fakes: dict[str, FakeThread], trap: Trap) -> None:
        self.level, self.served, self.folder, self.fakes, self.trap = level, served, folder, fakes, trap
        self.provider_key = PROVIDER_KEY
        self.replies: list[tuple[Shot, Reply]] = []
        self.said: dict[str, list[bytes]] = {}  # by canary, the bodies that held it
        self._scripts: dict[str, Shot] = {}
        self._numbers = count()
        for name, fake in fakes.items():
            fake.answer(lambda request, name=name: self._script(name, request))  # type: ignore[misc] # a default binds it

    def _script(self, name: str, request: Recorded) -> Script:
        asked = json.loads(request.body)
        in_path = _MODEL.search(request.path)
        shot = self._scripts[in_path[1] if in_path else asked["model"]]
        if request.path.endswith(("count_tokens", "input_tokens")):
            return document({"input_tokens": 1, "object": "response.input_tokens"})
        if request.path.endswith(":countTokens"):
            return document({"totalTokens": 1})
        if request.path.endswith("embeddings"):
            return document(openai_chat.embeddings((0.5,)))
        streaming = bool(asked.get("stream")) or "tream" in request.path
        return shot.case.answer(VOICE[name], streaming, shot.canary)

    def shoot(self) -> None:
        """All requests of all cases: at level C to every upstream, else to its own and to another one in turn."""
        turn = cycle(self.fakes)
        for case in CASES:
            for endpoint in case.endpoints:
                own = OF[FRONTS[endpoint][1]]
                others = () if endpoint not in TRANSLATED else tuple(self.fakes) if self.level == "C" else (next(turn),)
                places = dict.fromkeys((own, *others))
                for place in (*places, *(("dead",) if case.dead else ())):
                    for stream in (False, True) if endpoint in TRANSLATED else (False,):
                        self._send(case, endpoint, place, stream=stream)

    def _send(self, case: Case, endpoint: str, place: str, *, stream: bool) -> None:
        number = next(self._numbers)
        canary = f"{MARK}{case.id}X{number}X{secrets.token_hex(8)}"
        shot = Shot(case, endpoint, place, stream, canary, f"{place}.{number}")
        self._scripts[shot.model] = shot
        path, front = FRONTS[endpoint]
        path = path.replace("{model}", shot.model)
        if front is GEMINI and stream:
            path = path.replace(":generateContent", ":streamGenerateContent?alt=sse")
        draft = Draft(front, canary, path, request(endpoint, shot.model, stream=stream), {"x-api-key": KEYS["one"]})
        for plant in case.request:
            plant(draft)
        if endpoint is Endpoint.EMBEDDINGS:
            draft.body["input"] = [draft.body.pop("messages")[-1]["content"]]
        reply = self.ask(draft)
        self.replies.append((shot, reply))
        self.said[canary] = [wire(draft), reply.body]

    def ask(self, draft: Draft) -> Reply:
        where = urlsplit(self.served.url)
        connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=20)
        try:
            connection.request("POST", draft.path, wire(draft), {"content-type": "application/json", **draft.headers})
            reply = connection.getresponse()
            try:
                content = reply.read()
            except http.client.IncompleteRead as cut:
                content = cut.partial
            return Reply(reply.status, {k.lower(): v for k, v in reply.getheaders()}, content)
        finally:
            connection.close()

    def get(self, path: str, key: str | None = KEYS["one"]) -> Reply:
        where = urlsplit(self.served.url)
        connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=20)
        try:
            connection.request("GET", path, headers={"x-api-key": key} if key else {})
            reply = connection.getresponse()
            return Reply(reply.status, {k.lower(): v for k, v in reply.getheaders()}, reply.read())
        finally:
            connection.close()


def wire(draft: Draft) -> bytes:
    """The body as it is sent."""
    return json.dumps(draft.body).encode() if draft.raw is None else draft.raw


def request(endpoint: str, model: str, *, stream: bool) -> dict[str, object]:
    """The smallest body that this endpoint takes."""
    if FRONTS[endpoint][1] is GEMINI:
        return {"contents": [{"role": "user", "parts": [{"text": "hello"}]}]}
    turns = "input" if FRONTS[endpoint][1] is RESPONSES else "messages"
    body: dict[str, object] = {"model": model, turns: [{"role": "user", "content": "hello"}]}
    if endpoint is Endpoint.MESSAGES:
        body["max_tokens"] = 50
    return body | ({"stream": True} if stream else {})


# What the operator says of the scripted upstreams, so that each level may ask them.
CLASSES = {"A1": "U0", "A2": "U4", "B": "U5", "C": "U6"}


def config(level: str, fakes: dict[str, FakeThread], dead: str) -> str:
    """Two callers; a route allows losses, since most canaries stand where some dialect has no place for them."""
    wait = ("first_byte = 3.0", "idle = 3.0", "connect = 1.0")
    keys = [
        f'[[keys]]\nname = "{name}"\nhash = "sha256:{hashlib.sha256(key.encode()).hexdigest()}"'
        for name, key in KEYS.items()
    ]
    allow = ('losses = "allow"',)
    return "\n".join(
        (
            # What this host lacks is no subject here; what it has is enforced all the same.
            f'[retention]\nlevel = "{level}"\naccept_unenforced = ["landlock", "landlock-net", "seccomp"]\n'
            + ('accept_classes = ["U6"]\n' if level == "B" else ""),  # what OpenAI's surfaces are without a contract
            *(
                upstream(name, dialect, url, *wait).replace('"U6"', f'"{CLASSES[level]}"')
                for name, dialect, url in (
                    *((name, PLACES[name].value, fakes[name].url) for name in fakes if name not in BEDROCK),
                    ("dead", "openai-chat", dead),
                )
            ),
            *(
                f'[upstreams.{name}]\nprovider = "bedrock"\nregion = "eu-west-1"\nauth = "aws"\n'
                f'dialect = "{PLACES[name]}"\nbase_url = "{fakes[name].url}"\n' + "\n".join(wait)
                for name in BEDROCK
                if name in fakes
            ),
            *(
                upstream(name, dialect, fakes[OF[dialect]].url, 'provider = "openai"', *wait)
                for name, dialect in OPENAI.items()
            ),
            upstream(CLOUDFLARE, "openai-chat", fakes["c"].url, 'provider = "cloudflare"', *wait),
            *(route(f"{name}.*", name, lines=allow) for name in (*fakes, *OPENAI, CLOUDFLARE, "dead")),
            route("fall.*", "a", "c", lines=allow),
            *keys,
        )
    )


@contextmanager
def house(level: str, folder: Path) -> Iterator[House]:
    """Started, not yet asked anything."""
    with ExitStack() as stack:
        # What Bedrock keeps is no better than U6, whoever says what.
        places = [name for name in PLACES if level in ("B", "C") or name not in BEDROCK]
        fakes = {name: stack.enter_context(FakeThread()) for name in places}
        trap = Trap()
        stack.callback(trap.close)
        environ = {
            **TALKATIVE,
            **dict.fromkeys(TRAPS, trap.url),
            "FAKE_KEY": PROVIDER_KEY,
            **AWS,
            "TMPDIR": str(folder),
        }
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            dead = f"http://127.0.0.1:{unused.getsockname()[1]}"
            served = stack.enter_context(lethe(folder, config(level, fakes, dead), environ=environ))
            yield House(level, served, folder, fakes, trap)
