"""Files of a deployment: templates with holes, and a folder that is the same after every run."""

from pathlib import Path

import pytest

from lethe.deploy.folder import MARK, FolderInUse, write
from lethe.deploy.template import filled


def held(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): p.read_text() for p in folder.rglob("*") if p.is_file() and p.name != MARK}


def test_the_same_again(tmp_path: Path) -> None:
    files = {"a.txt": "1\n", "deep/b.txt": "2\n"}
    assert write(tmp_path / "out", files) == ("a.txt", "deep/b.txt")
    assert write(tmp_path / "out", files) == ()
    assert held(tmp_path / "out") == files


def test_what_is_not_needed_any_more_goes(tmp_path: Path) -> None:
    write(tmp_path, {"a": "1", "b": "2"})
    assert write(tmp_path, {"a": "3"}) == ("a",)
    assert held(tmp_path) == {"a": "3"}


def test_what_others_put_there_stays(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("theirs")
    with pytest.raises(FolderInUse, match="a is there"):
        write(tmp_path, {"a": "ours", "b": "ours"})
    assert held(tmp_path) == {"a": "theirs"}


def test_a_list_that_somebody_has_changed_reaches_no_other_folder(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("theirs")
    out = tmp_path / "out"
    out.mkdir()
    (out / MARK).write_text(f"../precious\n{tmp_path}/precious\n\n")
    write(out, {"a": "1"})
    assert (tmp_path / "precious").read_text() == "theirs"


def test_holes() -> None:
    text = "name: %%NAME%%\n  %%BLOCK%%\nend: %%NAME%%!\n"
    assert filled(text, {"NAME": "x", "BLOCK": "a: 1\n\nb: 2"}) == "name: x\n  a: 1\n\n  b: 2\nend: x!\n"
    assert filled(text, {"NAME": "x", "BLOCK": ""}) == "name: x\nend: x!\n"
    assert filled(text, {"NAME": "%%BLOCK%%", "BLOCK": "%%NAME%%"}) == "name: %%BLOCK%%\n  %%NAME%%\nend: %%BLOCK%%!\n"


def test_what_does_not_match_is_an_error() -> None:
    with pytest.raises(KeyError):
        filled("%%NAME%%", {})
    with pytest.raises(ValueError, match="NAEM"):
        filled("%%NAME%%", {"NAME": "x", "NAEM": "y"})
