"""The vocabulary is the one that its package counts with, and nothing of what it counted stays."""

import importlib
import subprocess
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from lethe.tokens import vocabulary
from lethe.tokens.vocabulary import PIECE

TEXTS = [
    "The quick brown fox jumps over the lazy dog.",
    "def f(x: int) -> int:\n    return x * 2\n" * 20,
    "Übergrößenträger, 東京タワー, 🙂🙃",
    "<|endoftext|> is text here",
    " \n\t" * 50,
    "",
]


@pytest.fixture(scope="module")
def package() -> Any:
    """The package as its authors mean it to be used."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return importlib.import_module("bpe_openai").get_encoding("o200k_base")


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(vocabulary, "_PACKAGE", "no_such_package")
    vocabulary.vocabulary.cache_clear()
    yield
    vocabulary.vocabulary.cache_clear()


@pytest.mark.parametrize("text", TEXTS)
def test_it_counts_as_its_package_does(text: str, package: Any) -> None:
    assert vocabulary.vocabulary().count(text) == len(package.encode_ordinary(text))


def test_pieces_add_up() -> None:
    """Cutting a text costs at most a token a cut."""
    text = "".join(TEXTS[:3]) * 200
    count = vocabulary.vocabulary().count
    cut = sum(count(text[at : at + PIECE]) for at in range(0, len(text), PIECE))
    assert 0 <= cut - count(text) <= len(text) // PIECE + 1


def test_text_that_utf8_cannot_hold() -> None:
    assert vocabulary.vocabulary().count("a \ud800 b") > 0


@pytest.mark.usefixtures("bare")
def test_without_the_package_bytes_are_counted() -> None:
    words = vocabulary.vocabulary()
    assert (words.name, words.count("12345"), words.count("é\ud800"), words.count("")) == ("utf8-bytes/4", 2, 2, 0)


def test_the_package_itself_is_not_imported() -> None:
    """Its start reads the vocabulary a second time; and its objects remember what they encoded last."""
    script = (
        "import sys; from lethe.tokens.vocabulary import vocabulary as v; v().count('x');"
        "print([n for n in sys.modules if n.startswith('bpe_openai')])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() in ("[]", "['bpe_openai._bindings']")
