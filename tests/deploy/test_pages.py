"""The pages of targets: their tables are those of the code, and each has words of its own."""

import re

import pytest
from msgspec.structs import replace
from tests.deploy import pages

from lethe.deploy.platform import Platform, State, platform, platforms
from lethe.deploy.target import TARGETS

TEXTS = pages.written()


def own(text: str) -> str:
    return text.partition(pages.BEGIN)[0]


def test_the_tables_are_current() -> None:
    stale = [name for name, text in pages.pages(TEXTS).items() if TEXTS.get(name) != text]
    assert stale == [], "python -m tests.deploy.pages"


@pytest.mark.parametrize("target", TARGETS)
def test_every_target_has_words_of_its_own(target: str) -> None:
    text = own(TEXTS[f"{target}.md"])
    assert text.startswith("# ")
    assert f"lethe deploy {target}" in text
    assert f"]({target}.md)" in own(TEXTS[pages.INDEX]), "the comparison says what to think of it"


def test_the_questions_are_answered() -> None:
    asked = re.findall(r"^\*\*(.+?\?)\*\*", TEXTS[pages.INDEX], re.MULTILINE)
    assert asked[:4] == [
        "What does retention mean here?",
        "Which front is needed?",
        "Which clouds qualify?",
        "How long may streams run?",
    ]


@pytest.mark.parametrize("on", platforms(), ids=lambda on: on.id)
def test_every_fact_is_on_the_page(on: Platform) -> None:
    text = TEXTS[f"{on.id}.md"]
    sources = [limit.source for limit in on.limits.values()] + [place.source for place in on.places]
    sources += [each.source for each in on.attestations] + [cost.source for cost in on.costs]
    for source in sources:
        assert f"]({source.url}), {source.read.isoformat()}, {pages.SURE[source.confidence]}" in text
    for fact in (*on.unconfirmed, *(place.name for place in on.places), *(cost.what for cost in on.costs)):
        assert fact in text


def test_a_table_is_written_in_its_place_and_nothing_else_is_touched() -> None:
    made = pages.put("# A\n\nWords.\n", "one\n")
    assert made == f"# A\n\nWords.\n\n{pages.BEGIN}\n\none\n\n{pages.END}\n"
    assert pages.put(made, "one\n") == made
    other = made.replace("one", r"two \1")  # as in a pattern, and none
    assert pages.put(f"{made}\nMore.\n", "two \\1\n") == f"{other}\nMore.\n"


def test_what_is_not_sure_is_marked() -> None:
    on = platform("cloud-run")
    assert "**not confirmed**" in pages.facts(on)
    assert "**open**" not in pages.facts(on)
    leaky = replace(on, places=tuple(replace(place, state=State.OPEN) for place in on.places))
    assert pages.facts(leaky).count("**open**") == len(on.places)


def test_verdicts_are_those_of_preflight() -> None:
    rows = {line.split("|")[2].split("]")[0].strip(" ["): line for line in pages.comparison(platforms()).splitlines()[4:]
            if line.startswith("| ") and line.count("|") > 8}  # fmt: skip
    assert [cell.strip() for cell in rows["cloud-run"].split("|")[3:6]] == ["warn", "fail: enforcement", "warn"]
    assert [cell.strip() for cell in rows["systemd"].split("|")[3:6]] == ["warn", "warn", "warn"]
    assert rows["cloudflare-gateway"].split("|")[4].strip() == "fail: 4 checks"
