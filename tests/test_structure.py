"""Sizes and names of our own files: what the style asks for, with every exception and its reason."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "lethe"
FILES = sorted(SOURCE.rglob("*.py"))
NAMES = [str(path.relative_to(SOURCE)) for path in FILES]

FILE_LINES, FUNCTION_LINES = 300, 60
# File, or file:function, with what it may reach and why it is better in one piece.
EXCEPTIONS: dict[str, tuple[int, str]] = {}
EMPTY_WORDS = {"utils", "util", "helpers", "helper", "manager", "base", "common", "misc"}


def limit(name: str, usual: int) -> int:
    return EXCEPTIONS.get(name, (usual, ""))[0]


def functions(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Names and lengths in lines, without the docstring."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[1] if ast.get_docstring(node) and len(node.body) > 1 else node.body[0]
            yield node.name, (node.end_lineno or node.lineno) - first.lineno + 2


@pytest.mark.parametrize("name", NAMES)
def test_sizes(name: str) -> None:
    text = (SOURCE / name).read_text(encoding="utf-8")
    assert text.count("\n") <= limit(name, FILE_LINES), f"{name} is long: split it, or list it with a reason"
    for function, lines in functions(ast.parse(text)):
        assert lines <= limit(f"{name}:{function}", FUNCTION_LINES), f"{name}:{function} has {lines} lines"


@pytest.mark.parametrize("name", NAMES)
def test_a_module_is_a_noun_that_says_something(name: str) -> None:
    assert not EMPTY_WORDS & set(Path(name).with_suffix("").parts)


def test_every_exception_is_still_needed() -> None:
    for name in EXCEPTIONS:
        assert name.split(":")[0] in NAMES
