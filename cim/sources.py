"""The files that an import is asked for: folders walked, archives unpacked, companions gathered."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

from cim.archive import unpack
from cim.errors import InvalidFile

HEAD_BYTES = 64 * 1024
#: Files that belong to a main file of the same stem (or full name) and are not imported by themselves.
COMPANIONS = {
    ".shx",
    ".dbf",
    ".prj",
    ".cpg",
    ".sbn",
    ".sbx",
    ".qix",
    ".qpj",
    ".qmd",
    ".shp.xml",
    ".aux.xml",
    ".ovr",
    ".tfw",
    ".wld",
    ".gpkg-wal",
    ".gpkg-shm",
    ".md5",
    ".license",
}
IGNORED_NAMES = {"readme", "readme.txt", "readme.md", "license", "license.txt", "truth.json"}
#: Companions of models, read by ``--place``.
PLACEMENTS_ENDING = "placements.csv"
ARCHIVES = {".zip", ".ifczip", ".kmz"}


@dataclass(frozen=True)
class Source:
    """One file to import.

    Attributes
    ----------
    path
        The file that is read (inside a temporary folder when it came out of an archive).
    name
        The name people know it by: file name, or ``archive.zip/member``.
    folder
        The folder that the owner named; only its hash is ever stored.
    """

    path: Path
    name: str
    folder: Path
    original: Path = field(default=Path())

    @cached_property
    def head(self) -> bytes:
        """The first 64 KiB."""
        with self.path.open("rb") as handle:
            return handle.read(HEAD_BYTES)

    @cached_property
    def size_bytes(self) -> int:
        """The size with companions."""
        return sum(part.stat().st_size for part in self.parts)

    @cached_property
    def parts(self) -> list[Path]:
        """The file and its companions, sorted."""
        stem = self.path.stem.lower()
        found = [
            other
            for other in self.path.parent.iterdir()
            if is_companion(other) and other.name.lower().startswith(stem + ".")
        ]
        return sorted([self.path, *found])

    @cached_property
    def digest(self) -> bytes:
        """SHA-256 over the names and contents of all parts."""
        total = hashlib.sha256()
        for part in self.parts:
            total.update(part.suffix.lower().encode() + b"\0")
            with part.open("rb") as handle:
                total.update(hashlib.file_digest(handle, "sha256").digest())
        return total.digest()

    @property
    def origin(self) -> str:
        """A hash of the folder, which tells a new version of a file from a namesake elsewhere."""
        return hashlib.sha256(str(self.folder.resolve()).encode()).hexdigest()


def is_companion(path: Path) -> bool:
    """Tell whether a file only accompanies another (``.dbf`` beside ``.shp``)."""
    name = path.name.lower()
    if not any(name.endswith(ending) for ending in COMPANIONS):
        return False
    if name.endswith(".dbf"):
        return path.with_suffix(".shp").exists() or path.with_suffix(".SHP").exists()
    return True


def gather(paths: Iterable[Path], stack: ExitStack) -> Iterator[Source | InvalidFile]:
    """Yield every file to import below the given paths, in order of name.

    Archives are unpacked into temporary folders that live as long as ``stack``. A path that cannot be taken is
    yielded as the error that says why, so that one bad archive does not stop a folder.
    """
    for path in paths:
        if not path.exists():
            yield InvalidFile(f"'{path}' does not exist")
        elif path.is_dir():
            files = sorted(file for file in path.rglob("*") if file.is_file() and not _is_hidden(file, path))
            for file in files:
                if not (is_companion(file) or _is_ignored(file)):
                    yield from _open(file, stack)
        else:
            yield from _open(path, stack)


def _is_ignored(file: Path) -> bool:
    name = file.name.lower()
    return name in IGNORED_NAMES or name.endswith(PLACEMENTS_ENDING)


def _is_hidden(file: Path, root: Path) -> bool:
    return any(part.startswith((".", "__MACOSX")) for part in file.relative_to(root).parts)


def _open(path: Path, stack: ExitStack) -> Iterator[Source | InvalidFile]:
    with path.open("rb") as handle:
        is_zip = handle.read(4) == b"PK\x03\x04"
    if not (is_zip and path.suffix.lower() in ARCHIVES):
        yield Source(path, path.name, path.parent, path)
        return
    folder = Path(stack.enter_context(TemporaryDirectory(prefix="cim-unpack-")))
    try:
        members = unpack(path, folder)
    except InvalidFile as error:
        yield error
        return
    except Exception as error:
        yield InvalidFile(f"'{path.name}': {error}")
        return
    main = [member for member in sorted(members) if not is_companion(member)]
    for member in main:
        # An archive of one file is that file; the name of the archive is the one the owner knows.
        name = path.name if len(main) == 1 else f"{path.name}/{member.relative_to(folder)}"
        yield Source(member, name, path.parent, path)
