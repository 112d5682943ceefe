"""What `lethe check --host` says: what this host's kernel enforces on workers, found out by trying."""

import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from lethe.cli.output import CommandFailed, table
from lethe.config.plan import Plan
from lethe.retention.enforcement import ACCEPTABLE, Enforcement, Mechanism, State
from lethe.retention.levels import Level
from lethe.sandbox import environment
from lethe.sandbox.lockin import confines, swap
from lethe.sandbox.lockin.attempts import Result
from lethe.sandbox.lockin.examination import ExaminationFailed, examine
from lethe.sandbox.lockin.host import Host
from lethe.sandbox.lockin.trial import Outcome

NEEDED: Mapping[Mechanism, str] = {
    mechanism: "A1" if mechanism is Mechanism.NO_SWAP else "A1 A2 B" for mechanism in Mechanism
}
MEANING: Mapping[Mechanism, str] = {
    Mechanism.FSIZE: "no byte into any file",
    Mechanism.CORE: "no core dump",
    Mechanism.DUMPABLE: "no other process of the user reads its memory",
    Mechanism.NO_NEW_PRIVS: "no privileges gained",
    Mechanism.SECCOMP: "no programs, no tracing, no files changed, no unix sockets",
    Mechanism.LANDLOCK: "no file changed or run",
    Mechanism.LANDLOCK_NET: "TCP to configured ports and 53 only",
    Mechanism.NO_SWAP: "memory reaches no disk",
}
_FACTS: tuple[tuple[str, str], ...] = (
    ("core_pattern", "/proc/sys/kernel/core_pattern"),
    ("ptrace_scope", "/proc/sys/kernel/yama/ptrace_scope"),
)
_PRELOAD = "/etc/ld.so.preload"


class Kernel(Struct, frozen=True):
    """`uname`, as far as it matters."""

    release: str
    machine: str


def described(plan: Plan | None) -> dict[str, Any]:
    """The report for programs. Without a plan, for level C. Raises CommandFailed."""
    try:
        outcome = examine()
    except ExaminationFailed as failure:
        raise CommandFailed(str(failure)) from None
    return report(outcome, plan, os.environ, Kernel(platform.release(), platform.machine()))


def report(outcome: Outcome, plan: Plan | None, environ: Mapping[str, str], kernel: Kernel) -> dict[str, Any]:
    """From what was found to what is said. Values of variables are never in it."""
    enforcement = outcome.enforcement
    accepted = plan.accept_unenforced if plan is not None else ()
    surprises = [result.name for result in outcome.results if not as_claimed(result, enforcement)]
    why = confines.shortfall(plan, enforcement) if plan is not None else None
    if surprises:
        why = f"not as the kernel claims: {', '.join(surprises)}"
    preloaded = environment.preloaded(environ)
    if preloaded and why is None:
        why = f"lethe serve refuses to start with {' and '.join(preloaded)}"
    names = environment.dropped(environ)
    unix = plan is not None and confines.of_plan(plan).unix
    return {
        "ok": why is None,
        "why": why,
        "level": confines.demanded(plan) if plan is not None else Level.C,
        "levels": [level for level in Level if not surprises and level in enforcement.levels(accepted)],
        "accept_unenforced": list(accepted),
        "kernel": kernel.release,
        "arch": kernel.machine,
        "mechanisms": [
            {
                "name": mechanism,
                "state": enforcement.states[mechanism],
                "needed_for": NEEDED[mechanism],
                "can_be_accepted": mechanism in ACCEPTABLE,
                "detail": _detail(mechanism, outcome.host, unix=unix),
            }
            for mechanism in Mechanism
        ],
        "tried": [
            {
                "act": result.name,
                "result": result.error or "works",
                "as_claimed": as_claimed(result, enforcement),
            }
            for result in outcome.results
        ],
        "host": {name: _read(path) for name, path in _FACTS} | {"swap": _swap(), "ld_so_preload": _listed(_PRELOAD)},
        "environment": {"dropped": list(names), "would_have_acted": list(environment.acting(names))},
        "preloaded": list(preloaded),
    }


def as_claimed(result: Result, enforcement: Enforcement) -> bool:
    """Was it refused by what claims to be enforced, or did it work if it has to? Nothing is expected of the absent."""
    if not result.by:
        return result.error is None
    return result.refused or all(enforcement.states[mechanism] is not State.ENFORCED for mechanism in result.by)


def readable(found: dict[str, Any]) -> str:
    """The same for people."""
    rows = [(m["name"], m["state"], m["needed_for"], m["detail"]) for m in found["mechanisms"]]
    tried = [(t["act"], t["result"] + ("" if t["as_claimed"] else "  NOT AS CLAIMED")) for t in found["tried"]]
    host = found["host"]
    lines = [
        f"swap: {host['swap']}",
        f"core_pattern: {host['core_pattern']}; ptrace_scope: {host['ptrace_scope']}",
        *_withheld(**found["environment"]),
        "site-packages: workers run no .pth file and no sitecustomize (-S)",
    ]
    if host["ld_so_preload"]:
        lines.append(f"{_PRELOAD}: its libraries are in every process of this host, workers too")
    verdict = f"this host can serve: {' '.join(found['levels']) or 'nothing'}; configured: {found['level']}"
    return "\n\n".join(
        [
            f"Linux {found['kernel']}, {found['arch']}",
            table(("mechanism", "state", "needed for", "detail"), rows),
            table(("tried in a locked-in process", "result"), tried),
            "\n".join(lines),
            verdict + (f"\nlethe: {found['why']}" if found["why"] else ""),
        ]
    )


def _withheld(dropped: Sequence[str], would_have_acted: Sequence[str]) -> Iterator[str]:
    """The names of the variables that workers do not get."""
    if dropped:
        yield f"environment: workers get none of these {len(dropped)} variables: {', '.join(dropped)}"
    if would_have_acted:
        yield f"of them would have acted: {', '.join(would_have_acted)}"


def _detail(mechanism: Mechanism, host: Host, *, unix: bool) -> str:
    match mechanism:
        case Mechanism.LANDLOCK | Mechanism.LANDLOCK_NET:
            return f"{MEANING[mechanism]} (ABI {host.landlock or 'none'})"
        case Mechanism.SECCOMP:
            return (
                MEANING[mechanism]
                + (" but for what is configured to have one" if unix else "")
                + ("" if host.arch else " (no filter for this architecture)")
            )
        case _:
            return MEANING[mechanism]


def _swap() -> str:
    if not swap.active():
        return "none active"
    return "active, forbidden to this cgroup" if swap.forbidden() else "active"


def _read(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return "unknown"


def _listed(path: str) -> bool:
    return _read(path) not in {"", "unknown"}
