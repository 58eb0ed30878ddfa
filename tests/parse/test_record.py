"""Proves what people see of an event: typed values, one form for each thing, and never a crash."""

from __future__ import annotations

import datetime as dt
import json

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mailripple.formats.load import FormatSet
from mailripple.parse import naive
from mailripple.parse.compile import PatternName
from mailripple.parse.naive_addresses import domain_of
from mailripple.parse.record import name_of, record_of, text_of, time_text, values_of
from mailripple.tables import FIELDS, STATUSES
from tests.parse.compare import Comparison, joined
from tests.parse.damage import _ADDRESSES

RAW = st.one_of(st.binary(max_size=30), st.sampled_from([b"1" * 5000, b"0" * 19, b"007", b"\xb2", b"-1", b"::ffff:1.2.3.4", b"x\xff\x00"]))


@given(fields=st.dictionaries(st.sampled_from(sorted(FIELDS)), RAW), status=st.integers(0, len(STATUSES) - 1))
def test_any_field_can_be_shown(fields: dict[str, bytes], status: int) -> None:
    """Whatever bytes a field holds, its value can be written as JSON and read again."""
    values = values_of(fields, status)
    assert json.loads(msgspec.json.encode(values)) == values
    assert set(fields) - {"env_rcpt"} <= set(values)
    assert values.get("status", "") == STATUSES[status]


def test_types() -> None:
    """Numbers are numbers, addresses have one form, names are in lower case without a final dot."""
    raw = {"pid": b"007", "size": b"12", "nrcpts": b"x", "client_ip": b"2001:DB8:0::1", "relay_ip": b"::ffff:192.0.2.1", "qname": b"A.B."}
    assert values_of(raw, 0) == {
        "pid": 7, "size": 12, "nrcpts": "x", "client_ip": "2001:db8::1", "relay_ip": "192.0.2.1", "qname": "a.b",
    }  # fmt: skip
    assert [name_of(n) for n in (b".", b"", b"A.", b"a..")] == [".", "", "a", "a."]


def test_bytes_that_are_no_text_are_shown_as_such() -> None:
    """Bytes that are not UTF-8 appear as \\xNN, the others as they are."""
    assert text_of("Müller".encode()) == "Müller"
    assert text_of(b"M\xfcller\x00") == "M\\xfcller\x00"


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"<A@One.example>", {"env_rcpt": ["A@One.example"], "rcpt_domain": "one.example"}),
        (b"<a@one.example>,b@ONE.example.", {"env_rcpt": ["a@one.example", "b@ONE.example."], "rcpt_domain": "one.example"}),
        (b"<a@two>,<b@one>", {"env_rcpt": ["a@two", "b@one"], "rcpt_domains": ["one", "two"]}),
        (b'<"x, <y>,z"@evil>,root', {"env_rcpt": ['"x, <y>,z"@evil', "root"], "rcpt_domain": "evil"}),
        (b"root", {"env_rcpt": ["root"]}),
        (b"", {"env_rcpt": []}),
    ],
)  # fmt: skip
def test_recipients(raw: bytes, shown: dict[str, object]) -> None:
    """A list of recipients shows each of them bare, and the domain or domains that they are in."""
    assert values_of({"env_rcpt": raw}, 0) == shown


@given(parts=st.lists(st.sampled_from(_ADDRESSES), min_size=1, max_size=6))
def test_the_recipients_shown_are_those_counted(comparison: Comparison, parts: list[bytes]) -> None:
    """The list in the record has as many entries, of the same domains, as the kernel counts."""
    line = b"Oct 27 01:17:13 mx sendmail[1]: 49QNVLZB000565: to=" + b",".join(parts) + b", delay=1, stat=Sent"
    outcome = naive.read_line(comparison.formats, line)
    assume(outcome.what == "event")
    (event,) = comparison.kernel(joined([line])).events
    values = values_of(event.fields, 0)
    assert outcome.line is not None
    assert len(values["env_rcpt"]) == len(event.rcpts) == len(outcome.line.rcpts)
    shown = {values.get("rcpt_domain")} | set(values.get("rcpt_domains", []))
    assert shown - {None} == {text_of(d) for d in outcome.line.rcpts} - {""}
    assert comparison.name(domain_of(b"<a@B.>")) == comparison.name(b"b")


@given(moment=st.datetimes(timezones=st.just(dt.UTC)))
def test_times(moment: dt.datetime) -> None:
    """A moment is written in ISO 8601 with Z and reads back as itself."""
    micros = (moment - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(microseconds=1)
    shown = time_text(micros)
    assert shown.endswith("Z")
    assert dt.datetime.fromisoformat(shown) == moment
    assert ("." in shown) == (moment.microsecond != 0)


def test_times_that_no_calendar_has(formats: FormatSet) -> None:
    """An offset may push a stamp out of the calendar: the last or first moment is shown."""
    for line, shown in ((b"9999-12-31T23:59:59-02:00", "9999-12-31T23:59:59.999999Z"), (b"0001-01-01T00:00:00+02:00", "0001-01-01T00:00:00Z")):
        outcome = naive.read_line(formats, line + b" mx sendmail[1]: 49QNVLZB000565: from=<a>")
        assert outcome.line is not None
        assert time_text(outcome.line.ts).startswith(shown[:19])


def test_a_record_begins_with_its_origin() -> None:
    """Source, line, format, pattern, kind and time come first, in this order; a line without time says null."""
    record = record_of("mail.log", 7, PatternName("sendmail", "from", "mail.from"), None, {"size": b"1"}, 0)
    assert list(record) == ["source", "line", "format", "pattern", "kind", "ts", "size"]
    assert record["ts"] is None
    assert record_of("m", 1, PatternName("f", "p", "k"), 1_500_000, {}, 1)["ts"] == "1970-01-01T00:00:01.500000Z"
