"""Text with holes. A hole is `%%NAME%%`; one that stands alone in its line takes a block, indented as it is itself."""

import re
from collections.abc import Mapping
from pathlib import Path

_HOLE = re.compile(r"^(?P<indent>[ \t]*)%%(?P<block>[A-Z][A-Z0-9_]*)%%\n|%%(?P<name>[A-Z][A-Z0-9_]*)%%", re.MULTILINE)
_FOLDER = Path(__file__).parent / "templates"


def filled(text: str, values: Mapping[str, str]) -> str:
    """Raises KeyError for a hole without a value, ValueError for a value without a hole."""
    holes = {match["block"] or match["name"] for match in _HOLE.finditer(text)}
    if unused := values.keys() - holes:
        raise ValueError(f"nothing to fill with {', '.join(sorted(unused))}")
    return _HOLE.sub(lambda match: _put(match, values), text)


def template(target: str, name: str) -> str:
    """A file of `templates/TARGET`."""
    return (_FOLDER / target / name).read_text(encoding="utf-8")


def _put(match: re.Match[str], values: Mapping[str, str]) -> str:
    if match["block"] is not None:
        return _block(match["indent"], values[match["block"]])
    return values[match["name"]]


def _block(indent: str, value: str) -> str:
    """Nothing at all where the value is empty."""
    return "".join(f"{indent}{line}\n" if line else "\n" for line in value.splitlines())
