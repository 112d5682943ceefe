"""Make a key for a caller. It is shown once; the configuration holds its hash only.

examples:
  lethe keys new --name ci
  lethe keys new --name ci --json
"""

import hashlib
import secrets
from argparse import ArgumentParser, Namespace

from lethe.cli.output import UsageFault, emit, say
from lethe.config.upstreams import is_name

PREFIX, KEY_BYTES = "sk-lethe-", 32


def options(parser: ArgumentParser) -> None:
    parser.add_argument("action", choices=["new"])
    parser.add_argument("--name", required=True, help="the caller's name, as it appears in event lines")


def execute(arguments: Namespace) -> int:
    if not is_name(arguments.name):
        raise UsageFault("--name must be letters, digits, dots, dashes and underscores, 64 at most")
    key = new_key()
    digest = hash_of(key)
    if arguments.json:
        emit({"name": arguments.name, "key": key, "hash": digest})
    else:
        say(f"{key}\n\nThe key above is shown once. Add to lethe.toml:\n\n{stanza(arguments.name, digest)}")
    return 0


def new_key() -> str:
    """256 random bits."""
    return PREFIX + secrets.token_urlsafe(KEY_BYTES)


def hash_of(key: str) -> str:
    """As [[keys]] takes it."""
    return "sha256:" + hashlib.sha256(key.encode()).hexdigest()


def stanza(name: str, digest: str) -> str:
    return f'[[keys]]\nname = "{name}"\nhash = "{digest}"'
