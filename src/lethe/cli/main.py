"""`lethe COMMAND`: finds the command's module and runs it; nothing else is imported.

Exit status: 0 done, 1 failed or refused, 2 called in a wrong way, 3 undecided, 130 interrupted.
"""

import itertools
import os
import sys
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Sequence
from importlib import import_module
from io import TextIOWrapper
from typing import Protocol, cast

from msgspec import Struct

import lethe
from lethe.cli.output import CommandFailed, Unwritten, UsageFault, complain, emit, say
from lethe.config.problems import ConfigError, nearest


class Command(Protocol):
    """What a command's module offers. Its docstring is the command's help."""

    __doc__: str | None

    def options(self, parser: ArgumentParser) -> None: ...
    def execute(self, arguments: Namespace) -> int:
        """Returns the exit status. Raises CommandFailed, UsageFault, ConfigError."""
        ...


class Entry(Struct, frozen=True):
    """`passes_on`: arguments that the command does not know go to another program, as `arguments.rest`."""

    summary: str
    passes_on: bool = False


COMMANDS: dict[str, Entry] = {
    "serve": Entry("serve the proxy"),
    "check": Entry("check the configuration and show what it says"),
    "explain": Entry("show where a request goes, why, and what would be lost"),
    "models": Entry("list the models that the configuration names"),
    "register": Entry("show what is known of providers: what they keep, and what is done about it"),
    "keys": Entry("make keys for callers"),
    "posture": Entry("show, or check, what Lethe says of its own retention"),
    "verify": Entry("verify that nothing is kept: canaries, and every place searched"),
    "deploy": Entry("write the files that put Lethe on a platform"),
    "preflight": Entry("compare what a configuration needs with what platforms give"),
    "code": Entry("start Claude Code pointed at Lethe", passes_on=True),
    "demo": Entry("talk to a small real model through Lethe and see what is kept"),
}
USAGE = """lethe: an LLM proxy that forgets

usage: lethe COMMAND [options]     lethe COMMAND --help     lethe --version

commands:
{commands}

examples:
  lethe serve                              serve with the provider keys in the environment, or ./lethe.toml
  lethe check --config lethe.toml          what is wrong with a configuration
  lethe explain claude-sonnet-4-5          where a request for this model goes
  lethe code                               Claude Code through the running proxy

Every command takes --json.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command. Returns the exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    name = words[0] if words else "--help"
    if isinstance(sys.stdout, TextIOWrapper):  # as stderr does: no terminal is so old that it ends a command
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        return _run(name, words)
    except KeyboardInterrupt:
        return 130
    except Unwritten as error:
        complain(f"lethe {name}: {error}")
    except BrokenPipeError:  # the reader has seen enough
        pass
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python's own flush at exit must not complain
    return 1


def _run(name: str, words: Sequence[str]) -> int:
    if name in ("-h", "--help", "help"):
        commands = "\n".join(f"  {name:<10}{entry.summary}" for name, entry in COMMANDS.items())
        say(USAGE.format(commands=commands).rstrip("\n"))
        return 0 if words else 2
    if name in ("-V", "--version"):
        say(f"lethe {lethe.__version__}")
        return 0
    if name not in COMMANDS:
        complain(f"lethe: no such command ({nearest(name, COMMANDS) or 'see lethe --help'})")
        return 2
    command = cast("Command", import_module(f"lethe.cli.{name}"))
    return _executed(command, name, _parse(command, name, words[1:]))


def _executed(command: Command, name: str, arguments: Namespace) -> int:
    try:
        return command.execute(arguments)
    except ConfigError as error:
        if arguments.json:
            problems = [{field: getattr(p, field) for field in p.__struct_fields__} for p in error.problems]
            emit({"ok": False, "source": error.source, "problems": problems})
        else:
            complain(str(error))
        return 1
    except (CommandFailed, UsageFault) as error:
        if arguments.json:
            emit({"ok": False, "error": str(error)})
        else:
            complain(f"lethe {name}: {error}")
        return 2 if isinstance(error, UsageFault) else 1


def _parse(command: Command, name: str, words: Sequence[str]) -> Namespace:
    about, _, examples = (command.__doc__ or "").partition("\n\n")
    parser = ArgumentParser(
        prog=f"lethe {name}",
        description=about,
        epilog=examples,
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")
    command.options(parser)
    if not COMMANDS[name].passes_on:
        return parser.parse_args(words)
    ours = list(itertools.takewhile(lambda word: word != "--", words))
    arguments, rest = parser.parse_known_args(ours)
    arguments.rest = [*rest, *words[len(ours) + 1 :]]
    return arguments


if __name__ == "__main__":
    sys.exit(main())
