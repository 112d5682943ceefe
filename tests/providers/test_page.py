"""The page of upstreams: a stanza for every preset, each of which loads, and nothing said of dialects that is not so."""

import re
from datetime import date
from pathlib import Path

import pytest

from lethe.cli.check import described, readable
from lethe.config.load import load_settings, parse_settings
from lethe.providers.rows import EMBEDDED, PRESETS, PROVIDERS

PAGE = (Path(__file__).parents[2] / "docs" / "upstreams.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^### ([^\n]+)\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL))
STANZAS = {heading: re.findall(r"```toml\n(.*?)```", body, re.DOTALL) for heading, body in SECTIONS.items()}
TODAY = date(2026, 11, 29)


def test_every_section_has_one_stanza() -> None:
    assert [heading for heading, stanzas in STANZAS.items() if len(stanzas) != 1] == []


@pytest.mark.parametrize("heading", STANZAS)
def test_each_is_checked_as_lethe_check_does(heading: str, tmp_path: Path) -> None:
    file = tmp_path / "lethe.toml"
    file.write_text(STANZAS[heading][0])
    settings = load_settings(file, {}, embedded_available=True, today=TODAY)
    report = described(settings, str(file))
    assert report["ok"]
    assert [note for note in report["notes"] if "refused" in note] == []
    assert readable(report)
    for upstream in settings.plan.upstreams:
        assert upstream.provider in PRESETS, upstream.name
        assert f"`{upstream.dialect}`" in SECTIONS[heading], upstream.name


def test_every_preset_and_each_of_its_dialects_is_there() -> None:
    found: dict[str, str] = {}
    for heading, (stanza,) in STANZAS.items():
        settings = parse_settings(stanza, heading, embedded_available=True, today=TODAY)
        for upstream in settings.plan.upstreams:
            found[upstream.provider] = heading
    assert set(found) == set(PRESETS)
    for row in PROVIDERS:
        section = SECTIONS[found[row.name]]
        assert [dialect for dialect in row.speaks if f"`{dialect}`" not in section] == [], row.name
        keys = [row.key_env] + [offer.key_env for offer in row.offers]
        assert [key for key in keys if key and key not in section] == [], row.name
    assert EMBEDDED in found


def test_a_gateway_s_token_that_is_not_there_is_told() -> None:
    (stanza,) = STANZAS["Cloudflare AI Gateway"]
    report = described(parse_settings(stanza, "page", embedded_available=False, today=TODAY), "page")
    gateway = [(each["gateway"], each["gateway_resolves"]) for each in report["upstreams"]]
    assert gateway == [(None, "none"), ("env:CF_AIG_TOKEN", "no: the variable is not set"), (None, "none")]
    assert "note: upstream cloudflare-claude: env:CF_AIG_TOKEN: no: the variable is not set" in readable(report)
