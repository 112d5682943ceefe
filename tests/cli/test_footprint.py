"""It sees what is there: real descriptors, real children, text across the seam of two reads."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lethe.cli import footprint


def test_a_file_open_for_writing_is_seen_and_one_for_reading_is_not(tmp_path: Path) -> None:
    written, read = tmp_path / "written", tmp_path / "read"
    read.touch()
    with written.open("wb"), read.open("rb"), Path(os.devnull).open("wb"):
        files = footprint.written_files(os.getpid())
    assert files is not None
    assert str(written) in files
    assert str(read) not in files
    assert os.devnull not in files


def test_a_process_that_is_gone_cannot_be_looked_at(tmp_path: Path) -> None:
    assert footprint.written_files(1, tmp_path) is None


def test_a_child_belongs_to_the_family() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert child.pid in footprint.family(os.getpid())
        assert footprint.family(child.pid) == [child.pid]
        child.communicate()


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", False),
        (b"nothing here", False),
        (b"a canary in a mine", True),
        (b"x" * (footprint.PIECE - 3) + b"canary", True),
        (b"x" * (footprint.PIECE - 3) + b"can" + b"x" * 10 + b"ary", False),
        (b"x" * footprint.PIECE * 2 + b"the second", True),
    ],
)
def test_text_is_found_wherever_it_stands(tmp_path: Path, content: bytes, *, found: bool) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    assert footprint.holds(path, [b"canary", b"the second"]) is found


def test_files_below_a_folder_at_any_depth(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "c").touch()
    (tmp_path / ".hidden").touch()
    (tmp_path / "link").symlink_to(tmp_path / ".hidden")
    assert footprint.files_below(tmp_path) == [tmp_path / ".hidden", tmp_path / "a" / "b" / "c"]
