"""Files that change are found, wherever they are below a root, and searched."""

import base64
import gzip
import os
from pathlib import Path

import pytest

from lethe.verify import files
from lethe.verify.canary import Canary, Mint
from lethe.verify.search import Search


def test_only_what_changed_since_then_counts(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("old")
    moment = (tmp_path / "old").stat().st_ctime + 0.01
    while (tmp_path / "new").exists() is False or (tmp_path / "new").stat().st_ctime < moment:
        (tmp_path / "new").write_text("new")
    os.utime(tmp_path / "new", (0, 0))  # whoever turns its times back does not hide it
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "file").write_text("x")
    (tmp_path / "link").symlink_to("old")
    found = {Path(each.path).name for each in files.changed(str(tmp_path), moment)}
    assert found == {"new", "deep", "er", "file", "link"}


def test_what_is_to_be_skipped_is(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").touch()
    found = [each.path for each in files.changed(str(tmp_path), 0.0, frozenset({str(tmp_path / "a")}))]
    assert found == [str(tmp_path / "b"), str(tmp_path / "b" / "file")]


def test_content_is_found_and_its_place_is_told_without_the_name(tmp_path: Path, mint: Mint, canary: Canary) -> None:
    (tmp_path / base64.b64encode(canary.text.encode()).decode()).touch()
    (tmp_path / canary.text.lower()).mkdir()
    (tmp_path / "leads").symlink_to(canary.text.encode().hex())
    (tmp_path / "attribute").touch()
    os.setxattr(tmp_path / "attribute", "user.note", base64.b64encode(canary.text.encode()))
    (tmp_path / "a").write_bytes(b"x" * (1 << 20) + canary.text.encode())  # beyond the first part
    (tmp_path / "b").write_bytes(gzip.compress(canary.text.encode()))
    look = files.elsewhere([str(tmp_path)], 0.0, [Search(mint)], frozenset())
    assert sorted((hit.what, hit.where, hit.position) for hit in look.hits) == [
        (form, f"in {tmp_path}", "user-text")
        for form in ("base64", "base64", "gzip of raw", "hex", "lower case", "raw")
    ]


def test_whatever_is_in_its_own_folders_is_a_hit(tmp_path: Path, mint: Mint, canary: Canary) -> None:
    (tmp_path / "cwd").mkdir()
    assert files.own(tmp_path, [Search(mint)]).hits == ()
    (tmp_path / "cwd" / "harmless").touch()
    look = files.own(tmp_path, [Search(mint)])
    assert [(hit.what, hit.where) for hit in look.hits] == [("a file was made", "its cwd folder")]
    (tmp_path / "cwd" / "harmless").write_text(canary.text)
    assert [hit.what for hit in files.own(tmp_path, [Search(mint)]).hits] == ["a file was made", "raw"]
    (tmp_path / "cwd" / "harmless").unlink()
    (tmp_path / "cwd" / "folder").mkdir()
    assert [hit.what for hit in files.own(tmp_path, [Search(mint)]).hits] == ["a file was made"]


def test_more_than_can_be_looked_at_is_no_pass(tmp_path: Path, mint: Mint, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "abc":
        (tmp_path / name).write_text("x")
    monkeypatch.setattr(files, "CONTENT", 2)
    assert files.elsewhere([str(tmp_path)], 0.0, [Search(mint)], frozenset()).reasons
    with pytest.raises(OverflowError):
        list(files.changed(str(tmp_path), 0.0, limit=2))


def test_the_usual_places_are_looked_at() -> None:
    found = files.roots(everywhere=False)
    assert "/tmp" in found
    assert all(Path(root).is_dir() for root in found)
    assert set(found) < set(files.roots(everywhere=True))
