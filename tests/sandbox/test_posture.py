"""The posture page of a real server: signed by the key that is configured, of this moment, and never the key itself."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from datetime import date
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.sandbox.conftest import Start
from tests.sandbox.rig import BROKER, SECRET, WORKER, Daemon, alive, cmdline, configured, eventually, get, memory

from lethe.config.load import parse_settings
from lethe.config.settings import Settings
from lethe.evidence.posture import Reading, configuration_digest, read
from lethe.evidence.signing import PayloadType, Signer, Verdict
from lethe.ledger.pages import POSTURE_PATH
from lethe.retention.enforcement import Enforcement, Mechanism, State
from lethe.sandbox.generation import Generation
from lethe.sandbox.posture import AGAIN, PostureDesk, PostureFault, last_verification
from lethe.upstream.fake import FakeThread

SIGNER = Signer.ephemeral()
KEYS = f'[[keys]]\nname = "ci"\nhash = "sha256:{"0" * 64}"\n'
STATES = dict.fromkeys(Mechanism, State.ENFORCED)


def page(lethe: Daemon) -> dict[str, Any]:
    status, body = get(lethe.url, POSTURE_PATH)
    assert status == 200
    made: dict[str, Any] = json.loads(body)
    return made


def reading(lethe: Daemon, signer: Signer = SIGNER) -> Reading:
    return read(page(lethe), signer.public_key, time.time())


def with_key(url: str, key: str, *, level: str = "C", more: str = "") -> str:
    """A configuration that signs with `file:key`."""
    config = configured(url, level=level, more=more)
    line = f'posture_key = "file:{key}"\n'
    return config.replace("[retention]\n", f"[retention]\n{line}") if level != "C" else f"[retention]\n{line}{config}"


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "posture.key"
    path.write_text(SIGNER.pem())
    return path


def test_the_configured_key_signs_what_is_so(start: Start, fake: FakeThread, key: Path) -> None:
    lethe = start(with_key(fake.url, str(key), level="B", more=KEYS), "--workers", "2")
    read_now = reading(lethe)  # without a caller's key: it is for everybody
    assert (read_now.verdict, read_now.stale, read_now.ephemeral) == (Verdict.TRUSTED, False, False)
    statement = read_now.statement
    assert statement is not None
    assert (statement.level, statement.keys, statement.routes) == ("B", 1, 1)
    assert len(statement.workers) == 2
    assert all(states[Mechanism.FSIZE] is State.ENFORCED for states in statement.workers)
    assert [each.name for each in statement.upstreams] == ["a"]
    assert not lethe.stdout


@pytest.mark.skipif(not all(map(shutil.which, ("curl", "openssl"))), reason="what the page uses is not there")
def test_what_the_documentation_says_is_enough_to_check_it(start: Start, fake: FakeThread, key: Path) -> None:
    lethe = start(with_key(fake.url, str(key)))
    page = Path(__file__).parents[2] / "docs" / "operations.md"
    (recipe,) = re.findall(r"```sh\n(curl .*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    for signer, status in ((SIGNER, 0), (Signer.ephemeral(), 1)):
        (key.parent / "posture.key.pub").write_text(signer.public_pem())
        script = recipe.replace("https://llm.example", lethe.url).replace("python3", sys.executable)
        done = subprocess.run(
            ["sh", "-ec", script], check=False, cwd=key.parent, capture_output=True, text=True, timeout=30
        )
        assert (done.returncode, "Verified Successfully" in done.stdout) == (status, status == 0), done.stderr


def test_without_a_key_it_says_ephemeral(start: Start, fake: FakeThread) -> None:
    lethe = start(configured(fake.url))
    first, second = reading(lethe), reading(lethe)
    assert (first.verdict, first.ephemeral) == (Verdict.UNTRUSTED, True)
    assert first.key_id == second.key_id


def test_answers_are_for_now_and_for_this_machine(start: Start, fake: FakeThread) -> None:
    lethe = start(configured(fake.url))
    caller = HTTPConnection(lethe.url.removeprefix("http://"), timeout=10)
    for headers, status in (({}, 200), ({"host": "evil.example"}, 403), ({"origin": "https://evil.example"}, 403)):
        caller.request("GET", POSTURE_PATH, headers=headers)
        reply = caller.getresponse()
        reply.read()
        assert reply.status == status
        if status == 200:
            assert reply.getheader("cache-control") == "no-store"
            assert reply.getheader("content-type") == "application/json"
    caller.close()


def test_a_reload_brings_its_own_key_and_statement(start: Start, fake: FakeThread, key: Path, tmp_path: Path) -> None:
    lethe = start(with_key(fake.url, str(key)))
    before = page(lethe)
    other, second = Signer.ephemeral(), tmp_path / "other.key"
    second.write_text(other.pem())
    lethe.config.write_text(with_key(fake.url, str(second), more=KEYS))
    lethe.signal(signal.SIGHUP)
    lethe.until("reloaded the configuration")
    after = reading(lethe, other)
    assert after.verdict is Verdict.TRUSTED
    assert after.statement is not None
    assert (after.statement.keys, before["keys"]) == (1, 0)
    assert after.statement.configuration.salt == before["configuration"]["salt"]
    assert after.statement.configuration.sha256 != before["configuration"]["sha256"]


BAD = {
    "no file": (None, "there is no such file"),
    "not a key": ("secret words", "neither PEM nor the base64 of a 32-byte seed"),
    "a public one": (SIGNER.public_pem(), "it is not a PEM private key that can be read"),
}


@pytest.mark.parametrize(("text", "why"), BAD.values(), ids=BAD)
def test_a_bad_key_starts_nothing(start: Start, fake: FakeThread, tmp_path: Path, text: str | None, why: str) -> None:
    path = tmp_path / "bad.key"
    if text is not None:
        path.write_text(text)
    lethe = start(with_key(fake.url, str(path)))
    assert lethe.exit_code() == 1
    assert len(lethe.stderr) == 1
    assert lethe.said.startswith("lethe: cannot start: a posture key cannot be ")
    assert lethe.said.endswith(f"(file:{path}: {why})")


def test_a_bad_key_at_a_reload_changes_nothing(start: Start, fake: FakeThread, key: Path) -> None:
    lethe = start(with_key(fake.url, str(key)))
    before = page(lethe)
    key.write_text("no key")
    lethe.signal(signal.SIGHUP)
    lethe.until("the configuration before it goes on serving")
    assert reading(lethe).verdict is Verdict.TRUSTED
    assert page(lethe)["configuration"] == before["configuration"]


def test_the_key_stays_in_the_supervisor(start: Start, fake: FakeThread) -> None:
    """Given in the environment, it reaches neither workers nor the broker, and no command line."""
    secrets = {"SIGNING": SIGNER.pem(), "SIGNING_NEXT": Signer.ephemeral().pem()}
    config = configured(fake.url).replace("[upstreams.a]", '[retention]\nposture_key = "env:SIGNING"\n[upstreams.a]')
    lethe = start(config, environ=secrets)
    assert reading(lethe).verdict is Verdict.TRUSTED
    assert seen_by_children(lethe, secrets["SIGNING"]) == set()
    assert BROKER in seen_by_children(lethe, SECRET)  # which holds what it needs, and can be looked into
    assert seed(secrets["SIGNING"]) not in lethe.said + json.dumps(page(lethe))
    lethe.config.write_text(config.replace("env:SIGNING", "env:SIGNING_NEXT"))
    lethe.signal(signal.SIGHUP)
    lethe.until("reloaded the configuration")
    eventually(lambda: len(lethe.children) == 2, "the old worker to end, and another broker")
    assert seen_by_children(lethe, secrets["SIGNING_NEXT"]) == set()


def seed(pem: str) -> str:
    return pem.splitlines()[1]


def seen_by_children(lethe: Daemon, secret: str) -> set[str]:
    """The modules whose process has it in its arguments, its environment or, where we may look there, its memory."""
    sought, seen = secret.splitlines()[1 if "-----BEGIN" in secret else 0].encode(), set()
    for module in (WORKER, BROKER):
        (pid,) = lethe.running(module)
        held = " ".join(cmdline(pid)).encode() + Path(f"/proc/{pid}/environ").read_bytes()
        if sought in held + (memory(pid) if os.geteuid() == 0 else b""):
            seen.add(module)
    return seen


def test_it_tells_of_the_last_verification(start: Start, fake: FakeThread, key: Path, tmp_path: Path) -> None:
    report = tmp_path / "verification.json"
    config = with_key(fake.url, str(key)).replace("[retention]\n", f'[retention]\nverification = "{report}"\n')
    lethe = start(config)
    assert page(lethe)["verification"] is None
    report.write_text(json.dumps(SIGNER.sign({"outcome": "pass"}, PayloadType.VERIFICATION)))
    eventually(lambda: page(lethe)["verification"] is not None, "a new statement")
    told = page(lethe)["verification"]
    assert (told["outcome"], told["signature"]) == ("pass", "signed and trusted")


def test_the_server_is_no_larger_until_it_is_asked(start: Start, fake: FakeThread) -> None:
    lethe = start(configured(fake.url))
    assert lethe.url

    def mapped() -> str:
        return Path(f"/proc/{lethe.pid}/maps").read_text()

    assert "cryptography" not in mapped()
    page(lethe)
    assert "cryptography" in mapped()
    for worker in lethe.running("lethe.sandbox.worker"):
        assert alive(worker)
        assert "cryptography" not in Path(f"/proc/{worker}/maps").read_text()


# The desk alone


class Served(Generation):
    """A generation that never started."""

    def __init__(self, number: int, settings: Settings) -> None:
        self.number, self.settings = number, settings

    @property
    def enforcement(self) -> tuple[Enforcement, ...]:
        return (Enforcement(STATES),)

    findings = ()


def settings(**more: Any) -> Settings:
    made = parse_settings("[upstreams.anthropic]", "x", embedded_available=False, today=date(2026, 11, 25))
    return msgspec.structs.replace(made, **more)


def test_it_signs_once_a_second_at_most() -> None:
    now = [1_795_564_800.0]
    desk = PostureDesk({}, clock=lambda: now[0], random=lambda count: b"s" * count)
    served = Served(1, settings())
    first = desk.page(served)
    now[0] += AGAIN - 0.01
    assert desk.page(served) is first
    assert desk.page(Served(2, settings())) is not first
    assert desk.page(served) is not first
    now[0] += AGAIN
    later = desk.page(served)
    assert json.loads(later)["issued"] == "2026-11-25T00:00:01Z"
    now[0] -= 3600.0  # a clock that was set back
    assert json.loads(desk.page(served))["issued"] == "2026-11-24T23:00:01Z"


def test_a_statement_that_cannot_be_made_is_told_once() -> None:
    now = [0.0]
    told: list[str] = []
    desk = PostureDesk({}, lambda error: told.append(type(error).__name__), clock=lambda: now[0])
    for _ in range(3):
        now[0] += AGAIN
        assert desk.page(Broken(1, settings())) == b""
    assert told == ["TypeError"]


class Broken(Served):
    """One of which nothing can be said."""

    @property
    def enforcement(self) -> tuple[Enforcement, ...]:
        raise TypeError


def test_a_statement_that_cannot_be_made_ends_nothing() -> None:
    desk = PostureDesk({})
    assert desk.page(Broken(1, settings())) == b""
    assert desk.page(Served(2, settings()))


def test_a_key_is_of_its_generation() -> None:
    environ = {"ONE": SIGNER.pem()}
    desk = PostureDesk(environ)
    desk.prepare(1, settings(posture_key="env:ONE"))
    with pytest.raises(PostureFault, match=r"a posture key cannot be had \(env:TWO: the variable is not set\)"):
        desk.prepare(2, settings(posture_key="env:TWO"))
    one = read(json.loads(desk.page(Served(1, settings()))), SIGNER.public_key, time.time())
    assert one.verdict is Verdict.TRUSTED
    desk.forget(1)
    other = read(json.loads(desk.page(Served(3, settings()))), SIGNER.public_key, time.time())
    assert other.verdict is Verdict.UNTRUSTED


def test_a_report_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    assert last_verification(settings(), None) is None
    os.mkfifo(tmp_path / "pipe")
    for place in (tmp_path, tmp_path / "nothing", tmp_path / "pipe", tmp_path / ("n" * 300)):
        assert last_verification(settings(verification=str(place)), None) is None
    large = tmp_path / "large"
    large.write_bytes(b" " * (4 * 1024 * 1024 + 1))
    assert last_verification(settings(verification=str(large)), None) is None


def test_a_report_in_a_closed_folder_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = settings(verification=str(tmp_path / "report"))

    def closed(*_: object, **__: object) -> None:
        raise PermissionError

    for call in ("stat", "open"):
        monkeypatch.setattr(os, call, closed)
        monkeypatch.setattr(Path, call, closed)
    assert last_verification(told, None) is None


def test_the_digest_is_of_the_settings_that_were_read(start: Start, fake: FakeThread) -> None:
    lethe = start(configured(fake.url))
    told = page(lethe)["configuration"]
    made = parse_settings(lethe.config.read_text(), "x", embedded_available=False, today=date(2026, 11, 25))
    assert configuration_digest(made, bytes.fromhex(told["salt"])).hex() == told["sha256"]
