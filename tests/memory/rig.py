"""Requests full of canaries to a real worker, whose memory is searched for them afterwards."""

import http.client
import json
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import trustme
from tests.e2e.served import route, upstream
from tests.memory.cases import ANTHROPIC, CONVERSE, INVOKED, UPSTREAMS, Case, Tags, answer, mark, path, question
from tests.memory.scan import Found, search
from tests.sandbox.rig import PATIENCE, WORKER, Daemon, daemon

from lethe.upstream.fake import FakeThread

AUTHORITY = trustme.CA()
BEDROCK = ('provider = "bedrock"', 'region = "eu-west-1"', 'auth = "aws"')
AWS = {"AWS_ACCESS_KEY_ID": "AKIDFAKE", "AWS_SECRET_ACCESS_KEY": "fake-secret", "AWS_EC2_METADATA_DISABLED": "true"}
JSON = {"content-type": "application/json"}
SETTLED = 5.0  # seconds after which nothing may be left


class Caller:
    """Connections to Lethe that stay open, as clients' do."""

    def __init__(self, url: str) -> None:
        self._where = urlsplit(url)
        self._context = ssl.create_default_context()
        AUTHORITY.configure_trust(self._context)
        self._connections: list[http.client.HTTPConnection] = []

    def connect(self) -> http.client.HTTPConnection:
        port = self._where.port
        if self._where.scheme == "https":
            made: http.client.HTTPConnection = http.client.HTTPSConnection(
                "localhost", port, timeout=PATIENCE, context=self._context
            )
        else:
            made = http.client.HTTPConnection(self._where.hostname or "", port, timeout=PATIENCE)
        self._connections.append(made)
        return made

    def socket(self) -> socket.socket:
        """Connected, for bytes that no client sends."""
        made = self.connect()
        made.connect()
        return made.sock

    def ask(self, case: Case, tags: Tags, over: http.client.HTTPConnection | None = None) -> int:
        """One request and its answer, or as much of that as the case wants. Returns the status."""
        connection = over or self.connect()
        target = path(case, tags.prompt)
        if case.ending == "refused":
            target += f"{'&' if '?' in target else '?'}q={mark(tags.prompt, 'query')}"
        connection.request("POST", target, json.dumps(question(case, tags.prompt)), headers(tags.prompt))
        if case.ending == "cancel" and not case.stream:
            time.sleep(0.2)
            connection.close()
            return 0
        reply = connection.getresponse()
        if case.ending == "cancel":
            reply.readline()
            connection.close()
            reply.close()
            return 0
        try:
            reply.read()
        except http.client.IncompleteRead:
            connection.close()
        return reply.status

    def close(self) -> None:
        for connection in self._connections:
            connection.close()


def headers(tag: str) -> dict[str, str]:
    """Of a request; a key stands in one as well."""
    return {**JSON, **{name: mark(tag, name) for name in ("x-canary", "x-api-key", "cookie", "user-agent")}}


class Rig:
    """A running Lethe with one worker, between scripted upstreams and callers."""

    def __init__(self, lethe: Daemon, fakes: dict[str, FakeThread]) -> None:
        self.lethe = lethe
        self.fakes = fakes
        self.tags = Tags()
        self.caller = Caller(lethe.url.replace("127.0.0.1", "localhost") if "https" in lethe.url else lethe.url)
        (self.pid,) = lethe.running(WORKER)

    def ask(self, case: Case, *, over: http.client.HTTPConnection | None = None) -> int:
        """Asks and answers one case with the canaries of this rig."""
        self.fakes[case.upstream].answer(answer(case, self.tags.answer))
        return self.caller.ask(case, self.tags, over)

    def arrived(self) -> bool:
        """Has anything of a prompt been seen by an upstream? Else nothing is proven."""
        tag = self.tags.prompt.encode()
        return any(tag in request.body for fake in self.fakes.values() for request in fake.requests)

    @contextmanager
    def open_stream(self) -> Iterator[None]:
        """A stream that does not end while this lasts: its question and the answer so far are being worked on."""
        case = Case(stream=True, ending="cancel")
        self.fakes[case.upstream].answer(answer(case, self.tags.answer))
        connection = self.caller.connect()
        connection.request("POST", path(case, self.tags.prompt), json.dumps(question(case, self.tags.prompt)), JSON)
        reply = connection.getresponse()
        try:
            reply.readline()
            yield
        finally:
            connection.close()
            reply.close()

    def found(self, tags: Tags | None = None) -> list[Found]:
        """Of both, now: in the worker, and in those that never see any of it."""
        asked = tags or self.tags
        pids = (self.lethe.pid, *self.lethe.children)
        return [hit for pid in pids for tag in (asked.prompt, asked.answer) for hit in search(pid, tag)]

    def left(self, after: float = SETTLED) -> list[Found]:
        """What is found when so many seconds have passed."""
        time.sleep(after)
        return self.found()


def _place(name: str, url: str, *lines: str) -> str:
    """The table of an upstream; what AWS serves is asked with a signature."""
    if name not in (CONVERSE, INVOKED):
        return upstream(name, name, url, *lines)
    table = upstream(name, ANTHROPIC if name == INVOKED else name, url, *BEDROCK, *lines)
    return table.replace('api_key = "env:FAKE_KEY"\n', "")


@contextmanager
def rig(folder: Path, *, tls: bool = False, callers_tls: bool = False, more: str = "") -> Iterator[Rig]:
    """`tls`: towards upstreams."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issued = AUTHORITY.issue_cert("localhost", "127.0.0.1")
    issued.configure_cert(context)
    AUTHORITY.cert_pem.write_to_path(str(folder / "ca.pem"))
    issued.private_key_pem.write_to_path(str(folder / "key.pem"))
    for n, blob in enumerate(issued.cert_chain_pems):
        blob.write_to_path(str(folder / "cert.pem"), append=n > 0)
    with ExitStack() as stack:
        fakes = {name: stack.enter_context(FakeThread(tls=context if tls else None)) for name in UPSTREAMS}
        trust = (f'ca_file = "{folder / "ca.pem"}"',) if tls else ()
        listener = f'tls_cert = "{folder / "cert.pem"}"\ntls_key = "{folder / "key.pem"}"\n' if callers_tls else ""
        config = "".join(
            [
                "[server]\n" + listener if listener else "",
                *(_place(name, fake.url, *trust) for name, fake in fakes.items()),
                *(route(f"{name}/*", name, lines=('losses = "allow"',)) for name in fakes),
                more,
            ]
        )
        with daemon(folder, config, environ=AWS) as lethe:
            lethe.until("listening on ")
            made = Rig(lethe, fakes)
            try:
                yield made
            finally:
                made.caller.close()
