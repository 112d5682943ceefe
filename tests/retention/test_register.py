"""From TOML to surfaces: what a row says, and one clear line for whatever it says wrongly."""

from datetime import date
from typing import Any

import pytest

from lethe.ir.content import Dialect
from lethe.retention.levels import Level, UpstreamClass
from lethe.retention.register import (
    RegisterFault,
    Rows,
    Vendor,
    actions,
    parse_rows,
    parse_surface,
    parse_vendors,
)
from lethe.retention.surface import Action, EvidenceKind, Surface

HEAD = """
id = 'acme.chat'
provider = 'acme'
title = 'Acme Chat'
dialect = 'openai-chat'
endpoint = 'chat'
class = 'U6'
because = 'thirty days'
reviewed = 2026-11-24
expires = 2027-02-22
"""
SOURCE = "[[sources]]\nurl = 'https://acme.example/data'\nread = 2026-11-24\n"
ROW = "[[fields]]\npaths = ['a', 'b.c']\ndo = 'A1 A2 B refuse, C allow'\nlowers = 'U6'\nbecause = 'kept'\n"
FORCE, REFUSE, ALLOW, STRIP = Action.FORCE, Action.REFUSE, Action.ALLOW, Action.STRIP


def surface(text: str, **shared: Rows) -> Surface:
    return parse_surface(text, "acme.chat.toml", Vendor(hosts=("api.acme.example",)), shared.__getitem__)


def test_a_surface() -> None:
    made = surface(HEAD + SOURCE + ROW)
    assert (made.id, made.provider, made.dialect, made.endpoint) == ("acme.chat", "acme", Dialect.OPENAI_CHAT, "chat")
    assert (made.upstream_class, made.because, made.hosts) == (UpstreamClass.U6, "thirty days", ("api.acme.example",))
    assert (made.reviewed, made.expires) == (date(2026, 11, 24), date(2027, 2, 22))
    assert [(source.url, source.read) for source in made.sources] == [("https://acme.example/data", date(2026, 11, 24))]
    assert [(rule.path, rule.lowers, rule.because) for rule in made.fields] == [
        ("a", UpstreamClass.U6, "kept"),
        ("b.c", UpstreamClass.U6, "kept"),
    ]
    assert made.fields[0].lowers_at == tuple(Level)
    assert made.fields[0].actions == {Level.A1: REFUSE, Level.A2: REFUSE, Level.B: REFUSE, Level.C: ALLOW}


def test_evidence_headers_models_and_levels_that_are_refused() -> None:
    made = surface(
        HEAD
        + "[refused]\nA1 = 'never'\n"
        + SOURCE
        + "[[evidence]]\nkind = 'model_api'\nclass = 'U2'\nprobe = 'acme.mode'\nalso = ['acme.logs']\nbecause = 'off'\n"
        + "[[evidence]]\nkind = 'contract'\nclass = 'U4'\ncontracts = ['zdr']\nbecause = 'signed'\n"
        + "[[headers]]\nname = 'x-log'\nvalue = 'false'\nlevels = ['A1', 'C']\nbecause = 'no log'\n"
        + "[[models]]\nmodels = ['kept-*']\nclass = 'U7'\nbecause = 'kept'\n"
    )
    assert [(e.kind, e.upstream_class, e.probe, e.also, e.contracts) for e in made.evidence] == [
        (EvidenceKind.MODEL, UpstreamClass.U2, "acme.mode", ("acme.logs",), ()),
        (EvidenceKind.CONTRACT, UpstreamClass.U4, "", (), ("zdr",)),
    ]
    assert [(h.name, h.value, h.levels) for h in made.headers] == [("x-log", "false", (Level.A1, Level.C))]
    assert [(m.models, m.upstream_class) for m in made.models] == [(("kept-*",), UpstreamClass.U7)]
    assert made.refused == {Level.A1: "never"}


def test_a_row_may_lower_the_class_at_some_levels_only() -> None:
    (rule, _) = surface(HEAD + SOURCE + ROW + "lowers_at = ['C']\n").fields
    assert (rule.lowers, rule.lowers_at) == (UpstreamClass.U6, (Level.C,))


def test_shared_rows_follow_and_yield_to_its_own() -> None:
    rows = parse_rows(
        "[known]\nfields = ['model', 'n']\ntools = ['function']\n"
        "[[fields]]\npaths = ['store', 'user']\ndo = 'strip'\nbecause = 'shared'\n",
        "rows.toml",
    )
    own = "[known]\nfields = ['n', 'top_k']\n[[fields]]\npaths = ['store']\nvalue = false\ndo = 'force'\nbecause = 'own'\n"
    made = surface(HEAD.replace("class =", "shares = ['rows']\nclass =") + own + SOURCE, rows=rows)
    assert [(rule.path, rule.actions[Level.C], rule.value) for rule in made.fields] == [
        ("store", FORCE, False),
        ("user", STRIP, None),
    ]
    assert (made.known.fields, made.known.tools) == (("n", "top_k", "model"), ("function",))


def test_without_a_dialect() -> None:
    assert surface(HEAD.replace("dialect = 'openai-chat'\n", "") + SOURCE).dialect is None


def test_vendors() -> None:
    made = parse_vendors("[acme]\nhosts = ['*.acme.example']\n[here]\nlocal = true\n", "vendors.toml")
    assert made == {"acme": Vendor(hosts=("*.acme.example",)), "here": Vendor(local=True)}


SAID: list[tuple[str, list[Action]]] = [
    ("refuse", [REFUSE] * 4),
    ("A1 A2 B refuse, C allow", [REFUSE, REFUSE, REFUSE, ALLOW]),
    ("C allow, A1 refuse, B strip, A2 force", [REFUSE, FORCE, STRIP, ALLOW]),
]


@pytest.mark.parametrize(("text", "wanted"), SAID)
def test_actions(text: str, wanted: list[Action]) -> None:
    assert list(actions(text).items()) == list(zip(Level, wanted, strict=True))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "action that does not exist"),
        ("A1 A2 refuse", "does not say what to do at B, C"),
        ("A1 A2 B C", "action that does not exist"),
        ("A1 A2 B C drop", "action that does not exist"),
        ("A1 A2 B refuse, B C allow", "twice what to do at B"),
        ("D refuse", "level that does not exist"),
        ("refuse, C allow", "twice what to do at C"),
    ],
)
def test_actions_that_make_no_sense(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        actions(text)


TOKENS = "[[betas]]\ntokens = ['hint-1', 'hint-2']\ndo = 'B strip, A1 A2 C allow'\nbecause = 'who knows'\n"


def test_tokens_of_its_own_and_of_shared_rows() -> None:
    rows = parse_rows(TOKENS.replace("hint-", "shared-"), "rows.toml")
    made = surface(HEAD.replace("class =", "shares = ['rows']\nclass =") + SOURCE + TOKENS, rows=rows)
    assert [rule.token for rule in made.betas] == ["hint-1", "hint-2", "shared-1", "shared-2"]
    assert {level for level, action in made.betas[0].actions.items() if action is STRIP} == {Level.B}


FAULTS: dict[str, tuple[str, str]] = {
    "not TOML": ("id = ", "acme.chat.toml"),
    "unknown key": (HEAD + "colour = 'red'\n" + SOURCE, "colour"),
    "missing key": (HEAD.replace("title = 'Acme Chat'\n", "") + SOURCE, "title"),
    "no such dialect": (HEAD.replace("openai-chat", "morse") + SOURCE, "dialect"),
    "no such class": (HEAD.replace("'U6'", "'U9'") + SOURCE, "class: is one of U0"),
    "no source": (HEAD + "sources = []\n", "sources"),
    "review backwards": (HEAD.replace("2027-02-22", "2026-01-01") + SOURCE, "expires: is before the review"),
    "unknown key of a row": (HEAD + SOURCE + ROW + "action = 'refuse'\n", "action"),
    "no such action": (HEAD + SOURCE + ROW.replace("refuse", "burn"), r"fields\[0\].do"),
    "no such lower class": (HEAD + SOURCE + ROW.replace("'U6'", "'6'"), r"fields\[0\].lowers"),
    "no path": (HEAD + SOURCE + ROW.replace("['a', 'b.c']", "[]"), r"fields\[0\].paths"),
    "force without a value": (HEAD + SOURCE + ROW.replace("refuse", "force"), r"fields\[0\].value"),
    "a value without force": (HEAD + SOURCE + ROW + "value = 1\n", r"fields\[0\].value"),
    "a token in capitals": (HEAD + SOURCE + TOKENS.replace("hint-1", "Hint-1"), r"betas\[0\].tokens"),
    "a token refused": (HEAD + SOURCE + TOKENS.replace("strip", "refuse"), r"betas\[0\].do"),
    "the same twice": (HEAD + SOURCE + ROW + ROW, "two rows for a"),
    "a probe without a name": (HEAD + SOURCE + "[[evidence]]\nkind = 'account_api'\nclass = 'U3'\nbecause = 'x'\n", "probe"),
    "a contract without a kind": (HEAD + SOURCE + "[[evidence]]\nkind = 'contract'\nclass = 'U4'\nbecause = 'x'\n", "contracts"),
    "evidence that is none": (HEAD + SOURCE + "[[evidence]]\nkind = 'none'\nclass = 'U6'\nbecause = 'x'\n", "none lifts nothing"),
    "a word with a probe": (
        HEAD + SOURCE + "[[evidence]]\nkind = 'declared'\nclass = 'U6'\nprobe = 'p'\nbecause = 'x'\n",
        "probe",
    ),
    "a probe with contracts": (
        HEAD + SOURCE + "[[evidence]]\nkind = 'account_api'\nclass = 'U3'\nprobe = 'p'\ncontracts = ['zdr']\nbecause = 'x'\n",
        "contracts",
    ),
    "a header in capitals": (
        HEAD + SOURCE + "[[headers]]\nname = 'X-Log'\nvalue = 'no'\nlevels = ['C']\nbecause = 'x'\n",
        "lower case",
    ),
    "no such level": (HEAD + "[refused]\nD = 'x'\n" + SOURCE, "refused"),
}  # fmt: skip


@pytest.mark.parametrize("case", FAULTS)
def test_faults_say_where(case: str) -> None:
    text, where = FAULTS[case]
    with pytest.raises(RegisterFault, match=where) as caught:
        surface(text)
    assert str(caught.value).startswith("acme.chat.toml: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["[known]\ncolours = []\n", "id = 'x'\n", "[[fields]]\n"])
def test_rows_that_are_no_rows(text: str) -> None:
    with pytest.raises(RegisterFault, match=r"rows\.toml: "):
        parse_rows(text, "rows.toml")


@pytest.mark.parametrize("text", ["[acme]\nhost = 'x'\n", "acme = 'api.acme.example'\n"])
def test_vendors_that_are_none(text: str) -> None:
    with pytest.raises(RegisterFault, match=r"vendors\.toml: "):
        parse_vendors(text, "vendors.toml")


def test_what_is_said_twice_by_files_is_kept_once() -> None:
    """Rows for the same path but other values stand beside each other."""
    text = "[[fields]]\npaths = ['tools[].type']\nvalues = ['{0}']\ndo = 'refuse'\nbecause = 'x'\n"
    shared: dict[str, Any] = {"rows": parse_rows(text.replace("{0}", "mcp"), "rows.toml")}
    made = surface(
        HEAD.replace("class =", "shares = ['rows']\nclass =") + SOURCE + text.replace("{0}", "shell"), **shared
    )
    assert [rule.values for rule in made.fields] == [("shell",), ("mcp",)]
