"""The broker's answers, what it notices later, and its life as a process."""

import collections
import itertools
import os
import queue
import select
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest
from tests.upstream.probes.provers import KEY, PROVERS, serve

from lethe.credentials.issued import Issued
from lethe.credentials.renewal import NOT_YET, REREAD, STUCK
from lethe.credentials.static import Unresolved
from lethe.providers.sigv4 import Keys
from lethe.sandbox.broker import PATIENCE, Broker, Probes, main
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
from lethe.sandbox.fetching import Fetching
from lethe.upstream.fake import FakeThread
from lethe.upstream.fake.replies import document
from lethe.upstream.fake.script import Hang, Recorded, Script


def digest(value: str) -> bytes:
    return sha256(value.encode()).digest()


def answered(broker: Broker, order: Resolve) -> Resolved:
    """What it says when nothing has to be asked elsewhere."""
    broker.order(order, 0.0)
    told = broker.turn(0.0)
    assert isinstance(told, Resolved)
    return told


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
    assert answered(broker, Resolve(3, ("env:A", "env:BOTH"), ("env:K", "env:BOTH"))) == Resolved(
        3, {"env:A": "a", "env:BOTH": "b"}, {"env:K": digest("k"), "env:BOTH": digest("b")}, ()
    )


def test_all_that_is_missing_is_told_at_once() -> None:
    told = answered(Broker({"A": ""}), Resolve(1, ("env:A", "env:B"), ("env:B", "file:/no/such")))
    assert (told.secrets, told.digests) == ({}, {})
    assert told.missing == (
        Missing("env:A", "it is empty"),
        Missing("env:B", "the variable is not set"),
        Missing("file:/no/such", "there is no such file"),
    )


def test_only_what_changed_is_told(secret: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("other")
    broker = Broker({"A": "a"})
    answered(broker, Resolve(1, ("env:A", f"file:{secret}", f"file:{other}"), (f"file:{secret}",)))
    assert broker.look() is None
    write(secret, "two")
    assert broker.look() == Rotated({f"file:{secret}": "two"}, {f"file:{secret}": digest("two")})
    assert broker.look() is None


def test_a_file_in_the_middle_of_a_change_is_looked_at_again(secret: Path) -> None:
    broker = Broker({})
    answered(broker, Resolve(1, (f"file:{secret}",), ()))
    secret.unlink()
    assert broker.look() is None
    write(secret, "")
    assert broker.look() is None
    write(secret, "two")
    assert broker.look() == Rotated({f"file:{secret}": "two"}, {})


def test_a_file_that_could_not_be_read_is_read_again(secret: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though it looks the same the next time: rights and network disks change without a trace on the file."""
    broker = Broker({})
    answered(broker, Resolve(1, (f"file:{secret}",), ()))
    write(secret, "two")

    def fail(reference: str, _: object) -> str:
        raise Unresolved(reference, "the file cannot be read")

    with monkeypatch.context() as patched:
        patched.setattr("lethe.sandbox.broker.resolve", fail)
        assert broker.look() is None
    assert broker.look() == Rotated({f"file:{secret}": "two"}, {})


def test_what_is_no_longer_asked_for_is_not_watched(secret: Path) -> None:
    broker = Broker({"A": "a"})
    answered(broker, Resolve(1, (f"file:{secret}",), ()))
    answered(broker, Resolve(2, ("env:A",), ()))
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
    probes = Probes({}, lambda: None)
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


def issuing(lives: float) -> Callable[[Recorded], Script]:
    """The container's endpoint: other keys with every answer, good for so long."""
    count = itertools.count(1)

    def issue(_: Recorded) -> Script:
        ends = datetime.fromtimestamp(time.time() + lives, UTC).isoformat()
        n = next(count)
        return document({"AccessKeyId": f"ASIA{n}", "SecretAccessKey": "s", "Token": "t", "Expiration": ends})

    return issue


def identities(environ: dict[str, str]) -> dict[str, str]:
    """Only what is given: no profile, no instance."""
    return {"HOME": "/nonexistent", "AWS_EC2_METADATA_DISABLED": "true", **environ}


def test_keys_of_a_cloud_come_and_are_replaced_before_they_end() -> None:
    with FakeThread() as fake:
        fake.answer(issuing(4.0))
        broker = Process(identities({"AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{fake.url}/credentials"}))
        with broker.channel:
            broker.channel.sendall(frame(Resolve(1, ("aws:",), ())))
            first, second = broker.hear(), broker.hear()
        assert isinstance(first, Resolved)
        assert isinstance(second, Rotated)
        issued = [msgspec.json.decode(told.secrets["aws:"], type=Keys) for told in (first, second)]
        assert issued[0].key_id != issued[1].key_id
        assert issued[0].expires is not None
        assert first.missing == ()
        assert broker.output() == b""
    assert broker.popen.returncode == 0


def test_what_a_cloud_does_not_give_is_told_with_the_rest_and_comes_later() -> None:
    with FakeThread() as fake:
        fake.answer(document({}, 500))
        environ = identities({"AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{fake.url}/credentials", "A": "a"})
        broker = Process(environ)
        with broker.channel:
            broker.channel.sendall(frame(Resolve(1, ("aws:", "env:A"), ())))
            told = broker.hear()
            assert told == Resolved(1, {"env:A": "a"}, {}, (Missing("aws:", "it cannot be had from AWS"),))
            fake.answer(issuing(3600.0))
            rotated = broker.hear()
            assert isinstance(rotated, Rotated)
            assert rotated.secrets.keys() == {"aws:"}
        assert broker.output() == b""


def test_it_does_not_wait_for_a_cloud_at_its_end() -> None:
    with FakeThread() as fake:
        fake.answer((Hang(),))
        broker = Process(identities({"AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{fake.url}/credentials"}))
        with broker.channel:
            broker.channel.sendall(frame(Resolve(1, ("aws:",), ())))
            fake.until(lambda: len(fake.requests) == 1, 20)
        assert broker.output() == b""
    assert broker.popen.returncode == 0


class Cloud:
    """`Fetching` on the test's clock; each reference is answered when the test says so."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.asked: queue.Queue[str] = queue.Queue()
        self._answers: dict[str, queue.Queue[Issued | Unresolved]] = collections.defaultdict(queue.Queue)
        self.fetching = Fetching(self._ask, lambda: self.now, lambda: self.now, lambda: None)

    def _ask(self, reference: str) -> Issued:
        self.asked.put(reference)
        try:
            answer = self._answers[reference].get(timeout=20)
        except queue.Empty:  # one that the test does not care for
            answer = Unresolved(reference, "over")
        if isinstance(answer, Unresolved):
            raise answer
        return answer

    def answer(self, reference: str, value: str | None, lives: float | None = None) -> None:
        """Returns when the answer has arrived."""
        ends = None if lives is None else self.now + lives
        self._answers[reference].put(Unresolved(reference, "because") if value is None else Issued(value, ends))
        select.select(self.fetching.woken, [], [], 20)


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    made = Cloud()
    yield made
    made.fetching.close()


def test_an_order_waits_for_clouds_but_not_for_long(cloud: Cloud) -> None:
    broker = Broker({"A": "a"}, cloud.fetching)
    broker.order(Resolve(1, ("env:A", "aws:", "google:"), ()), 0.0)
    assert broker.turn(0.0) is None
    cloud.answer("aws:", "keys", 3600)
    assert broker.turn(1.0) is None
    assert 0 < broker.patience(PATIENCE - 1.0) <= 1.0
    told = broker.turn(PATIENCE)
    assert told == Resolved(1, {"env:A": "a", "aws:": "keys"}, {}, (Missing("google:", NOT_YET),))
    assert broker.turn(PATIENCE) is None
    cloud.answer("google:", "token", 3600)
    assert broker.turn(PATIENCE + 1) == Rotated({"google:": "token"}, {})


def test_an_order_that_is_answered_in_full_does_not_wait(cloud: Cloud) -> None:
    broker = Broker({}, cloud.fetching)
    broker.order(Resolve(1, ("aws:", "google:"), ()), 0.0)
    cloud.answer("aws:", None)
    cloud.answer("google:", "token", 3600)
    while (told := broker.turn(0.1)) is None:
        time.sleep(0.01)
    assert told == Resolved(1, {"google:": "token"}, {}, (Missing("aws:", "because"),))
    broker.order(Resolve(2, ("google:",), ()), 1.0)
    assert broker.turn(1.0) == Resolved(2, {"google:": "token"}, {}, ())
    assert cloud.asked.qsize() == 2


def test_a_key_of_a_store_is_told_as_a_digest_and_read_again(cloud: Cloud) -> None:
    broker = Broker({}, cloud.fetching)
    broker.order(Resolve(1, (), ("aws-sm:x",)), 0.0)
    cloud.answer("aws-sm:x", "one")
    assert broker.turn(0.0) == Resolved(1, {}, {"aws-sm:x": digest("one")}, ())
    cloud.now += REREAD
    assert broker.turn(1.0) is None
    cloud.answer("aws-sm:x", "two")
    assert broker.turn(1.0) == Rotated({}, {"aws-sm:x": digest("two")})


def test_what_has_ended_is_withdrawn(cloud: Cloud) -> None:
    broker = Broker({}, cloud.fetching)
    broker.order(Resolve(1, ("aws:",), ()), 0.0)
    cloud.answer("aws:", "keys", 60)
    assert isinstance(broker.turn(0.0), Resolved)
    cloud.now += 30
    assert broker.turn(1.0) is None
    cloud.answer("aws:", None)
    assert broker.turn(1.0) is None
    cloud.now += 31
    assert broker.turn(2.0) == Rotated({"aws:": ""}, {})


def test_a_broker_whose_question_never_ends_gives_up(cloud: Cloud) -> None:
    broker = Broker({}, cloud.fetching)
    broker.order(Resolve(1, ("aws:",), ()), 0.0)
    cloud.now += STUCK
    with pytest.raises(TimeoutError):
        broker.turn(0.0)
    cloud.answer("aws:", None)


def test_tls_libraries_write_no_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    ours, theirs = socket.socketpair()
    ours.close()
    assert main(theirs.detach()) == 0
    assert "SSLKEYLOGFILE" not in os.environ


def test_what_it_imports_is_little() -> None:
    """It holds every secret: the less code, and the less memory, the better."""
    program = "import lethe.sandbox.broker, sys; print(*sys.modules)"
    run = subprocess.run(
        [sys.executable, *FLAGS, "-c", program], env=dict(os.environ), capture_output=True, text=True, check=True
    )
    heavy = {"asyncio", "ssl", "uvloop", "httptools", "hashlib", "logging", "threading", "http.client"}
    assert not heavy & set(run.stdout.split())
