"""A whole verification, from settings to the report."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import msgspec

from lethe.config.settings import Settings
from lethe.evidence.canonical import Json
from lethe.evidence.posture import configuration_digest
from lethe.retention.enforcement import Enforcement, Mechanism, State
from lethe.verify.account import Account
from lethe.verify.mutants.roster import MUTANTS, Mutant
from lethe.verify.mutation import Kills, hunt
from lethe.verify.passes import outside, traced
from lethe.verify.report import FULL, QUICK, Circumstances, document, evidence_searched
from lethe.verify.stage import Clock, staged
from lethe.verify.traffic import Progress


class Abandoned(Exception):
    """Another configuration has failed, or the user has had enough: this one need not be finished."""


def verify(
    configurations: Sequence[tuple[str, Settings]],
    clock: Clock,
    progress: Progress,
    *,
    quick: bool,
    mutants: Settings | None = None,
    chosen: Sequence[Mutant] = MUTANTS,
) -> dict[str, Json]:
    """The report, not yet signed. `configurations` are settings with their sources; `mutants`, if mutants are to be
    planted, are the settings that they run with. Raises NotServing."""
    began = clock.now()
    account, enforced = _all([settings for _, settings in configurations], clock, progress, quick=quick)
    kills: Kills | None = None
    if mutants is not None:
        kills = hunt(mutants, clock, progress, chosen, _absent(enforced))
    about = Circumstances(
        form=QUICK if quick else FULL,
        configurations=tuple((source, settings.plan.level.value) for source, settings in configurations),
        digests=tuple(_salted(settings, clock) for _, settings in configurations),
        enforced=tuple(enforced),
        finished=clock.now(),
        seconds=clock.now() - began,
    )
    account.add([evidence_searched(account, msgspec.json.encode(document(account, kills, about)))])
    return document(account, kills, about)


def _all(
    configurations: Sequence[Settings], clock: Clock, progress: Progress, *, quick: bool
) -> tuple[Account, list[Enforcement]]:
    """Side by side if there are several: most of the time is spent waiting for waits to end."""

    over = threading.Event()

    def step(what: str, done: int, of: int) -> None:
        if over.is_set():
            raise Abandoned
        progress(what, done, of)

    def one(settings: Settings) -> tuple[Account, tuple[Enforcement, ...]]:
        account = Account()
        with staged(settings, clock, step) as stage:
            enforced = outside(stage, account, quick=quick)
            traced(stage, account)
            account.close(stage)
        return account, enforced

    if len(configurations) == 1:
        done = [one(configurations[0])]
    else:
        with ThreadPoolExecutor(max_workers=len(configurations)) as threads:
            try:
                done = [each.result() for each in [threads.submit(one, settings) for settings in configurations]]
            except BaseException:  # an interruption from the keyboard, too
                over.set()
                raise
    whole = Account()
    for account, _ in done:
        whole.join(account)
    return whole, [each for _, enforced in done for each in enforced]


def _absent(enforced: Sequence[Enforcement]) -> frozenset[Mechanism]:
    """What some worker said that it has not."""
    return frozenset(
        mechanism
        for mechanism in Mechanism
        if any(each.states.get(mechanism) is not State.ENFORCED for each in enforced)
    )


def _salted(settings: Settings, clock: Clock) -> tuple[str, str]:
    """Salt and digest, so that the posture can tell whether it was its own configuration that was verified."""
    salt = clock.random(16)
    return salt.hex(), configuration_digest(settings, salt).hex()
