"""Files with the same contents, as log rotation leaves them for a while (`mail.log.1` beside `mail.log.1.gz`)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mailripple.errors import InputError, Notice
from mailripple.sources.codec import open_stream
from mailripple.sources.discover import Source, discover

#: Files of fewer bytes are not compared: a few lines may well be the same on two servers.
LEAST = 4096
_STEP = 1 << 20


def find_sources(arguments: Sequence[str]) -> tuple[list[Source], list[Notice]]:
    """The sources that the arguments name, see `discover`, without copies of each other."""
    found, notices = discover(arguments)
    kept, more = without_copies(found)
    return kept, [*notices, *more]


def without_copies(sources: Sequence[Source]) -> tuple[list[Source], list[Notice]]:
    """The sources, of those with the same unpacked contents only the first, and what was left out.

    Only regular files whose sizes agree are read for it: an archive of gzip tells the size of what is in it (RFC 1952,
    ISIZE), others are compared with archives of the same size.
    """
    kept: list[Source] = []
    notices: list[Notice] = []
    by_size: dict[tuple[str, int], list[Source]] = {}
    for source in sources:
        for other in by_size.setdefault(_size(source), []):
            if _same(source, other):
                notices.append(Notice("note", source.name, f"has the same contents as {other.name}: read once"))
                break
        else:
            by_size[_size(source)].append(source)
            kept.append(source)
    return kept, notices


def _size(source: Source) -> tuple[str, int]:
    """What must agree where contents do: the unpacked size, modulo 2**32, or the kind of archive and its size."""
    if source.codec == "gz" and source.path is not None:
        try:
            with source.path.open("rb") as file:
                file.seek(-4, 2)
                return "text", int.from_bytes(file.read(4), "little")
        except OSError:
            return source.codec, source.size
    if source.codec == "plain":
        return "text", source.size & 0xFFFFFFFF
    return source.codec, source.size


def _same(one: Source, two: Source) -> bool:
    """Are the unpacked contents the same, and long enough to tell?  What cannot be read is no copy."""
    if any(s.path is None or not Path(s.name).is_file() for s in (one, two)):
        return False
    try:
        left, right = open_stream(one), open_stream(two)
    except InputError:
        return False
    rooms = bytearray(_STEP), bytearray(_STEP)
    total = 0
    try:
        while True:
            n, m = (stream.fill(memoryview(room)) for stream, room in zip((left, right), rooms, strict=True))
            if n != m or rooms[0][:n] != rooms[1][:m]:
                return False
            total += n
            if n < _STEP:
                return total >= LEAST and not (left.damage or right.damage)
    except InputError:
        return False
    finally:
        left.close()
        right.close()
