"""The broker's answers, what it notices later, and its life as a process."""

import os
import socket
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest
from tests.upstream.probes.provers import KEY, PROVERS, serve

from lethe.credentials.static import Unresolved
from lethe.sandbox.broker import Broker, Probes, main
from lethe.sandbox.broker import serve as serve_broker
from lethe.sandbox.channel import (
    FROM_BROKER,
    Doubt,
    Found,
    FromBroker,
    Inbox,
    Missing,
    Probe,
    Ready,
    Resolve,
    Resolved,
    Rotated,
    frame,
)
from lethe.sandbox.children import FLAGS
from lethe.upstream.fake import FakeThread
from lethe.upstream.fake.script import Hang


def digest(value: str) -> bytes:
    return sha256(value.encode()).digest()


def write(path: Path, value: str) -> None:
    """As a careful tool does it: a new file in place of the old one."""
    new = path.with_suffix(".new")
    new.write_text(value)
    new.replace(path)


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text("one\n")
    return path


def test_secrets_in_text_and_keys_as_digests() -> None:
    broker = Broker({"A": "a", "K": "k", "BOTH": "b", "OTHER": "canary"})
    answer = broker.answer(Resolve(3, ("env:A", "env:BOTH"), ("env:K", "env:BOTH")))
    assert answer == Resolved(3, {"env:A": "a", "env:BOTH": "b"}, {"env:K": digest("k"), "env:BOTH": digest("b")}, ())


def test_all_that_is_missing_is_told_at_once() -> None:
    answer = Broker({"A": ""}).answer(Resolve(1, ("env:A", "env:B"), ("env:B", "file:/no/such")))
    assert (answer.secrets, answer.digests) == ({}, {})
    assert answer.missing == (
        Missing("env:A", "it is empty"),
        Missing("env:B", "the variable is not set"),
        Missing("file:/no/such", "there is no such file"),
    )


def test_only_what_changed_is_told(secret: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("other")
    broker = Broker({"A": "a"})
    broker.answer(Resolve(1, ("env:A", f"file:{secret}", f"file:{other}"), (f"file:{secret}",)))
    assert broker.look() is None
    write(secret, "two")
    assert broker.look() == Rotated({f"file:{secret}": "two"}, {f"file:{secret}": digest("two")})
    assert broker.look() is None


def test_a_file_in_the_middle_of_a_change_is_looked_at_again(secret: Path) -> None:
    broker = Broker({})
    broker.answer(Resolve(1, (f"file:{secret}",), ()))
    secret.unlink()
    assert broker.look() is None
    write(secret, "")
    assert broker.look() is None
    write(secret, "two")
    assert broker.look() == Rotated({f"file:{secret}": "two"}, {})


def test_a_file_that_could_not_be_read_is_read_again(secret: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though it looks the same the next time: rights and network disks change without a trace on the file."""
    broker = Broker({})
    broker.answer(Resolve(1, (f"file:{secret}",), ()))
    write(secret, "two")

    def fail(reference: str, _: object) -> str:
        raise Unresolved(reference, "the file cannot be read")

    with monkeypatch.context() as patched:
        patched.setattr("lethe.sandbox.broker.resolve", fail)
        assert broker.look() is None
    assert broker.look() == Rotated({f"file:{secret}": "two"}, {})


def test_what_is_no_longer_asked_for_is_not_watched(secret: Path) -> None:
    broker = Broker({"A": "a"})
    broker.answer(Resolve(1, (f"file:{secret}",), ()))
    broker.answer(Resolve(2, ("env:A",), ()))
    write(secret, "two")
    assert broker.look() is None


class Process:
    """The real one, at the other end of a channel."""

    def __init__(self, environ: dict[str, str]) -> None:
        self.channel, theirs = socket.socketpair()
        self.channel.settimeout(20)
        self.inbox: Inbox[FromBroker] = Inbox(FROM_BROKER)
        self._heard: list[FromBroker] = []
        with theirs:
            self.popen = subprocess.Popen(
                [sys.executable, *FLAGS, "-m", "lethe.sandbox.broker", str(theirs.fileno())],
                env=environ,
                pass_fds=(theirs.fileno(),),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )

    def hear(self) -> FromBroker:
        while not self._heard:
            self._heard += self.inbox.feed(self.channel.recv(65536))
        return self._heard.pop(0)

    def output(self) -> bytes:
        with self.popen as running:
            assert running.stdout is not None
            return running.stdout.read()


def test_it_answers_and_ends_with_its_channel() -> None:
    broker = Process({"A": "a"})
    with broker.channel:
        broker.channel.sendall(frame(Resolve(1, ("env:A",), ())) + frame(Resolve(2, (), ("env:A",))))
        assert broker.hear() == Resolved(1, {"env:A": "a"}, {}, ())
        assert broker.hear() == Resolved(2, {}, {"env:A": digest("a")}, ())
    assert broker.output() == b""
    assert broker.popen.returncode == 0


def test_it_asks_providers_and_answers_meanwhile() -> None:
    prover = PROVERS["vertex.cache_config"]
    broker = Process({"A": "a", "ADMIN": KEY})
    with broker.channel, FakeThread() as fake, FakeThread() as slow:
        serve(fake, prover)
        slow.answer((Hang(),))
        tasks = (prover.task(slow.url, upstream="slow"), prover.task(fake.url, upstream="fast"))
        broker.channel.sendall(frame(Probe(tasks, 4)) + frame(Resolve(1, ("env:A",), ())))
        heard = [broker.hear(), broker.hear()]
        while not (isinstance(heard[-1], Found) and heard[-1].findings):
            heard.append(broker.hear())
        found = heard[-1]
        assert Resolved(1, {"env:A": "a"}, {}, ()) in heard
        assert ([each.upstream for each in found.findings], found.tasks, found.token) == (["fast"], (1,), 4)
        broker.channel.sendall(frame(Doubt(4, 1)))
        doubted = broker.hear()
        assert isinstance(doubted, Found)
        assert not doubted.findings[0].holds
        broker.channel.close()
        assert broker.output() == b""  # though one answer is still awaited
    assert broker.popen.returncode == 0


def test_it_ends_when_its_prober_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """Probes would grow old without anyone knowing; the supervisor starts another broker."""
    monkeypatch.setattr("lethe.sandbox.prober.Schedule.due", None)
    probes = Probes({})
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(frame(Probe(())) + frame(Probe((PROVERS["vertex.cache_config"].task("http://127.0.0.1:1"),), 1)))
        with pytest.raises(ConnectionError):
            serve_broker(theirs, Broker({}), probes)
        probes.woken[0].close()


def test_it_ends_without_a_word_when_told_nonsense() -> None:
    broker = Process({"A": "canary-secret"})
    with broker.channel:
        broker.channel.sendall(frame(Resolve(1, ("env:A",), ())) + frame(Ready()))
        assert broker.output() == b""
    assert broker.popen.returncode == 1


def test_an_error_inside_says_nothing(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("canary-secret")

    monkeypatch.setattr("lethe.sandbox.broker.serve", fail)
    ours, theirs = socket.socketpair()
    with ours:
        assert main(theirs.detach()) == 1
    assert capsys.readouterr() == ("", "")


def test_what_it_imports_is_little() -> None:
    """It holds every secret: the less code, and the less memory, the better."""
    program = "import lethe.sandbox.broker, sys; print(*sys.modules)"
    run = subprocess.run(
        [sys.executable, *FLAGS, "-c", program], env=dict(os.environ), capture_output=True, text=True, check=True
    )
    heavy = {"asyncio", "ssl", "uvloop", "httptools", "hashlib", "logging", "threading", "http.client"}
    assert not heavy & set(run.stdout.split())
