"""The pages name what the code has: settings, event fields, metrics, links, and configurations that load."""

import re
import tomllib
from argparse import ArgumentParser
from datetime import date, timedelta
from importlib import import_module
from pathlib import Path

import pytest
from msgspec import Struct
from tests.upstream.probes.provers import ACCOUNT, PROVERS, RESOURCE

from lethe.cli.main import COMMANDS
from lethe.config import schema
from lethe.config.load import parse_settings
from lethe.config.register import all_surfaces
from lethe.ledger.events import Outcome
from lethe.ledger.lines import Line
from lethe.ledger.metrics import Figures, Totals, render
from lethe.providers.envelopes import Endpoint
from lethe.providers.proofs import PROOFS
from lethe.providers.rows import PRESETS
from lethe.retention.register import Vendor, parse_rows, parse_surface
from lethe.verify.account import Account
from lethe.verify.report import FULL, Circumstances, document

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
CONFIGURATION = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
TABLES: list[type[Struct]] = [
    schema.RetentionTable,
    schema.ServerTable,
    schema.UpstreamTable,
    schema.ContractTable,
    schema.ProofTable,
    schema.RouteTable,
    schema.KeyTable,
    schema.LimitsTable,
    schema.ScenariosTable,
]


def page_id(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.__name__)
def test_every_setting_is_described(table: type[Struct]) -> None:
    assert [name for name in table.__struct_encode_fields__ if f"`{name}`" not in CONFIGURATION] == []


def test_every_preset_is_named() -> None:
    assert [name for name in PRESETS if f"`{name}`" not in CONFIGURATION] == []


def test_every_field_of_the_event_line_is_described() -> None:
    assert [name for name in Line.__struct_encode_fields__ if f"`{name}`" not in OPERATIONS] == []


def test_every_value_of_the_event_line_is_described() -> None:
    asked = {endpoint.value for endpoint in Endpoint} - {Endpoint.CONVERSE.value}  # in which nobody asks
    ended = {outcome.name.lower() for outcome in Outcome}
    assert [value for value in sorted(asked | ended) if f"`{value}`" not in OPERATIONS] == []


def test_every_header_of_ours_is_described() -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "src/lethe/server").rglob("*.py"))
    named = set(re.findall(r"x-lethe-[a-z-]+", code))
    assert {"x-lethe-level", "x-lethe-upstream-class", "x-lethe-request-id"} <= named
    assert [name for name in sorted(named) if f"`{name}`" not in OPERATIONS] == []


def test_every_metric_is_named() -> None:
    page = render(Totals(), Figures()).decode()
    names = re.findall(r"^# TYPE lethe_(\w+) ", page, re.MULTILINE)
    assert names
    assert [name for name in names if f"`{name}`" not in OPERATIONS] == []


def test_the_layers_are_those_that_are_checked() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    (drawn,) = re.findall(r"```\n(cli  .*?)```", page, re.DOTALL)
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    checked = [{name.strip().removeprefix("lethe.") for name in layer.split("|")} for layer in contracts[0]["layers"]]
    place = {name: n for n, line in enumerate(drawn.splitlines()) for name in line[:60].split() if name != "·"}
    assert place.keys() == set().union(*checked)
    lines = [{place[name] for name in layer} for layer in checked]
    assert all(len(line) == 1 for line in lines)
    assert lines == sorted(lines, key=min)  # layers that the linter tells apart may share a line of the page


@pytest.mark.parametrize("package", ["retention", "sandbox", "verify"])
def test_the_map_of_a_package_has_all_its_modules(package: str) -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    (rows,) = re.findall(rf"^`{package}/`: .*\n\n((?:\|.*\n)+)", page, re.MULTILINE)
    named = {name for row in rows.splitlines() for name in re.findall(r"`(\w+)`", row.split("|")[1])}
    folder = ROOT / "src" / "lethe" / package
    modules = {path.stem for path in (*folder.glob("*.py"), *folder.glob("lockin/*.py"))}
    assert named == modules - {"__init__"}


def test_every_extra_has_its_reason() -> None:
    page = (ROOT / "docs" / "adr" / "0004-dependencies.md").read_text(encoding="utf-8")
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    assert [name for name in extras if name != "dev" and f"`{name}`" not in page] == []


PROVEN = {
    "OpenAI": "openai", "xAI": "xai", "Amazon Bedrock": "bedrock", "Azure OpenAI": "azure", "Vertex AI": "vertex",
    "Cloudflare AI Gateway": "cloudflare", "OpenRouter": "openrouter", "llama.cpp": "llamacpp", "vLLM": "vllm",
    "Ollama": "ollama",
}  # fmt: skip


def test_proofs_lift_as_far_as_the_page_says() -> None:
    page = (ROOT / "docs" / "proofs.md").read_text(encoding="utf-8")
    told = dict(re.findall(r"^\| ([^|]+) \|.*\| (U\d) \|$", page, re.MULTILINE))
    probed = [(surface.provider, row) for surface in all_surfaces() for row in surface.evidence if row.probe]
    assert {provider for provider, _ in probed} - {"embedded"} == set(PROVEN.values())
    for name, provider in PROVEN.items():
        assert told[name] == min(row.upstream_class for owner, row in probed if owner == provider).name


def test_every_place_that_is_asked_for_a_proof_is_named() -> None:
    page = (ROOT / "docs" / "proofs.md").read_text(encoding="utf-8")
    assert [row.probe for row in PROOFS if row.base_url.format(region="REGION") not in page] == []
    asked = {path.partition("?")[0] for prover in PROVERS.values() for path in prover.answers}
    names = {
        "proj_abc": "PROJECT",
        "projects/proj/": "projects/PROJECT/",
        ACCOUNT: "ACCOUNT",
        "/gw": "/GATEWAY",
        "models/m": "models/MODEL",
    }
    for given, told in names.items():
        asked = {path.replace(given, told) for path in asked}
    assert [path for path in sorted(asked - {RESOURCE}) if f"`{path}`" not in page] == []


def anchors(page: Path) -> set[str]:
    """Of headings, as forges make them."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_links_within_the_repository_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\((?!https?://)([^)]+)\)", page.read_text(encoding="utf-8")):
        name, _, anchor = link.partition("#")
        there = page.parent / name if name else page
        assert there.exists(), link
        assert not anchor or anchor in anchors(there), link


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_modules_that_are_named_exist(page: Path) -> None:
    named = re.findall(
        r"`([a-z_]+/(?:[a-z_0-9]+/)*(?:[a-z_0-9-]+\.(?:py|md|toml))?)(?:::\w+)?`", page.read_text(encoding="utf-8")
    )
    roots = (ROOT, page.parent, ROOT / "src" / "lethe", ROOT / "src")
    assert [name for name in named if not any((root / name).exists() for root in roots)] == []


def test_every_member_of_a_report_is_described() -> None:
    page = (ROOT / "docs" / "verification.md").read_text(encoding="utf-8")
    about = Circumstances(form=FULL, configurations=(), enforced=(), finished=0.0, seconds=0.0)
    assert [name for name in document(Account(), None, about) if f"`{name}`" not in page] == []


def test_the_surface_on_the_page_of_the_register_can_be_read() -> None:
    page = (ROOT / "docs" / "register.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"```\n(id = .*?)```", page, re.DOTALL)
    surface = parse_surface(text, "acme.chat", Vendor(), lambda _: parse_rows("", "rows"))
    assert surface.expires - surface.reviewed == timedelta(days=90)


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_commands_take_the_options_that_they_are_shown_with(page: Path) -> None:
    shown = re.findall(rf"\blethe ({'|'.join(COMMANDS)})\b([^`#\n]*)", page.read_text(encoding="utf-8"))
    for command, words in shown:
        parser = ArgumentParser()
        parser.add_argument("--json")  # which every command takes
        import_module(f"lethe.cli.{command}").options(parser)
        assert set(re.findall(r"(?<= )--[a-z-]+", words)) <= set(parser._option_string_actions), command


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_lines_are_short(page: Path) -> None:
    """But for tables, and what programs print."""
    prose = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    assert [line for line in prose.splitlines() if len(line) > 200 and not line.startswith("|")] == []


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_configurations_on_the_pages_load(page: Path) -> None:
    for text in re.findall(r"```toml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        parse_settings(text, page_id(page), embedded_available=True, today=date(2026, 11, 24))
