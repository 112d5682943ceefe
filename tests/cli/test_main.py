"""The commands as people call them: through `main`, and a few as real processes."""

import hashlib
import json
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

import lethe
from lethe.cli import demo
from lethe.cli.main import COMMANDS, main
from lethe.cli.trial import TrialFailed
from lethe.providers.rows import PROVIDERS

CONFIG = """
[upstreams.anthropic]
[upstreams.local]
dialect = "openai-chat"
base_url = "http://127.0.0.1:8080/v1"
api_key = "env:LOCAL_KEY"
[[routes]]
model = "claude-*"
to = ["local/gemma", "anthropic"]
level = "B"
[[keys]]
name = "ci"
key = "env:CI_KEY"
"""


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing of the machine's: no keys, no settings, a folder without a file."""
    for name in ("LETHE_CONFIG", "LETHE_HOST", "LETHE_PORT", "LETHE_WORKERS", "LETHE_DRAIN", "PORT",
                 "ANTHROPIC_AUTH_TOKEN", *(row.key_env for row in PROVIDERS if row.key_env)):  # fmt: skip
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "proxy.toml"
    path.write_text(CONFIG)
    return str(path)


def output(capsys: pytest.CaptureFixture[str], *words: str, status: int = 0) -> str:
    assert main(words) == status
    return capsys.readouterr().out


def parsed(capsys: pytest.CaptureFixture[str], *words: str, status: int = 0) -> Any:
    return json.loads(output(capsys, *words, "--json", status=status))


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    text = output(capsys, "--help")
    assert all(f"\n  {name} " in text for name in COMMANDS)
    assert output(capsys, status=2) == text
    assert output(capsys, "--version") == f"lethe {lethe.__version__}\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert "--json" in text
    assert name == "demo" or f"lethe {name}" in text.partition("examples:")[2]


def test_an_unknown_command_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["chek"]) == 2
    assert "did you mean check?" in capsys.readouterr().err


def test_check_names_every_problem(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text('[upstreams.anthropic]\napi_kee = "sk-canary"\n[[routes]]\nmodel = "x"\nto = ["antropic"]\n')
    assert main(["check", "--config", str(path)]) == 1
    said = capsys.readouterr()
    assert said.err.splitlines() == [
        f"{path}: line 2: upstreams.anthropic.api_kee: unknown key (did you mean api_key?)",
        f"{path}: line 5: routes[0].to[0]: names no configured upstream (did you mean anthropic?)",
    ]
    report = parsed(capsys, "check", "--config", str(path), status=1)
    assert (report["ok"], report["source"]) == (False, str(path))
    assert report["problems"][0] == {
        "path": "upstreams.anthropic.api_kee",
        "problem": "unknown key",
        "suggestion": "did you mean api_key?",
        "line": 2,
    }


def test_check_shows_what_a_file_says(
    capsys: pytest.CaptureFixture[str], config: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCAL_KEY", "sk-canary")
    text = output(capsys, "check", "--config", config)
    assert "sk-canary" not in text
    lines = [line.split() for line in text.splitlines()]
    assert ["local", "openai-chat", "127.0.0.1", "U5", "env:LOCAL_KEY", "(yes)"] in [line[:6] for line in lines]
    assert ["claude-*", "local/gemma,", "anthropic", "B", "refuse"] in lines
    assert "note: key ci: env:CI_KEY: no: the variable is not set" in text
    report = parsed(capsys, "check", "--config", config)
    assert [(u["name"], u["class"], u["resolves"]) for u in report["upstreams"]] == [
        ("anthropic", "U6", "no: the variable is not set"),
        ("local", "U5", "yes"),
    ]
    assert report["notes"] == ["routes[0].to[1]: class U6 is refused at level B, which accepts up to U5"]


def test_check_finds_the_file_as_serve_does(
    capsys: pytest.CaptureFixture[str], config: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LETHE_CONFIG", config)
    assert parsed(capsys, "check")["source"] == config
    monkeypatch.delenv("LETHE_CONFIG")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary")
    report = parsed(capsys, "check")
    assert report["source"] == "environment"
    assert report["upstreams"][0]["name"] == "openai"


def test_check_names_files_that_are_not_there(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text(
        f'[server]\ntls_cert = "{path}"\ntls_key = "/nowhere"\n[upstreams.ollama]\nca_file = "/nowhere"\n'
        f'[retention]\nverification = "/nowhere"\n[limits]\nstore = "rediss://h"\nstore_ca_file = "{"x" * 300}"\n'
    )
    assert parsed(capsys, "check", "--config", str(path))["missing_files"] == [
        "server.tls_key",
        "retention.verification",
        "limits.store_ca_file",
        "upstreams.ollama.ca_file",
    ]


@pytest.mark.parametrize(
    ("held", "state"),
    [
        (None, "no: the variable is not set"),
        ("CANARY", "no: neither PEM nor the base64 of a 32-byte seed"),
        ("Q0FOQVJZQ0FOQVJZQ0FOQVJZQ0FOQVJZQ0FOQVJZQ0E=", "yes"),
    ],
)
def test_check_looks_at_the_postures_key(
    held: str | None, state: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.toml"
    path.write_text('[retention]\nposture_key = "env:POSTURE"\n[upstreams.ollama]\n')
    monkeypatch.delenv("POSTURE", raising=False)
    if held is not None:
        monkeypatch.setenv("POSTURE", held)
    text = output(capsys, "check", "--config", str(path))
    assert ("note: retention.posture_key: env:POSTURE: no: " in text) is (state != "yes")
    assert parsed(capsys, "check", "--config", str(path))["posture_key_resolves"] == state
    assert main(["check", "--secrets", "--json", "--config", str(path)]) == (0 if state == "yes" else 1)
    (answer,) = json.loads(capsys.readouterr().out)["secrets"]
    assert (answer["secret"], answer["for"]) == ("env:POSTURE", ["the posture's signature"])
    assert answer["reason"] == state.removeprefix("no: ").removeprefix("yes")


def test_a_new_key_is_shown_with_its_hash(capsys: pytest.CaptureFixture[str]) -> None:
    made = parsed(capsys, "keys", "new", "--name", "ci")
    assert made["hash"] == "sha256:" + hashlib.sha256(made["key"].encode()).hexdigest()
    text = output(capsys, "keys", "new", "--name", "ci")
    key = text.splitlines()[0]
    assert key.startswith("sk-lethe-")
    assert len(key) == len("sk-lethe-") + 43  # 256 bits in base64
    assert key != made["key"]
    (stanza,) = tomllib.loads(text[text.index("[[keys]]") :])["keys"]
    assert stanza == {"name": "ci", "hash": "sha256:" + hashlib.sha256(key.encode()).hexdigest()}
    assert key not in text[len(key) :]


def test_a_key_needs_a_name_that_fits(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "new", "--name", "a b"]) == 2
    assert "--name" in capsys.readouterr().err


def test_models(capsys: pytest.CaptureFixture[str], config: str) -> None:
    assert parsed(capsys, "models", "--config", config)[:2] == [
        {"model": "claude-*", "to": "local/gemma, anthropic", "because": "route"},
        {"model": "claude-*", "to": "anthropic", "because": "upstream's models"},
    ]
    assert "local/gemma, anthropic" in output(capsys, "models", "--config", config)


def test_as_a_process_with_nothing_to_serve(tmp_path: Path) -> None:
    """One clear line and exit status 1; the embedded model is hidden."""
    code = "import lethe.upstream.embedded as e; e.missing = lambda: ('x',); import lethe.cli.main as m; raise SystemExit(m.main(['check']))"
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env={}, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.count("\n") == 1
    assert "set ANTHROPIC_API_KEY" in ended.stderr


def test_as_a_process_whose_reader_leaves(tmp_path: Path, config: str) -> None:
    command = f"{sys.executable} -m lethe.cli.main check --config {config} | true"
    ended = subprocess.run(["/bin/sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.stderr == ""


@pytest.mark.parametrize(
    "words", [["register"], ["register", "--json"], ["register", "nobody", "--json"], ["--help"], ["--version"]]
)
def test_as_a_process_whose_output_has_no_room(words: list[str]) -> None:
    with Path("/dev/full").open("wb") as full:
        made = subprocess.run(
            [sys.executable, "-m", "lethe.cli.main", *words], stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert (made.returncode, made.stderr.decode()) == (1, f"lethe {words[0]}: stdout: No space left on device\n")


def test_as_a_process_without_a_stdout() -> None:
    words = ["/bin/sh", "-c", 'exec "$0" -m lethe.cli.main register >&-', sys.executable]
    made = subprocess.run(words, env={}, capture_output=True, check=False)
    assert (made.returncode, made.stderr) == (0, b"")


def test_as_a_process_on_a_terminal_that_knows_ascii_only(config: str) -> None:
    Path(config).write_text(CONFIG.replace("claude-*", "grün-*"))
    words = [sys.executable, "-m", "lethe.cli.main", "check", "--config", config]
    made = subprocess.run(words, env={"PYTHONIOENCODING": "ascii"}, capture_output=True, check=False)
    assert (made.returncode, made.stderr) == (0, b"")
    assert rb"gr\xfcn-*" in made.stdout


def test_a_command_imports_only_its_own(tmp_path: Path) -> None:
    code = (
        "import sys, lethe.cli.main, lethe.cli.serve;"
        "print([m for m in ('asyncio', 'ssl', 'uvloop', 'http.client', 'lethe.cli.check', 'lethe.dialects')"
        " if m in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert ended.stdout == "[]\n"


def test_demo_ends_with_what_it_found(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def found(write: Any) -> demo.Findings:
        write("said\n")
        return demo.Findings(url="http://127.0.0.1:1", traces=["the server's stdout"])

    monkeypatch.setattr(demo, "run", found)
    assert output(capsys, "demo", status=1) == "said\n"
    assert parsed(capsys, "demo", status=1)["traces"] == ["the server's stdout"]

    def failed(write: Any) -> demo.Findings:
        raise TrialFailed("one line")

    monkeypatch.setattr(demo, "run", failed)
    assert parsed(capsys, "demo", status=1) == {"ok": False, "error": "one line"}
    assert main(["demo"]) == 1
    assert capsys.readouterr().err == "lethe demo: one line\n"
