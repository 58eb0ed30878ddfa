"""Proves that logs of DNS servers give the queries that stand in them, each once, whatever wrote them."""

from __future__ import annotations

import codecs
import datetime as dt
import ipaddress
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from mailripple.config import ReadOptions, ReportOptions
from mailripple.reporting import summary_of
from mailripple.run import Result, read_all
from tests.command import call
from tests.corpus import SHARED

NOW = int(dt.datetime(2027, 1, 1, tzinfo=dt.UTC).timestamp()) * 1_000_000
SAMPLES = SHARED / "samples"
FILES = SHARED / "corpus" / "files"


def read(*paths: Path, **more: Any) -> Result:
    """Read logs in UTC."""
    return read_all([str(p) for p in paths], ReadOptions(zone="UTC", zone_given=True, now=NOW, seed=1, **more))


def kinds(result: Result) -> Counter[str]:
    """Lines by the kind of their pattern ("" for skips), and rejects."""
    found: Counter[str] = Counter()
    for tally in result.sources:
        for number, pattern in enumerate(result.patterns):
            found[pattern.kind] += int(tally.patterns[number])
        found["reject"] += tally.rejected
    return found


def total(result: Result, metric: str = "dns.query") -> int:
    """Total of a metric over all servers."""
    return result.counts.total(metric)


def clients(result: Result) -> dict[str, int]:
    """Queries by client."""
    rows = summary_of(result, ReportOptions(top=1000)).as_json()["top_dns_clients"]
    return {row["client_ip"]: row["dns.query"] for row in rows}


def write(path: Path, lines: list[str], encoding: str = "utf-8", mark: bytes = b"", end: str = "\n") -> Path:
    """A log file."""
    path.write_bytes(mark + "".join(line + end for line in lines).encode(encoding))
    return path


def unbound(n: int, *, queries: bool, replies: bool) -> list[str]:
    """An Unbound log of n queries of eight clients."""
    lines = []
    for i in range(n):
        what = f"192.0.2.{i % 8} www{i}.example. A IN"
        lines += [f"[{1730000000 + i}] unbound[1:0] query: {what}"] if queries else []
        lines += [f"[{1730000000 + i}] unbound[1:0] reply: {what} NOERROR 0.1 0 66"] if replies else []
    return lines


# A query counts once


def test_queries_and_replies_in_one_log_count_once(tmp_path: Path) -> None:
    """With log-queries and log-replies a query is a query and its reply a response."""
    found = read(write(tmp_path / "u.log", unbound(40, queries=True, replies=True)))
    assert (total(found), total(found, "dns.response"), found.notices) == (40, 40, ())


def test_replies_alone_stand_for_the_queries(tmp_path: Path) -> None:
    """A log of replies gives the counts of the log of queries, by client too, and the report says so."""
    asked = read(write(tmp_path / "q.log", unbound(40, queries=True, replies=False)))
    answered = read(write(tmp_path / "r.log", unbound(40, queries=False, replies=True)))
    assert total(answered) == total(asked) == 40
    assert total(answered, "dns.response") == 0
    assert clients(answered) == clients(asked)
    assert ["reply counts as the query" in n.text for n in answered.notices] == [True]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_queries_and_replies_in_two_logs_count_once(tmp_path: Path, order: tuple[int, int]) -> None:
    """Where one file has the queries and another the replies, in whatever order, replies are not counted."""
    files = [write(tmp_path / "q.log", unbound(40, queries=True, replies=False)), write(tmp_path / "r.log", unbound(40, queries=False, replies=True))]
    found = read(*(files[i] for i in order))
    assert (total(found), total(found, "dns.response")) == (40, 40)


# Windows


def windows(n: int, stamp: str = "{0.month}/{0.day}/{0.year} {0:%I:%M:%S %p}") -> list[str]:
    """A Windows debug log: each query, its answer, and what the server asks itself."""
    lines = ["DNS Server log file creation at 3/2/2024 8:00:00 AM", "\tField #  Information         Values"]
    for i in range(n):
        at = stamp.format(dt.datetime(2024, 3, 2, 8) + dt.timedelta(minutes=i))
        head, name = f"{at} 0D48 PACKET  000000000181D1C0 UDP", f"(3)www({len(str(i)) + 1})d{i}(7)example(0)"
        lines += [
            f"{head} Rcv 192.0.2.{i % 5}       0c6b   Q [0001   D   NOERROR] A      {name}",
            f"{head} Snd 198.51.100.4    b94d   Q [0001   D   NOERROR] A      {name}",
            f"{head} Rcv 198.51.100.4    b94d R Q [8081   DR  NOERROR] A      {name}",
            f"{head} Snd 192.0.2.{i % 5}       0c6b R Q [8081   DR  NOERROR] A      {name}",
        ]
    return lines


ENCODINGS = [("utf-16-le", codecs.BOM_UTF16_LE), ("utf-16-be", codecs.BOM_UTF16_BE), ("utf-8", codecs.BOM_UTF8), ("cp1252", b""), ("utf-16-le", b"")]


@pytest.mark.parametrize(("encoding", "mark"), ENCODINGS)
def test_windows_logs_in_any_encoding(tmp_path: Path, encoding: str, mark: bytes) -> None:
    """Only what is received and asks is a query, in UTF-16, UTF-8 and a code page alike."""
    found = read(write(tmp_path / "dns.log", windows(60), encoding, mark, "\r\n"))
    assert (total(found), kinds(found)["reject"], found.sources[0].lines) == (60, 0, 242)
    assert clients(found) == {f"192.0.2.{i}": 12 for i in range(5)}


STAMPS = [
    "{0.month}/{0.day}/{0.year} {0:%I:%M:%S %p}", "{0:%d/%m/%Y %H:%M:%S}", "{0:%d.%m.%Y %H:%M:%S}", "{0:%Y-%m-%d %H:%M:%S}", "{0:%Y/%m/%d %H:%M:%S}",
    "{0:%d-%m-%Y %H:%M:%S}", "{0:%Y%m%d %H:%M:%S}", "{0.day}/{0.month}/{0.year} {0.hour}:{0:%M:%S}",
]  # fmt: skip


@pytest.mark.parametrize("stamp", STAMPS)
def test_windows_dates_of_any_country(tmp_path: Path, stamp: str) -> None:
    """The first and last moments are the same whatever the country; none of these dates tells which number is the month."""
    found = read(write(tmp_path / "dns.log", windows(60, stamp)))
    first = int(dt.datetime(2024, 3, 2, 8, tzinfo=dt.UTC).timestamp()) * 1_000_000
    assert (found.sources[0].first, found.sources[0].last) == (first, first + 59 * 60_000_000)


# Clients


V6 = ["2001:db8:0:1::a", "2001:db8:0:1:ffff::b", "2001:db8:0:2::a", "::ffff:192.0.2.7", "192.0.2.7"]


@pytest.mark.parametrize(("prefix", "expected"), [
    (128, {"2001:db8:0:1::a": 1, "2001:db8:0:1:ffff::b": 1, "2001:db8:0:2::a": 1, "192.0.2.7": 2}),
    (64, {"2001:db8:0:1::/64": 2, "2001:db8:0:2::/64": 1, "192.0.2.7": 2}),
    (32, {"2001:db8::/32": 3, "192.0.2.7": 2}),
])  # fmt: skip
def test_ipv6_clients_by_prefix(tmp_path: Path, prefix: int, expected: dict[str, int]) -> None:
    """Addresses of a prefix are one client if asked for; v4-mapped addresses are their IPv4, which stays whole."""
    lines = [f"[{1730000000 + i}] unbound[1:0] query: {ip} www.example. A IN" for i, ip in enumerate(V6)]
    assert clients(read(write(tmp_path / "u.log", lines), ipv6_prefix=prefix)) == expected


@pytest.mark.parametrize("prefix", [128, 64, 62, 48])
def test_a_mail_server_is_found_by_prefix(tmp_path: Path, prefix: int) -> None:
    """It is known by its PTR questions also where a prefix is a client."""
    hosts = [str(ipaddress.IPv6Address(f"2001:db8:{i:x}:40{i:02x}:{i * 7:x}::25")) for i in range(1, 31)]
    mail = [
        line
        for i, ip in enumerate(hosts)
        for line in (
            f"Oct 27 01:17:{i:02d} mx postfix/smtpd[5]: 4C0DE1F{i:02X}: client=pc[{ip}]",
            f"Oct 27 01:17:{i:02d} mx postfix/qmgr[5]: 4C0DE1F{i:02X}: from=<a@campus.example>, size=1, nrcpt=1 (queue active)",
        )
    ]
    asked = [f"[{1729984600 + i}] unbound[1:0] query: 2001:db8:ffff::3 {ipaddress.ip_address(ip).reverse_pointer}. PTR IN" for i, ip in enumerate(hosts)]
    paths = [write(tmp_path / "maillog", mail), write(tmp_path / "u.log", asked)]
    outcome = call("report", "--json", "--year", "2024", "--tz", "Etc/UTC", "--ipv6-prefix", str(prefix), *map(str, paths))
    assert outcome.code == 0, outcome.err
    found = json.loads(outcome.out)
    assert [s["ptr_cover"] for s in found["assumed"]["mail_servers"]] == [1.0]
    assert found["totals"]["dns.lookup"] == found["totals"]["D_q"] == 30


@pytest.mark.parametrize("line", [
    "Oct 27 01:17:13 ns dnsmasq[412]: query[A] x from 203.0.113.9 from 192.0.2.7",
    "Oct 27 01:17:13 ns dnsmasq[412]: 1 192.0.2.7/5 query[A] x from 203.0.113.9 from 192.0.2.7",
    "2024-10-27T01:17:13Z [INFO] 192.0.2.7:5 - 1 \"A IN 203.0.113.9:5\\ -\\ 1. udp 50 false 512\" NOERROR qr 1 0.1s",
    "Oct 27 01:17:13 ns pdns_recursor[5]: 3 [1/2] question for 'x|A'\\032from\\032203.0.113.9:5|A' from 192.0.2.7:55002",
    "27-Oct-2024 01:17:28.622 client 192.0.2.7#5 (x:\\032query:\\032y.test): query: x:\\032query:\\032y.test IN A + (203.0.113.9)",
    "Oct 27 01:17:13 ns unbound[5]: [5:0] info: 192.0.2.7 info:\\032203.0.113.9\\032x. A IN",
    "2024-10-27 01:17:13 0D48 PACKET  000000000181D1C0 UDP Rcv 192.0.2.7       0c6b   Q [0001   D   NOERROR] A      (13)Rcv 203.0.113(0)",
])  # fmt: skip
def test_a_name_cannot_blame_another_client(tmp_path: Path, line: str) -> None:
    """Whatever the name that is asked for holds, the client is the one that asks."""
    assert clients(read(write(tmp_path / "x.log", [line]))) == {"192.0.2.7": 1}


# Logs of real servers; the counts are those of a literal search in the file

LITERAL = {
    "unbound/log-queries-and-replies.log": (rb"\] query: ", rb"\] reply: "),
    "unbound/log-queries-syslog.log": (rb"\] info: [0-9a-f.:]+ \S+ \S+ IN$", b"(?!)"),
    "dnsmasq/log-queries-extra-syslog.log": (rb" query\[", b"(?!)"),
    "dnsmasq/log-queries-file.log": (rb" query\[", b"(?!)"),
    "pdns-recursor/quiet-no.log": (rb'msg="Question(?: answered from packet cache)?" ', rb'msg="Answer" '),
    "bind/queries-iso8601-severity.log": (b": query: ", b"(?!)"),
    "bind/queries-time-category-severity.log": (b": query: ", b"(?!)"),
    "bind/queries-time-only.log": (b": query: ", b"(?!)"),
    "bind/queries-via-syslog.log": (b": query: ", b"(?!)"),
    "bind/general-and-query-errors.log": (b": query: ", b"(?!)"),
    "knot-resolver/reqtrace-debug.log": (b"(?!)", b"(?!)"),
}


@pytest.mark.parametrize("name", LITERAL)
def test_samples_of_real_servers(name: str) -> None:
    """As many queries and replies as lines with their words, and no line that is not understood.

    Knot Resolver names no client, so its traces hold no query.
    """
    path = SAMPLES / name
    if not path.exists():
        pytest.skip(f"no {path}")
    asked, answered = (len(re.findall(pattern, path.read_bytes(), re.MULTILINE)) for pattern in LITERAL[name])
    found = kinds(read(path))
    assert (found["dns.query"], found["dns.response"], found["reject"]) == (asked, answered, 0)


@pytest.mark.parametrize("name", ["filipvdbergh-pihole.log", "sunil-queries.log", "sunil-queries1.log", "sunil-queries2.log", "sunil-queries3.log"])
def test_whole_files_of_the_corpus(name: str) -> None:
    """Every query line of the public logs is a query, its client the literal one, and nothing is rejected."""
    path = FILES / name
    if not path.exists():
        pytest.skip(f"no {path}")
    text = path.read_bytes()
    wanted = re.findall(rb" query\[\S+ \S+ from (\S+)$", text, re.MULTILINE) or re.findall(rb"client (\S+)#\d+ [^\n]*: query: ", text)
    found = read(path)
    assert (total(found), kinds(found)["reject"]) == (len(wanted), 0)
    assert clients(found) == {ip.decode(): n for ip, n in Counter(wanted).items()}
