"""What to do about losses: hints are counted, degraded ones named, dropped ones refused unless the route allows."""

from lethe.errors import LossRefused
from lethe.ir.loss import Locate, Losses, Severity

MAX_NAMED = 20  # losses named in a header or an error; the rest are counted


def refuse_dropped(losses: Losses, locate: Locate = str, *, allowed: bool) -> None:
    """Raises LossRefused naming the paths of what would be dropped, as the caller has them."""
    if allowed or not losses:
        return
    if dropped := [loss for loss in losses if loss.severity is Severity.DROPPED]:
        more = [f"and {len(dropped) - MAX_NAMED} more"] if len(dropped) > MAX_NAMED else []
        raise LossRefused([f"{locate(loss.path)} ({loss.feature})" for loss in dropped[:MAX_NAMED]] + more)


def named(losses: Losses, locate: Locate = str) -> str | None:
    """The value of `x-lethe-loss`: `severity path` pairs, worst first; None where there is nothing to name."""
    if not losses:
        return None
    worth = [loss for severity in (Severity.DROPPED, Severity.DEGRADED) for loss in losses if loss.severity is severity]
    if not worth:
        return None
    names = [f"{loss.severity} {_header_safe(locate(loss.path))}" for loss in worth[:MAX_NAMED]]
    if len(worth) > MAX_NAMED:
        names.append(f"and {len(worth) - MAX_NAMED} more")
    return ", ".join(names)


def counts(losses: Losses) -> tuple[int, int, int]:
    """(hints, degraded, dropped)."""
    found = [loss.severity for loss in losses]
    return found.count(Severity.HINT), found.count(Severity.DEGRADED), found.count(Severity.DROPPED)


def _header_safe(path: str) -> str:
    """A leftover's name comes from the caller's body: only what a header can hold, and not much of it."""
    return "".join(c if c.isascii() and c.isprintable() and c != "," else "?" for c in path[:120])
