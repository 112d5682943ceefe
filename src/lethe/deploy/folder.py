"""Writes the files of a deployment into a folder, the same again each time."""

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

MARK = ".lethe-deploy"  # lists what was written, so that another run may replace it


class FolderInUse(Exception):
    """There is something in the folder that we have not put there."""


def write(folder: Path, files: Mapping[str, str]) -> tuple[str, ...]:
    """What was written anew or changed. Files of an earlier run that are not needed any more are removed.

    Raises FolderInUse, OSError.
    """
    ours = _written(folder)
    wanted = {name: text.encode() for name, text in sorted(files.items())}
    for name in wanted:
        if name not in ours and (folder / name).exists():
            raise FolderInUse(f"{name} is there and was not written by lethe deploy: choose another folder")
    for name in ours - wanted.keys():
        (folder / name).unlink(missing_ok=True)
    changed = [name for name, data in wanted.items() if _differs(folder / name, data)]
    for name in changed:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(wanted[name])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARK).write_text("".join(f"{name}\n" for name in wanted), encoding="utf-8")
    return tuple(changed)


def _written(folder: Path) -> set[str]:
    try:
        names = (folder / MARK).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return set()
    return {name for name in names if name and not PurePosixPath(name).is_absolute() and ".." not in name.split("/")}


def _differs(path: Path, data: bytes) -> bool:
    return not path.is_file() or path.read_bytes() != data
