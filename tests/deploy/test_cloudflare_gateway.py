"""The gateway as Cloudflare's SDK knows it, set right and audited against a scripted API; its clients as real SDKs."""

import copy
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hcl2
import pytest
from anthropic import Anthropic
from tests.deploy.cloud_run import resources
from tests.deploy.cloudflare_api import ACCOUNT, CREATE, TOKEN, UPDATE, Api, refused, served
from tests.deploy.made import CONFIGS, files

from lethe.cli.main import main
from lethe.deploy import cloudflare
from lethe.deploy.gateway import corrected, desired, drifts
from lethe.deploy.need import Need
from lethe.deploy.platform import State, platform
from lethe.deploy.preflight import Verdict, examined
from lethe.deploy.targets.cloudflare_gateway import HEADERS
from lethe.providers.gateway import SETTINGS, undecided
from lethe.retention.levels import Level

ID = "cloudflare-gateway"
Json = dict[str, Any]


@pytest.fixture(params=CONFIGS)
def made(request: pytest.FixtureRequest) -> dict[str, str]:
    return files(ID, CONFIGS[request.param])


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    with served() as found:
        monkeypatch.setattr(cloudflare, "API", found.url)
        monkeypatch.setenv("CLOUDFLARE_API_TOKEN", TOKEN)
        yield found


# The files


def test_cloudflare_knows_every_word(made: dict[str, str]) -> None:
    body = json.loads(made["gateway.json"])
    assert not refused(CREATE, body)
    for wrong in ({"colect_logs": False}, {"cache_ttl": "0"}, {"retry_backoff": "never"}):
        assert refused(CREATE, {**body, **wrong})


Rule = Callable[[Json], bool]
RULES: list[tuple[str, Rule, Json]] = [
    ("no log", lambda g: g["collect_logs"] is False, {"collect_logs": True}),
    ("no pushed log", lambda g: g["logpush"] is False and "logpush_public_key" not in g, {"logpush": True}),
    ("no key for one", lambda g: g["logpush"] is False and "logpush_public_key" not in g, {"logpush_public_key": "k"}),
    ("no classifier", lambda g: not g["log_classification"], {"log_classification": True}),
    ("no export", lambda g: not g["otel"], {"otel": [{"url": "https://x.example", "headers": {}}]}),
    ("no cache", lambda g: g["cache_ttl"] == 0, {"cache_ttl": 60}),
    ("authenticated", lambda g: g["authentication"] is True, {"authentication": False}),
    ("zero retention", lambda g: g["zdr"] is True, {"zdr": False}),
    ("a name of its own", lambda g: g["id"] != "default", {"id": "default"}),
    ("no second model", lambda g: "guardrails" not in g, {"guardrails": {"prompt": {}, "response": {}}}),
    ("no findings", lambda g: "dlp" not in g, {"dlp": {"enabled": True, "policies": []}}),
    ("no events", lambda g: "stripe" not in g, {"stripe": {"authorization": "x", "usage_events": []}}),
]


@pytest.mark.parametrize(("_name", "holds", "spoilt"), RULES, ids=[name for name, _, _ in RULES])
def test_nothing_is_kept(_name: str, holds: Rule, spoilt: Json, made: dict[str, str]) -> None:
    body = json.loads(made["gateway.json"])
    assert holds(body)
    assert not holds({**body, **spoilt}), "the rule would not see it"


def test_terraform_says_the_same(made: dict[str, str]) -> None:
    body = dict(resources(made["main.tf"])["cloudflare_ai_gateway", "lethe"])
    told = {name: value for name, value in body.items() if not name.startswith("__")}
    assert told.pop("account_id") == "${var.account}"
    assert told.pop("id").strip('"') == "lethe"
    unsaid = {"log_classification": False}  # the provider has no word for it
    assert {**told, **unsaid, "id": "lethe"} == json.loads(made["gateway.json"])
    assert hcl2.loads(made["main.tf"])["terraform"]


def test_the_same_again_no_hole_and_no_secret(made: dict[str, str]) -> None:
    assert made in [files(ID, each) for each in CONFIGS.values()]
    assert "%%" not in "".join(made.values())
    assert "YOUR-ACCOUNT-ID" in made["clients.md"]


def test_preflight_says_what_is_open() -> None:
    on = platform(ID)
    findings = {each.check: each.verdict for each in examined(on, Need(level=Level.B))}
    opened = [place.name for place in on.places if place.state is State.OPEN]
    assert any("header" in name for name in opened)
    for name in opened:
        assert findings[f"kept by: {name}"] is Verdict.FAIL
    assert findings["enforcement"] is Verdict.FAIL
    assert all(each.verdict is not Verdict.FAIL for each in examined(on, Need()))


# Clients


def fenced(text: str, language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)
    return str(found)


def test_anthropics_sdk_sends_what_the_gateway_needs(made: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    script = fenced(made["clients.md"], "sh") + 'printf "%s\\0%s" "$ANTHROPIC_BASE_URL" "$ANTHROPIC_CUSTOM_HEADERS"'
    done = subprocess.run(["bash", "-c", script], env={"CF_AIG_TOKEN": "t"}, capture_output=True, text=True, check=True)
    url, lines = done.stdout.split("\0")
    monkeypatch.setenv("ANTHROPIC_CUSTOM_HEADERS", lines)
    client = Anthropic(api_key="k", base_url=url)
    sent = {**client.default_headers}
    assert str(client.base_url) == "https://gateway.ai.cloudflare.com/v1/YOUR-ACCOUNT-ID/lethe/anthropic/"
    assert sent["cf-aig-authorization"] == "Bearer t"
    assert HEADERS.items() <= sent.items()


def test_openais_sdk_too(made: dict[str, str]) -> None:
    show = "\nimport json; print(json.dumps([str(client.base_url), dict(client._custom_headers)]))"
    code = fenced(made["clients.md"], "python") + show
    environ = {**os.environ, "CF_AIG_TOKEN": "t", "OPENAI_API_KEY": "k"}
    done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True)
    url, sent = json.loads(done.stdout)
    assert url == "https://gateway.ai.cloudflare.com/v1/YOUR-ACCOUNT-ID/lethe/openai/"
    assert sent == {"cf-aig-authorization": "Bearer t", **HEADERS}


def test_codex(made: dict[str, str]) -> None:
    config = tomllib.loads(fenced(made["clients.md"], "toml"))
    provider = config["model_providers"][config["model_provider"]]
    assert provider["http_headers"] == HEADERS
    assert provider["base_url"].endswith("/v1/YOUR-ACCOUNT-ID/lethe/openai")
    assert provider["env_http_headers"] == {"cf-aig-authorization": "CF_AIG_AUTHORIZATION"}


# Drift


GOOD: Json = {**desired("llm"), "created_at": "x", "modified_at": "x", "is_default": False}
DRIFTS: list[tuple[str, Json]] = [
    ("collect_logs", {"collect_logs": True}),
    ("collect_logs", {"collect_logs": None}),
    ("collect_logs", {"collect_logs": 0}),
    ("logpush", {"logpush": True}),
    ("log_classification", {"log_classification": True}),
    ("otel", {"otel": [{"url": "https://x.example", "headers": {"a": "CANARY_header"}}]}),
    ("cache_ttl", {"cache_ttl": 60}),
    ("cache_ttl", {"cache_ttl": None}),
    ("authentication", {"authentication": False}),
    ("zdr", {"zdr": False}),
    ("logpush_public_key", {"logpush_public_key": "CANARY_key"}),
    ("guardrails", {"guardrails": {"prompt": {"P1": "FLAG"}, "response": {}}}),
    ("dlp", {"dlp": {"enabled": True, "action": "FLAG", "profiles": []}}),
    ("stripe", {"stripe": {"authorization": "CANARY_stripe", "usage_events": []}}),
    ("is_default", {"is_default": True}),
]


@pytest.mark.parametrize(("name", "change"), DRIFTS)
def test_drift_is_named_and_nothing_is_quoted(name: str, change: Json) -> None:
    found = drifts({**GOOD, **change})
    assert [each.setting for each in found] == [name]
    assert "CANARY" not in repr(found)


@pytest.mark.parametrize("name", [setting.name for setting in SETTINGS if not setting.implied])
def test_what_is_missing_has_drifted(name: str) -> None:
    (found,) = drifts({key: value for key, value in GOOD.items() if key != name})
    assert (found.setting, found.found) == (name, "missing")


def test_every_setting_is_tried() -> None:
    assert {setting.name for setting in SETTINGS} == {name for name, _ in DRIFTS}


@pytest.mark.parametrize(
    "change",
    [{}, {"otel": None}, {"dlp": {"enabled": False, "policies": [{"id": "x"}]}}, {"guardrails": {"prompt": {}, "response": {}}},
     {"spend_limits": {"enabled": True}, "retry_max_attempts": 3, "store_id": "s", "account_tag": "x"}],
)  # fmt: skip
def test_what_keeps_nothing_has_not_drifted(change: Json) -> None:
    assert drifts({**GOOD, **change}) == ()
    assert undecided({**GOOD, **change}) == ()


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"prompt_store": {"bucket": "b"}}, ("prompt_store",)),
        ({"record_prompts": False}, ("record_prompts",)),
        ({"new_thing": True}, ("new_thing",)),
        ({"new_thing": False}, ()),
    ],
)
def test_what_nobody_knows_is_undecided(change: Json, found: tuple[str, ...]) -> None:
    assert undecided({**GOOD, **change}) == found


@pytest.mark.parametrize(("name", "change"), [(n, c) for n, c in DRIFTS if n != "is_default"])
def test_a_correction_is_one_and_keeps_the_rest(name: str, change: Json) -> None:
    present = {**GOOD, **change, "rate_limiting_limit": 50, "rate_limiting_interval": 60, "retry_max_attempts": 2}
    body = corrected(present)
    assert not refused(UPDATE, body)
    assert (body["rate_limiting_limit"], body["rate_limiting_interval"], body["retry_max_attempts"]) == (50, 60, 2)
    assert drifts({**present, **body}) == ()


# The command, against the API


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    status = main(["deploy", ID, "--account", ACCOUNT, "--gateway", "llm", *words])
    told = capsys.readouterr()
    said = told.out + told.err
    assert TOKEN not in said
    assert "CANARY" not in said
    return status, said


def test_it_is_made_once(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    status, said = run(capsys, "--apply")
    assert status == 0
    assert "created" in said
    assert f"/v1/{ACCOUNT}/llm/anthropic" in said
    assert api.bodies == [desired("llm")]
    status, said = run(capsys, "--apply")
    assert (status, "unchanged" in said) == (0, True)
    assert len(api.bodies) == 1, "nothing is written where nothing has drifted"


def test_it_is_set_right_and_audited(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "--apply")
    otel = [{"url": "https://x.example", "headers": {"a": "CANARY_header"}}]
    api.gateways["llm"].update(collect_logs=True, otel=otel, rate_limiting_limit=7)
    status, said = run(capsys, "--audit")
    assert status == 1
    assert "collect_logs" in said
    assert "otel" in said
    assert len(api.bodies) == 1, "an audit writes nothing"
    status, said = run(capsys, "--apply")
    assert (status, "updated" in said) == (0, True)
    assert api.gateways["llm"]["rate_limiting_limit"] == 7
    assert run(capsys, "--audit")[0] == 0


def test_what_cannot_be_set_right_is_not_called_right(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    api.ignores = frozenset({"zdr"})
    status, said = run(capsys, "--apply")
    assert status == 1
    assert re.search(r"zdr +on +missing", said)


def test_the_unknown_is_undecided(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "--apply")
    api.gateways["llm"]["prompt_archive"] = "CANARY_bucket"
    status, said = run(capsys, "--audit")
    assert status == 3
    assert "prompt_archive" in said
    api.gateways["llm"]["zdr"] = False
    assert run(capsys, "--audit", "--json")[0] == 1


def test_other_gateways_are_named_page_by_page(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "--apply")
    for name in ("a", "b", "c", "default"):
        api.gateways[name] = {**copy.deepcopy(api.gateways["llm"]), "id": name}
    status, said = run(capsys, "--audit", "--json")
    assert status == 0
    assert json.loads(said)["others"] == ["a", "b", "c", "default"]
    assert "`default` logs" in run(capsys, "--audit")[1]


@pytest.mark.parametrize(
    ("failures", "said"),
    [
        ([401], "does not accept the token"),
        ([403], "AI Gateway Read"),
        ([404], "no gateway llm"),
        ([429] * 3, "slow down"),
        ([500] * 3, "status 500"),
        ([418], "status 418"),
    ],
)
def test_failures_say_whose_fault(failures: list[int], said: str, api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    api.failures = list(failures)
    status, told = run(capsys, "--audit")
    assert status == 1
    assert said in told


def test_a_failure_that_passes_is_tried_again(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    api.failures = [429, 500]
    assert run(capsys, "--apply")[0] == 0


def test_nobody_there(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    gone = cloudflare.Gateways(TOKEN, ACCOUNT, api="http://127.0.0.1:1/client/v4", retries=0)
    with pytest.raises(cloudflare.Refused, match="cannot be reached"):
        gone.read("llm")


def test_the_environment_adds_nothing(
    api: Api, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("API_KEY", "EMAIL", "API_USER_SERVICE_KEY"):
        monkeypatch.setenv(f"CLOUDFLARE_{name}", "other")
    monkeypatch.setenv("CLOUDFLARE_BASE_URL", "http://127.0.0.1:1")
    assert run(capsys, "--apply")[0] == 0
    for head in api.heads:
        assert head["authorization"] == f"Bearer {TOKEN}"
        assert "other" not in head.values()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--gateway", "default"], "comes back"),
        (["--gateway", "Default"], "comes back"),
        (["--gateway", "a b"], "letters, digits"),
        (["--account", "x"], "32 digits"),
        (["--token", "env:NOBODY_HAS_SET_THIS"], "is not set"),
        (["--token", "CANARY_pasted"], "where the token is"),
    ],
)
def test_what_is_asked_wrongly(words: list[str], said: str, api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    status, told = run(capsys, "--audit", *words)
    assert status == 2
    assert said in told
    assert not api.asked


def test_files_by_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(capsys, "--out", "out")[0] == 0
    assert ACCOUNT in (tmp_path / "out" / "clients.md").read_text()
    assert json.loads((tmp_path / "out" / "gateway.json").read_text()) == desired("llm")
    assert main(["deploy", ID, "--gateway", "default", "--out", "out2"]) == 1
    assert main(["deploy", "systemd", "--audit"]) == 2
