"""A format proves itself: each sample gives the event that stands beside it, and fits one pattern only."""

from __future__ import annotations

from collections.abc import Iterator

from mailripple.errors import FormatError
from mailripple.formats.load import Format, FormatSet, Pattern, Sample
from mailripple.parse import naive
from mailripple.parse.naive_records import Table
from mailripple.parse.record import time_text, values_of

_ENVELOPE_FIELDS = ("host", "program", "pid", "repeat")


def problems(formats: FormatSet, only: Format | None = None) -> Iterator[FormatError]:
    """Everything that is wrong with the samples of the formats (of one format, if `only` is given)."""
    for f in (*formats.envelopes, *formats.messages):
        if only is not None and f.id != only.id:
            continue
        for pattern in f.patterns:
            for number, sample in enumerate(pattern.samples, 1):
                found = _problem(formats, f, pattern, sample)
                if found:
                    place = f"{f.path}, line {pattern.line}: pattern {pattern.name!r}, sample {number}"
                    yield FormatError(
                        found[0],
                        why=found[1],
                        where=f"{place}: {sample.line[:160]!r}",
                        todo=f"mend the pattern {pattern.match!r}, or the sample",
                    )


def _problem(formats: FormatSet, f: Format, pattern: Pattern, sample: Sample) -> tuple[str, str] | None:
    if f.subject == "envelope":
        return _envelope_problem(f, pattern, sample)
    outcome = naive.read_line(formats, sample.line.encode(), table_of(formats, sample))
    if outcome.pattern is None or outcome.line is None:
        return "a sample is not understood", f"outcome {outcome.what!r}"
    if outcome.pattern.id != pattern.id:
        return "a sample is taken by another pattern", f"by {outcome.pattern.id!r}"
    several = [p for p in _also(formats, f, sample) if p.name not in pattern.over]
    if len(several) > 1:
        return "a sample fits more than one pattern", ", ".join(p.name for p in several)
    values = values_of(outcome.line.fields, outcome.status)
    shown = {k: v for k, v in values.items() if k not in _ENVELOPE_FIELDS or k in sample.event}
    wanted = dict(sample.event)
    if "ts" in wanted:
        shown["ts"] = time_text(outcome.line.ts)
    if pattern.kind and shown != wanted:
        return "a sample gives another event", f"it gives {shown!r}, the file says {wanted!r}"
    return None


def table_of(formats: FormatSet, sample: Sample) -> Table:
    """The table that the sample's header announces."""
    table = Table()
    if sample.header:
        naive.read_line(formats, sample.header.encode(), table)
    return table


def _also(formats: FormatSet, f: Format, sample: Sample) -> list[Pattern]:
    """Patterns of the format that fit the sample, behind the envelope that takes it."""
    text = sample.line.encode().rstrip(b"\r ")
    if f.whole:
        return []  # one list of patterns, in their order, for all records
    for envelope in formats.envelopes:
        for pattern in envelope.patterns:
            line = naive.Line(text)
            at = naive.match(pattern, pattern.items, line, 0)
            if at < 0:
                continue
            found = naive.matching(f, line, at)
            if found:
                return found
    return []


def _envelope_problem(f: Format, pattern: Pattern, sample: Sample) -> tuple[str, str] | None:
    line = naive.Line(sample.line.encode().rstrip(b"\r "))
    if naive.match(pattern, pattern.items, line, 0) < 0:
        return "an envelope does not fit its sample", f"pattern {pattern.match!r}"
    shown = values_of(line.fields, 0)
    if line.ts_kind:
        shown["ts"] = time_text(line.ts)
    if shown != sample.event:
        return "an envelope's sample gives other fields", f"it gives {shown!r}, the file says {sample.event!r}"
    return None
