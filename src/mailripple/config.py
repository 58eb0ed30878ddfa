"""Settings: one frozen tree, read once at the door, handed down branch by branch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How logs are read.

    `zone` name of the zone of stamps without an offset; `zone_given` whether the operator named it; `year` of the
    first line of year-less logs, None to infer it; `formats` folders with the administrator's own format files;
    `format` the id of the only message format to use, None for all; `since` and `until` (UTC microseconds, half open)
    bound the events that are counted; `now` UTC microseconds, the one clock of a run; `ipv6_prefix` bits of an IPv6
    address that tell clients apart (128: each address is one).
    """

    zone: str
    now: int
    zone_given: bool = False
    year: int | None = None
    formats: tuple[Path, ...] = ()
    format: str | None = None
    since: int | None = None
    until: int | None = None
    seed: int | None = None
    ipv6_prefix: int = 128


@dataclass(frozen=True, slots=True)
class ReportOptions:
    """What a report is asked for: addresses of the mail servers, if given, the way of counting, how long lists are, and
    the file of what is expected."""

    mail_servers: tuple[str, ...] = ()
    counting: str = "tokens"
    top: int = 10
    exceptions: Path | None = None
