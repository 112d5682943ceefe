"""A report that somebody hands over: is it as it was signed, by whom, and what did it come to?"""

from pathlib import Path
from typing import Any

from lethe.cli.output import CommandFailed, complain, emit, say
from lethe.cli.trust import trusted
from lethe.cli.verdict import readable
from lethe.evidence.canonical import Uncanonical, parsed
from lethe.evidence.signing import PayloadType, Verdict, verify
from lethe.evidence.verification import LARGEST
from lethe.verify.report import EXITS

UNTRUSTED = 3  # exit status


def check(path: str, key: str | None, *, json: bool) -> int:
    """Show it, and say whose signature it bears; the exit status. Raises CommandFailed."""
    authority = trusted(key) if key is not None else None
    signed = _read(Path(path))
    verdict = verify(signed, PayloadType.VERIFICATION, authority)
    problem = ""
    if verdict is Verdict.BAD:
        problem = "it was changed after it was signed, or never signed"
    elif authority is not None and verdict is Verdict.UNTRUSTED:
        problem = f"it is signed by another key ({signed['signer']['key_id']})"
    outcome = signed.get("outcome")
    status = (
        1 if problem or outcome not in EXITS else EXITS[outcome] or (0 if verdict is Verdict.TRUSTED else UNTRUSTED)
    )
    if json:
        emit({"ok": status == 0, "verdict": verdict, "problem": problem or None, "outcome": outcome})
        return status
    if verdict is not Verdict.BAD:
        say(_shown(signed) + "\n")
    line = f"{verdict}: {problem or _by(signed)}"
    if status:
        complain(f"lethe verify: {line}")
    else:
        say(line)
    return status


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            return parsed(file.read(LARGEST))
    except OSError as error:
        raise CommandFailed(f"{path}: {error.strerror or 'cannot be read'}") from None
    except Uncanonical:
        raise CommandFailed(f"{path} is no report") from None


def _shown(signed: dict[str, Any]) -> str:
    try:
        return f"{readable(signed)}\n\nfinished {signed['finished']}, by Lethe {signed['version']}"
    except (KeyError, TypeError, AttributeError, ValueError):
        raise CommandFailed("it is no report of a kind that this version knows") from None


def _by(signed: dict[str, Any]) -> str:
    kind = "a key that ended with its process" if signed["signer"].get("ephemeral") else "a configured key"
    return f"by {kind} ({signed['signer']['key_id']})"
