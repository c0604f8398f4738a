"""Unpacking of ZIP archives with limits, so that a small hostile file cannot fill the disk."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path, PurePosixPath

from cim.errors import InvalidFile, TooLarge

MAXIMUM_BYTES = 20 * 2**30
MAXIMUM_RATIO = 200  # of real deliveries: IFC text packs about 10:1, sparse rasters up to 100:1
RATIO_MATTERS_ABOVE_BYTES = 64 * 2**20
MAXIMUM_FILES = 20_000
CHUNK_BYTES = 1 << 20


def unpack(archive: Path, folder: Path) -> list[Path]:
    """Unpack an archive into a folder and return the files.

    Raises
    ------
    InvalidFile
        If it is no readable ZIP, is encrypted, or a name leads out of the folder.
    TooLarge
        If it would unpack to more than the limits; nothing of it is left in the folder.
    """
    try:
        with zipfile.ZipFile(archive) as handle:
            members = [member for member in handle.infolist() if not member.is_dir()]
            check_members(archive.name, members)
            return [_extract(handle, member, folder) for member in members]
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError, OSError) as error:
        raise InvalidFile(f"'{archive.name}' is not a readable ZIP archive: {error}") from None


def check_members(name: str, members: list[zipfile.ZipInfo]) -> None:
    """Refuse an archive that is too large or whose names lead out of it; raises InvalidFile, TooLarge."""
    if len(members) > MAXIMUM_FILES:
        raise TooLarge(f"'{name}' holds {len(members)} files; at most {MAXIMUM_FILES} are taken")
    size = sum(member.file_size for member in members)
    packed = sum(member.compress_size for member in members)
    suspicious = size > RATIO_MATTERS_ABOVE_BYTES and size > MAXIMUM_RATIO * max(packed, 1)
    if size > MAXIMUM_BYTES or suspicious:
        raise TooLarge(
            f"'{name}' would unpack from {packed} to {size} bytes; that looks like a ZIP bomb. "
            "Unpack it yourself and import the folder if you trust it"
        )
    for member in members:
        path = PurePosixPath(member.filename.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts:
            raise InvalidFile(f"'{name}' holds the name '{member.filename}', which leads out of the archive")


def _extract(handle: zipfile.ZipFile, member: zipfile.ZipInfo, folder: Path) -> Path:
    target = folder / PurePosixPath(member.filename.replace("\\", "/"))
    target.parent.mkdir(parents=True, exist_ok=True)
    with handle.open(member) as source, target.open("wb") as sink:
        left = member.file_size
        while chunk := source.read(CHUNK_BYTES):
            left -= len(chunk)
            if left < 0:  # the directory lied about the size
                sink.close()
                shutil.rmtree(folder, ignore_errors=True)
                raise TooLarge(f"'{member.filename}' unpacks to more than its archive declares")
            sink.write(chunk)
    return target
