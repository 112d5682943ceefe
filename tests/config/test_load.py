"""What a file may say, as a table of texts: what is wrong, where, and what was meant."""

import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lethe.config.load import MAX_FILE, config_path, load_settings, parse_settings, text_of
from lethe.config.problems import ConfigError
from lethe.config.settings import Settings
from lethe.ir.content import Dialect
from lethe.providers.upstream import Auth
from lethe.retention.levels import Level, UpstreamClass
from lethe.routing.table import Target

TODAY = date(2026, 11, 24)
SECRET = "sk-canary-0123456789abcdef"
DIGEST = "ab" * 32


def parse(text: str) -> Settings:
    return parse_settings(text, "lethe.toml", embedded_available=True, today=TODAY)


def problems(text: str) -> list[tuple[str, str, str | None, int | None]]:
    with pytest.raises(ConfigError) as caught:
        parse(text)
    assert SECRET not in str(caught.value)
    assert SECRET not in repr(caught.value.problems)
    return [(p.path, p.problem, p.suggestion, p.line) for p in caught.value.problems]


ANTHROPIC = "[upstreams.anthropic]\n"
CUSTOM = '[upstreams.local]\ndialect = "openai-chat"\nbase_url = "http://127.0.0.1:8080/v1"\n'

# text, path, a word of the problem, a word of the suggestion, line
FAULTS = [
    (ANTHROPIC + "[retentoin]", "retentoin", "unknown key", "did you mean retention?", 2),
    (ANTHROPIC + "[server]\nmax_bod = 1", "server.max_bod", "unknown key", "did you mean max_body?", 3),
    (ANTHROPIC + 'api_kee = "env:X"', "upstreams.anthropic.api_kee", "unknown key", "did you mean api_key?", 2),
    (ANTHROPIC + 'zzz = "env:X"', "upstreams.anthropic.zzz", "unknown key", "one of provider, dialect, base_url", 2),
    (ANTHROPIC + "connect = true", "upstreams.anthropic.connect", "must be a number", None, 2),
    (ANTHROPIC + "connect = nan", "upstreams.anthropic.connect", "more than 0", None, 2),
    (ANTHROPIC + "connect = inf", "upstreams.anthropic.connect", "more than 0", None, 2),
    (ANTHROPIC + "connect = 0", "upstreams.anthropic.connect", "more than 0", None, 2),
    (ANTHROPIC + 'models = "claude-*"', "upstreams.anthropic.models", "must be a list of text", None, 2),
    (ANTHROPIC + "models = [1]", "upstreams.anthropic.models[0]", "must be text", None, 2),
    ("upstreams = 1", "upstreams", "must be a table", None, 1),
    ("upstreams.anthropic = 1", "upstreams.anthropic", "must be a table", None, 1),
    (ANTHROPIC + "[routes]\n", "routes", "must be a list of tables", None, 2),
    ("", "upstreams", "no upstream", "[upstreams.anthropic]", None),
    ('[retention]\nlevel = "D"\n' + ANTHROPIC, "retention.level", "not a retention level", "one of A1, A2, B, C", 2),
    ('[retention]\nlevel = "a2"\n' + ANTHROPIC, "retention.level", "not a retention level", "did you mean A2?", 2),
    ('[retention]\naccept_classes = ["U7"]\n' + ANTHROPIC, "retention.accept_classes[0]", "opted in", "U6 at B", 2),
    ('[retention]\naccept_classes = ["U9"]\n' + ANTHROPIC, "retention.accept_classes[0]", "class", None, 2),
    (
        '[retention]\naccept_unenforced = ["fsize"]\n' + ANTHROPIC,
        "retention.accept_unenforced[0]", "cannot be accepted", "one of seccomp, landlock, landlock-net", 2,
    ),
    (
        '[retention]\naccept_unenforced = ["landlok"]\n' + ANTHROPIC,
        "retention.accept_unenforced[0]", "mechanism", "did you mean landlock?", 2,
    ),
    ('[retention]\nlevel = "A2"\naccept_classes = ["U6"]\n' + ANTHROPIC, "retention.accept_classes[0]", "level A2 is stricter", "leave it out", 3),
    ('[retention]\nlevel = "A1"\naccept_classes = ["U5"]\n' + ANTHROPIC, "retention.accept_classes[0]", "level A1 is stricter", "leave it out", 3),
    (f'[retention]\nposture_key = "{SECRET}"\n' + ANTHROPIC, "retention.posture_key", "a reference", "env:NAME", 2),
    ('[retention]\nregions = ["eu"]\n' + ANTHROPIC, "upstreams.anthropic.region", "is missing", "where", 3),
    ('[retention]\nregions = ["eu"]\n' + ANTHROPIC + 'region = "us"', "upstreams.anthropic.region", "not one of", None, 4),
    (ANTHROPIC + '[server]\nmax_body = "32 MoB"', "server.max_body", "not a size", "32MiB", 3),
    (ANTHROPIC + "[server]\nmax_body = 0", "server.max_body", "between", None, 3),
    (ANTHROPIC + "[server]\nmax_body = 1.5", "server.max_body", "a whole number or text", None, 3),
    (ANTHROPIC + '[server]\ntls_cert = "/c.pem"', "server.tls_key", "is missing", "tls_cert needs it", 2),
    (ANTHROPIC + "[server]\nstatus_hold = -1", "server.status_hold", "more than 0", None, 3),
    ("[upstreams.anthropc]", "upstreams.anthropc", "not a preset", "did you mean anthropic?", 1),
    ('[upstreams."a/b"]\ndialect = "anthropic"', 'upstreams."a/b"', "must be letters", None, 1),
    ('[upstreams.x]\nbase_url = "https://x.example"', "upstreams.x.dialect", "is missing", "one of anthropic, openai-chat", 1),
    ('[upstreams.x]\ndialect = "openai-chat"', "upstreams.x.base_url", "is missing", None, 1),
    ('[upstreams.anthropic]\ndialect = "openai-chat"', "upstreams.anthropic.base_url", "is missing", "speaks anthropic", 1),
    (CUSTOM.replace("openai-chat", "openai"), "upstreams.local.dialect", "not a dialect", "did you mean openai-chat?", 2),
    (CUSTOM.replace("openai-chat", "openai-responses").replace("/v1", "/v1/responses"), "upstreams.local.base_url", "too much", "up to /v1", 3),
    ('[upstreams.mistral]\ndialect = "openai-responses"', "upstreams.mistral.base_url", "is missing", "speaks openai-chat", 1),
    (CUSTOM.replace("http:", "ftp:"), "upstreams.local.base_url", "must begin with http://", None, 3),
    (CUSTOM.replace("127.0.0.1", f"u:{SECRET}@h"), "upstreams.local.base_url", "credentials", "api_key", 3),
    (CUSTOM.replace("/v1", f"/v1?key={SECRET}"), "upstreams.local.base_url", "query", None, 3),
    (CUSTOM.replace("127.0.0.1", "api.openai.com."), "upstreams.local.base_url", "a dot at the end", "leave it out", 3),
    (CUSTOM.replace("/v1", "/v1/chat/completions"), "upstreams.local.base_url", "too much", "up to /v1", 3),
    (CUSTOM.replace("openai-chat", "anthropic"), "upstreams.local.base_url", "too much", "without /v1", 3),
    (CUSTOM + f'proxy = "http://u:{SECRET}@p:1"', "upstreams.local.proxy", "credentials", None, 4),
    (CUSTOM + 'proxy = "https://p:1"', "upstreams.local.proxy", "http://", None, 4),
    (CUSTOM + f'api_key = "{SECRET}"', "upstreams.local.api_key", "not the secret itself", "env:NAME or file:/path", 4),
    (CUSTOM + 'api_key = "env:1X"', "upstreams.local.api_key", "name of a variable", None, 4),
    (CUSTOM + 'api_key = "file:x"', "upstreams.local.api_key", "absolute path", None, 4),
    (CUSTOM + 'api_key = "gcp-sm:x"', "upstreams.local.api_key", "full name", "projects/team/secrets", 4),
    (CUSTOM + 'api_key = "aws-sm:"', "upstreams.local.api_key", "name or ARN", "aws-sm:team/keys#openai", 4),
    (CUSTOM + 'api_key = "azure-kv:x"', "upstreams.local.api_key", "URL of a vault", "vault.azure.net", 4),
    ('[retention]\nposture_key = "aws-sm:x"\n' + ANTHROPIC, "retention.posture_key", "store", "file:/path", 2),
    (CUSTOM + 'auth = "forwrd"', "upstreams.local.auth", "way to authenticate", "did you mean forward?", 4),
    (CUSTOM + 'auth = "bearer"', "upstreams.local.api_key", "is missing", "env:NAME", 1),
    (CUSTOM + 'auth = "forward"\napi_key = "env:X"', "upstreams.local.api_key", "not used", None, 5),
    (CUSTOM + 'class = "U9"\nreason = "x"', "upstreams.local.class", "not an upstream class", None, 4),
    (CUSTOM + 'class = "U4"', "upstreams.local.reason", "is missing", "say why", 1),
    (CUSTOM + 'reason = "x"', "upstreams.local.reason", "none is declared", None, 4),
    (ANTHROPIC + '[upstreams.anthropic.contract]\nkind = "zdr"', "upstreams.anthropic.contract.expires", "missing", None, 2),
    (
        ANTHROPIC + '[upstreams.anthropic.contract]\nkind = "zdt"\nexpires = 2027-01-01',
        "upstreams.anthropic.contract.kind", "kind of contract", "did you mean zdr?", 3,
    ),
    (
        ANTHROPIC + '[upstreams.anthropic.contract]\nkind = "zdr"\nexpires = "2027-01-01"',
        "upstreams.anthropic.contract.expires", "must be a date as 2027-03-01, without quotes", None, 4,
    ),
    (
        ANTHROPIC + 'contract = {kind = "zdr", signed = 2027-01-02, expires = 2027-01-01}',
        "upstreams.anthropic.contract.expires", "before the day of signing", None, 2,
    ),
    ('[upstreams.embedded]\nbase_url = "http://127.0.0.1"', "upstreams.embedded.base_url", "cannot be set", None, 2),
    (ANTHROPIC + '[[routes]]\nmodel = "x"', "routes[0].to", "is missing", "in order", 2),
    (ANTHROPIC + '[[routes]]\nto = ["anthropic"]', "routes[0].model", "is missing", None, 2),
    (ANTHROPIC + '[[routes]]\nmodel = "x"\nto = ["antropic/y"]', "routes[0].to[0]", "no configured", "did you mean anthropic?", 4),
    (ANTHROPIC + '[[routes]]\nmodel = "x"\nto = ["anthropic/"]', "routes[0].to[0]", "no model", None, 4),
    (ANTHROPIC + '[[routes]]\nmodel = "x"\nto = ["anthropic"]\nlosses = "alow"', "routes[0].losses", "must be", "did you mean allow?", 5),
    (ANTHROPIC + '[[routes]]\nmodel = "x"\nto = ["anthropic"]\nlevel = "A3"', "routes[0].level", "level", None, 5),
    (ANTHROPIC + f'[[keys]]\nname = "a"\nhash = "{SECRET}"', "keys[0].hash", "64 hexadecimal", "lethe keys new", 4),
    (ANTHROPIC + f'[[keys]]\nhash = "sha256:{DIGEST}"', "keys[0].name", "is missing", None, 2),
    (ANTHROPIC + '[[keys]]\nname = "a"', "keys[0].hash", "is missing", None, 2),
    (ANTHROPIC + f'[[keys]]\nname = "a"\nkey = "{SECRET}"', "keys[0].key", "not the secret itself", None, 4),
    (ANTHROPIC + f'[[keys]]\nname = "a"\nkey = "env:A"\nhash = "sha256:{DIGEST}"', "keys[0]", "both", None, 2),
    (
        ANTHROPIC + '[[keys]]\nname = "a"\nkey = "env:A"\n[[keys]]\nname = "a"\nkey = "env:B"',
        "keys[1].name", "earlier key", None, 6,
    ),
    (
        ANTHROPIC + f'[[keys]]\nname = "a"\nhash = "sha256:{DIGEST}"\n[[keys]]\nname = "b"\nhash = "sha256:{DIGEST}"',
        "keys[1].hash", "earlier key", None, 7,
    ),
    (ANTHROPIC + '[scenarios]\nthink = "antropic"', "scenarios.think", "no configured", "did you mean anthropic?", 3),
    (ANTHROPIC + '[scenarios]\nthinking = "anthropic"', "scenarios.thinking", "unknown key", "did you mean think?", 3),
    (f'[upstreams.anthropic\napi_key = "{SECRET}"', "", "not TOML at column", None, 1),
    (f'[upstreams.anthropic]\napi_key = """{SECRET}', "", "ends too early", None, 2),
    (f'[upstreams.{SECRET}]\n[upstreams.{SECRET}]', "", "stands before already", None, 2),
    ('[retention]\nlevel = "C"\nlevel = "B"', "", "stands before already", None, 3),
    (ANTHROPIC + 'contract = { kind = "zdr", kind = "zdr" }', "", "stands before already", None, 2),
    ('[upstreams.openai]\nproof = true', "upstreams.openai.proof", "must be a table", None, 2),
    ('[upstreams.openai]\ncontract = "zdr"', "upstreams.openai.contract", "must be a table", None, 2),
    (ANTHROPIC + '[[route]]\nmodel = "m"', "route", "unknown key", "did you mean routes?", 2),
]  # fmt: skip


@pytest.mark.parametrize(("text", "path", "problem", "suggestion", "line"), FAULTS)
def test_each_fault_is_found_and_nothing_else(
    text: str, path: str, problem: str, suggestion: str | None, line: int | None
) -> None:
    ((found_path, found_problem, found_suggestion, found_line),) = problems(text)
    assert found_path == path
    assert problem in found_problem
    assert (suggestion or "") in (found_suggestion or "")
    assert found_line == line


def test_all_faults_show_at_once_in_the_order_of_the_file() -> None:
    text = '[retention]\nlevel = "D"\n[upstreams.anthropc]\n[upstreams.local]\ndialct = "openai-chat"\n[[routes]]\nto = ["anthropc", "locl"]'
    assert [(path, line) for path, _, _, line in problems(text)] == [
        ("retention.level", 2),
        ("upstreams.anthropc", 3),
        ("upstreams.local", 4),
        ("upstreams.local.dialct", 5),
        ("routes[0].model", 6),
        ("routes[0].to[1]", 7),
    ]


EXAMPLE = """
[retention]
level = "C"
accept_unenforced = []
accept_classes = []
regions = []
posture_key = "file:/run/secrets/posture.key"

[server]
max_body = "32MiB"

[upstreams.anthropic]
api_key = "env:ANTHROPIC_API_KEY"
[upstreams.anthropic.contract]
kind = "zdr"
signed = 2026-03-01
expires = 2027-03-01
document = "DPA-2026-17"

[upstreams.local]
dialect = "openai-chat"
base_url = "http://127.0.0.1:8080/v1/"
api_key = "env:LOCAL_KEY"
connect = 5

[[routes]]
model = "claude-*"
to = ["anthropic", "local/eu.anthropic/claude:v1"]
level = "B"
losses = "allow"

[[keys]]
name = "ci"
key = "env:CI_KEY"
level = "A2"

[scenarios]
background = "local/gemma"
"""


def test_the_whole_file() -> None:
    settings = parse(EXAMPLE)
    plan = settings.plan
    anthropic, local = plan.upstreams
    assert (plan.level, plan.max_body) == (Level.C, 32 * 2**20)
    assert (anthropic.dialect, anthropic.auth, anthropic.models) == (Dialect.ANTHROPIC, Auth.X_API_KEY, ("claude-*",))
    assert (anthropic.upstream_class, local.upstream_class) == (UpstreamClass.U4, UpstreamClass.U5)
    assert (local.base_url, local.auth, local.timeouts.connect) == ("http://127.0.0.1:8080/v1", Auth.BEARER, 5)
    (route,) = plan.routes
    assert route.to == (Target(0), Target(1, "eu.anthropic/claude:v1"))
    assert (route.level, route.allow_losses) == (Level.B, True)
    assert plan.keys[0].digest == b""
    assert plan.keys[0].level is Level.A2
    assert settings.key_secrets == {0: "env:CI_KEY"}
    assert settings.secrets == ("env:ANTHROPIC_API_KEY", "env:LOCAL_KEY", "env:CI_KEY")
    assert settings.class_reasons[0].startswith("zdr: zero data retention, arranged")
    assert settings.class_reasons[1] == "on this machine; its flags are not verified"
    assert settings.embedded is None


def test_the_embedded_model_is_found_by_its_index() -> None:
    settings = parse(ANTHROPIC + "[upstreams.embedded]")
    assert settings.embedded == 1
    assert settings.plan.upstreams[1].upstream_class is UpstreamClass.U0
    with pytest.raises(ConfigError, match="not installed"):
        parse_settings("[upstreams.embedded]", "x", embedded_available=False, today=TODAY)


PLACES: list[tuple[str | None, Mapping[str, str], bool, str | None]] = [
    ("a.toml", {"LETHE_CONFIG": "b.toml"}, True, "a.toml"),
    (None, {"LETHE_CONFIG": "b.toml"}, True, "b.toml"),
    (None, {}, True, "lethe.toml"),
    (None, {}, False, None),
]


@pytest.mark.parametrize(("given_path", "environ", "there", "expected"), PLACES)
def test_which_file(
    given_path: str | None,
    environ: Mapping[str, str],
    there: bool,
    expected: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    if there:
        Path("lethe.toml").touch()
    path = config_path(given_path, environ)
    assert (path and str(path)) == expected


UNREADABLE = [
    (None, "cannot be read: No such file"),
    (b"\xff", "is not UTF-8 text"),
    (b"#" * (MAX_FILE + 1), "is larger than"),
    (b"x = " + b"[" * 100_000, "is not TOML"),
    (b"x = " + b"1" * 10_000, "is not TOML"),
]


@pytest.mark.parametrize(("content", "problem"), UNREADABLE)
def test_files_that_cannot_be_read(content: bytes | None, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "lethe.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=problem):
        load_settings(path, {}, embedded_available=False, today=TODAY)


def test_a_pipe_is_read_and_not_waited_for(tmp_path: Path) -> None:
    """A shell's `<(...)` has somebody who writes; where nobody does, a reload must not stand still."""
    pipe = tmp_path / "lethe.toml"
    os.mkfifo(pipe)
    assert text_of(pipe) == ""
    said = b"# " + b"x" * 100_000  # more than a pipe holds

    def write() -> None:
        with pipe.open("wb") as file:
            file.write(said[:10])
            file.flush()
            begun.set()
            file.write(said[10:])

    begun = threading.Event()
    held = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)  # as the shell holds it
    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert begun.wait(10)
        assert text_of(pipe) == said.decode()
    finally:
        os.close(held)
        writer.join(10)


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes somebody to whom a folder is closed")
def test_in_a_folder_that_is_closed_to_us_the_file_cannot_be_read(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    code = (
        "import os, sys; from pathlib import Path; from lethe.config.load import config_path, text_of;"
        "from lethe.config.problems import ConfigError\n"
        "os.setresuid(65534, 65534, 65534)\n"
        "try: text_of(config_path(None, {}))\n"
        "except ConfigError as error: sys.exit(str(error))"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.stderr == "lethe.toml: cannot be read: Permission denied\n"


def test_a_file_is_loaded_with_its_name_in_errors(tmp_path: Path) -> None:
    path = tmp_path / "lethe.toml"
    path.write_text(CUSTOM)
    assert load_settings(path, {}, embedded_available=False, today=TODAY).plan.upstreams[0].name == "local"
    path.write_text("[servr]")
    with pytest.raises(ConfigError, match=r"lethe\.toml: line 1: servr: unknown key"):
        load_settings(path, {}, embedded_available=False, today=TODAY)


names = st.sampled_from(
    ["retention", "server", "upstreams", "routes", "keys", "scenarios", "anthropic", "model", "to", "contract", "level",
     "api_key", "base_url", "dialect", "hash", "name", "class", "reason", "max_body", "models", "connect", "proxy"]
) | st.text(max_size=8)  # fmt: skip
leaves = (
    st.just(SECRET)
    | st.text(max_size=12)
    | st.sampled_from(["C", "anthropic", "openai-chat", "http://127.0.0.1/v1", "env:X", "U4", "sha256:" + DIGEST])
    | st.integers()
    | st.floats()
    | st.booleans()
    | st.dates()
)
values = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4))


def written(value: object) -> str:
    """As inline TOML."""
    match value:
        case bool():
            return str(value).lower()
        case str():
            return '"' + "".join(f"\\U{ord(c):08x}" for c in value) + '"'
        case dict():
            return "{" + ", ".join(f"{written(k)} = {written(v)}" for k, v in value.items()) + "}"
        case list():
            return "[" + ", ".join(written(v) for v in value) + "]"
        case _:
            return str(value)


@settings(max_examples=80, deadline=None)
@given(st.dictionaries(names, values, max_size=5))
def test_no_file_does_more_than_name_problems(data: dict[str, object]) -> None:
    text = "\n".join(f"{written(name)} = {written(value)}" for name, value in data.items())
    said = ""
    try:
        parse(text)
    except ConfigError as error:
        said = str(error)
    assert SECRET not in said


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=60))
def test_no_text_does_either(text: str) -> None:
    with pytest.raises(ConfigError):
        parse(text)


def test_what_the_host_may_lack_reaches_the_plan_without_a_note() -> None:
    settings = parse('[retention]\naccept_unenforced = ["seccomp", "landlock"]\n' + ANTHROPIC)
    assert settings.plan.accept_unenforced == ("seccomp", "landlock")
    assert not any("unenforced" in note for note in settings.notes)
