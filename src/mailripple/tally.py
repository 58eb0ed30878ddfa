"""What became of the lines of a source (law 1): events, skips by pattern, other programs, rejects.  They add up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from mailripple.errors import Notice
from mailripple.parse import layout as L
from mailripple.parse.choose import time_span
from mailripple.parse.compile import PatternName
from mailripple.parse.events import Parsed


@dataclass(frozen=True, slots=True)
class Reject:
    """A line that looked like one of ours, or like nothing, and was not understood."""

    source: str
    line: int
    reason: str
    text: bytes


#: Takes every line that was not understood.
Sink = Callable[[Reject], None]
#: Rejects of a source that are kept for the report.
KEEP = 5


@dataclass(slots=True)
class SourceTally:
    """Lines of one source.

    `patterns` lines by pattern (events and named skips), `other` lines by the key of the program that no format is
    for, `rejected` lines not understood, of which `rejects` keeps the first few.
    """

    name: str
    server: str
    n_patterns: int
    mail: bool
    assumed: str = ""
    lines: int = 0
    blank: int = 0
    events: int = 0
    bytes: int = 0
    bytes_in: int = 0
    rejected: int = 0
    late: int = 0
    first: int | None = None
    last: int | None = None
    damage: str | None = None
    dropped: int = 0
    unrepeated: int = 0
    rejects: list[Reject] = field(default_factory=list)
    other: dict[int, int] = field(default_factory=dict)
    patterns: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))

    def __post_init__(self) -> None:
        self.patterns = np.zeros(self.n_patterns + 1, np.int64)

    def wants_rejects(self, sink: Sink | None) -> bool:
        """True if the text of the next reject is asked for."""
        return sink is not None or len(self.rejects) < KEEP

    def add(self, piece: Parsed, text: npt.NDArray[np.uint8], at: int, sink: Sink | None = None) -> None:
        """Count a piece in; the first few rejects are kept, all go to `sink`.

        `text` (uint8) is the part in which it ends, `at` the part's place in the source; all rejects that are asked for
        must lie in it.
        """
        tally = piece.tally
        wanted = tally.reject_places(0, None if sink else max(0, KEEP - len(self.rejects)))
        for line, reason, offset in wanted:
            begin = piece.origin + offset - at
            rest = text[begin : begin + L.MAX_LINE + 1].tobytes()
            reject = Reject(self.name, self.lines + line + 1, L.REASONS[reason], rest.split(b"\n", 1)[0].rstrip(b"\r "))
            if len(self.rejects) < KEEP:
                self.rejects.append(reject)
            if sink:
                sink(reject)
        self.lines += tally.lines
        self.blank += tally.blank
        self.rejected += tally.rejected
        self.events += len(piece.events)
        self.patterns += tally.patterns
        for key, n in tally.other.items():
            self.other[key] = self.other.get(key, 0) + n
        ends = time_span(piece.events.columns)
        if ends is not None:
            self.first = ends[0] if self.first is None else min(ends[0], self.first)
            self.last = ends[1] if self.last is None else max(ends[1], self.last)

    @property
    def skipped(self) -> int:
        """Lines known and skipped on purpose, by a pattern or because they are another program's."""
        return int(self.patterns.sum()) - self.events + self.blank + sum(self.other.values())

    def by_format(self, patterns: Sequence[PatternName]) -> dict[str, dict[str, int]]:
        """Events and named skips by format."""
        found: dict[str, dict[str, int]] = {}
        for i, p in enumerate(patterns):
            if self.patterns[i]:
                counts = found.setdefault(p.format, {"events": 0, "skipped": 0})
                counts["events" if p.kind else "skipped"] += int(self.patterns[i])
        return found

    def notices(self) -> list[Notice]:
        """What the operator should know of this source."""
        found = []
        if self.damage:
            found.append(Notice("warning", self.name, self.damage))
        if self.dropped:
            found.append(Notice("note", self.name, f"{self.dropped} bytes of over-long lines left out"))
        if self.unrepeated:
            found.append(Notice("note", self.name, f"{self.unrepeated} repeated messages left out: more than lines"))
        if self.assumed:
            found.append(Notice("note", self.name, f"assumed: {self.assumed}"))
        return found
