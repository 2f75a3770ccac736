"""Tracks out of an archive that is not trusted: only files that a list names, each with the bytes it should have."""

import hashlib
import pathlib
import shutil
import tarfile
from collections.abc import Mapping
from typing import IO

from kerastag import errors, files

MAX_TRACK_BYTES = 2_000_000_000  # an hour and a half of uncompressed audio; the longest track is far shorter
MAX_MEMBERS = 100_000
_PIECE = 1 << 20


def unpack(archive: pathlib.Path, folder: pathlib.Path, wanted: Mapping[str, str]) -> list[str]:
    """Writes the wanted files of an archive, each whole or not at all.

    Args:
      archive: an uncompressed tar; what it holds beside the wanted files is passed over if it is harmless.
      folder: where the names lead from.
      wanted: SHA-256 by name.

    Returns:
      what is wrong with single files, a line each: other bytes than the list says, or not in the archive.

    Raises:
      KerastagError: the archive cannot be read, would write outside the folder, holds links, devices or files too
        large, or there is no room.
    """
    faults, seen = [], set()
    try:
        with tarfile.open(archive, "r:") as opened:
            members = _checked(opened, archive, folder, wanted)
            _check_room(archive, folder, sum(member.size for member in members.values()))
            for name, member in members.items():
                seen.add(name)
                content = opened.extractfile(member)
                assert content is not None  # it is a regular file
                if not _write(content, folder / name, wanted[name]):
                    faults.append(f"{name}: other bytes than the list says")
    except (tarfile.TarError, EOFError, ValueError, OverflowError, RecursionError) as error:
        raise errors.KerastagError(f"{archive.name}: cannot be unpacked ({error})") from error
    return faults + [f"{name}: not in {archive.name}" for name in wanted if name not in seen]


def _checked(
    opened: tarfile.TarFile, archive: pathlib.Path, folder: pathlib.Path, wanted: Mapping[str, str]
) -> dict[str, tarfile.TarInfo]:
    """The wanted members by name; every member is looked at before the first is written."""
    members: dict[str, tarfile.TarInfo] = {}
    for count, member in enumerate(opened):
        if count >= MAX_MEMBERS:
            raise errors.KerastagError(f"{archive.name}: more than {MAX_MEMBERS} files")
        fault = _fault(member, folder)
        if fault:
            raise errors.KerastagError(f"{archive.name}: '{member.name[:80]}' {fault}; nothing of it is unpacked")
        name = member.name.removeprefix("./")
        if member.isreg() and name in wanted:
            members[name] = member
    return members


def _fault(member: tarfile.TarInfo, folder: pathlib.Path) -> str:
    """What is wrong with a member; empty: nothing."""
    if not (member.isreg() or member.isdir()) or member.issparse():
        return "is a link, a device or a file with holes"
    path = pathlib.PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts or "\\" in member.name or "\0" in member.name:
        return "leads out of the folder"
    if not 0 <= member.size <= MAX_TRACK_BYTES:
        return f"is {member.size / 1e9:.1f} GB large"
    data_filter = getattr(tarfile, "data_filter", None)  # Python 3.11.4 and newer have it
    if data_filter is not None:
        try:
            data_filter(member, str(folder))
        except tarfile.TarError as error:
            return f"is not safe ({error})"
    return ""


def _check_room(archive: pathlib.Path, folder: pathlib.Path, num_bytes: int) -> None:
    free = shutil.disk_usage(folder).free
    if num_bytes > free:
        raise errors.KerastagError(
            f"{folder}: no room to unpack {archive.name}, {num_bytes / 1e9:.1f} GB; {free / 1e9:.1f} GB are free"
        )


def _write(content: IO[bytes], path: pathlib.Path, expected: str) -> bool:
    """Writes a file if its bytes are the expected ones; returns whether they were."""
    digest = hashlib.sha256()
    try:
        with files.whole_file(path) as temporary, temporary.open("wb") as file:
            while piece := content.read(_PIECE):
                digest.update(piece)
                file.write(piece)
            if digest.hexdigest() != expected:
                raise _OtherBytes
    except _OtherBytes:
        return False
    return True


class _OtherBytes(Exception):
    pass
