"""The target files, and a target's life."""

import json
import sys
from datetime import date
from pathlib import Path

import pytest

from bench.answers import ANSWERS, Wire
from bench.targets import HERE, Call, Missing, NotReady, Running, find_target
from lethe.config.load import parse_settings

FILES = sorted((HERE / "targets").glob("*.toml"))
# Answers every request with the mock's plain answer: the smallest thing that can be a target.
SERVER = """
import socket, sys
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
answer = bytes.fromhex(sys.argv[2])
while True:
    connection, _ = server.accept()
    connection.recv(65536)
    connection.sendall(answer)
    connection.close()
"""


def target(path: Path, command: str) -> Path:
    path.write_text(f'name = "small"\ninstall = "how"\ncommand = {command}\n[chat]\n', encoding="utf-8")
    return path


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_each_file_is_a_target(file: Path) -> None:
    try:
        running = Running(file, 1, None, Path("/nowhere"))
    except Missing:
        return  # the file was read; its command is not here
    try:
        assert running.target.name == file.stem
        assert "{" not in "".join(running.target.command)
        if (config := running.target.files.get("lethe.toml")) is not None:
            parse_settings(config, file.name, embedded_available=False, today=date(2026, 11, 24))
    finally:
        running.remove()


def test_a_name_is_a_file_in_the_folder() -> None:
    assert find_target("nginx") == HERE / "targets" / "nginx.toml"
    assert find_target("/tmp/mine.toml") == Path("/tmp/mine.toml")


def test_what_is_not_installed_says_how(tmp_path: Path) -> None:
    with pytest.raises(Missing, match="small is not installed: how"):
        Running(target(tmp_path / "t.toml", '["no-such-program"]'), 1, None, tmp_path)


def test_a_target_starts_answers_and_stops(tmp_path: Path) -> None:
    script = tmp_path / "server.py"
    script.write_text(SERVER, encoding="utf-8")
    answer = ANSWERS[Wire.CHAT].plain.hex()
    command = json.dumps([sys.executable, "-S", str(script), "{port}", answer])
    running = Running(target(tmp_path / "t.toml", command), 1, None, tmp_path)
    try:
        running.start()
        assert 0 < running.wait_until_ready(Call()) < 30
        assert running.pid is not None
        running.stop()
        assert running.pid is None
    finally:
        running.stop()
        running.remove()
    assert not running.folder.exists()


def test_a_target_that_ends_is_reported_at_once(tmp_path: Path) -> None:
    command = json.dumps([sys.executable, "-S", "-c", "raise SystemExit(3)"])
    running = Running(target(tmp_path / "t.toml", command), 1, None, tmp_path)
    try:
        running.start()
        with pytest.raises(NotReady, match="small ended with 3"):
            running.wait_until_ready(Call())
    finally:
        running.stop()
        running.remove()


def test_a_request_has_the_prompt_asked_for(tmp_path: Path) -> None:
    running = Running(target(tmp_path / "t.toml", "[]"), 1, None, tmp_path)
    head, _, body = running.request(Call(path="/p", model="m", headers={"a": "b"}), 100_000, stream=True).partition(
        b"\r\n\r\n"
    )
    running.remove()
    fields = json.loads(body)
    assert head.startswith(b"POST /p HTTP/1.1\r\n")
    assert b"a: b" in head
    assert f"content-length: {len(body)}".encode() in head
    assert (fields["model"], fields["stream"], len(fields["messages"][0]["content"])) == ("m", True, 100_000)
