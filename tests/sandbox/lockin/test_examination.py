"""A real process, locked in: each act tried with everything, without anything, and without one mechanism or another."""

import functools
import tempfile
from pathlib import Path

import pytest

from lethe.retention.enforcement import Mechanism, State
from lethe.retention.levels import Level
from lethe.sandbox.lockin import host
from lethe.sandbox.lockin.attempts import Result, acts
from lethe.sandbox.lockin.examination import ExaminationFailed, examine
from lethe.sandbox.lockin.host import Host
from lethe.sandbox.lockin.trial import Outcome

HERE = host.probe()
FORBIDDEN = [act for act in acts(-1) if act.by]
NEEDED = [act.name for act in acts(-1) if not act.by]
# Refused to everybody here or there: by the kernel's build, a sandbox, or for want of privileges.
PRIVILEGED = {
    *("init_module", "kexec_load", "a call of the future", "mount", "setns", "unshare", "bpf", "perf_event_open"),
    *("userfaultfd", "open_by_handle_at", "keyctl", "add_key", "memfd_secret", "fanotify_init", "io_uring_setup"),
    *("open a raw socket", "open a packet socket", "set an extended attribute", "make a nameless file", "pidfd_getfd"),
    *("open another process's memory", "open a multipath socket", "process_vm_readv", "process_vm_writev", "ptrace"),
}


@functools.cache
def locked() -> Outcome:
    return examine()


@functools.cache
def bare() -> Outcome:
    return examine(wanted=())


def result(outcome: Outcome, name: str) -> Result:
    (found,) = [each for each in outcome.results if each.name == name]
    return found


def needs(*mechanisms: Mechanism) -> None:
    """Skips on a host that has none of them."""
    there = {Mechanism.LANDLOCK: HERE.landlock > 0, Mechanism.LANDLOCK_NET: HERE.landlock >= 4}
    there[Mechanism.SECCOMP] = HERE.seccomp
    if not any(there.get(mechanism, True) for mechanism in mechanisms):
        pytest.skip("this host has none of what refuses it")


@pytest.mark.parametrize("act", FORBIDDEN, ids=lambda act: act.name)
def test_a_locked_in_process_does_not_manage(act: Result) -> None:
    needs(*act.by)
    assert result(locked(), act.name).refused


@pytest.mark.parametrize("name", NEEDED)
def test_a_locked_in_process_still_can(name: str) -> None:
    assert result(locked(), name).error is None


@pytest.mark.parametrize("act", [act for act in FORBIDDEN if act.name not in PRIVILEGED], ids=lambda act: act.name)
def test_any_other_process_can(act: Result) -> None:
    """Or else the tests above would prove nothing."""
    assert not result(bare(), act.name).refused


def test_what_is_claimed() -> None:
    states = locked().enforcement.states
    assert set(states) == set(Mechanism)
    for mechanism in (Mechanism.FSIZE, Mechanism.CORE, Mechanism.DUMPABLE, Mechanism.NO_NEW_PRIVS):
        assert states[mechanism] is State.ENFORCED
    assert (states[Mechanism.LANDLOCK] is State.ENFORCED) is (HERE.landlock > 0)
    assert (states[Mechanism.SECCOMP] is State.ENFORCED) is HERE.seccomp
    assert set(bare().enforcement.states.values()) == {State.ABSENT}


def test_without_landlock_files_are_still_safe_and_ports_are_not() -> None:
    needs(Mechanism.SECCOMP)
    outcome = examine(Host(0, HERE.seccomp, HERE.arch))
    managed = {each.name for each in outcome.results if each.by and not each.refused}
    assert managed == {"connect to a port that is not configured"}
    assert outcome.enforcement.states[Mechanism.LANDLOCK] is State.ABSENT
    assert outcome.enforcement.levels(()) == {Level.C}
    assert Level.B in outcome.enforcement.levels(("landlock", "landlock-net"))
    assert outcome.enforcement.levels(("landlock",)) == {Level.C}


def test_an_old_landlock_does_not_filter_ports() -> None:
    needs(Mechanism.LANDLOCK)
    outcome = examine(Host(1, HERE.seccomp, HERE.arch))
    states = outcome.enforcement.states
    assert (states[Mechanism.LANDLOCK], states[Mechanism.LANDLOCK_NET]) == (State.ENFORCED, State.ABSENT)
    assert not result(outcome, "connect to a port that is not configured").refused


@pytest.mark.parametrize("abi", [1, 3, 6, HERE.landlock])
def test_without_seccomp_landlock_keeps_the_files(abi: int) -> None:
    """Whichever version it has: no act is said to be refused by it that the first one lets pass."""
    if HERE.landlock < abi:
        pytest.skip("this host has an older one")
    needs(Mechanism.LANDLOCK)
    outcome = examine(Host(abi, seccomp=False, arch=None))
    assert outcome.enforcement.levels(()) == {Level.C}
    assert Level.B in outcome.enforcement.levels(("seccomp", "landlock-net"))
    for act in FORBIDDEN:
        if Mechanism.LANDLOCK in act.by or act.by == (Mechanism.FSIZE,):
            assert result(outcome, act.name).refused, act.name
    assert not result(outcome, "make a memory file").refused


def test_an_architecture_without_a_filter() -> None:
    outcome = examine(Host(HERE.landlock, seccomp=True, arch=None))
    assert outcome.enforcement.states[Mechanism.SECCOMP] is State.ABSENT


def test_a_process_that_does_not_report(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lethe.sandbox.lockin.examination.MODULE", "lethe.nowhere")
    with pytest.raises(ExaminationFailed):
        examine()


def test_a_machine_where_nothing_can_be_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: [str(tmp_path / "nowhere")])
    with pytest.raises(ExaminationFailed, match="a folder for temporary files"):
        examine()
