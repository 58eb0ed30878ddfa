"""Read some lines of a source again, to show them."""

from __future__ import annotations

from collections.abc import Collection

from mailripple.errors import InputError
from mailripple.sources.chunks import BufferPool, ChunkReader
from mailripple.sources.discover import Source


def lines_again(source: Source, numbers: Collection[int]) -> dict[int, bytes]:
    """The lines of those numbers (from 1), without their ends; none of what can be read only once or has gone."""
    if source.path is None or not source.path.is_file():
        return {}
    wanted = sorted(set(numbers))
    found: dict[int, bytes] = {}
    before = at = 0
    try:
        with ChunkReader(source, 0, BufferPool()) as reader:
            for chunk in reader:
                text = chunk.text()
                chunk.release()
                count = text.count(b"\n")
                if at < len(wanted) and wanted[at] <= before + count:
                    lines = text.split(b"\n")
                    while at < len(wanted) and wanted[at] <= before + count:
                        found[wanted[at]] = lines[wanted[at] - before - 1].rstrip(b"\r")
                        at += 1
                before += count
                if at == len(wanted):
                    break
    except InputError:
        return found
    return found
