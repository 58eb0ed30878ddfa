"""Proves the formats of records from file to counts: what goes in is what is counted, and who is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mailripple.cells import entity_totals
from mailripple.config import ReadOptions
from mailripple.counts import CLIENT, ENTITY_METRICS
from mailripple.run import Result, read_all
from tests.parse import capture

SHARED = Path(__file__).resolve().parents[2].parent / "shared"
FILES = SHARED / "corpus" / "files"
SENDMAIL = [
    "49RA00000001: from=<ann@a.example>, size=9, class=0, nrcpts=1, msgid=<m@a.example>, relay=pc.example [192.0.2.7]",
    "49RA00000001: to=<bob@b.example>, delay=00:00:01, mailer=esmtp, relay=b.example. [198.51.100.25], dsn=2.0.0, stat=Sent",
    "49RA00000002: from=<ann@a.example>, size=9, class=0, nrcpts=1, msgid=<n@a.example>, relay=pc.example [192.0.2.7]",
    "49RA00000002: to=<eve@c.example>, delay=00:00:01, mailer=esmtp, relay=c.example., dsn=4.0.0, stat=Deferred: Connection refused",
]


def read(path: Path, data: bytes) -> Result:
    """Read one file; its lines add up (law 1)."""
    path.write_bytes(data)
    result = read_all([str(path)], ReadOptions(zone="UTC", now=1_785_000_000_000_000, zone_given=True, seed=7))
    (tally,) = result.sources
    assert tally.lines == tally.events + tally.skipped + tally.rejected
    return result


def totals(result: Result, *metrics: str) -> list[int]:
    return [result.counts.total(metric) for metric in metrics]


def of_client(result: Result, client: str, *metrics: str) -> list[int]:
    """Totals of a mail client."""
    key = result.key(client.encode(), 1)
    rows = [row for row in entity_totals(result.counts.cells) if row["key"] == key and row["tag"] == CLIENT]
    return [int(sum(row["n"][ENTITY_METRICS.index(m)] for row in rows)) for m in metrics]


def jsonl(records: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(r).encode() + b"\n" for r in records)


def test_the_journal_is_the_log_that_it_holds(tmp_path: Path) -> None:
    """sendmail's messages in the journal, as text and as bytes, count as in a file; other programs are skipped by name."""
    base = {"_HOSTNAME": "mx", "SYSLOG_IDENTIFIER": "sm-mta", "_COMM": "sendmail", "_PID": "7"}
    records: list[dict[str, Any]] = [
        base | {"__REALTIME_TIMESTAMP": str(1_730_000_000_000_000 + k), "MESSAGE": m if k % 2 else list(m.encode())}
        for k, m in enumerate(SENDMAIL)
    ]
    records.append(base | {"SYSLOG_IDENTIFIER": "cron", "__REALTIME_TIMESTAMP": "1730000000000009", "MESSAGE": "x"})
    result = read(tmp_path / "journal.json", jsonl(records))
    assert totals(result, "mail.from", "mail.to", "mail.sent", "mail.deferred", "mail.attempt.first") == [2, 2, 1, 1, 2]
    assert of_client(result, "192.0.2.7", "mail.from", "mail.to") == [2, 2]
    assert result.sources[0].skipped == 1
    assert result.sources[0].first == 1_730_000_000_000_000


def test_docker_holds_lines(tmp_path: Path) -> None:
    """A container's lines count as those of a file, with Docker's time where they have none."""
    lines = [f"Oct 27 03:33:2{k} mx sm-mta[7]: {m}\n" for k, m in enumerate(SENDMAIL)] + ["\n"]
    records = [{"log": line, "stream": "stdout", "time": "2024-10-27T03:33:20.25Z"} for line in lines]
    result = read(tmp_path / "c-json.log", jsonl(records))
    assert totals(result, "mail.from", "mail.to", "mail.sent") == [2, 2, 1]
    assert result.sources[0].blank == 1


def test_exchange(tmp_path: Path) -> None:
    """Tracking logs with a mark, quotes and lists: messages and deliveries are joined by their number and blamed."""
    fields = "date-time,client-ip,client-hostname,server-ip,server-hostname,source,event-id,internal-message-id"
    fields += ",message-id,recipient-address,recipient-status,recipient-count,message-subject,sender-address"
    rows = [
        '20.000Z,192.0.2.7,pc,192.0.2.25,EX1,SMTP,RECEIVE,7,<m@a>,bob@b.example;eve@c.example,,2,"hi, ""you""; to=<x>",a@a.example',
        "21.000Z,192.0.2.25,EX1,198.51.100.25,mx.b,SMTP,SEND,7,<m@a>,bob@b.example,250 2.1.5 ok,1,hi,a@a.example",
        "21.000Z,,,,EX1,SMTP,DEFER,7,<m@a>,eve@c.example,451 4.4.0 later,1,hi,a@a.example",
        "22.000Z,,,,EX1,SMTP,FAIL,7,<m@a>,eve@c.example,550 5.1.1 no,1,hi,a@a.example",
        "22.000Z,,,,EX1,ROUTING,TRANSFER,7,<m@a>,eve@c.example,,1,hi,a@a.example",
        "23.000Z,192.0.2.7,pc,,EX1,SMTP,RECEIVE,8,<n@a>,x,,1,hi",
    ]
    text = "\ufeff#Software: Microsoft Exchange Server\r\n#Version: 15.01.2507.006\r\n#Log-type: Message Tracking Log\r\n"
    text += f"#Date: 2024-10-27T03:33:00.000Z\r\n#Fields: {fields}\r\n"
    text += "".join(f"2024-10-27T03:33:{row}\r\n" for row in rows)
    result = read(tmp_path / "MSGTRK.LOG", text.encode())
    assert totals(result, "mail.from", "mail.to", "mail.sent", "mail.deferred", "mail.bounced") == [1, 3, 1, 1, 1]
    assert of_client(result, "192.0.2.7", "mail.from", "mail.to", "mail.accepted", "mail.failed") == [1, 3, 2, 1]
    tally = result.sources[0]
    assert (tally.events, tally.skipped, tally.rejected) == (4, 6, 1)


def test_what_a_sensor_saw_is_the_clients_own(tmp_path: Path) -> None:
    """Zeek's and Suricata's mail records have no queue id: each stands for itself and names its client."""
    row = {"ts": 1730000000.25, "id.orig_h": "192.0.2.7", "id.resp_h": "198.51.100.25", "trans_depth": 1, "mailfrom": "a@a.example"}
    zeek = [row | {"rcptto": [f"u{k}@d{k}.example"], "last_reply": reply} for k, reply in enumerate(("250 ok", "451 later", "550 no"))]
    eve = {"timestamp": "2024-10-27T03:33:20.25+0000", "event_type": "smtp", "src_ip": "192.0.2.8", "dest_ip": "198.51.100.25"}
    suricata = [eve | {"smtp": {"rcpt_to": ["<a@b.example>", "<b@b.example>"]}}]
    result = read(tmp_path / "x.json", jsonl([*zeek, *suricata]))
    assert totals(result, "mail.to", "mail.sent", "mail.deferred", "mail.bounced", "mail.other", "mail.rcpt") == [4, 1, 1, 1, 1, 5]
    assert of_client(result, "192.0.2.7", "mail.to", "mail.attempt.first", "mail.failed") == [3, 3, 1]
    assert of_client(result, "192.0.2.8", "mail.to", "mail.rcpt") == [1, 2]


def test_a_capture_counts_its_questions(tmp_path: Path) -> None:
    """Questions of a capture, by type; answers apart; packed or not."""
    kinds = [(1, 0x0100), (15, 0x0100), (15, 0x0100), (1, 0x8180)]
    frames = [
        capture.ethernet(capture.ip(capture.udp(capture.message(capture.name("a.example"), t, flags=f), *((53, 9) if f & 0x8000 else (9, 53)))))
        for t, f in kinds
    ]
    result = read(tmp_path / "x.pcap", capture.pcap([*frames, capture.ethernet(b"", kind=0x0806)]))
    assert totals(result, "dns.query", "dns.query.MX", "dns.response") == [3, 2, 1]
    assert result.sources[0].skipped == 1


@pytest.mark.skipif(not FILES.exists(), reason=f"no corpus at {FILES}")
@pytest.mark.parametrize(
    ("name", "queries", "skipped"),
    [
        ("rita-zeek-dns-72h.log", 5432, 6080 - 5432),
        ("slips-test9-zeek-dns.json", 239, 0),
        ("slips-test10-zeek-dns.log", 85, 102 - 85),
        ("slips-test6-suricata-eve.json", 340, 5000 - 680),
    ],
)
def test_real_sensors(tmp_path: Path, name: str, queries: int, skipped: int) -> None:
    """Whole files of real sensors: as many questions as their index counts by hand, and not one line refused."""
    result = read(tmp_path / name, (FILES / name).read_bytes())
    tally = result.sources[0]
    assert (result.counts.total("dns.query"), tally.skipped, tally.rejected) == (queries, skipped, 0)
