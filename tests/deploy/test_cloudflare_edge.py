"""The edge's files: wrangler's own schema knows every word, wrangler packs them, and the Worker streams both ways."""

import contextlib
import copy
import json
import socket
import struct
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from jsonschema.validators import validator_for
from tests.clients import npm
from tests.deploy.edge import FOLDER, WAIT, Origin, objects, origin, packed, running
from tests.deploy.made import RICH, files

from lethe.deploy.deployment import STARTER
from lethe.deploy.target import Undeployable

ID = "cloudflare-edge"
Json = dict[str, Any]
SEVERAL = """[retention]
level = "B"
accept_unenforced = ["landlock", "landlock-net"]

[upstreams.anthropic]
api_key = "env:ANTHROPIC_API_KEY"
contract = { kind = "zdr", signed = 2026-01-01, expires = 2027-06-01 }

[upstreams.openai]
api_key = "env:OPENAI_API_KEY"
contract = { kind = "zdr", signed = 2026-01-01, expires = 2027-06-01 }

[[routes]]
model = "%%claude-*"
to = ["anthropic"]

[[keys]]
name = "ci"
key = "env:CI_KEY"
"""
CONFIGS = {"starter": STARTER, "several": SEVERAL}


@pytest.fixture(params=CONFIGS)
def made(request: pytest.FixtureRequest) -> dict[str, str]:
    return files(ID, CONFIGS[request.param])


@pytest.fixture(scope="module")
def schema() -> Any:
    text = (npm.install(FOLDER) / "wrangler" / "config-schema.json").read_text()
    found = json.loads(text)
    return validator_for(found)(found)


def test_wrangler_knows_every_word(made: dict[str, str], schema: Any) -> None:
    assert schema.is_valid(json.loads(made["wrangler.json"]))


@pytest.mark.parametrize(
    ("old", "new"),
    [("logpush", "logpushh"), ("max_instances", "max_instancez"), ('"ssh"', '"sshh"'), ("invocation_logs", "invocations_log"),
     ('"persist": false', '"persist": "no"'), ("redact_query_string", "redact_query_strings")],
)  # fmt: skip
def test_a_misspelt_word_is_seen(old: str, new: str, schema: Any) -> None:
    text = files(ID)["wrangler.json"]
    assert old in text
    assert not schema.is_valid(json.loads(text.replace(old, new)))


# What keeps content from being kept, each with a change that breaks it.

Rule = Callable[[Json], bool]
Change = Callable[[Json], object]


def _container(found: Json) -> Json:
    (made,) = found["containers"]
    one: Json = made
    return one


def _secrets_by_name(found: Json) -> bool:
    return "vars" not in found and "ANTHROPIC_API_KEY" in found["secrets"]["required"]


RULES: list[tuple[str, Rule, Change]] = [
    ("no observability", lambda f: f["observability"]["enabled"] is False, lambda f: f["observability"].update(enabled=True)),
    ("no logs", lambda f: f["observability"]["logs"]["enabled"] is False, lambda f: f["observability"]["logs"].update(enabled=True)),
    ("no invocation logs", lambda f: f["observability"]["logs"]["invocation_logs"] is False, lambda f: f["observability"]["logs"].update(invocation_logs=True)),
    ("no log stays", lambda f: f["observability"]["logs"].get("persist") is False, lambda f: f["observability"]["logs"].pop("persist")),
    ("no log goes", lambda f: f["observability"]["logs"]["destinations"] == [], lambda f: f["observability"]["logs"].update(destinations=["x"])),
    ("no traces", lambda f: f["observability"]["traces"] == {"enabled": False, "persist": False, "destinations": []}, lambda f: f["observability"]["traces"].update(enabled=True)),
    ("no issues", lambda f: f["observability"].get("issues") == {"enabled": False}, lambda f: f["observability"].pop("issues")),
    ("no pushed log", lambda f: f["logpush"] is False, lambda f: f.update(logpush=True)),
    ("no tail", lambda f: not f["tail_consumers"] and not {"streaming_tail_consumers", "logfwdr"} & f.keys(), lambda f: f["tail_consumers"].append({"service": "x"})),
    ("no streaming tail", lambda f: not f["tail_consumers"] and not {"streaming_tail_consumers", "logfwdr"} & f.keys(), lambda f: f.update(streaming_tail_consumers=[{"service": "x"}])),
    ("no other address", lambda f: f["workers_dev"] is False and f["preview_urls"] is False, lambda f: f.update(workers_dev=True)),
    ("no preview", lambda f: f["workers_dev"] is False and f["preview_urls"] is False, lambda f: f.update(preview_urls=True)),
    ("no source maps", lambda f: f["upload_source_maps"] is False, lambda f: f.update(upload_source_maps=True)),
    ("no metrics of wrangler's", lambda f: f["send_metrics"] is False, lambda f: f.update(send_metrics=True)),
    ("no output of containers", lambda f: _container(f).get("observability") == {"enabled": False, "logs": {"enabled": False}}, lambda f: _container(f).pop("observability")),
    ("no shell", lambda f: _container(f)["ssh"] == {"enabled": False} and "authorized_keys" not in _container(f), lambda f: _container(f).update(ssh={"enabled": True})),
    ("an image by its digest", lambda f: "@sha256:" in _container(f)["image"], lambda f: _container(f).update(image="lethe:latest")),
    ("secrets by name", _secrets_by_name, lambda f: f.update(vars={"ANTHROPIC_API_KEY": "x"})),
    ("callers that leave are seen", lambda f: f["compatibility_flags"] == ["enable_request_signal", "request_signal_passthrough"], lambda f: f["compatibility_flags"].pop()),
]  # fmt: skip


@pytest.mark.parametrize(("_name", "holds", "spoil"), RULES, ids=[name for name, _, _ in RULES])
def test_nothing_is_kept(_name: str, holds: Rule, spoil: Change, made: dict[str, str]) -> None:
    found = json.loads(made["wrangler.json"])
    assert holds(found)
    spoilt = copy.deepcopy(found)
    spoil(spoilt)
    assert not holds(spoilt), "the rule would not see it"


def test_the_code_prints_and_stores_nothing(made: dict[str, str]) -> None:
    code = made["src/index.js"] + made["src/relay.js"]
    assert "console" not in code
    assert "storage" not in code.replace("object's storage", "")
    assert "waitUntil" not in code


def test_the_same_again_and_no_hole_left(made: dict[str, str]) -> None:
    assert made in [files(ID, each) for each in CONFIGS.values()]
    assert "%%" not in "".join(made.values()).replace("%%claude-*", "")


def test_tests_use_the_packages_that_are_deployed(made: dict[str, str]) -> None:
    assert made["package.json"] == (FOLDER / "package.json").read_text()


@pytest.mark.parametrize(
    ("config", "said"),
    [(RICH, "vouches"), (STARTER.replace("env:ANTHROPIC_API_KEY", "file:/run/secrets/a"), "write env:NAME")],
)
def test_what_cannot_run_here(config: str, said: str) -> None:
    with pytest.raises(Undeployable, match=said):
        files(ID, config)


def test_wrangler_packs_it(made: dict[str, str], tmp_path: Path) -> None:
    dist = packed(tmp_path, made)
    (config,) = dist.glob("*lethe.toml")
    assert config.read_text() == made["lethe.toml"]
    for name in json.loads(made["wrangler.json"])["secrets"]["required"]:
        assert f'"{name}"' in (dist / "index.js").read_text()


# The Worker, run by workerd

Edge = tuple[int, Origin]
Opened = Callable[[int], HTTPConnection]
CANARY = b"CANARY_edge"
DROPPED = {
    "cf-aig-collect-log": "true", "cf-connecting-ip": "192.0.2.1", "x-forwarded-for": "192.0.2.1", "x-real-ip": "192.0.2.1",
    "via": "1.1 x", "forwarded": "for=192.0.2.1", "traceparent": "00-1-1-01", "tracestate": "a=b", "baggage": "a=CANARY_edge",
    "true-client-ip": "192.0.2.1", "x-cloud-trace-context": "a/1",
}  # fmt: skip
PASSED = {
    "authorization": "Bearer k",
    "anthropic-version": "2023-06-01",
    "x-lethe-level": "B",
    "accept": "text/event-stream",
}


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return packed(tmp_path_factory.mktemp("packed"), files(ID))


FLAGS = json.loads(files(ID)["wrangler.json"])["compatibility_flags"]
SECRETS = {"ANTHROPIC_API_KEY": "CANARY_key", "LETHE_CLIENT_KEY": "CANARY_caller"}


@contextlib.contextmanager
def contained(folder: Path, dist: Path, behind: Origin, flags: list[str]) -> Iterator[int]:
    variables = {**SECRETS, "ORIGIN": f"http://127.0.0.1:{behind.port}"}
    with objects(folder, dist, variables, flags) as port:
        yield port


@pytest.fixture(scope="module", params=["the relay in wrangler", "all of it in workerd"])
def edge(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, dist: Path) -> Iterator[Edge]:
    folder = tmp_path_factory.mktemp("edge")
    with origin() as behind, contextlib.ExitStack() as stack:
        if request.param == "the relay in wrangler":
            port, _ = stack.enter_context(running(folder, files(ID), behind.port))
        else:
            port = stack.enter_context(contained(folder, dist, behind, FLAGS))
        yield port, behind


@pytest.fixture
def opened() -> Iterator[Opened]:
    """Connections, closed in the end."""
    with contextlib.ExitStack() as stack:
        yield lambda port: stack.enter_context(contextlib.closing(HTTPConnection("127.0.0.1", port, timeout=WAIT)))


def begin(connection: HTTPConnection, headers: dict[str, str]) -> None:
    connection.putrequest("POST", "/v1/messages", skip_accept_encoding=True)
    for name, value in {"content-type": "application/json", "transfer-encoding": "chunked", **headers}.items():
        connection.putheader(name, value)
    connection.endheaders()


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def test_both_bodies_pass_as_they_come(edge: Edge, opened: Opened) -> None:
    """Each side sends its next part only when the other has the last one: a buffer anywhere is a standstill."""
    port, behind = edge
    connection = opened(port)
    begin(connection, {**PASSED, **DROPPED})
    for piece in (CANARY, b" and more"):
        connection.send(chunk(piece))
        assert behind.arrived.get(timeout=WAIT) == piece
    connection.send(chunk(b""))
    assert behind.arrived.get(timeout=WAIT) == b""
    events = [b"event: ping\ndata: {}\n\n", b": heartbeat\n\n", b"data: CANARY_edge\n\n", b"data: [DONE]\n\n"]
    behind.parts.put(events[0])
    answer = connection.getresponse()
    assert answer.status == 200
    assert answer.getheader("content-type") == "text/event-stream"
    assert answer.read1() == events[0]
    for event in events[1:]:
        behind.parts.put(event)
        assert answer.read1() == event
    behind.parts.put(None)
    assert answer.read() == b""
    head = behind.heads[-1]
    assert PASSED.items() <= head.items()
    assert not DROPPED.keys() & head.keys()


def leaves(connection: HTTPConnection) -> None:
    """With a reset, as who is killed does: workerd takes a mere end of what is sent for a pause."""
    assert connection.sock is not None
    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


@pytest.mark.parametrize(("flags", "seen"), [(FLAGS, True), ([], False)], ids=["as written", "without the flags"])
@pytest.mark.parametrize("answered", [True, False], ids=["while it streams", "before it answers"])
def test_a_caller_who_leaves_is_gone_behind_it_too(
    answered: bool, flags: list[str], seen: bool, tmp_path: Path, dist: Path, opened: Opened
) -> None:
    """At once, without a byte more. It is the compatibility flags that carry it over to the object."""
    with origin() as behind, contained(tmp_path, dist, behind, flags) as port:
        connection = opened(port)
        begin(connection, PASSED)
        connection.send(chunk(CANARY) + chunk(b""))
        while behind.arrived.get(timeout=WAIT):
            pass
        if answered:
            behind.parts.put(b"data: 1\n\n")
            with connection.getresponse() as answer:
                assert answer.read1() == b"data: 1\n\n"
                leaves(connection)
        else:
            leaves(connection)
        assert behind.left.wait(WAIT if seen else 2) is seen
        behind.parts.put(None)


def test_a_body_of_some_megabytes(edge: Edge, opened: Opened) -> None:
    port, behind = edge
    connection = opened(port)
    size = 20 * 2**20
    connection.request("POST", "/v1/messages", body=b"x" * size, headers=PASSED)
    got = 0
    while piece := behind.arrived.get(timeout=WAIT):
        got += len(piece)
    behind.parts.put(None)
    assert connection.getresponse().read() == b""
    assert got == size


def test_the_container_gets_configuration_and_secrets_and_its_object_stores_none_of_it(
    tmp_path: Path, dist: Path, opened: Opened
) -> None:
    """Cloudflare's own class of containers, which keeps its state in SQLite."""
    with origin() as behind, contained(tmp_path, dist, behind, FLAGS) as port:
        behind.parts.put(CANARY)
        behind.parts.put(None)
        asked = opened(port)
        asked.request("POST", "/v1/messages", body=CANARY, headers={**PASSED, "x-note": CANARY.decode()})
        assert asked.getresponse().read() == CANARY
        told = opened(port)
        told.request("GET", "/started")
        for options in json.loads(told.getresponse().read()):
            sent = options.pop("env")
            assert options == {"enableInternet": True}
            assert sent.pop("LETHE_TOML") == STARTER
            assert sent == {"PORT": "8080", "LETHE_HOST": "0.0.0.0", "LETHE_DRAIN": "880", **SECRETS}
    stored = [path for path in (tmp_path / "disk").rglob("*") if path.is_file()]
    assert stored
    for path in (*stored, tmp_path / "home" / "output"):
        assert b"CANARY" not in path.read_bytes()


def test_nobody_behind_it_and_nothing_written(tmp_path: Path, opened: Opened) -> None:
    """The last one: wrangler has ended, and all that it has written is looked through."""
    with origin() as behind, running(tmp_path, files(ID), behind.port) as (port, folder):
        behind.parts.put(CANARY)
        behind.parts.put(None)
        first = opened(port)
        first.request("POST", "/v1/messages", body=CANARY, headers={**PASSED, "x-note": CANARY.decode()})
        assert first.getresponse().read() == CANARY
        behind.close()
        second = opened(port)
        second.request("POST", "/v1/messages", body=CANARY, headers={**PASSED, "x-note": CANARY.decode()})
        answer = second.getresponse()
        assert answer.status == 503
        assert answer.getheader("cache-control") == "no-store"
        assert json.loads(answer.read())["type"] == "error"
    written = [path for path in folder.rglob("*") if path.is_file() and "node_modules" not in path.parts]
    assert (folder / "home" / "output") in written
    assert [path for path in written if CANARY in path.read_bytes()] == []
