"""What the register's files say, read without a line of the package: tests hold to it what went out."""

import json
import re
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[2] / "src" / "lethe" / "retention" / "surfaces"
STRICTEST = ("A1", "A2", "B", "C")
# What is the caller's own data, and no part of an API.
DATA = {"input_schema", "parameters", "input", "arguments", "schema", "input_examples"}


@cache
def record(file: str) -> dict[str, Any]:
    """A surface's file, with the rows that it shares; its own come first."""
    made = tomllib.loads((FOLDER / file).read_text())
    parts = [
        made,
        *(tomllib.loads((FOLDER / "shared" / f"{name}.toml").read_text()) for name in made.get("shares", ())),
    ]
    rows: dict[Any, dict[str, Any]] = {}
    for part in parts:
        for row in part.get("fields", ()):
            for path in row["paths"]:
                subject = (path, *(tuple(row.get(name, ())) for name in ("values", "models", "not_models")))
                rows.setdefault(subject, {**row, "path": path, "do": at_levels(row["do"])})
    known: dict[str, list[str]] = {}
    for part in parts:
        for name, listed in part.get("known", {}).items():
            known.setdefault(name, []).extend(listed)
    return {
        **made,
        "fields": list(rows.values()),
        "betas": [{**row, "do": at_levels(row["do"])} for part in parts for row in part.get("betas", ())],
        "models": [row for part in parts for row in part.get("models", ())],
        "known": known,
    }


def at_levels(do: str) -> dict[str, str]:
    found = {}
    for clause in do.split(", "):
        *levels, action = clause.split()
        found.update(dict.fromkeys(levels or STRICTEST, action))
    return found


def fits(globs: list[str], text: str) -> bool:
    return any(fnmatchcase(text.lower(), glob.lower()) for glob in globs)


def concerns(row: dict[str, Any], model: str) -> bool:
    return (not row.get("models") or fits(row["models"], model)) and not fits(row.get("not_models", []), model)


def speaks_of(row: dict[str, Any], value: Any) -> bool:
    values = row.get("values")
    if not values:
        return value is not None
    if values == ["true"]:
        return value not in (None, False)
    return fits(values, value if isinstance(value, str) else json.dumps(value, separators=(",", ":")))


def places(body: Any, path: str, rows: list[dict[str, Any]]) -> Iterator[Any]:
    """The values to which a path leads."""
    yield from _places(body, re.findall(r"\*\*|\[\]|[^.\[\]]+", path), "", {row["path"] for row in rows})


def _places(value: Any, steps: list[str], at: str, paths: set[str]) -> Iterator[Any]:
    if not steps:
        yield value
        return
    step, rest = steps[0], steps[1:]
    match step, value:
        case "[]" | "**", list():
            for each in value:
                yield from _places(each, rest if step == "[]" else steps, f"{at}[]", paths)
        case "**", dict():
            yield from _places(value, rest, at, paths)
            for each in (each for name, each in value.items() if name not in DATA):
                yield from _places(each, steps, at, paths)
        case "*", dict():
            named = {re.split(r"[.\[]", path[len(at) + 1 :])[0] for path in paths if path.startswith(f"{at}.")}
            for name in value.keys() - named:
                yield from _places(value[name], rest, f"{at}.{name}", paths)
        case name, dict() if name in value:
            yield from _places(value[name], rest, f"{at}.{name}" if at else name, paths)


def examine_rows(
    rows: list[dict[str, Any]], body: Any, model: str, level: str, kept: int, known: list[str] | None
) -> int:
    """`known` are the fields of an API that counts, which takes no others."""
    for row in rows:
        if not concerns(row, model):
            continue
        action, path = row["do"][level], row["path"]
        found = [value for value in places(body, path, rows) if speaks_of(row, value)]
        match action:
            case "refuse" | "strip":
                assert not found or path == "model", path
            case "force":
                top = path.split(".")[0]
                if known is None or top in body or top in known:
                    assert list(places(body, path, rows)) == [row["value"]], path
            case "replace":
                assert all(value == row["value"] for value in found), path
            case "pseudonym":
                assert all(str(value).startswith("lethe-") for value in found), path
            case "salt":
                assert known is not None or all(str(v).startswith("lethe-") for v in places(body, path, rows)), path
        if found and "lowers" in row and level in row.get("lowers_at", STRICTEST):
            kept = max(kept, int(row["lowers"][1]))
    return kept


def examine_betas(rows: dict[str, Any], tokens: list[str], level: str) -> None:
    ruled: dict[str, set[str]] = {}
    for row in rows["fields"]:
        if row.get("beta"):
            ruled.setdefault(row["beta"], set()).add(row["do"][level])
    for row in rows["betas"]:
        for token in row["tokens"]:
            ruled[token] = {row["do"][level]}
    for token in tokens:
        assert not (token in ruled and ruled[token] <= {"strip", "refuse"}), token
        assert level == "C" or token in ruled or fits(rows["known"].get("betas", []), token), token
