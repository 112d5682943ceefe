"""The unit and the proxies' configurations, as systemd, nginx and Caddy themselves read them; and what each must say."""

import re
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.proxies.house import caddy, written

from lethe.config.load import parse_settings
from lethe.deploy.deployment import Deployment, deployment_of
from lethe.deploy.need import Need, need_of
from lethe.deploy.target import Undeployable, target

NEED = Need()
RICH = """[retention]
level = "B"

[upstreams.anthropic]
api_key = "file:/run/credentials/lethe.service/anthropic"
contract = { kind = "zdr", signed = 2026-01-01, expires = 2027-06-01 }

[upstreams.local]
dialect = "openai-chat"
base_url = "http://127.0.0.1:8080/v1"

[server]
max_body = "64MiB"
heartbeat = 20

[[keys]]
name = "ci"
key = "env:CI_KEY"
"""


def deployed(config: str) -> dict[str, str]:
    settings = parse_settings(config, "test", embedded_available=False, today=datetime.now(UTC).date())
    need = need_of(settings.plan)
    made: Deployment = deployment_of(settings, config, need, name="lethe", image="i", region=None)
    return dict(target("systemd").files(made))


@pytest.fixture(params=["starter", "rich"])
def files(request: pytest.FixtureRequest) -> dict[str, str]:
    return written(NEED) if request.param == "starter" else deployed(RICH)


def run(*command: str) -> tuple[int, str]:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr


def unit(text: str, folder: Path) -> str:
    """The unit as a file, with a program that is there."""
    path = folder / "lethe.service"
    path.write_text(text.replace("/opt/lethe/bin/lethe", "/bin/true"))
    return str(path)


def test_systemd_reads_the_unit(files: dict[str, str], tmp_path: Path) -> None:
    assert shutil.which("systemd-analyze"), "apt-get install systemd"
    assert run("systemd-analyze", "verify", "--recursive-errors=yes", unit(files["lethe.service"], tmp_path)) == (0, "")


def test_systemd_would_say_what_it_does_not_know(tmp_path: Path) -> None:
    wrong = written(NEED)["lethe.service"].replace("ProtectHome", "ProtectHomes")
    code, told = run("systemd-analyze", "verify", "--recursive-errors=yes", unit(wrong, tmp_path))
    assert code != 0
    assert "ProtectHomes" in told


def test_the_unit_is_exposed_to_little(files: dict[str, str], tmp_path: Path) -> None:
    command = ("systemd-analyze", "security", "--offline=true", "--threshold=20")
    code, told = run(*command, unit(files["lethe.service"], tmp_path))
    assert code == 0, told


def test_the_system_calls_of_workers_are_among_those_that_the_unit_allows() -> None:
    """The unit's filter holds for the workers too, on top of their own."""
    from lethe.sandbox.lockin.syscalls import ALLOWED

    lines = re.findall(r"^SystemCallFilter=(.*)$", written(NEED)["lethe.service"], re.MULTILINE)
    allowed: set[str] = set()
    for line in lines:
        named = set(line.removeprefix("~").split())
        groups = {name for name in named if name.startswith("@")}
        every = (named - groups).union(*(_group(group) for group in groups))
        allowed = allowed - every if line.startswith("~") else allowed | every
    old = {name for name in ALLOWED if name not in allowed}
    assert old <= UNFILTERED, "a worker could not do what it is allowed to"


# Newer than systemd 252's groups, and not needed where they are missing: the library falls back.
UNFILTERED: set[str] = set()


def _group(name: str) -> set[str]:
    _, told = run("systemd-analyze", "syscall-filter", name)
    words = [line.strip() for line in told.splitlines()[1:] if line.strip() and not line.strip().startswith("#")]
    found: set[str] = set()
    for word in words:
        found |= _group(word) if word.startswith("@") else {word}
    return found


def test_nginx_and_caddy_read_their_configurations(files: dict[str, str], tmp_path: Path) -> None:
    assert shutil.which("nginx"), "apt-get install nginx-light"
    code, told = run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=x",
                     "-keyout", f"{tmp_path}/k", "-out", f"{tmp_path}/c")  # fmt: skip
    assert code == 0, told
    text = files["nginx.conf"].replace("/etc/ssl/lethe/fullchain.pem", f"{tmp_path}/c")
    (tmp_path / "nginx.conf").write_text(text.replace("/etc/ssl/lethe/privkey.pem", f"{tmp_path}/k"))
    assert run("nginx", "-e", "/dev/null", "-t", "-q", "-c", f"{tmp_path}/nginx.conf")[0] == 0
    (tmp_path / "Caddyfile").write_text(files["Caddyfile"])
    assert run(caddy(), "validate", "--adapter", "caddyfile", "--config", f"{tmp_path}/Caddyfile")[0] == 0
    (tmp_path / "Caddyfile").write_text(files["Caddyfile"].replace("flush_interval", "flash_interval"))
    assert run(caddy(), "validate", "--adapter", "caddyfile", "--config", f"{tmp_path}/Caddyfile")[0] != 0


# What keeps content from being kept, each with a change that breaks it.

Rule = Callable[[dict[str, str]], bool]
RULES: list[tuple[str, Rule, tuple[str, str, str]]] = [
    (
        "nginx logs no access",
        lambda f: "access_log off;" in f["nginx.conf"],
        ("nginx.conf", "access_log off;", "access_log /var/log/a;"),
    ),
    (
        "nginx logs no error",
        lambda f: re.findall(r"error_log (.*);", f["nginx.conf"]) == ["/dev/null crit"],
        ("nginx.conf", "error_log /dev/null crit;", "error_log /var/log/e;"),
    ),
    (
        "nginx is started without its first log",
        lambda f: "nginx -e /dev/null" in f["README.md"],
        ("README.md", " -e /dev/null", ""),
    ),
    (
        "nginx buffers no request",
        lambda f: "proxy_request_buffering off;" in f["nginx.conf"],
        ("nginx.conf", "proxy_request_buffering off", "proxy_request_buffering on"),
    ),
    (
        "nginx buffers no answer",
        lambda f: "proxy_buffering off;" in f["nginx.conf"],
        ("nginx.conf", "proxy_buffering off", "proxy_buffering on"),
    ),
    (
        "nginx has no temporary file",
        lambda f: "proxy_max_temp_file_size 0;" in f["nginx.conf"],
        ("nginx.conf", "proxy_max_temp_file_size 0;", ""),
    ),
    (
        "nginx asks once",
        lambda f: "proxy_next_upstream off;" in f["nginx.conf"],
        ("nginx.conf", "proxy_next_upstream off;", ""),
    ),
    (
        "caddy logs nothing",
        lambda f: "output discard" in f["Caddyfile"],
        ("Caddyfile", "output discard", "output stdout"),
    ),
    (
        "caddy keeps no copy",
        lambda f: "persist_config off" in f["Caddyfile"],
        ("Caddyfile", "\tpersist_config off\n", ""),
    ),
    ("caddy has no interface", lambda f: "admin off" in f["Caddyfile"], ("Caddyfile", "admin off", "admin :2019")),
    ("no core", lambda f: "LimitCORE=1" in f["lethe.service"], ("lethe.service", "LimitCORE=1", "LimitCORE=infinity")),
    ("no swap", lambda f: "MemorySwapMax=0" in f["lethe.service"], ("lethe.service", "MemorySwapMax=0\n", "")),
    (
        "no secret in the unit",
        lambda f: not re.search(r"^Environment=", f["lethe.service"], re.MULTILINE),
        ("lethe.service", "LimitCORE", "Environment=KEY=secret\nLimitCORE"),
    ),
    (
        "idle timeouts hold several heartbeats",
        lambda f: int(re.findall(r"proxy_read_timeout (\d+)s", f["nginx.conf"])[0]) >= 60,
        ("nginx.conf", "proxy_read_timeout ", "proxy_read_timeout 20s; #"),
    ),
]


@pytest.mark.parametrize(("_name", "holds", "spoil"), RULES, ids=[name for name, _, _ in RULES])
def test_nothing_is_kept(_name: str, holds: Rule, spoil: tuple[str, str, str]) -> None:
    files = deployed(RICH)
    assert holds(files)
    name, old, new = spoil
    assert old in files[name]
    assert not holds({**files, name: files[name].replace(old, new)}), "the rule would not see it"


def test_at_a_and_b_it_prints_nothing_of_requests() -> None:
    assert "StandardOutput=null" in deployed(RICH)["lethe.service"]
    assert "StandardOutput=journal" in written(NEED)["lethe.service"]


def test_secrets_come_as_they_are_referred_to() -> None:
    made = deployed(RICH)
    assert "LoadCredentialEncrypted=anthropic:/etc/credstore.encrypted/anthropic" in made["lethe.service"]
    assert "EnvironmentFile=/etc/lethe/secrets.env" in made["lethe.service"]
    assert "systemd-creds encrypt --name=anthropic" in made["README.md"]
    assert "CI_KEY=%s" in made["README.md"]
    with pytest.raises(Undeployable, match="/run/credentials"):
        deployed(RICH.replace("/run/credentials/lethe.service/anthropic", "/home/me/key"))


def test_the_same_again_and_no_hole_left() -> None:
    assert deployed(RICH) == deployed(RICH)
    assert "%%" not in "".join(deployed(RICH).values())
