"""Proves every bundled format by its own samples, and what hostile lines must not make it say."""

from __future__ import annotations

import re
from typing import Any

import pytest

from mailripple.formats.load import FormatSet, bundled, load_formats, read_format
from mailripple.parse import naive
from mailripple.parse.check import problems
from mailripple.parse.record import values_of
from mailripple.tables import FIELDS, KINDS

FORMATS = load_formats()
NAMES = [f.id for f in (*FORMATS.envelopes, *FORMATS.messages)]
_QUAD = re.compile(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])")
_FREE = ("192.0.2.", "198.51.100.", "203.0.113.", "127.0.0.", "0.0.0.0", "8.17.1.9", "2.3.19.1")


def fields_of(line: str, formats: FormatSet = FORMATS) -> tuple[str, dict[str, Any]]:
    """(id of the pattern, or what became of the line; its values)."""
    outcome = naive.read_line(formats, line.encode())
    if outcome.pattern is None or outcome.line is None:
        return outcome.what, {}
    return outcome.pattern.id, values_of(outcome.line.fields, outcome.status)


@pytest.mark.parametrize("name", NAMES)
def test_a_format_proves_itself(name: str) -> None:
    """Each sample gives the event that stands beside it and fits one pattern only."""
    (chosen,) = [f for f in (*FORMATS.envelopes, *FORMATS.messages) if f.id == name]
    assert [str(p) for p in problems(FORMATS, chosen)] == []


def test_ids_are_unique() -> None:
    """No two formats, and so no two patterns, have the same id."""
    assert len(set(NAMES)) == len(NAMES)
    assert len({p.id for p in FORMATS.patterns}) == len(FORMATS.patterns)


def test_no_program_belongs_to_two_formats() -> None:
    """A program is claimed by one bundled file only: nothing is taken over silently."""
    claims = [
        program
        for path, subject, text in bundled()
        if subject != "envelope"
        for program in read_format(text, path, subject).programs
    ]
    assert sorted(claims) == sorted(set(claims))


def test_every_pattern_has_a_sample_and_a_known_kind() -> None:
    """Each pattern has one sample at least, and is an event of a known kind or a skip."""
    assert all(p.samples and p.kind in KINDS for p in FORMATS.patterns)


def test_events_state_declared_fields() -> None:
    """Samples speak of the fields that tables.FIELDS declares, and of what is derived from them."""
    known = {*FIELDS, "status", "rcpt_domain", "rcpt_domains"}
    assert {key for p in FORMATS.patterns for s in p.samples for key in s.event} <= known


def test_skips_state_no_event() -> None:
    """A skipped pattern of a message format has samples without an event."""
    skips = [p for f in FORMATS.messages for p in f.patterns if not p.kind]
    assert [p.id for p in skips if any(s.event for s in p.samples)] == []


def test_samples_use_documentation_addresses() -> None:
    """Samples name nobody: addresses are those of RFC 5737 and the loopback."""
    for p in FORMATS.patterns:
        for s in p.samples:
            assert all(q.startswith(_FREE) for q in _QUAD.findall(s.line)), s.line


NAMED = "Oct 27 01:17:28 ns named[3]: client 192.0.2.7#9"
HEAD = "Oct 27 01:32:55 mx sendmail[583]: 49QNWq1o000581: "


@pytest.mark.parametrize(
    ("rest", "status"),
    [
        ("dsn=5.1.1, reply=550 5.1.1 no, stat=Sent here, stat=User unknown", "bounced"),
        ("dsn=2.1.5, reply=550 2.1.5 no, stat=Sent, stat=User unknown", "bounced"),
        ("dsn=2.0.0, reply=451 2.0.0 wait, stat=Sent, stat=Deferred: 451 2.0.0 wait", "deferred"),
        ("dsn=2.1.5, stat=User unknown", "bounced"),
        ("dsn=2.0.0, stat=Deferred: 451 2.0.0 stat=Sent", "deferred"),
        ("dsn=4.2.0, reply=450 x, stat=queued, stat=Deferred: 450 x", "deferred"),
        ("dsn=4.4.7, stat=Deferred: 451 4.4.7 later", "deferred"),
        ("dsn=4.4.7, stat=Cannot send message for 5 days", "expired"),
        ("dsn=5.4.7, stat=Cannot send message for 5 days", "expired"),
        ("stat=queued", "other"),
        ("stat=Sent", "sent"),
        ("dsn=2.0.0, stat=Sent (ok, stat=User unknown)", "sent"),
        ("stat=Host unknown (Name server: gone.example.: host not found)", "bounced"),
        ("stat=I/O error", "deferred"),
        ("stat=never seen before", "other"),
    ],
)
def test_remote_text_cannot_make_a_delivery(rest: str, status: str) -> None:
    """The status follows sendmail's own words; text of the other server turns no failure into a delivery."""
    name, values = fields_of(
        f"{HEAD}to=<a@b.example>, delay=00:00:01, mailer=esmtp, relay=b.example. [192.0.2.9], {rest}"
    )
    assert (name, values["status"]) == ("sendmail.to", status)


@pytest.mark.parametrize(
    ("line", "name", "said"),
    [
        (
            HEAD
            + 'from=<"x>, relay=[198.51.100.9]"@e.example>, size=1, class=0, nrcpts=1, relay=pc.example [192.0.2.7]',
            "sendmail.from",
            {"client_ip": "192.0.2.7", "nrcpts": 1},
        ),
        (
            HEAD + "from=<a@e.example>, size=1, class=0, nrcpts=1, msgid=<y>, nrcpts=500, relay=z [198.51.100.8], "
            "proto=SMTP, relay=[192.0.2.7]",
            "sendmail.from",
            {"client_ip": "192.0.2.7", "nrcpts": 1},
        ),
        (
            HEAD + "ruleset=check_rcpt, arg1=<v@[198.51.100.9]>, relay=pc.example [192.0.2.7], "
            "reject=550 5.7.1 <v@[198.51.100.9]>... Relaying denied",
            "sendmail.reject-rcpt",
            {"client_ip": "192.0.2.7", "env_rcpt": ["v@[198.51.100.9]"]},
        ),
        (
            HEAD
            + "ruleset=check_rcpt, arg1=<v@far.example>, relay=x[198.51.100.9].e.example [192.0.2.7], reject=550 no",
            "sendmail.reject-rcpt",
            {"client_ip": "192.0.2.7"},
        ),
        (
            HEAD + "AUTH failure (LOGIN): authentication failure, user=x, relay=[198.51.100.9], relay=[192.0.2.7]",
            "sendmail.auth-failure",
            {"client_ip": "192.0.2.7"},
        ),
        (
            NAMED + " (query:\\032x\\032IN.e.example): query: query:\\032x\\032IN.e.example IN A + (192.0.2.2)",
            "bind.query",
            {"client_ip": "192.0.2.7", "qname": "query:\\032x\\032in.e.example", "qtype": "A"},
        ),
        (
            NAMED + ': UDP: query: x.example IN A response: NOERROR + x.example. 5 IN TXT "query: y.example IN A";',
            "bind.response-udp",
            {"client_ip": "192.0.2.7", "qname": "x.example"},
        ),
    ],
)
def test_hostile_text_blames_nobody_else(line: str, name: str, said: dict[str, Any]) -> None:
    """Whatever a client writes into an address, a Message-ID or a name: the address is that of the connection."""
    found, values = fields_of(line)
    assert found == name
    assert {key: values.get(key) for key in said} == said


def test_header_text_gives_no_client() -> None:
    """A header check logs the header itself, so no address behind it is believed."""
    line = HEAD + "ruleset=CheckSubject, arg1=x, relay=y [198.51.100.9], reject=1, relay=z [192.0.2.7], reject=553 no"
    name, values = fields_of(line)
    assert name == "sendmail.reject-ruleset"
    assert "client_ip" not in values


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("Feb 25 11:09:43 ns named[1]: XX+/192.0.2.9/a.example/A/IN", "bind.query-8"),
        ("2024-10-27T01:17:28Z ns named[1]: queries: info: client 192.0.2.9#7: query: a.example IN A +", "bind.query"),
        ("<30>1 2024-10-27T01:17:28Z ns named 1 - - client 192.0.2.9#7: query: a.example IN A +", "bind.query"),
        ("2024-10-27T01:17:28.100 queries: client 2001:db8::9#7: query: a.example IN A +", "bind.query"),
        ("27-Oct-2024 01:17:28.100 client fe80::9%eth0#7: query: a.example IN A +", "bind.query"),
        ("2024-10-27 01:31:20 Info: pop3-login: Login: user=<ann>, method=PLAIN, rip=192.0.2.9", "dovecot.pop3-login"),
        (
            "Oct 27 01:31:20 pop3-login: Info: Login: user=<ann>, method=PLAIN, rip=192.0.2.9",
            "dovecot-pop3-login.login",
        ),
        ("Oct 27 01:31:20 mx network: Bringing up loopback interface:  succeeded", "bind-category.category"),
        ("Oct 27 01:31:20 mx postgrey[3]: action=pass", "other"),
        ("Oct 27 01:31:20 mx sendmail[3]: a message that nobody has seen", "reject"),
    ],
)
def test_the_same_message_in_other_envelopes(line: str, name: str) -> None:
    """The envelope decides who wrote a line; the format of that program decides what it says."""
    assert fields_of(line)[0] == name
