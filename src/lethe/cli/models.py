"""List the models that the configuration names: its routes, then what each upstream serves.

A running server lists what its upstreams offer as well: GET /v1/models.

examples:
  lethe models
  lethe models --json
"""

from argparse import ArgumentParser, Namespace

from lethe.cli.check import named
from lethe.cli.configured import add_config_option, chosen_path, load
from lethe.cli.output import emit, say, table


def options(parser: ArgumentParser) -> None:
    add_config_option(parser)


def execute(arguments: Namespace) -> int:
    settings = load(chosen_path(arguments))
    plan = settings.plan
    found = [(route.model, ", ".join(named(t, settings) for t in route.to), "route") for route in plan.routes]
    found += [(glob, upstream.name, "upstream's models") for upstream in plan.upstreams for glob in upstream.models]
    found += [(f"{upstream.name}/*", upstream.name, "by name") for upstream in plan.upstreams]
    if arguments.json:
        emit([{"model": model, "to": to, "because": because} for model, to, because in found])
    else:
        say(table(("model", "to", "because"), found))
    return 0
