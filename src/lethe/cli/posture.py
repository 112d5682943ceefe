"""Show what this configuration could say of its own retention, check what a running Lethe says, or make a key.

examples:
  lethe posture                                                   the statement of this configuration, unsigned
  lethe posture --check https://llm.example --public-key key.pub  of a running one: signed by this key, and of now?
  lethe posture --check https://llm.example --config lethe.toml   and of this configuration?
  lethe posture --new-key --out posture.key                       a key pair: posture.key and posture.key.pub

Exit status of --check: 0 signed and trusted, 1 not whole, not of now, or by another key, 3 signed by a key that nobody
vouches for (without --public-key).
"""

import os
import time
from argparse import ArgumentParser, Namespace
from pathlib import Path

from lethe.cli.configured import add_config_option, chosen_path, load, source_of
from lethe.cli.output import CommandFailed, UsageFault, complain, emit, say
from lethe.cli.remote import fetch
from lethe.cli.statement import readable
from lethe.cli.trust import trusted
from lethe.config.settings import Settings
from lethe.evidence.canonical import Uncanonical, parsed
from lethe.evidence.posture import Posture, Reading, Running, configuration_digest, document, posture, read
from lethe.evidence.signing import Signer, Verdict
from lethe.ledger.pages import POSTURE_PATH
from lethe.retention.enforcement import Enforcement
from lethe.sandbox.lockin.examination import ExaminationFailed, examine
from lethe.sandbox.posture import last_verification

LARGEST = 1024 * 1024  # bytes of a posture or a key
UNTRUSTED = 3  # exit status


def options(parser: ArgumentParser) -> None:
    add_config_option(parser)
    parser.add_argument("--check", metavar="URL", help="the address of a running Lethe")
    parser.add_argument("--public-key", metavar="FILE", help="the key that it should sign with, PEM or base64")
    parser.add_argument("--new-key", action="store_true", help="make a key for retention.posture_key")
    parser.add_argument("--out", metavar="FILE", help="where the new key goes; its public half to FILE.pub")


def execute(arguments: Namespace) -> int:
    if arguments.new_key and arguments.check:
        raise UsageFault("--new-key and --check are two things")
    if arguments.out and not arguments.new_key:
        raise UsageFault("--out goes with --new-key")
    if arguments.public_key and not arguments.check:
        raise UsageFault("--public-key goes with --check")
    if arguments.new_key:
        return _new_key(Signer.ephemeral(), arguments)
    if arguments.check:
        return _check(arguments)
    return _show(arguments)


def _show(arguments: Namespace) -> int:
    path = chosen_path(arguments)
    settings = load(path)
    enforcement, why = _tried()
    running = Running(
        salt=os.urandom(16),
        now=time.time(),
        enforcement=enforcement,
        verification=last_verification(settings, None),
    )
    statement = posture(settings, running)
    if arguments.json:
        emit({"ok": True, "signed": False, "posture": document(statement)})
        return 0
    tried = "what the kernel enforces was found out by trying" if not why else f"what the kernel enforces: {why}"
    say(f"{source_of(path)}: not signed; {tried}; probes were not asked\n\n{readable(statement)}")
    return 0


def _tried() -> tuple[tuple[Enforcement, ...], str]:
    try:
        return (examine().enforcement,), ""
    except ExaminationFailed as failure:
        return (), str(failure)


def _check(arguments: Namespace) -> int:
    authority = trusted(arguments.public_key) if arguments.public_key else None
    settings = load(chosen_path(arguments)) if arguments.config else None
    told = fetch(arguments.check, POSTURE_PATH, LARGEST)
    try:
        signed = parsed(told)
    except Uncanonical:
        raise CommandFailed(f"{arguments.check}: the answer is no posture") from None
    reading = read(signed, authority, time.time())
    problem = _problem(reading, settings, asked=authority is not None)
    status = 1 if problem else 0 if reading.verdict is Verdict.TRUSTED else UNTRUSTED
    if arguments.json:
        emit(
            {
                "ok": status == 0,
                "verdict": reading.verdict,
                "problem": problem or None,
                "key_id": reading.key_id or None,
                "ephemeral": reading.ephemeral,
                "posture": document(reading.statement) if reading.statement else None,
            }
        )
        return status
    if reading.statement is not None:
        say(readable(reading.statement) + "\n")
    verdict = _verdict(reading, problem, settings)
    if status:
        complain(f"lethe posture: {verdict}")
    else:
        say(verdict)
    return status


def _problem(reading: Reading, settings: Settings | None, *, asked: bool) -> str:
    """Why it is not to be relied on, whoever signed it; empty if nothing is wrong."""
    if reading.verdict is Verdict.BAD:
        return "it was changed after it was signed, or never signed"
    if reading.statement is None:
        return "it is no posture of a kind that this version knows"
    if reading.stale:
        return f"it is not of now: issued {reading.statement.issued}, until {reading.statement.expires}"
    if asked and reading.verdict is Verdict.UNTRUSTED:
        return f"it is signed by another key ({reading.key_id})"
    if settings is not None and not _same(reading.statement, settings):
        return "it is the posture of another configuration, or of another version of Lethe"
    return ""


def _same(statement: Posture, settings: Settings) -> bool:
    told = statement.configuration
    try:
        return configuration_digest(settings, bytes.fromhex(told.salt)).hex() == told.sha256
    except ValueError:
        return False


def _verdict(reading: Reading, problem: str, settings: Settings | None) -> str:
    """One line."""
    if problem:
        return f"{reading.verdict}: {problem}"
    kind = "a key that ends with its process" if reading.ephemeral else "a configured key"
    same = "; the configuration is the one given" if settings is not None else ""
    return f"{reading.verdict}: by {kind} ({reading.key_id}){same}"


def _new_key(signer: Signer, arguments: Namespace) -> int:
    private, public = signer.pem(), signer.public_pem()
    if arguments.out:
        _write(Path(arguments.out), private, 0o600)
        _write(Path(f"{arguments.out}.pub"), public, 0o644)
    if arguments.json:
        shown = {"file": arguments.out} if arguments.out else {"private_key": private}
        emit({"ok": True, "key_id": signer.key_id, "public_key": public, **shown})
    elif arguments.out:
        say(f"key {signer.key_id}: {arguments.out}; give {arguments.out}.pub to those who check")
    else:
        say(f"{private}{public}".rstrip())
    return 0


def _write(path: Path, text: str, mode: int) -> None:
    """A file that was not there before."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
    except OSError as error:
        raise CommandFailed(f"{path}: {error.strerror or 'cannot be written'}") from None
