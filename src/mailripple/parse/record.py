"""From the bytes of the fields to the values that people see: the JSON records of `mailripple events`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from mailripple.parse.compile import PatternName
from mailripple.parse.naive_addresses import address, domain_of, split_addresses
from mailripple.tables import STATUSES

_ADDRESSES = ("client_ip", "relay_ip")
_NUMBERS = ("pid", "nrcpts", "size", "repeat")
# Of Python's calendar: a line may claim 9999-12-31T23:59:59-02:00.
_FIRST, _LAST = -62_135_596_800_000_000, 253_402_300_799_999_999


def text_of(value: bytes) -> str:
    """Text as it stands; bytes that are not UTF-8 as \\xNN."""
    return value.decode("utf-8", errors="backslashreplace")


def name_of(value: bytes) -> str:
    """A domain name: lower case, no final dot (but the root is ".")."""
    return text_of(value.removesuffix(b".") or value[:1]).lower()


def values_of(fields: Mapping[str, bytes], status: int) -> dict[str, Any]:
    """The fields of an event, typed: numbers as int, addresses in their one canonical form, names in lower case."""
    out: dict[str, Any] = {}
    for name, raw in fields.items():
        if name in _NUMBERS:
            out[name] = int(raw) if raw.isdigit() and len(raw) <= 18 else text_of(raw)
        elif name in _ADDRESSES:
            found = address(raw)
            out[name] = str(found) if found is not None else text_of(raw)
        elif name == "qname":
            out[name] = name_of(raw)
        elif name == "env_rcpt":
            out.update(_recipients(raw))
        else:
            out[name] = text_of(raw)
    if status:
        out["status"] = STATUSES[status]
    return out


def _recipients(raw: bytes) -> dict[str, Any]:
    """The list of recipients, and the domain that they share (or the domains, where they differ)."""
    places = [raw[a:b] for a, b in split_addresses(raw, 0) if b > a]
    out: dict[str, Any] = {"env_rcpt": [text_of(_bare(p)) for p in places]}
    domains = sorted({domain_of(p) for p in places} - {b""})
    if len(domains) == 1:
        out["rcpt_domain"] = text_of(domains[0])
    elif domains:
        out["rcpt_domains"] = [text_of(d) for d in domains]
    return out


def _bare(text: bytes) -> bytes:
    return text[1:-1] if text[:1] == b"<" and text[-1:] == b">" else text


def time_text(micros: int) -> str:
    """Microseconds since 1970 (UTC) as ISO 8601 with `Z`; beyond the years 1 to 9999 the first or last moment."""
    moment = dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=min(max(micros, _FIRST), _LAST))
    shown = moment.isoformat(timespec="microseconds" if micros % 1_000_000 else "seconds")
    return shown.replace("+00:00", "Z")


def record_of(
    source: str, line: int, pattern: PatternName, ts: int | None, fields: Mapping[str, bytes], status: int
) -> dict[str, Any]:
    """One record of `mailripple events`: origin, format, kind, time, then the fields that it has."""
    head: dict[str, Any] = {
        "source": source,
        "line": line,
        "format": pattern.format,
        "pattern": pattern.name,
        "kind": pattern.kind,
        "ts": time_text(ts) if ts is not None else None,
    }
    return head | values_of(fields, status)
