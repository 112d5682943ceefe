"""Start Claude Code with its requests going through Lethe. What is not an option here goes to `claude`.

examples:
  lethe code
  lethe code -p "what does this repository do?"
  lethe code --url http://127.0.0.1:8080 --key-env LETHE_KEY -- --model claude-sonnet-4-5
  eval "$(lethe code --print-env)"

environment:
  LETHE_PORT (or PORT) stands in for the port of --url
"""

import os
import re
import shlex
import shutil
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import NoReturn

from lethe.cli.output import CommandFailed, UsageFault, emit, say
from lethe.cli.serve import HOST, PORT
from lethe.config.values import ValueFault, address

PROGRAM = "claude"
PLACEHOLDER = "none"  # Claude Code wants a token, also where Lethe wants none
HEALTH_WAIT = 2.0  # seconds
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def options(parser: ArgumentParser) -> None:
    parser.add_argument("--url", help=f"where Lethe listens (default http://{HOST}:{PORT})")
    parser.add_argument("--key-env", metavar="NAME", help="the variable that holds your Lethe key, if keys are needed")
    parser.add_argument("--print-env", action="store_true", help="print the settings for a shell and start nothing")


def execute(arguments: Namespace) -> int:
    url = arguments.url or f"http://{HOST}:{os.environ.get('LETHE_PORT') or os.environ.get('PORT') or PORT}"
    try:
        url = address(url, ("http", "https")).url
    except ValueFault as fault:
        raise UsageFault(f"--url {fault.problem}") from None
    if not arguments.print_env:
        start(url, arguments)
    wanted = shown(url, arguments.key_env)
    if arguments.json:
        emit(wanted)
    else:
        quoted = {name: f'"{value}"' if value.startswith("$") else shlex.quote(value) for name, value in wanted.items()}
        say("\n".join(f"export {name}={value}" for name, value in quoted.items()))
    return 0


def start(url: str, arguments: Namespace) -> NoReturn:
    """Becomes Claude Code. Raises CommandFailed, UsageFault."""
    program = shutil.which(PROGRAM)
    if program is None:
        raise CommandFailed("claude is not on the PATH; install it with: npm install -g @anthropic-ai/claude-code")
    ours = environment(url, arguments.key_env, os.environ)
    if not answers(url):
        raise CommandFailed(f"nothing answers at {url}; start it with: lethe serve")
    os.execve(program, [PROGRAM, *arguments.rest], ours)  # noqa: S606 - the program that the user asked for


def shown(url: str, key_env: str | None) -> dict[str, str]:
    """What a shell has to set; a key is named, not shown. Raises UsageFault."""
    if key_env is not None and not _VARIABLE.match(key_env):
        raise UsageFault("--key-env must be the name of a variable")
    return {"ANTHROPIC_BASE_URL": url, "ANTHROPIC_AUTH_TOKEN": f"${key_env}" if key_env else PLACEHOLDER}


def environment(url: str, key_env: str | None, ours: Mapping[str, str]) -> dict[str, str]:
    """Ours, with Lethe as the address; a credential of the user's own stays unless a Lethe key replaces it."""
    wanted = {**ours, "ANTHROPIC_BASE_URL": url}
    if key_env is not None:
        if not ours.get(key_env):
            raise UsageFault("--key-env names a variable that is not set")
        wanted.pop("ANTHROPIC_API_KEY", None)  # with both, Claude Code would send the wrong one
        wanted["ANTHROPIC_AUTH_TOKEN"] = ours[key_env]
    elif not (ours.get("ANTHROPIC_API_KEY") or ours.get("ANTHROPIC_AUTH_TOKEN")):
        wanted["ANTHROPIC_AUTH_TOKEN"] = PLACEHOLDER
    return wanted


def answers(url: str) -> bool:
    """Does a server say that it is alive?"""
    place = address(url, ("http", "https"))
    scheme, _, authority = url.removesuffix(place.path).partition("://")
    connection = (HTTPSConnection if scheme == "https" else HTTPConnection)(authority, timeout=HEALTH_WAIT)
    try:
        connection.request("GET", place.path + "/health")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
