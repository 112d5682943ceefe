"""`lethe serve` as Cloud Run starts it: what the written service says, PORT, every address, ten seconds after SIGTERM."""

import http.client
import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import yaml
from tests.deploy.made import files
from tests.sandbox.rig import ASK, COMMAND, PATIENCE, Daemon, get

from lethe.upstream.fake import FakeThread, Hang, Head, Script, Send, anthropic
from lethe.upstream.fake.said import say

NOTICE = 10.0  # seconds between SIGTERM and SIGKILL, as Cloud Run has it
KEY = "sk-of-the-caller"
CONFIG = """[upstreams.a]
dialect = "anthropic"
base_url = "{url}"
class = "U6"
reason = "a scripted upstream"
api_key = "env:FAKE_KEY"

[[keys]]
name = "clients"
key = "env:LETHE_CLIENT_KEY"
"""
FRAMES = anthropic.frames(say("one ", "two "))
HANGING: Script = (Head(200, (("content-type", "text/event-stream"),)), *map(Send, FRAMES[:4]), Hang())


@contextmanager
def instance(folder: Path, url: str) -> Iterator[Daemon]:
    """The container's process: no arguments, no file, the variables of `service.yaml` and a port that the platform chose."""
    service = yaml.safe_load(files("cloud-run", CONFIG.format(url=url))["service.yaml"])
    (container,) = service["spec"]["template"]["spec"]["containers"]
    given = {each["name"]: each.get("value") for each in container["env"]}
    secrets = {"FAKE_KEY": "sk-of-the-upstream", "LETHE_CLIENT_KEY": KEY}
    assert {name for name, value in given.items() if value is None} == set(secrets)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(
        COMMAND,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        start_new_session=True,
        env={**given, **secrets, "PATH": os.environ["PATH"], "HOME": str(folder), "PORT": str(port)},
    )
    started = Daemon(process, folder)
    try:
        yield started
    finally:
        started.end()


def post(connection: http.client.HTTPConnection, key: str | None, **fields: object) -> http.client.HTTPResponse:
    headers = {"content-type": "application/json"} | ({"x-api-key": key} if key else {})
    connection.request("POST", "/v1/messages", json.dumps({**ASK, **fields}), headers)
    return connection.getresponse()


@pytest.mark.slow
def test_the_contract_of_cloud_run(tmp_path: Path) -> None:
    with FakeThread() as fake, instance(tmp_path, fake.url) as lethe:
        host, _, port = lethe.url.removeprefix("http://").rpartition(":")
        assert host == "0.0.0.0"
        where = f"http://127.0.0.1:{port}"
        assert [get(where, path)[0] for path in ("/ready", "/health")] == [200, 200]
        with closing(http.client.HTTPConnection("127.0.0.1", int(port), timeout=PATIENCE)) as stranger:
            assert post(stranger, None).status == 401
        fake.answer(HANGING)
        with (
            closing(http.client.HTTPConnection("127.0.0.1", int(port), timeout=PATIENCE)) as caller,
            post(caller, KEY, stream=True) as reply,
        ):
            assert (reply.status, reply.readline()) == (200, b"event: message_start\n")
            lethe.signal(signal.SIGTERM)
            assert lethe.exit_code(NOTICE) == 0
            assert reply.read().rstrip().rpartition(b"\n\n")[2].startswith(b"event: error\n")
    assert list(tmp_path.iterdir()) == [], "nothing is written"
