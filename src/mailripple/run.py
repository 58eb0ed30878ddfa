"""The line itself: read, parse, stitch, count, merge.  Read this file first.

    sources ──chunks──▶ parse ──Events──▶ resolve (UTC) ──▶ order ──▶ stitch ──▶ count ──▶ Counts ──▶ merge

DNS logs and mail logs run side by side, each in its own lane (a thread; the kernels run without the interpreter's
lock).  Within a lane sources follow each other in the order of their first stamps; logs of the same hours are
stitched and counted apart and then merged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import PurePath

import numpy as np
import numpy.typing as npt

from mailripple import attempts as attempting
from mailripple import counts as counting
from mailripple.attempts import AttemptLog, HandedOn, KeptAttempts
from mailripple.config import ReadOptions
from mailripple.counts import Counter, Counts
from mailripple.errors import InputError, Notice, UsageError
from mailripple.formats import FormatSet, assemble, load_formats
from mailripple.messages import (
    LATENESS,
    LOCAL_MAILERS,
    Attempts,
    InOrder,
    Stitcher,
    order_lines,
    together,
)
from mailripple.models.askers import Askers
from mailripple.models.lookups import Lookups
from mailripple.models.senders import Senders
from mailripple.parse import layout as L
from mailripple.parse.check import problems
from mailripple.parse.choose import has_kind
from mailripple.parse.compile import PatternName, Program, compile_formats
from mailripple.parse.events import IntArray, Parsed, Parser, Wait, random_seed
from mailripple.parse.prescan import (
    Glimpse,
    Start,
    begin,
    glimpse,
    replies_stand_for_queries,
    take_replies,
    zone_notice,
)
from mailripple.parse.repeats import Before, expand
from mailripple.parse.timemap import resolve
from mailripple.parse.zone import Zone, year_of, zone
from mailripple.sources import BufferPool, ChunkReader, Landmarks, Source, find_sources, head, rotation, server_name
from mailripple.tally import Reject, Sink, SourceTally

Progress = Callable[[int], None]
Text = npt.NDArray[np.uint8]
REPLIES = "only replies are logged, no queries: each reply counts as the query that it answers"
#: A rotated log may begin that long before the end of the one before it.
ROTATION_S = 3600
#: A log that begins within that long of the end of another goes on where that ended: its clock is known.
CONTINUED_S = 7200


@dataclass(frozen=True, slots=True)
class Result:
    """What a run gives: counts, single attempts, the texts of their keys, and what became of every line."""

    counts: Counts
    attempts: KeptAttempts
    names: dict[int, bytes]
    patterns: tuple[PatternName, ...]
    sources: tuple[SourceTally, ...]
    notices: tuple[Notice, ...]
    zone: Zone
    key: Callable[[bytes, int], int]
    files: tuple[Source, ...] = ()
    senders: tuple[Senders, ...] = ()
    lookups: tuple[Lookups, ...] = ()
    ipv6_prefix: int = 128
    marks: dict[str, Landmarks] = field(default_factory=dict)
    stitched: tuple[Attempts, ...] = ()

    def dns_sources(self) -> set[str]:
        """Names of the sources in which there were DNS records."""
        dns = [i for i, p in enumerate(self.patterns) if p.kind.startswith("dns.")]
        return {t.name for t in self.sources if t.patterns[dns].any()}


@dataclass(slots=True)
class Fold:
    """Stitch and count for sources that follow each other in time; `name` and `newest` moment of the last of them."""

    stitcher: Stitcher
    senders: Senders
    since: int | None = None
    until: int | None = None
    counter: Counter = field(default_factory=Counter)
    log: AttemptLog = field(default_factory=AttemptLog)
    askers: Askers = field(default_factory=Askers)
    lookups: Lookups = field(default_factory=Lookups)
    in_order: InOrder = field(default_factory=InOrder)
    name: str = ""
    newest: int = -(1 << 61)
    kept: list[Attempts] | None = None
    handed: HandedOn = field(init=False)

    def __post_init__(self) -> None:
        self.handed = HandedOn(self.log, self.score, self.since, self.until)

    def take(self, columns: IntArray, *, mail: bool) -> None:
        """Stitch and count the events of a piece; what may still be overtaken waits in `in_order`."""
        if not mail:
            inside = self.count(columns)
            if has_kind(inside, L.KIND_TO):
                self.handed.take(inside)
            asked = self.askers.questions(inside)
            for ready, late in self.in_order.take(asked):
                if not late:
                    self.lookups.step(ready)
            return
        for ready, late in self.in_order.take(columns):
            self._take_mail(ready, late=late)

    def _take_mail(self, ready: IntArray, *, late: bool = False) -> None:
        if not late:
            self.stitcher.step(ready, self.handed)
        inside = self.count(ready)
        if not late:
            self.senders.logins(inside)

    def score(self, attempts: Attempts) -> None:
        """Take attempts in that stitching hands on."""
        self.senders.step(attempts)
        if self.kept is not None:
            self.kept.append(attempts.copy())

    def count(self, columns: IntArray) -> IntArray:
        """Count the events that lie in [since, until), and return them; undated ones only where there are no bounds."""
        if self.since is not None or self.until is not None:
            ts = columns[L.COL["ts"]]
            inside = ts >= (self.since if self.since is not None else 1)
            if self.until is not None:
                inside &= ts < self.until
            columns = np.ascontiguousarray(columns[:, inside])
        self.counter.count(columns)
        return columns

    def close(self, *, mail: bool) -> tuple[Counts, KeptAttempts]:
        """Take in what still waits; the counts, and the attempts that are kept."""
        for ready, _ in self.in_order.rest():
            if mail:
                self._take_mail(ready)
            else:
                self.lookups.step(ready)
        self.handed.close()
        self.stitcher.close()
        return self.counter.counts(), self.log.attempts()


@dataclass(slots=True)
class Lane:
    """One thread of a run: its own parser, and a fold for each chain of sources that do not overlap in time."""

    parser: Parser
    zone: Zone
    since: int | None = None
    until: int | None = None
    folds: list[Fold] = field(default_factory=list)
    marks: dict[str, Landmarks] = field(default_factory=dict)
    keep_attempts: bool = False

    def read(
        self, reader: ChunkReader, rank: int, tally: SourceTally, start: Start, sink: Sink | None, progress: Progress
    ) -> None:
        """One source, from its first byte to its last; `rank` is its place among all."""
        fold = self._fold_for(tally.name, start.first)
        clock = start.map
        first = start.first if clock.latest is None else None
        if first is not None and abs(first - fold.newest) <= CONTINUED_S * 1_000_000:
            clock = replace(clock, latest=fold.newest)  # tells which of two hours a rotated file begins in
        before, marks = Before(), self.marks.setdefault(tally.name, Landmarks())
        for piece, text, at in self._pieces(reader, tally, sink, progress):
            if start.replies:
                take_replies(piece.events.columns)
            clock = resolve(clock, piece.events.columns, self.zone)
            columns, before = expand(before, piece)
            marks.add(columns[L.COL["line"]], tally.lines, piece.origin)
            order_lines(columns, rank, tally.lines)
            tally.add(piece, text, at, sink)
            fold.take(columns, mail=tally.mail)
        tally.damage, tally.dropped, tally.unrepeated = reader.damage, reader.dropped, before.left_out
        tally.bytes, tally.bytes_in = reader.bytes_read, reader.bytes_in
        fold.newest = fold.newest if tally.last is None else max(fold.newest, tally.last)

    def _pieces(
        self, reader: ChunkReader, tally: SourceTally, sink: Sink | None, progress: Progress
    ) -> Iterator[tuple[Parsed, Text, int]]:
        """The pieces of a source, each with the part in which those of its rejects lie that are kept, and its place.

        Parts are read until a piece is full: it ends early only where the text of a reject would be gone.
        """
        for chunk in reader:
            text, at = chunk.buffer[chunk.start : chunk.start + chunk.length], chunk.offset
            wait = Wait.WITHOUT_REJECTS if tally.wants_rejects(sink) else Wait.YES
            for piece in self.parser.parse(text.ctypes.data, chunk.length, at=at, wait=wait):
                yield piece, text, at
            progress(chunk.length)
            chunk.release()
        for piece in self.parser.rest():
            yield piece, np.zeros(0, np.uint8), 0

    def _fold_for(self, path: str, first: int | None) -> Fold:
        """The fold that the source continues: that of an earlier rotation of the log, or of what ended before it.

        Logs of the same hours (two servers, two programs) have a fold each, or one would make the other late.
        """
        name = str(PurePath(path).parent / server_name(path))
        begins = first if first is not None else 1 << 61
        rotations = [f for f in self.folds if f.name == name and begins >= f.newest - ROTATION_S * 1_000_000]
        others = [f for f in self.folds if begins >= f.newest - LATENESS * 1_000_000]
        found = max(rotations or others, key=lambda f: f.newest, default=None)
        if found is None:
            key = self.parser.key
            stitcher = Stitcher(key(b"relay", 2), key(b"::1", 1), [key(mailer, 2) for mailer in LOCAL_MAILERS])
            found = Fold(stitcher, Senders(), self.since, self.until, kept=[] if self.keep_attempts else None)
            self.folds.append(found)
        found.name = name
        return found

    def close(self, *, mail: bool) -> list[tuple[Counts, KeptAttempts]]:
        """Close the folds; what each gives."""
        return [fold.close(mail=mail) for fold in self.folds]


def program_for(options: ReadOptions) -> Program:
    """The compiled formats of a run."""
    return compile_formats(formats_for(options))


def formats_for(options: ReadOptions) -> FormatSet:
    """The formats of a run; `--format` leaves one message format only.

    Raises FormatError where a format of the operator's own does not prove itself (the bundled ones do, in the tests).
    """
    formats = load_formats(options.formats)
    own = [f for f in (*formats.envelopes, *formats.messages) if f.own]
    for wrong in (error for f in own for error in problems(formats, only=f)):
        raise wrong
    if options.format is None:
        return formats
    named = [f for f in (*formats.messages, *formats.envelopes) if f.subject != "envelope"]
    chosen = [f for f in named if f.id == options.format]
    if not chosen:
        known = ", ".join(sorted(f.id for f in named))
        raise UsageError(f"no format {options.format!r}", where="--format", todo=f"use one of: {known}")
    programs = {program for f in chosen for program in f.programs}
    envelopes = [
        replace(e, patterns=tuple(p for p in e.patterns if not p.program or p.program in programs))
        for e in formats.envelopes
        if e.subject == "envelope"
    ]
    return assemble([*(e for e in envelopes if e.patterns), *chosen])


def read_all(
    arguments: Sequence[str],
    options: ReadOptions,
    *,
    sink: Sink | None = None,
    progress: Progress = lambda n: None,
    keep_attempts: bool = False,
) -> Result:
    """Read, parse, stitch and count all sources.  Raises InputError where nothing was understood.

    `keep_attempts`: all delivery attempts are kept, in `Result.stitched`, one table a fold.
    """
    sources, notices = find_sources(arguments)
    if not sources:
        where_ = " ".join(arguments)
        raise InputError("nothing to read", why="all inputs are empty", where=where_, todo="name a log file")
    program = program_for(options)
    seed = random_seed() if options.seed is None else options.seed
    where = zone(options.zone)
    looks, starts = look_at(sources, program, options, where)
    notices += told_of(sources, looks, starts, where)
    order = by_first_moment(starts, sources)
    tallies = [tally_of(program, *known) for known in zip(sources, looks, starts, strict=True)]
    parsers = [Parser(program, seed, ipv6_prefix=options.ipv6_prefix) for _ in range(2)]
    lanes = [Lane(p, where, options.since, options.until, keep_attempts=keep_attempts) for p in parsers]
    pool = BufferPool()

    def run_lane(number: int) -> list[tuple[Counts, KeptAttempts]]:
        lane = lanes[number]
        for rank, i in enumerate(order):
            if tallies[i].mail == (number == 1):
                lane.parser.base(tallies[i].server)
                lane.parser.dates(looks[i].dates)
                with ChunkReader(sources[i], i, pool) as reader:
                    lane.read(reader, rank, tallies[i], starts[i], sink, progress)
        return lane.close(mail=number == 1)

    used = [n for n in (0, 1) if any(t.mail == (n == 1) for t in tallies)]
    with ThreadPoolExecutor(max_workers=2) as workers:
        parts = [part for lane in workers.map(run_lane, used) for part in lane]
    notices += [notice for tally in tallies for notice in tally.notices()]
    names = {k: v for n in used for k, v in lanes[n].parser.names().items()}
    ordered = tuple(tallies[i] for i in order)
    nothing_understood(ordered, program.patterns)
    return Result(
        counting.merge([part[0] for part in parts]),
        attempting.merge([part[1] for part in parts]),
        names,
        program.patterns,
        ordered,
        tuple(notices),
        where,
        lanes[used[0]].parser.key,
        tuple(sources[i] for i in order),
        tuple(fold.senders for fold in lanes[1].folds),
        tuple(fold.lookups for fold in lanes[0].folds),
        options.ipv6_prefix,
        lanes[0].marks | lanes[1].marks,
        tuple(together(fold.kept) for fold in lanes[1].folds if fold.kept),
    )


def tally_of(program: Program, source: Source, look: Glimpse, start: Start) -> SourceTally:
    """An empty tally of a source; one in which nothing is understood at first counts as a mail log."""
    mail = look.mail or look.events == 0
    return SourceTally(source.name, server_name(source.name), len(program.patterns), mail, start.assumed)


def told_of(
    sources: Sequence[Source], looks: Sequence[Glimpse], starts: Sequence[Start], where: Zone
) -> list[Notice]:
    """What the heads of the sources say that the operator should know: replies in place of queries, another zone."""
    found = [Notice("note", s.name, REPLIES) for s, b in zip(sources, starts, strict=True) if b.replies]
    for source, look, start in zip(sources, looks, starts, strict=True):
        wrong = zone_notice(look, start, where)
        if wrong:
            found.append(Notice("note", source.name, wrong))
    return found


def look_at(
    sources: Sequence[Source], program: Program, options: ReadOptions, where: Zone
) -> tuple[list[Glimpse], list[Start]]:
    """Look at the head of every source: its kind, its first moment, the year of its stamps."""
    parser = Parser(program, 1, wide=True)
    looks = [glimpse(parser, head(s), year_of(options.now) + 1, s.mtime) for s in sources]
    replies = replies_stand_for_queries(looks)
    dated: list[int] = []
    starts: dict[int, Start] = {}
    for yearless in (False, True):
        for i, (source, look) in enumerate(zip(sources, looks, strict=True)):
            if (look.kind == L.CIVIL_NO_YEAR) == yearless:
                starts[i] = replace(begin(look, source.name, source.mtime, options, where, dated), replies=replies[i])
                if starts[i].first is not None and not yearless:
                    dated.append(starts[i].first or 0)
    return looks, [starts[i] for i in range(len(sources))]


def by_first_moment(starts: Sequence[Start], sources: Sequence[Source]) -> list[int]:
    """Numbers of the sources in the order in which they are read: by first moment, those without one last.

    Files that begin in the same second are in the order of their rotation: one may hold less than that second.
    """
    return sorted(
        range(len(starts)),
        key=lambda i: (starts[i].first is None, starts[i].first or 0, rotation(sources[i].name), i),
    )


def nothing_understood(tallies: Sequence[SourceTally], patterns: Sequence[PatternName]) -> None:
    """A run that understood nothing is an error, never an empty report (law 1).

    Lines that belong to no program (marks, continued lines) are no sign of having understood.
    """
    if any(int(t.patterns[i]) for t in tallies for i, p in enumerate(patterns) if not p.envelope):
        return
    first: Reject | None = next((r for t in tallies for r in t.rejects), None)
    lines = sum(t.lines for t in tallies)
    raise InputError(
        f"none of the {lines} lines was understood",
        why=f"e.g. {first.text[:160]!r}: {first.reason}" if first else "they belong to programs that no format is for",
        where=", ".join(t.name for t in tallies[:5]),
        todo="`mailripple formats` lists what is known; `mailripple explain LINE` shows how a line is read",
    )


__all__ = ["Lane", "Result", "read_all"]
