"""The security model is true where a program can tell: its tests exist, its places are complete, its "none" are none."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "lethe"
PAGE = (ROOT / "docs" / "security-model.md").read_text(encoding="utf-8")
ROWS = [line.split(" | ") for line in PAGE.splitlines() if re.match(r"\| \d+ \| ", line)]
PLACES = {int(row[0].strip("| ")): row for row in ROWS}
UNTESTED = {28, 37, 40}  # there is nothing of ours to test
NAMED = sorted(set(re.findall(r"`(tests/[a-z0-9_/]+\.py)`", PAGE)))

# Modules that write for people, keep things in files, or run programs; and where they have a reason to be.
WRITING: dict[str, set[str]] = {
    "logging": {"sandbox/silence.py", "server/serving.py"},  # to turn it off
    "warnings": {"sandbox/silence.py"},
    "traceback": set(),
    "syslog": set(),
    "faulthandler": set(),
    "tempfile": {"cli/", "verify/", "sandbox/lockin/examination.py"},
    "shelve": set(),
    "pickle": set(),
    "dbm": set(),
    "sqlite3": set(),
    "mmap": {"sandbox/lockin/attempts.py"},  # tries it
    "webbrowser": set(),
    "subprocess": {"cli/", "verify/", "sandbox/children.py", "sandbox/engine.py", "sandbox/lockin/examination.py"},
}
RUNTIME = {"cffi", "cryptography", "httptools", "msgspec", "pycparser", "uvloop"}
CREDENTIALS = re.compile(
    r"sk-ant-api\d\d-[\w-]{80,}|sk-proj-[\w-]{60,}|\bAKIA[0-9A-Z]{16}\b|ghp_[A-Za-z0-9]{36}|-----BEGIN (?:RSA |EC |)PRIVATE KEY-----\n[A-Za-z0-9+/]{60}"
)


@pytest.mark.parametrize("name", NAMED)
def test_each_test_that_is_named_exists(name: str) -> None:
    tree = ast.parse((ROOT / name).read_text(encoding="utf-8"))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    assert [node.name for node in functions if node.name.startswith("test_")]


def test_all_forty_places_are_there_each_with_a_test_or_a_reason() -> None:
    assert list(PLACES) == list(range(1, 41))
    assert {number for number, row in PLACES.items() if "`tests/" not in row[3]} == UNTESTED


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.partition(".")[0])
    return names


@pytest.mark.parametrize("module", WRITING)
def test_what_writes_is_used_where_it_may_be(module: str) -> None:
    users = {path.relative_to(SOURCE).as_posix() for path in SOURCE.rglob("*.py") if module in imported(path)}
    assert {user for user in users if not any(user.startswith(allowed) for allowed in WRITING[module])} == set()


def test_no_database_sdk_or_telemetry_among_what_is_installed_to_serve() -> None:
    lock = (ROOT / "requirements" / "runtime.txt").read_text(encoding="utf-8")
    assert set(re.findall(r"^([a-z0-9-]+)==", lock, re.MULTILINE)) == RUNTIME


def test_no_credential_in_the_repository() -> None:
    kept = [path for folder in ("src", "tests", "docs", "bench") for path in (ROOT / folder).rglob("*")]
    texts = [path for path in kept if path.is_file() and not {"node_modules", "__pycache__"} & set(path.parts)]
    assert len(texts) > 300
    found = [path for path in texts if CREDENTIALS.search(path.read_text(encoding="utf-8", errors="replace"))]
    assert found == []
