"""`mailripple explain` says how a line is read: event, skip, another program's, blank, or not understood and why."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mailripple.explain import COUNTS_INTO
from mailripple.tables import KINDS
from tests.command import call, process

QUERY = "27-Oct-2024 01:17:28.622 queries: info: client @0x7f56 192.0.2.3#53894 (mx.example): query: MX.example IN MX + (192.0.2.2)"
DELIVERY = (
    'Oct 27 01:32:55 mx sendmail[583]: 49QNWq1o000581: to=<"x, stat=Sent"@evil.example>, delay=00:00:02, xdelay=00:00:00, '
    "mailer=esmtp, pri=183381, relay=mx1.evil.example. [198.51.100.2], dsn=5.1.1, stat=User unknown"
)


def explained(line: str) -> str:
    outcome = call("explain", line)
    assert (outcome.code, outcome.err) == (0, "")
    return outcome.out


def test_an_event_is_explained() -> None:
    """Time, format, pattern, kind, each field, and what it counts into."""
    text = explained(QUERY)
    for words in ("2024-10-27T01:17:28.622", "no zone", "format:  bind", "kind:    dns.query", "client_ip      192.0.2.3", "qtype          MX"):
        assert words in text
    assert "qname          mx.example" in text
    assert "counts:  dns.query, " in text
    assert "D_q" in text


def test_a_hostile_recipient_is_a_failure() -> None:
    """Law 8: what stands inside the angle brackets decides nothing."""
    text = explained(DELIVERY)
    assert "status         bounced" in text
    assert "rcpt_domain    evil.example" in text
    assert "no year, no zone" in text


def test_a_skipped_line_names_its_pattern() -> None:
    """A line that is skipped on purpose says by which pattern."""
    text = explained("Oct 27 01:31:21 mx sendmail[1]: starting daemon (8.17.1.9): SMTP+queueing@00:30:00")
    assert "kind:    skipped on purpose" in text
    assert "format:  sendmail, pattern starting-daemon" in text
    assert "counts:" not in text


def test_another_programs_line_is_told() -> None:
    """A program that no format is for is named."""
    text = explained("Oct 27 01:31:21 mx CRON[1]: (root) CMD (true)")
    assert "a line of the program 'CRON', which no format is for: skipped" in text


@pytest.mark.parametrize("line", ["Oct 27 01:31:21 mx sendmail[1]: 49QNWq1o000581: frob=<a>", "what is this"])
def test_a_line_that_is_not_understood_says_how_far_it_came(line: str) -> None:
    """The reason, and the patterns that came furthest with what they expected next."""
    text = explained(line)
    assert text.startswith(("not understood: ", "time: "))
    assert "not understood: " in text
    assert "came to byte" in text
    assert "then expected" in text


def test_a_blank_line_is_explained() -> None:
    """An empty line is skipped, also as an argument."""
    assert explained("") == "an empty line: skipped\n"


def test_stdin_is_explained_line_by_line() -> None:
    """`-` reads lines from standard input."""
    outcome = process("explain", "-", stdin=f"{QUERY}\n{DELIVERY}\n".encode())
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.count("counts:  ") == 2
    assert outcome.out.index("dns.query") < outcome.out.index("mail.to")


def test_hostile_text_is_shown_inert() -> None:
    """Escape sequences of a line come out as text."""
    outcome = process("explain", "-", stdin="Oct 27 01:31:21 mx \x1b]0;owned\x07[1]: \u202ex\n".encode() + b"\xff\n")
    assert "\x1b" not in outcome.out
    assert "\x07" not in outcome.out
    assert "\u202e" not in outcome.out
    assert outcome.code == 0


def test_every_kind_says_what_it_counts_into() -> None:
    """No kind of event is without an explanation."""
    assert set(COUNTS_INTO) == set(KINDS[1:])


def test_explain_as_json() -> None:
    """`explain --json` gives the same as data."""
    record = json.loads(call("explain", QUERY, "--json").out)
    assert (record["kind"], record["client_ip"]) == ("dns.query", "192.0.2.3")


def test_explain_a_file(tmp_path: Path) -> None:
    """`explain --file LOG` explains the lines of a log."""
    log = tmp_path / "queries.log"
    log.write_text(f"{QUERY}\n")
    assert "kind:    dns.query" in call("explain", "--file", log).out


def test_a_refused_line_says_why() -> None:
    """A line whose stamp tells no time of day is a reject, with what to do about it."""
    text = explained("[   12.345678] mx sendmail[5]: starting")
    assert "refused: a time since boot" in text
    assert "short-iso-precise" in text


def test_what_stands_behind_a_prefix_is_explained() -> None:
    """Of a container's line the message is explained, however many prefixes it claims."""
    assert "sendmail." in explained("mail-1  | Oct 27 01:17:13 mx sendmail[5]: x")
    assert "not understood" in explained("a | " * 5000 + "x")
