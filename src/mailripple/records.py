"""`mailripple events`: every log record as a line of JSON, by the sources' first stamps and then by line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import IO, Any

import msgspec
import numpy as np

from mailripple.config import ReadOptions
from mailripple.errors import InputError, Notice
from mailripple.outputs.safe import inert_json, shown
from mailripple.outputs.write import write_whole, writing
from mailripple.parse import layout as L
from mailripple.parse.events import Events, Parser, random_seed
from mailripple.parse.record import record_of, text_of
from mailripple.parse.timemap import resolve
from mailripple.parse.zone import zone
from mailripple.run import by_first_moment, look_at, nothing_understood, program_for
from mailripple.sources import BufferPool, ChunkReader, find_sources, server_name
from mailripple.tally import Reject, Sink, SourceTally

_SLOTS = tuple(L.SLOT)


def write_events(arguments: Sequence[str], options: ReadOptions, out: IO[bytes], rejects_to: str | None) -> bool:
    """Write the records; True if something could not be read whole."""
    encode = msgspec.json.Encoder().encode
    damaged = False
    with reject_sink(rejects_to) as sink:
        for record in read_records(arguments, options, sink):
            if isinstance(record, Notice):
                damaged = damaged or record.level == "warning"
                _tell(record)
            else:
                _write(out, inert_json(encode(record)) + b"\n")
    _write(out, b"", last=True)
    return damaged


def _write(out: IO[bytes], line: bytes, *, last: bool = False) -> None:
    """Write a line to stdout.  Raises OutputError where that is full."""
    with writing("stdout"):
        out.write(line)
        if last:
            out.flush()


def _tell(notice: Notice) -> None:
    import sys

    print(f"{notice.level}: {shown(notice.source)}: {shown(notice.text)}", file=sys.stderr)


def read_records(
    arguments: Sequence[str], options: ReadOptions, sink: Sink | None = None
) -> Iterator[dict[str, Any] | Notice]:
    """The records of all sources as dictionaries (see `parse.record.record_of`), and notices between them."""
    sources, notices = find_sources(arguments)
    yield from notices
    program = program_for(options)
    where = zone(options.zone)
    looks, starts = look_at(sources, program, options, where)
    parser = Parser(program, random_seed(), wide=True)
    pool = BufferPool()
    tallies = []
    for i in by_first_moment(starts, sources):
        source, clock = sources[i], starts[i].map
        tally = SourceTally(source.name, server_name(source.name), len(program.patterns), looks[i].mail)
        tallies.append(tally)
        parser.dates(looks[i].dates)
        parser.begin()
        with ChunkReader(source, i, pool) as reader:
            for chunk in reader:
                text = chunk.buffer[chunk.start : chunk.start + chunk.length]
                for piece in parser.parse(chunk.buffer.ctypes.data + chunk.start, chunk.length):
                    clock = resolve(clock, piece.events.columns, where)
                    yield from _records(piece.events, program.patterns, source.name, tally.lines, text)
                    tally.add(piece, text, 0, sink)
                chunk.release()
            tally.damage, tally.dropped = reader.damage, reader.dropped
        yield from tally.notices()
    nothing_understood(tallies, program.patterns)


def _records(
    events: Events, patterns: Sequence[Any], source: str, before: int, text: np.ndarray
) -> Iterator[dict[str, Any]]:
    """The events of a piece; `before` lines of the source came before it."""
    wide = events.wide
    assert wide is not None
    codes, lines, times = events.column("code").tolist(), events.column("line").tolist(), events.column("ts").tolist()
    data = text.tobytes()
    shown_name = shown(source)
    for code, line, ts, row in zip(codes, lines, times, wide.tolist(), strict=True):
        fields = {name: events.field(data, at, n) for name, (at, n) in zip(_SLOTS, row, strict=True) if n >= 0}
        known = ts if (code >> 28) & 3 else None
        yield record_of(shown_name, before + (line >> 32) + 1, patterns[code >> 32], known, fields, (code >> 8) & 0xFF)


@contextmanager
def reject_sink(path: str | None) -> Iterator[Sink | None]:
    """Collect rejects and write them as JSON lines to a file, whole or not at all; None where no file is wanted.

    They are sorted by source and line, however the lanes take turns; a run that understood nothing still has its file.
    """
    if path is None:
        yield None
        return
    import tempfile

    lock = Lock()
    encode = msgspec.json.Encoder().encode
    places: dict[str, list[tuple[int, int]]] = {}
    with tempfile.TemporaryFile() as waiting:

        def take(reject: Reject) -> None:
            record = {
                "source": shown(reject.source),
                "line": reject.line,
                "reason": reject.reason,
                "text": text_of(reject.text),
            }
            line = inert_json(encode(record)) + b"\n"
            with lock:
                begin = waiting.tell()
                waiting.write(line)
                mine = places.setdefault(reject.source, [])
                if mine and mine[-1][1] == begin:
                    begin = mine.pop()[0]
                mine.append((begin, waiting.tell()))

        def write() -> None:
            parts = []
            for source in sorted(places):
                for begin, end in places[source]:
                    waiting.seek(begin)
                    parts.append(waiting.read(end - begin))
            write_whole(path, b"".join(parts))

        try:
            yield take
        except InputError:
            if places:
                write()
            raise
        write()
