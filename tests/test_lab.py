"""Logs of real servers in the lab give what the servers really did (runs E and F; see the lab's README)."""

from __future__ import annotations

import gzip
import ipaddress
import json
import re
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mailripple.cells import entity_totals
from mailripple.config import ReadOptions, ReportOptions
from mailripple.counts import CLIENT, ENTITY_METRICS, METRIC_NAMES
from mailripple.grep import grep_totals
from mailripple.outputs.summary import Summary
from mailripple.records import read_records
from mailripple.reporting import summary_of
from mailripple.run import Result, read_all
from tests.corpus import SHARED
from tests.streams import plain

LAB = SHARED / "lab"
ZONES = {"E": "Europe/Berlin", "F": "Asia/Tokyo"}
NOW = 1_790_000_000_000_000
MX = ("192.0.2.3", "2001:db8:1::3")
pytestmark = pytest.mark.skipif(not (LAB / "E").is_dir(), reason="the lab lies beside the repository, not in it")


def options(zone: str, *, given: bool = True) -> ReadOptions:
    """One seed, so that keys of two runs are the same."""
    return ReadOptions(zone, NOW, given, seed=7)


@dataclass
class Lab:
    """A run of the lab, and what mailripple says of it."""

    name: str

    def path(self, log: str) -> str:
        return str(LAB / self.name / f"{log}.gz")

    @cached_property
    def truth(self) -> dict[str, Any]:
        return json.loads((LAB / self.name / "truth.json").read_text())

    @cached_property
    def greps(self) -> dict[str, int]:
        """The truth's `grep -c`, by what was searched for."""
        logs = self.truth["grep_totals"]
        return {what[9:-1]: n for log in ("mail.log", "queries.log") for what, n in logs[log].items() if what != "lines"}

    @cached_property
    def submissions(self) -> list[dict[str, Any]]:
        with gzip.open(self.path("submissions.jsonl"), "rt") as lines:
            return [json.loads(line) for line in lines]

    @cached_property
    def mail_lines(self) -> list[str]:
        with gzip.open(self.path("mail.log"), "rt") as lines:
            return lines.read().splitlines()

    @cached_property
    def bounce_ids(self) -> set[str]:
        """Queue ids of the bounces and notices that the server itself made, by a search of its own."""
        said = r": \w+: (\w+): (?:DSN|sender notify|return to sender|postmaster notify): "
        return {found[1] for line in self.mail_lines if (found := re.search(said, line))}

    @cached_property
    def result(self) -> Result:
        return read_all([self.path("mail.log"), self.path("queries.log")], options(ZONES[self.name]))

    @cached_property
    def summary(self) -> Summary:
        return summary_of(self.result, ReportOptions())

    @cached_property
    def totals(self) -> dict[str, Any]:
        return self.summary.totals

    @cached_property
    def records(self) -> list[dict[str, Any]]:
        found = read_records([self.path("mail.log"), self.path("queries.log")], options(ZONES[self.name]))
        return [r for r in found if isinstance(r, dict)]


@pytest.fixture(scope="module", params=["E", "F"])
def lab(request: pytest.FixtureRequest) -> Lab:
    return _lab(request.param)


@pytest.fixture(scope="module")
def summer_time() -> Lab:
    """Run E, in which the hour from two to three occurs twice."""
    return _lab("E")


_LABS: dict[str, Lab] = {}


def _lab(name: str) -> Lab:
    return _LABS.setdefault(name, Lab(name))


def test_queries_are_those_of_the_query_log(lab: Lab) -> None:
    """dns.query, its types and the mail server's share are the greps of the truth."""
    assert lab.totals["dns.query"] == lab.greps[": query: "]
    for qtype in ("A", "AAAA", "MX", "PTR"):
        assert lab.totals[f"dns.query.{qtype}"] == lab.greps[f" IN {qtype} "]
    with gzip.open(lab.path("queries.log"), "rt") as lines:
        by_mx = sum(any(f" {address}#" in line for address in MX) for line in lines)
    assert by_mx == lab.greps["192.0.2.3#"]
    assert lab.totals["D_q"] == by_mx


def test_the_mail_server_is_inferred(lab: Lab) -> None:
    """The MX is found by its address, and no worm is taken for one."""
    assert {s["address"] for s in lab.summary.mail_servers} == {"192.0.2.3"}


def test_queries_of_clients_are_those_that_were_sent(lab: Lab) -> None:
    """What is left beside the mail server's queries are the look-ups of the PCs, one to one."""
    sent = Counter(s["ip"] for s in lab.submissions if s["kind"] in ("dns", "worm2_dns"))
    asked = Counter(r["client_ip"] for r in lab.records if r["kind"] == "dns.query" and r["client_ip"] not in MX)
    assert asked == sent


def test_delivery_records_are_the_lines_with_to(lab: Lab) -> None:
    """mail.to and mail.dsn.to together are all `: to=` lines, and each status is that of a literal search."""
    assert lab.totals["mail.to"] + lab.totals["mail.dsn.to"] == lab.greps[": to="]
    found: Counter[str] = Counter()
    for line in lab.mail_lines:
        record = re.search(r": (\w+): to=.*?, dsn=(\d).*?, stat=(\w+)", line)
        if record:
            own = record[1] in lab.bounce_ids
            found["mail.dsn.to" if own else "mail.to"] += 1
            if not own:
                words = {"Sent": "mail.sent", "Deferred": "mail.deferred", "queued": "mail.other"}
                found[words.get(record[3], "mail.failed")] += 1
    assert {name: lab.totals[name] for name in found} == dict(found)
    own_sent = sum("stat=Sent" in x for x in lab.mail_lines if (q := re.search(r": (\w+): to=", x)) and q[1] in lab.bounce_ids)
    assert lab.totals["N_SS"] + own_sent == lab.greps["stat=Sent"]


def test_messages_are_those_that_the_server_accepted(lab: Lab) -> None:
    """N_from is what clients were told "accepted" for and the server's own cron mail, each once; bounces are apart."""
    accepted = {s["reply"].split()[1] for s in lab.submissions if s.get("code") == 250 and s.get("reply") and s["kind"] != "worm2_smtp"}
    cron = {q[1] for x in lab.mail_lines if (q := re.search(r": (\w+): from=root, .*relay=root@localhost$", x))}
    assert cron
    assert lab.totals["N_from"] == len(accepted) + len(cron)
    assert lab.totals["mail.dsn"] == len(lab.bounce_ids)
    seen = {r["queue_id"] for r in lab.records if r["kind"] == "mail.from" and r.get("nrcpts") != 0}
    assert accepted <= seen
    assert lab.totals["mail.refused"] == sum(": from=" in x and ", nrcpts=0," in x for x in lab.mail_lines)


def test_recipients_are_those_that_were_accepted(lab: Lab) -> None:
    """mail.accepted is the sum of `nrcpts` over those messages: what clients named, a name given twice once."""
    accepted = {s["reply"].split()[1]: s["nok"] for s in lab.submissions if s.get("code") == 250 and s.get("reply")}
    found = {q[1]: int(q[2]) for x in lab.mail_lines if (q := re.search(r": (\w+): from=.*, nrcpts=(\d+), ", x))}
    cron = sum(x.endswith("relay=root@localhost") for x in lab.mail_lines)
    of_clients = [found[q] for q in accepted if q in found]
    assert lab.totals["mail.accepted"] == sum(of_clients) + cron
    assert 0 <= sum(nok for q, nok in accepted.items() if q in found) - sum(of_clients) <= 25


def test_clients_are_who_submitted(lab: Lab) -> None:
    """Each client address has the messages that this address submitted."""
    accepted = [s for s in lab.submissions if s.get("code") == 250 and s.get("reply") and s["kind"] != "worm2_smtp"]
    sent = Counter(s["ip"] for s in accepted)
    clients = summary_of(lab.result, ReportOptions(top=10_000)).clients
    messages = {c["client_ip"]: c["mail.from"] for c in clients if c.get("mail.from")}
    assert messages == dict(sent)


def test_logins_are_those_of_the_truth(lab: Lab) -> None:
    """POP3 and IMAP log-ins are the greps, and the log-ins that succeeded on the clients' side."""
    assert lab.totals["N_P"] == lab.greps["pop3-login: Login:"] == lab.totals["pop.login"]
    assert lab.totals["imap.login"] == lab.greps["imap-login: Login:"]
    assert lab.totals["pop.fail"] + lab.totals["imap.fail"] == lab.greps["auth failed"]
    for kind, metric in (("pop3", "pop.login"), ("imap", "imap.login")):
        assert sum(s["kind"] == kind and bool(s["ok"]) for s in lab.submissions) == lab.totals[metric]


def test_grep_counting_is_grep(lab: Lab) -> None:
    """`--counting grep` gives each `grep -c` of the paper's words: those of the truth, and of a count of our own."""
    counted = grep_totals([lab.path("mail.log")])
    for word, n in counted.items():
        assert n == sum(word in line for line in lab.mail_lines)
        assert n == lab.greps.get(word, n)


def test_the_balance_is_exact_in_every_window(lab: Lab) -> None:
    """N_to = N_SS + N_SD + N_SX + other, minute by minute."""
    value = {name: lab.result.counts.values[:, i] for i, name in enumerate(METRIC_NAMES)}
    parts = sum(value[f"mail.{s}"] for s in ("sent", "deferred", "bounced", "expired", "rejected", "other"))
    assert value["mail.to"].any()
    assert (value["mail.to"] == parts).all()


def test_every_line_is_accounted_for(lab: Lab) -> None:
    """Law 1 over all four logs of the run: lines = events + skipped + rejected, and nothing is rejected."""
    logs = ("mail.log", "queries.log", "named-general.log", "mx-syslog")
    result = read_all([lab.path(log) for log in logs], options(ZONES[lab.name]))
    for tally in result.sources:
        with gzip.open(tally.name) as lines:
            assert tally.lines == sum(1 for _ in lines)
        assert tally.lines == tally.events + tally.skipped + tally.rejected
        assert tally.rejected == 0
    assert {t.name: t.lines for t in result.sources}[lab.path("mail.log")] == lab.truth["grep_totals"]["mail.log"]["lines"]


def test_other_logs_beside_change_nothing(lab: Lab) -> None:
    """The name server's other messages and a syslog without mail leave every count as it was."""
    logs = ("mail.log", "queries.log", "named-general.log", "mx-syslog")
    result = read_all([lab.path(log) for log in logs], options(ZONES[lab.name]))
    assert plain(result.counts) == plain(lab.result.counts)


@pytest.mark.parametrize("log", ["mail-iso.log", "mail-5424.log"])
def test_three_envelopes_give_the_same_counts(summer_time: Lab, log: str) -> None:
    """RFC 3164 read as Europe/Berlin, rsyslog's ISO 8601 and RFC 5424 (both with offsets): equal, minute by minute in UTC."""
    plain_log = read_all([summer_time.path("mail.log")], options("Europe/Berlin"))
    other = read_all([summer_time.path(log)], options("UTC"))
    assert plain(plain_log.counts) == plain(other.counts)


def test_the_repeated_hour_is_two_hours(summer_time: Lab) -> None:
    """When summer time ends, queries and log-ins fall into the UTC hour in which the clients really sent them."""
    sent = Counter((s["kind"], int(s["t"]) // 3600) for s in summer_time.submissions if s.get("ok", True))
    seen: Counter[tuple[str, int]] = Counter()
    for r in summer_time.records:
        kind = {"dns.query": "dns", "pop.login": "pop3", "imap.login": "imap"}.get(r["kind"])
        if kind and r["client_ip"] not in MX:
            seen[kind, int(datetime.fromisoformat(r["ts"]).timestamp()) // 3600] += 1
    hours = sorted({hour for _, hour in seen})
    assert [datetime.fromtimestamp(h * 3600, UTC).hour for h in hours] == [23, 0, 1, 2]
    for key, n in seen.items():
        assert abs(n - sent[key]) <= 3, key  # a line is written a few lab seconds after the client's action


@pytest.mark.parametrize("share", [0.3, 0.45, 0.6, 0.8])
def test_a_cut_within_the_repeated_hours_does_not_matter(summer_time: Lab, tmp_path: Path, share: float) -> None:
    """Law 2: the mail log in two files, the second of which begins in either of the two like hours, is the whole."""
    lines = summer_time.mail_lines
    cut = int(len(lines) * share)
    paths = [tmp_path / "mail.log", tmp_path / "mail.log.1"]
    for path, part in zip(paths, (lines[cut:], lines[:cut]), strict=True):
        path.write_text("".join(line + "\n" for line in part))
    whole = read_all([summer_time.path("mail.log")], options("Europe/Berlin"))
    parts = read_all([str(p) for p in paths], options("Europe/Berlin"))
    assert plain(parts.counts) == plain(whole.counts)


def test_an_hour_twice_is_not_an_hour_doubled(summer_time: Lab) -> None:
    """By its first letters the log has 8474 queries at two o'clock; the series has them in two hours."""
    by_prefix = summer_time.truth["grep_hourly_by_timestamp_prefix"]["queries.log"][": query: "]["2024-10-27T02:"]
    counts = summer_time.result.counts
    queries = counts.values[:, METRIC_NAMES.index("dns.query")]
    first = int(datetime(2024, 10, 27, 0, tzinfo=UTC).timestamp()) // 60
    halves = [int(queries[(counts.minute >= m) & (counts.minute < m + 60)].sum()) for m in (first, first + 60)]
    assert sum(halves) == by_prefix
    assert min(halves) > 1000


def test_a_wrong_zone_is_told_by_the_queue_ids(summer_time: Lab) -> None:
    """Read with the machine's zone UTC every record counts, and a notice gives the offset that the queue ids tell."""
    result = read_all([summer_time.path("mail.log")], options("UTC", given=False))
    notices = [n.text for n in result.notices if "queue ids" in n.text and "--tz" in n.text]
    assert len(notices) == 1
    assert "UTC+02:00" in notices[0]
    totals = summary_of(result, ReportOptions()).totals
    assert totals["mail.to"] + totals["mail.dsn.to"] == summer_time.greps[": to="]
    assert totals["pop.login"] == summer_time.totals["pop.login"]
    assert totals["late"] > 0  # the hour that comes again seems to lie an hour back


def test_the_year_comes_from_the_queue_ids(lab: Lab) -> None:
    """Stamps without a year are read in the year of the run, which sendmail's queue ids tell, and that is said."""
    year = lab.truth["start"][:4]
    mail = next(t for t in lab.result.sources if t.name.endswith("mail.log.gz"))
    assert mail.first is not None
    assert np.datetime64(mail.first, "us").astype(str).startswith(year)
    assert f"year {year} (from the queue ids)" in mail.assumed


def postfix_by_search(lines: list[str]) -> dict[str, int]:
    """Totals of a Postfix log by literal search.

    One message is a queue id of a `from=` that neither a notification line announces nor a `forwarded as`, until it is
    removed: then the id may be another's.  A message that expires is one record more.
    """

    def ids(pattern: str) -> set[str]:
        return {found[1] for line in lines if (found := re.search(pattern, line))}

    dsn, copies = ids(r" notification: (\w+)$"), ids(r"\(forwarded as (\w+)\)$")
    records = [line for line in lines if ": to=<" in line and ", relay=" in line]
    own = [line for line in records if line.split(": ")[1] in dsn]
    messages, queued = 0, dsn | copies
    for line in lines:
        found = re.search(r": (\w+): (?:from=<.*nrcpt=|(removed)$)", line)
        if found and found[2]:
            queued = queued - {found[1]}
        elif found and found[1] not in queued:
            messages, queued = messages + 1, queued | {found[1]}
    wanted = {
        "mail.from": messages,
        "mail.to": len(records) - len(own) + sum("status=expired" in line for line in lines),
        "mail.dsn": len(dsn),
        "mail.dsn.to": len(own),
        "mail.internal": sum("forwarded as" in line for line in records),
        "mail.reject": sum("NOQUEUE: reject:" in line or "SASL LOGIN authentication failed" in line for line in lines),
        "pop.login": sum("pop3-login: Login:" in line for line in lines),
    }
    for status in ("sent", "deferred", "bounced"):
        wanted[f"mail.{status}"] = sum(f"status={status}" in line for line in records) - sum(f"status={status}" in line for line in own)
    return wanted


@pytest.mark.parametrize("log", ["lab/G/mail.log.gz", "samples/postfix/mail.log", *(f"corpus/files/kdent-mail{n}.log" for n in ("", "2", "3"))])
def test_postfix_totals_are_those_of_a_literal_search(log: str) -> None:
    """Messages, records and their results are what grep finds, own bounces and alias copies told apart."""
    path = SHARED / log
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as text:
        wanted = postfix_by_search([line.rstrip() for line in text])
    counts = read_all([str(path)], options("America/New_York")).counts
    assert {metric: counts.total(metric) for metric in wanted} == wanted


def test_exim_totals_are_those_of_a_literal_search() -> None:
    """The sample of Exim: arrivals, records by their mark, its own bounces and what was no attempt."""
    path = SHARED / "samples" / "exim" / "mainlog"
    lines = path.read_text().splitlines()
    own = {line.split()[2] for line in lines if " <= <> R=" in line}
    records = [line.split(" ", 4) for line in lines if re.search(r"^\S+ \S+ \S+ (=>|->|==|\*\*) ", line)]
    mine = [r for r in records if r[2] not in own]
    skipped = sum("retry time not reached" in r[4] for r in mine)
    wanted = {
        "mail.from": sum(" <= " in line for line in lines) - len(own),
        "mail.dsn": len(own),
        "mail.to": len(mine),
        "mail.dsn.to": len(records) - len(mine),
        "mail.sent": sum(r[3] in ("=>", "->") for r in mine),
        "mail.skipped": skipped,
        "mail.deferred": sum(r[3] == "==" for r in mine) - skipped,
        "mail.failed": sum(r[3] == "**" for r in mine),
        "mail.reject": sum(" rejected " in line for line in lines),
    }
    counts = read_all([str(path)], options("UTC")).counts
    assert {metric: counts.total(metric) for metric in wanted} == wanted


@pytest.mark.parametrize(
    ("log", "wanted"),
    [
        ("courier-pop/mail.log", {"pop.login": ": LOGIN, ", "pop.fail": "LOGIN FAILED", "pop.connect": ": Connection, "}),
        ("popa3d/messages-busybox-syslogd.log", {"pop.login": "Authentication passed", "pop.fail": "Authentication failed", "pop.connect": "Session from"}),
        ("solid-pop3d/messages-busybox-syslogd.log", {"pop.login": " authenticated - ", "pop.fail": "]: authentication failed", "pop.connect": "connect from", "pop.logout": "session ended"}),
        ("mailutils-pop3d/messages-busybox-syslogd.log", {"pop.login": "logged in with mailbox", "pop.fail": ": authentication failed", "pop.logout": "session ended for user"}),
        ("dovecot/pop3-imap-syslog.log", {"pop.login": "pop3-login: Login", "imap.login": "imap-login: Login"}),
    ],
)  # fmt: skip
def test_sessions_are_those_of_a_literal_search(log: str, wanted: dict[str, str]) -> None:
    """Each sample of a POP3 server: log-ins, failures, connections and ends are the lines that say so."""
    path = SHARED / "samples" / log
    lines = path.read_text().splitlines()
    counts = read_all([str(path)], options("UTC")).counts
    assert {m: counts.total(m) for m in wanted} == {m: sum(text in line for line in lines) for m, text in wanted.items()}


def test_postfix_knows_who_handed_a_message_in() -> None:
    """Run G: each client's messages are those that the server told it were queued, by the truth's own list."""
    with gzip.open(LAB / "G" / "submissions.jsonl.gz", "rt") as lines:
        actions = [json.loads(line) for line in lines]
    queued = Counter(a["ip"] for a in actions if a.get("nok") and "queued as" in a.get("reply", ""))
    found = read_all([str(LAB / "G" / "mail.log.gz")], options("America/New_York"))
    totals = entity_totals(found.counts.cells)
    ours = {
        str(ipaddress.ip_address(int(row["key"]) - (1 << 32))): int(row["n"][ENTITY_METRICS.index("mail.from")])
        for row in totals
        if row["tag"] == CLIENT and 1 << 32 <= row["key"] < 1 << 33
    }
    assert {ip: n for ip, n in ours.items() if n and ip != "127.0.0.1"} == dict(queued)
