"""What the guard makes of a body, byte by byte; what it does for each row of the register is in test_rows."""

import contextlib
import json
from typing import Any

import pytest
from tests.retention.surfaces import row, surface

from lethe.errors import InvalidRequest
from lethe.retention.guard import Guard, Verdict
from lethe.retention.levels import Level, UpstreamClass
from lethe.retention.surface import Action, BetaRule, FieldRule, Known, Surface
from lethe.wire.rawjson import TopLevel, is_flat


def judged(known: Surface, body: bytes, level: Level = Level.B, model: str = "m", **more: Any) -> tuple[Verdict, bytes]:
    """The verdict, and the body as it would go out."""
    top = TopLevel(body)
    verdict = Guard(known).judge(top, level, model, pseudonym=lambda name: f"P{len(name)}", **more)
    return verdict, top.spliced(verdict.changes, verdict.removals)


STORE = row("store", "force", value=False)
OLD = row("old", "refuse", values=("true",))
# rows, body, what goes out
CHANGES: list[tuple[str, tuple[FieldRule, ...], bytes, bytes]] = [
    ("forced, absent", (STORE,), b'{"model":"m"}', b'{"model":"m","store":false}'),
    ("forced, given", (STORE,), b'{"store":true,"model":"m"}', b'{"store":false,"model":"m"}'),
    ("forced, escaped", (STORE,), b'{"st\\u006fre": true}', b'{"st\\u006fre": false}'),
    ("forced, twice", (STORE,), b'{"store":true,"model":"m","store":true}', b'{"store":false,"model":"m"}'),
    ("forced, null", (STORE,), b'{"store":null}', b'{"store":false}'),
    ("forced below", (row("a.b", "force", value=1),), b"{}", b'{"a":{"b":1}}'),
    ("forced below, wrong type", (row("a.b", "force", value=1),), b'{"a":7}', b'{"a":{"b":1}}'),
    ("forced below, beside others", (row("a.b", "force", value=1),), b'{"a":{"c":[2]}}', b'{"a":{"c":[2],"b":1}}'),
    (
        "forced in each, objects only",
        (row("tools[].x", "force", value=[1]),),
        b'{"tools":[{"type":"function"},"t",{"x":2}]}',
        b'{"tools":[{"type":"function","x":[1]},"t",{"x":[1]}]}',
    ),
    ("replaced, absent", (row("store", "replace", value=False),), b'{"model":"m"}', b'{"model":"m"}'),
    ("replaced, given", (row("store", "replace", value=False),), b'{"store":1}', b'{"store":false}'),
    ("replaced, null", (row("store", "replace", value=False),), b'{"store":null}', b'{"store":null}'),
    ("stripped", (row("store", "strip"),), b'{"store":{"a":1}, "model":"m"}', b'{"model":"m"}'),
    ("stripped, null", (row("store", "strip"),), b'{"model":"m","store":null}', b'{"model":"m"}'),
    ("stripped below", (row("system[].c", "strip"),), b'{"system":[{"c":1,"d":2}]}', b'{"system":[{"d":2}]}'),
    (
        "elements stripped",
        (row("extra_list[]", "strip", values=("bad*",)),),
        b'{"extra_list":["bad1","good","bad2","bad3"]}',
        b'{"extra_list":["good"]}',
    ),
    ("one alone for a list", (row("extra_list[]", "strip", values=("bad",)),), b'{"extra_list":"bad"}', b"{}"),
    ("pseudonym", (row("user", "pseudonym"),), b'{"user":"anna"}', b'{"user":"P4"}'),
    ("pseudonym of what is no text", (row("user", "pseudonym"),), b'{"user":{"id":7}}', b'{"user":"P8"}'),
    ("pseudonym, absent", (row("user", "pseudonym"),), b'{"user":null}', b'{"user":null}'),
    ("not for this model", (row("user", "strip", models=("gpt-*",)),), b'{"user":"a"}', b'{"user":"a"}'),
    ("for all but this one", (row("user", "strip", not_models=("M",)),), b'{"user":"a"}', b'{"user":"a"}'),
    ("deep", (row("**.ttl", "strip"),), b'{"system":[{"c":{"ttl":1}}],"ttl":2}', b'{"system":[{"c":{}}]}'),
    (
        "not in the caller's own data",
        (row("**.ttl", "strip"),),
        b'{"tools":[{"parameters":{"ttl":1}}]}',
        b'{"tools":[{"parameters":{"ttl":1}}]}',
    ),
    (
        "an escaped name below",
        (row("system[].c", "strip"),),
        b'{"system":[{"\\u0063":1}]}',
        b'{"system":[{}]}',
    ),
    (
        "a name twice below: what was judged goes out",
        (row("system[].c", "refuse", values=("bad",)),),
        b'{"system":[{"c":"bad","c":"good"}]}',
        b'{"system":[{"c":"good"}]}',
    ),
    (
        "nothing twice: bytes stay",
        (row("system[].c", "refuse", values=("bad",)),),
        b'{"system": [ {"c":"g\\u006fod", "n": 1.0, "\\\\": "\\":"} ]}',
        b'{"system": [ {"c":"g\\u006fod", "n": 1.0, "\\\\": "\\":"} ]}',
    ),
    (
        "a lone surrogate",
        (row("metadata.user", "pseudonym"),),
        b'{"metadata":{"user":"\\ud800"},"messages":"\\udfff"}',
        b'{"metadata":{"user":"P1"},"messages":"\\udfff"}',
    ),
]


@pytest.mark.parametrize(("rows", "body", "expected"), [c[1:] for c in CHANGES], ids=[c[0] for c in CHANGES])
def test_changes(rows: tuple[FieldRule, ...], body: bytes, expected: bytes) -> None:
    verdict, out = judged(surface(*rows), body, Level.C)
    assert out == expected
    assert verdict.refusals == ()


UNKNOWN = "not in this API's register"
LETTERS = "other letters"
ID = row("**.id_of", "refuse")
FILE = row("messages[].content[].source.type", "refuse", values=("file",), instead="send it inline")
# rows, body, path and a word of the reason
REFUSALS: list[tuple[str, tuple[FieldRule, ...], bytes, str, str]] = [
    ("a field", (row("old", "refuse"),), b'{"old":{}}', "$.old", "keeps"),
    ("escaped", (row("old", "refuse"),), b'{"\\u006fld":1}', "$.old", "keeps"),
    ("true, in other words", (OLD,), b'{"old":1}', "$.old", "keeps"),
    ("true, as text", (OLD,), b'{"old":"yes"}', "$.old", "keeps"),
    ("by its value", (row("old", "refuse", values=("a*",)),), b'{"old":"Abc"}', "$.old", "keeps"),
    ("by the model that goes out", (row("model", "refuse", values=("m",)),), b'{"model":"alias"}', "$.model", "keeps"),
    ("below", (FILE,), b'{"messages":[{"content":[{"source":{"type":"file"}}]}]}', f"$.{FILE.path}", "keeps"),
    ("below, alone", (FILE,), b'{"messages":{"content":{"source":{"type":"file"}}}}', f"$.{FILE.path}", "keeps"),
    ("unknown field", (), b'{"CANARY":1}', "$", UNKNOWN),
    ("unknown field, null", (), b'{"CANARY":null}', "$", UNKNOWN),
    ("unknown tool", (), b'{"tools":[{"type":"function"},{"type":"CANARY"}]}', "$.tools[1].type", UNKNOWN),
    ("unknown tool, alone", (), b'{"tools":{"type":"CANARY"}}', "$.tools[0].type", UNKNOWN),
    ("tool of no type", (), b'{"tools":[{"type":["CANARY"]}]}', "$.tools[0].type", UNKNOWN),
    ("unknown part", (), b'{"messages":[{"content":[{"type":"CANARY"}]}]}', "$.messages[].content[].type", UNKNOWN),
    ("escaped part", (), b'{"messages":[{"content":[{"type":"t\\u0065xtCANARY"}]}]}', "$.messages[].content[].type", UNKNOWN),
    ("behind text", (), b'{"messages":[{"content":["x",{"type":"CANARY"}]}]}', "$.messages[].content[].type", UNKNOWN),
    ("behind nothing", (), b'{"messages":[{"content":[{},{"type":"CANARY"}]}]}', "$.messages[].content[].type", UNKNOWN),
    (
        "in a part", (),
        b'{"messages":[{"content":[{"type":"text","content":[{"type":"CANARY"}]}]}]}',
        "$.messages[].content[].content[].type", UNKNOWN,
    ),
    (
        "in a document", (),
        b'{"messages":[{"content":[{"type":"document","source":{"content":[{"type":"CANARY"}]}}]}]}',
        "$.messages[].content[].source.content[].type", UNKNOWN,
    ),
    (
        "tool in a message", (),
        b'{"messages":[{"content":[{"type":"tool_addition","tool":{"definition":{"type":"CANARY"}}}]}]}',
        "$.messages[].content[].tool.definition.type", UNKNOWN,
    ),
    ("system", (), b'{"system":[{"type":"CANARY"}]}', "$.system[].type", UNKNOWN),
    ("a list for an object", (FILE,), b'{"messages":[{"content":[{"source":[{"type":"file"}]}]}]}', f"$.{FILE.path}", "keeps"),
    ("lists in lists", (FILE,), b'{"messages":[[{"content":[[[{"source":{"type":"file"}}]]]}]]}', f"$.{FILE.path}", "keeps"),
    ("tool without type or name", (), b'{"tools":[{"CANARY_search":{}}]}', "$.tools[0]", UNKNOWN),
    ("tool of nothing", (), b'{"tools":[{}]}', "$.tools[0]", UNKNOWN),
    ("tool beside a function", (), b'{"tools":[{"type":"function","function":{},"CANARY":{}}]}', "$.tools[0]", UNKNOWN),
    ("tool in a list in a list", (), b'{"tools":[{"type":"function"},[[{"type":"CANARY"}]]]}', "$.tools[1].type", UNKNOWN),
    ("part in a list in a list", (), b'{"messages":[[{"content":[[{"type":"CANARY"}]]}]]}', "$.messages[].content[].type", UNKNOWN),
    (
        "in a list of documents", (),
        b'{"messages":[{"content":[{"type":"document","source":[{"content":[{"type":"CANARY"}]}]}]}]}',
        "$.messages[].content[].source.content[].type", UNKNOWN,
    ),
    ("in a group of tools", (), b'{"tools":[{"type":"function","name":"g","tools":[{"type":"CANARY"}]}]}', "$.tools[0].type", UNKNOWN),
    (
        "in a group in a group", (),
        b'{"tools":[{"type":"custom_g","tools":[{"type":"custom_h","tools":{"type":"CANARY"}}]}]}',
        "$.tools[0].type", UNKNOWN,
    ),
    (
        "tool in a part", (),
        b'{"messages":[{"content":[{"type":"text","tools":[{"type":"custom_g","tools":[{"type":"CANARY"}]}]}]}]}',
        "$.messages[].content[].tools[].type", UNKNOWN,
    ),
    (
        "tool that a summary adds", (),
        b'{"messages":[{"content":[{"type":"text","tool_changes":[{"type":"text","tool":{"definition":{"type":"CANARY"}}}]}]}]}',
        "$.messages[].content[].tool_changes[].tool.definition.type", UNKNOWN,
    ),
    (
        "source", (),
        b'{"messages":[{"content":[{"type":"document","source":{"type":"CANARY"}}]}]}',
        "$.messages[].content[].source.type", UNKNOWN,
    ),
    ("anywhere", (ID,), b'{"messages":[{"content":[{"a":[[{"id_of":"CANARY"}]]}]}]}', "$.**.id_of", "keeps"),
    ("anywhere, escaped", (ID,), b'{"messages":[{"content":[{"a":{"id_\\u006ff":"CANARY"}}]}]}', "$.**.id_of", "keeps"),
    ("in other letters", (FILE,), b'{"messages":[{"content":[{"Source":{"type":"file"}}]}]}', "$.messages", LETTERS),
    ("anywhere, in other letters", (ID,), b'{"system":[{"a":[{"ID_of":"CANARY"}]}]}', "$.system", LETTERS),
    ("a letter like s", (FILE,), b'{"messages":[{"content":[{"\xc5\xbfource":{}}]}]}', "$.messages", LETTERS),
    ("a letter like k", (row("**.key", "refuse"),), b'{"extra_1":{"a":{"\\u212aey":1}}}', "$.extra_1", LETTERS),
    ("in a flat list", (row("messages[].secret", "refuse"),), b'{"messages":[{"Secret":1}]}', "$.messages", LETTERS),
    ("any other name", (row("extra_1.*", "refuse"), row("extra_1.b", "allow")), b'{"extra_1":{"b":1,"CANARY":2}}', "$.extra_1.*", "keeps"),
    (
        "a list of tools in a message", (),
        b'{"messages":[{"content":[{"type":"tool_addition","tool":[{"definition":[{"type":"CANARY"}]}]}]}]}',
        "$.messages[].content[].tool.definition.type", UNKNOWN,
    ),
]  # fmt: skip


@pytest.mark.parametrize(("rows", "body", "path", "because"), [c[1:] for c in REFUSALS], ids=[c[0] for c in REFUSALS])
def test_refusals(rows: tuple[FieldRule, ...], body: bytes, path: str, because: str) -> None:
    verdict, _ = judged(surface(*rows), body)
    (refusal,) = verdict.refusals
    assert refusal.path == path
    assert because in refusal.because
    assert "CANARY" not in str(verdict.refusals)


@pytest.mark.parametrize("level", Level)
def test_a_long_body_is_judged_as_a_short_one(level: Level) -> None:
    """Long ones are searched before they are read."""
    padding = json.dumps("x" * 5000 + ' {"a": [{"type": "CANARY"}]} ')
    assert is_flat(f'[{{"text":{padding}}},{{"text":{padding},"s\\u0065cret":1}}]'.encode())
    known = surface(row("messages[].secret", "refuse"), FILE)
    for hidden in ('"secret":1', '"s\\u0065cret":1', '"content":[{"source":{"t\\u0079pe":"f\\u0069le"}}]'):
        body = f'{{"messages":[{{"text":{padding}}},{{"text":{padding},{hidden}}}]}}'.encode()
        assert len(judged(known, body, level)[0].refusals) == 1
    quiet = f'{{"messages":[{{"text":{padding}}},{{"text":{padding}}}]}}'.encode()
    assert judged(known, quiet, level)[0].refusals == ()


PASSES = [
    b'{"tools":[{"type":"custom_g","name":"g","tools":[{"type":"custom_7"},{"function":{}}]}]}',
    b'{"model":"m","extra_1":1}',
    b'{"tools":[{"function":{}},{"type":"custom_7"},{"type":null,"function":{}}]}',
    b'{"tools":[{"type":"function","function":{"parameters":{"type":"CANARY","properties":{"type":{"type":"odd"}}}}}]}',
    b'{"messages":[{"content":"CANARY"},{"content":[{"type":"text","text":"{\\"type\\":\\"odd\\"}"}]}]}',
    b'{"messages":[{"content":[{"text":"no type"},"text",null,7]}]}',
    b'{"messages":null,"tools":7,"system":"text"}',
]


@pytest.mark.parametrize("body", PASSES)
@pytest.mark.parametrize("level", Level)
def test_what_is_known_passes_as_it_is(body: bytes, level: Level) -> None:
    verdict, out = judged(surface(FILE), body, level)
    assert (verdict.refusals, out) == ((), body)


@pytest.mark.parametrize("body", [c[2] for c in REFUSALS if not c[1]], ids=[c[0] for c in REFUSALS if not c[1]])
def test_at_c_unknown_things_pass_unless_configured(body: bytes) -> None:
    assert judged(surface(), body, Level.C)[0].refusals == ()
    assert judged(surface(), body, Level.C, refuse_unknown=True)[0].refusals != ()


def test_a_known_field_in_other_letters_is_refused_even_at_c() -> None:
    for body in (b'{"Store":true}', b'{"STORE":true,"store":false}', '{"\u017ftore":true}'.encode()):
        (refusal,) = judged(surface(STORE), body, Level.C)[0].refusals
        assert (refusal.path, LETTERS in refusal.because) == ("$", True)
    (refusal,) = judged(surface(FILE), b'{"messages":[{"content":[{"source":{"TYPE":"file"}}]}]}', Level.C)[0].refusals
    assert (refusal.path, LETTERS in refusal.because) == ("$.messages", True)


def test_where_every_other_name_is_refused_those_with_a_row_are_not() -> None:
    rows = (row("extra_1.*", "refuse"), row("extra_1.b", "allow"), row("extra_1.c", "force", value=1))
    verdict, out = judged(surface(*rows), b'{"extra_1":{"b":1,"c":2,"d":null}}')
    assert (verdict.refusals, out) == ((), b'{"extra_1":{"b":1,"c":1,"d":null}}')


def test_a_value_that_is_half_a_character_is_judged() -> None:
    known = surface(row("extra_1", "refuse", values=("[!{]*",)))
    assert judged(known, b'{"extra_1":{"a":"\\ud800"}}')[0].refusals == ()
    assert len(judged(known, b'{"extra_1":["\\ud800"]}')[0].refusals) == 1


def test_types_with_a_row_of_their_own_are_known() -> None:
    known = surface(row("tools[].type", "allow", values=("search_*",)))
    assert judged(known, b'{"tools":[{"type":"search_1"}]}')[0].refusals == ()
    assert judged(known, b'{"messages":[{"content":[{"type":"search_1"}]}]}')[0].refusals != ()


def test_what_is_used_lowers_the_class() -> None:
    known = surface(
        row("tools[].type", "allow", values=("function",), lowers=UpstreamClass.U6),
        row("container", "allow", lowers=UpstreamClass.U5),
        row("gone", "strip", lowers=UpstreamClass.U7),
    )
    verdict, _ = judged(known, b'{"tools":[{"type":"function"}],"container":1,"gone":1}')
    assert set(verdict.used) == {("$.tools[].type", UpstreamClass.U6), ("$.container", UpstreamClass.U5)}
    assert verdict.lowers is UpstreamClass.U6
    assert judged(known, b'{"container":null}')[0].lowers is None


BETA_ROWS = (
    row("thread", "refuse", beta="threads-1"),
    row("diagnostics", "strip", beta="diagnosis-1"),
    row("audio", "allow", beta="audio-1"),
    row("mixed", "strip", beta="mixed-1"),
    row("mixed_too", "allow", beta="mixed-1"),
)
# tokens, body, level, what goes out, how many refusals
BETAS = [
    (("known-1", "known-2"), b"{}", Level.B, ("known-1", "known-2"), 0),
    (("CANARY",), b"{}", Level.B, ("CANARY",), 1),
    (("CANARY",), b"{}", Level.C, ("CANARY",), 0),
    (("threads-1",), b"{}", Level.A2, (), 0),
    (("threads-1",), b'{"thread":1}', Level.A2, (), 1),
    (("Threads-1", "DIAGNOSIS-1"), b"{}", Level.C, (), 0),
    (("diagnosis-1", "known-1"), b"{}", Level.A2, ("known-1",), 0),
    (("audio-1",), b'{"audio":1}', Level.A1, ("audio-1",), 0),
    (("mixed-1",), b'{"mixed":1}', Level.C, (), 0),
    (("mixed-1",), b'{"mixed_too":1}', Level.C, ("mixed-1",), 0),
]


@pytest.mark.parametrize(("tokens", "body", "level", "kept", "refused"), BETAS)
def test_betas(tokens: tuple[str, ...], body: bytes, level: Level, kept: tuple[str, ...], refused: int) -> None:
    verdict, _ = judged(surface(*BETA_ROWS), body, level, betas=tokens)
    assert verdict.betas == kept
    assert len(verdict.refusals) == refused
    assert "CANARY" not in str(verdict.refusals)


LEFT_OUT = BetaRule(
    token="hint-1",
    actions={level: Action.ALLOW if level is Level.C else Action.STRIP for level in Level},
    because="nobody says what it keeps",
)


@pytest.mark.parametrize("level", Level)
def test_tokens_with_a_row_of_their_own(level: Level) -> None:
    """Not unknown, and nothing to stop a request for: what nobody documents stays here."""
    known = surface(betas=(LEFT_OUT,), known=Known(fields=("anthropic_beta",), betas=("known-*",)))
    body = b'{"anthropic_beta":["HINT-1"]}'
    verdict, _ = judged(known, body, level, betas=("hint-1", "known-1"), refuse_unknown=True)
    assert verdict.betas == (("hint-1", "known-1", "HINT-1") if level is Level.C else ("known-1",))
    assert verdict.refusals == ()


def test_a_whole_surface_can_be_refused() -> None:
    known = surface(STORE, refused={Level.A1: "it keeps everything"})
    verdict, _ = judged(known, b"{}", Level.A1)
    assert [r.because for r in verdict.refusals] == ["it keeps everything"]
    assert judged(known, b"{}", Level.A2)[0].refusals == ()


def test_a_level_without_an_action_refuses() -> None:
    known = surface(FieldRule(path="odd", actions={Level.C: Action.ALLOW}, because="who knows"))
    assert [len(judged(known, b'{"odd":1}', level)[0].refusals) for level in Level] == [1, 1, 1, 0]


def test_a_surface_that_knows_no_tools_refuses_those_with_a_type() -> None:
    known = surface(known=Known(fields=("tools", "messages")))
    assert (
        len(judged(known, b'{"tools":[{"type":"function"}],"messages":[{"content":[{"type":"text"}]}]}')[0].refusals)
        == 2
    )


@pytest.mark.parametrize("level", Level)
def test_nesting_without_end_is_the_callers_fault(level: Level) -> None:
    for depth in (100, 400, 900, 5_000, 100_000):
        for root, below in ((b"messages", b"content"), (b"tools", b"tools"), (b"messages", b"tool_changes")):
            body = b'{"%b":' % root + b'[{"%b":' % below * depth + b"0" + b"}]" * depth + b"}"
            with contextlib.suppress(InvalidRequest):
                judged(surface(FILE, ID), body, level)


def test_the_register_is_not_changed_by_what_it_forces() -> None:
    known = surface(row("a", "force", value={"b": []}), row("a.c", "force", value=1))
    for _ in range(2):
        assert judged(known, b'{"a":{"z":1}}', Level.C)[1] == b'{"a":{"b":[],"c":1}}'
    assert known.fields[0].value == {"b": []}


def test_without_a_maker_of_pseudonyms_names_pass() -> None:
    top = TopLevel(b'{"user":"anna"}')
    verdict = Guard(surface(row("user", "pseudonym"))).judge(top, Level.C, "m")
    assert verdict.changes == {}


@pytest.mark.parametrize(
    ("written", "level", "kept", "refused"),
    [
        (b'["known-1"]', Level.B, ("header", "known-1"), 0),
        (b'["known-1","new"]', Level.B, ("header", "known-1", "new"), 1),
        (b'["new"]', Level.C, ("header", "new"), 0),
        (b"null", Level.B, ("header",), 0),
        (b'"known-1"', Level.B, ("header",), 1),
        (b'["known-1",["new"]]', Level.B, ("header",), 1),
        (json.dumps(["known-1"] * 65).encode(), Level.C, ("header",), 1),
    ],
)
def test_betas_in_the_body(written: bytes, level: Level, kept: tuple[str, ...], refused: int) -> None:
    known = Known(fields=("anthropic_beta",), betas=("known-*", "header"))
    verdict, out = judged(surface(known=known), b'{"anthropic_beta":' + written + b"}", level, betas=("header",))
    assert (verdict.betas, out) == (kept, b"{}")
    assert [refusal.path for refusal in verdict.refusals] == ["$.anthropic_beta"] * refused


@pytest.mark.parametrize(
    ("headers", "body", "level", "refused"),
    [
        ((), b"{}", Level.B, []),
        (("v1",), b'{"anthropic_version":"v2"}', Level.A2, []),
        (("v1", "v3"), b"{}", Level.B, ["the version header"]),
        (("V1",), b"{}", Level.B, ["the version header"]),
        ((), b'{"anthropic_version":"v*"}', Level.A2, ["$.anthropic_version"]),
        ((), b'{"anthropic_version":["v1"]}', Level.B, ["$.anthropic_version"]),
        (("v3",), b'{"anthropic_version":null}', Level.A1, ["the version header", "$.anthropic_version"]),
        (("v3",), b'{"anthropic_version":"v3"}', Level.C, []),
    ],
)
def test_versions_of_the_api(headers: tuple[str, ...], body: bytes, level: Level, refused: list[str]) -> None:
    """What an API does may change with its version."""
    known = surface(known=Known(fields=("anthropic_version",), versions=("v1", "v2")))
    verdict, out = judged(known, body, level, versions=headers)
    assert ([refusal.path for refusal in verdict.refusals], out) == (refused, body)
    assert {refusal.instead for refusal in verdict.refusals} <= {"ask for one of v1, v2, or at level C"}


def test_any_version_where_the_register_lists_none() -> None:
    assert judged(surface(), b"{}", Level.A2, versions=("v9",))[0].refusals == ()
