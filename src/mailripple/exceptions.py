"""What an operator expects: known bulk senders, relays, shared addresses, monitors, each for as long as it holds.

    [[expected]]
    subject = "192.0.2.30"        # an address, an account or a domain, as the report names it
    kind = "bulk-sender"          # or relay, shared-address, monitor, other
    note = "the newsletter server"
    since = 2026-01-01            # optional; days in UTC
    until = 2026-12-31            # optional: the last day on which it holds

What is expected is still told, as a notice; an exception that has run out is said to have.
"""

from __future__ import annotations

import datetime as dt
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import msgspec

from mailripple.detectors.contract import LEVELS
from mailripple.errors import UsageError
from mailripple.incidents import Incident

KINDS = Literal["bulk-sender", "relay", "shared-address", "monitor", "other"]
DAY = 86_400_000_000


class Expected(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One exception."""

    subject: str
    kind: KINDS
    note: str = ""
    since: dt.date | None = None
    until: dt.date | None = None

    def holds(self, moment: int) -> bool:
        """True at a moment (us since 1970)."""
        day = dt.date(1970, 1, 1) + dt.timedelta(days=moment // DAY)
        return (self.since is None or day >= self.since) and (self.until is None or day <= self.until)


class File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file of exceptions."""

    expected: tuple[Expected, ...] = ()


@dataclass(frozen=True, slots=True)
class Applied:
    """An exception, how many incidents it made notices of, and how many came when it did not hold."""

    exception: Expected
    incidents: int
    outside: int


def read_exceptions(path: Path) -> tuple[Expected, ...]:
    """The exceptions of a file.  Raises UsageError, which says what is wrong and where."""

    def wrong(why: str, todo: str) -> UsageError:
        return UsageError("cannot use the exceptions", why=why, where=str(path), todo=todo)

    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise wrong(error.strerror or str(error), "name a file that can be read") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise wrong(str(error), "mend the TOML there") from error
    try:
        return msgspec.convert(data, File).expected
    except msgspec.ValidationError as error:
        raise wrong(str(error), "subject, kind, note, since and until are known; docs/howto.md shows a file") from error


def apply(
    incidents: Sequence[Incident], exceptions: Sequence[Expected]
) -> tuple[tuple[Incident, ...], tuple[Applied, ...]]:
    """Incidents, those that are expected as notices with the reason in front; and what became of each exception."""
    applied, outside = [0] * len(exceptions), [0] * len(exceptions)
    out = []
    for incident in incidents:
        found = incident
        for i, exception in enumerate(exceptions):
            if exception.subject.lower() != incident.value.lower():
                continue
            if not exception.holds(incident.detected):
                outside[i] += 1
                continue
            applied[i] += 1
            reason = f"expected ({exception.kind}{': ' + exception.note if exception.note else ''})"
            found = replace(incident, severity="notice", why=(reason, *incident.why))
            break
        out.append(found)
    out.sort(key=lambda i: -LEVELS.index(i.severity))
    return tuple(out), tuple(Applied(*each) for each in zip(exceptions, applied, outside, strict=True))


def as_json(applied: Sequence[Applied]) -> list[dict[str, Any]]:
    """Exceptions as JSON data."""
    return [
        {
            "subject": a.exception.subject,
            "kind": a.exception.kind,
            "note": a.exception.note,
            "until": a.exception.until.isoformat() if a.exception.until else None,
            "applied": a.incidents,
            "outside_its_time": a.outside,
            "told": as_text(a),
        }
        for a in applied
    ]


def as_text(applied: Applied) -> str:
    """An exception and what became of it, in one line."""
    e = applied.exception
    told = f"exception {e.subject} ({e.kind}{': ' + e.note if e.note else ''}): "
    if applied.outside:
        return told + f"{applied.outside} incidents came when it did not hold (until {e.until or 'ever'})"
    return told + (f"applied to {applied.incidents}" if applied.incidents else "not needed")
