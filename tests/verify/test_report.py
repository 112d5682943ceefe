"""What a report says, and which outcome follows."""

import os
from datetime import date
from typing import Any

import pytest

from lethe.cli.verdict import readable
from lethe.evidence.canonical import canonical
from lethe.evidence.signing import PayloadType, Signer, verify
from lethe.evidence.signing import Verdict as Signed
from lethe.retention.enforcement import Enforcement, Mechanism, State
from lethe.retention.levels import Level
from lethe.verify.account import Account
from lethe.verify.canary import Mint
from lethe.verify.mutation import Kill, Kills
from lethe.verify.report import FULL, LIVE, Circumstances, document, enforced, evidence_searched, outcome
from lethe.verify.sample import sample
from lethe.verify.search import Search
from lethe.verify.sinks import Hit, Looked, Sink, Verdict
from lethe.verify.traffic import Traffic

HELD = Enforcement(dict.fromkeys(Mechanism, State.ENFORCED))
ABOUT = Circumstances(
    form=FULL,
    configurations=(("lethe.toml", "B"),),
    enforced=(HELD,),
    finished=1_795_000_000.4,
    seconds=12.3,
    kernel="Linux",
    python="3.11",
)
HIT = Hit(Sink.MEMORY, "raw", "worker, after 5 s, [heap]", "answer-text", "case")
CAUGHT, SURVIVED = Kill("stdout-success", Sink.STDOUT, True), Kill("memfd-crash", Sink.OPEN_FILES, False, "why")


def account(*looks: Looked, served: int = 2, faults: tuple[str, ...] = ()) -> Account:
    made = Account()
    made.travelled(Traffic(requests=3, served=served, faults=faults))
    made.add([Looked(Sink.STDOUT, 100), *looks])
    return made


def test_nothing_found_is_a_pass() -> None:
    assert outcome(account(), None) == "pass"
    assert outcome(account(), Kills(kills=(CAUGHT,))) == "pass"


@pytest.mark.parametrize(
    ("made", "kills"),
    [
        (account(Looked(Sink.MEMORY, 1, (HIT,))), None),
        (account(served=0), None),
        (account(faults=("a promise",)), None),
        (account(), Kills(kills=(CAUGHT, SURVIVED))),
        (account(Looked(Sink.MEMORY, 1, (HIT,)), Looked(Sink.FILES, reasons=("why",))), None),
    ],
)
def test_these_fail(made: Account, kills: Kills | None) -> None:
    assert outcome(made, kills) == "fail"


def test_a_canary_that_never_travelled_fails() -> None:
    made = account()
    made.unseen["system"] = 1
    made.unseen_in["some case"] = None
    assert outcome(made, None) == "fail"
    assert "first: some case" in readable(document(made, None, ABOUT))


def test_a_place_that_could_not_be_looked_at_is_no_pass() -> None:
    made = account(Looked(Sink.SYSCALLS, reasons=("strace is not installed",)))
    assert outcome(made, None) == "inconclusive"
    assert made.sinks[Sink.SYSCALLS].verdict is Verdict.INCONCLUSIVE


def test_a_look_that_failed_is_not_made_up_for_by_another() -> None:
    made = account(Looked(Sink.MEMORY, 1000), Looked(Sink.MEMORY, reasons=("cannot be opened",)))
    assert outcome(made, None) == "inconclusive"


def test_nothing_need_be_served_by_a_running_instance() -> None:
    assert outcome(account(served=0), None, live=True) == "pass"


def test_the_document_holds_what_programs_ask_for_and_can_be_signed() -> None:
    made = document(account(Looked(Sink.MEMORY, 1, (HIT, HIT))), Kills(kills=(CAUGHT, SURVIVED)), ABOUT)
    assert {name: made[name] for name in ("hits", "inconclusive", "requests", "served", "outcome", "finished")} == {
        "hits": 2,
        "inconclusive": 0,
        "requests": 3,
        "served": 2,
        "outcome": "fail",
        "finished": "2026-11-18T11:06:40Z",
    }
    mutants: Any = made["mutants"]
    assert (mutants["planted"], mutants["caught"]) == (2, 1)
    assert made["memory"] == {"prompt": 0, "answer": 2}
    unseen = document(account(Looked(Sink.STDOUT, 1)), None, ABOUT)
    assert unseen["memory"] == unseen["memory_at_completion"] == {"prompt": None, "answer": None}
    assert made["enforced"] == dict.fromkeys((each.value for each in Mechanism), "enforced")
    findings: Any = made["findings"]
    assert [each["times"] for each in findings] == [2]
    signer = Signer.ephemeral()
    signed = signer.sign(made, PayloadType.VERIFICATION)
    assert verify(signed, PayloadType.VERIFICATION, signer.public_key) is Signed.TRUSTED


def test_the_worst_state_of_a_mechanism_is_told() -> None:
    lacking = Enforcement({**HELD.states, Mechanism.LANDLOCK: State.ABSENT})
    assert enforced([HELD, lacking])["landlock"] == "absent"
    assert enforced([HELD, lacking])["seccomp"] == "enforced"
    assert enforced([])["seccomp"] == "unknown"


def test_a_canary_in_the_report_is_a_hit() -> None:
    mint = Mint(os.urandom)
    canary = mint.new("system", "case")
    made = Account()
    made.searches.append(Search(mint))
    assert evidence_searched(made, b"{}").hits == ()
    assert evidence_searched(made, canary.text.encode()).verdict is Verdict.HIT


def test_people_are_told_where_and_how_often() -> None:
    made = document(account(Looked(Sink.MEMORY, 1, (HIT, HIT))), Kills(kills=(CAUGHT, SURVIVED)), ABOUT)
    text = readable(made)
    for told in ("FAIL", "worker, after 5 s, [heap]", "answer-text", "survived: memfd-crash (open files): why"):
        assert told in text
    assert "2 leaks planted, 1 caught" in text


def test_people_are_told_what_could_not_be_looked_at() -> None:
    made = document(account(Looked(Sink.SYSCALLS, reasons=("strace is not installed",))), None, ABOUT)
    assert "not looked at: syscalls: strace is not installed" in readable(made)
    assert "INCONCLUSIVE" in readable(made)


@pytest.mark.parametrize("level", [Level.B, Level.C])
def test_the_built_in_configuration_loads(level: Level) -> None:
    assert sample(level, date(2026, 11, 1)).plan.level is level


def test_a_live_report_reads_without_what_only_instances_have() -> None:
    about = Circumstances(
        form=LIVE,
        configurations=(("http://x", "C"),),
        enforced=(),
        finished=0.0,
        seconds=0.0,
        kernel="Linux",
        python="3.11",
    )
    made = document(account(served=0), None, about)
    canonical(made)
    assert "PASS" in readable(made)
