"""The published table of losses is what the codecs do."""

from pathlib import Path

from tests.dialects.losses import page

PUBLISHED = Path(__file__).parent.parent.parent / "docs" / "losses.md"


def test_the_table_is_current() -> None:
    assert PUBLISHED.read_text(encoding="utf-8") == page(), "run python -m tests.dialects.losses > docs/losses.md"
