"""Whole logs of mail servers, made up: what is counted, by whom it was handed in, and what counts once."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailripple.cells import entity_totals
from mailripple.config import ReadOptions
from mailripple.counts import ACCOUNT, CLIENT, DOMAIN, ENTITY_METRICS, METRIC_NAMES
from mailripple.run import Result, read_all

NOW = 1_785_000_000_000_000  # July 2026


def read(folder: Path, log: str, name: str = "mail.log") -> Result:
    """Read a log, given as text; its stamps are UTC."""
    path = folder / name
    path.write_text(log.strip() + "\n", encoding="utf-8")
    result = read_all([str(path)], ReadOptions("UTC", NOW, zone_given=True, seed=7))
    assert [r.text for t in result.sources for r in t.rejects] == []
    return result


def totals(result: Result) -> dict[str, int]:
    """The metrics of mail that are not 0."""
    return {m: n for m in METRIC_NAMES if m.startswith("mail.") and (n := result.counts.total(m))}


def entity(result: Result, kind: int, text: str) -> dict[str, int]:
    """Counters of one client, account or destination that are not 0."""
    key = result.key(text.encode(), 1 if kind == CLIENT else 0)
    found = entity_totals(result.counts.cells)
    rows = found[(found["key"] == key) & (found["tag"] == kind)]
    return {m: int(n) for row in rows for m, n in zip(ENTITY_METRICS, row["n"], strict=True) if n}


FILTERED = """
Mar  2 08:00:00 mx postfix/submission/smtpd[11]: 4C0DE1F2A3: client=pc-9.campus.example[192.0.2.9], sasl_method=PLAIN, sasl_username=ann@campus.example
Mar  2 08:00:00 mx postfix/cleanup[12]: 4C0DE1F2A3: message-id=<1@pc-9>
Mar  2 08:00:00 mx postfix/qmgr[13]: 4C0DE1F2A3: from=<ann@campus.example>, size=900, nrcpt=2 (queue active)
Mar  2 08:00:01 mx postfix/smtpd[14]: 4C0DE2B3C4: client=localhost[127.0.0.1]{orig}
Mar  2 08:00:01 mx postfix/cleanup[12]: 4C0DE2B3C4: message-id=<{again}@pc-9>
Mar  2 08:00:01 mx postfix/qmgr[13]: 4C0DE2B3C4: from=<ann@campus.example>, size=1300, nrcpt=2 (queue active)
Mar  2 08:00:01 mx amavis[15]: (00015-01) Passed CLEAN
Mar  2 08:00:01 mx postfix/smtp[16]: 4C0DE1F2A3: to=<bob@far.example>, relay=127.0.0.1[127.0.0.1]:10024, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 2.0.0 from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: queued as 4C0DE2B3C4)
Mar  2 08:00:01 mx postfix/smtp[16]: 4C0DE1F2A3: to=<eve@gone.example>, relay=127.0.0.1[127.0.0.1]:10024, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 2.0.0 from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: queued as 4C0DE2B3C4)
Mar  2 08:00:01 mx postfix/qmgr[13]: 4C0DE1F2A3: removed
Mar  2 08:00:02 mx postfix/smtp[17]: 4C0DE2B3C4: to=<bob@far.example>, relay=mx.far.example[198.51.100.7]:25, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 ok)
Mar  2 08:00:02 mx postfix/smtp[18]: 4C0DE2B3C4: to=<eve@gone.example>, relay=none, delay=1, delays=0/0/1/0, dsn=4.4.1, status=deferred (connect to gone.example[198.51.100.8]:25: Connection timed out)
Mar  2 08:05:02 mx postfix/qmgr[13]: 4C0DE2B3C4: from=<ann@campus.example>, size=1300, nrcpt=2 (queue active)
Mar  2 08:05:03 mx postfix/smtp[17]: 4C0DE2B3C4: to=<eve@gone.example>, relay=none, delay=301, delays=0/300/1/0, dsn=5.4.4, status=bounced (Host not found)
Mar  2 08:05:03 mx postfix/cleanup[12]: 4C0DE3D4E5: message-id=<2@mx.campus.example>
Mar  2 08:05:03 mx postfix/qmgr[13]: 4C0DE3D4E5: from=<>, size=3000, nrcpt=1 (queue active)
Mar  2 08:05:03 mx postfix/bounce[19]: 4C0DE2B3C4: sender non-delivery notification: 4C0DE3D4E5
Mar  2 08:05:03 mx postfix/local[20]: 4C0DE3D4E5: to=<ann@campus.example>, relay=local, delay=0.1, delays=0.1/0/0/0, dsn=2.0.0, status=sent (delivered to mailbox)
Mar  2 08:05:03 mx postfix/qmgr[13]: 4C0DE2B3C4: removed
"""


@pytest.mark.parametrize(("orig", "again"), [("", "1"), (", orig_queue_id=4C0DE1F2A3, orig_client=pc-9.campus.example[192.0.2.9]", "9")])
def test_a_message_through_a_filter_counts_once(tmp_path: Path, orig: str, again: str) -> None:
    """Postfix and amavis, joined by Message-ID or by the first queue id: one message, of the outermost client and account."""
    result = read(tmp_path, FILTERED.format(orig=orig, again=again))
    assert totals(result) == {
        "mail.from": 1, "mail.accepted": 2, "mail.to": 5, "mail.sent": 3, "mail.deferred": 1, "mail.bounced": 1, "mail.rcpt": 5,
        "mail.internal": 2, "mail.out": 2, "mail.attempt.first": 2, "mail.attempt.retry": 1, "mail.dsn": 1, "mail.dsn.to": 1,
    }  # fmt: skip
    mine = {"mail.from": 1, "mail.accepted": 2, "mail.to": 3, "mail.sent": 1, "mail.deferred": 1, "mail.failed": 1, "mail.rcpt": 3, "mail.attempt.first": 2, "mail.attempt.retry": 1}
    assert entity(result, CLIENT, "192.0.2.9") == entity(result, ACCOUNT, "ann@campus.example") == mine
    assert entity(result, CLIENT, "127.0.0.1") == {}
    assert entity(result, DOMAIN, "gone.example")["mail.attempt.retry"] == 1


def test_postfix_expires_and_rejects(tmp_path: Path) -> None:
    """A message that expires is one failed record; what is refused is counted by client, whatever the client says."""
    result = read(tmp_path, """
Mar  2 08:00:00 mx postfix/smtpd[11]: NOQUEUE: reject: RCPT from host.evil.example[198.51.100.9]: 554 5.7.1 <a@far.example>: Relay access denied; from=<"x from y[203.0.113.1]: "@evil.example> to=<a@far.example> proto=ESMTP helo=<[203.0.113.2]>
Mar  2 08:00:01 mx postfix/smtpd[11]: warning: host.evil.example[198.51.100.9]: SASL LOGIN authentication failed: UGFzc3dvcmQ6, sasl_username=ann
Mar  2 08:00:02 mx postfix/smtpd[11]: 4C0DE1F2A3: client=host.evil.example[198.51.100.9]
Mar  2 08:00:02 mx postfix/cleanup[12]: 4C0DE1F2A3: milter-reject: END-OF-MESSAGE from host.evil.example[198.51.100.9]: 5.7.1 no; from=<a@evil.example> to=<b@campus.example> proto=ESMTP helo=<x>
Mar  2 08:00:03 mx postfix/pickup[13]: 4C0DE2B3C4: uid=33 from=<www-data>
Mar  2 08:00:03 mx postfix/cleanup[12]: 4C0DE2B3C4: message-id=<3@mx>
Mar  2 08:00:03 mx postfix/qmgr[14]: 4C0DE2B3C4: from=<www-data@mx.campus.example>, size=1, nrcpt=1 (queue active)
Mar  7 08:10:00 mx postfix/qmgr[14]: 4C0DE2B3C4: from=<www-data@mx.campus.example>, status=expired, returned to sender
Mar  7 08:10:00 mx postfix/qmgr[14]: 4C0DE2B3C4: removed
""")  # fmt: skip
    assert totals(result) == {"mail.from": 1, "mail.accepted": 1, "mail.to": 1, "mail.expired": 1, "mail.reject": 3}
    assert entity(result, CLIENT, "198.51.100.9") == {"mail.reject": 3}
    assert entity(result, ACCOUNT, "ann") == {}


def test_exim_skips_are_no_attempts(tmp_path: Path) -> None:
    """`retry time not reached` is neither an attempt nor a deferral; the authenticated account is told, the sender not."""
    result = read(tmp_path, """
2026-03-02 09:00:00 +0100 1t4qYd-00008h-0y <= "x A=y:eve H=z [203.0.113.1] "@campus.example H=(pc-9) [192.0.2.9]:51234 P=esmtpsa X=TLS1.3:AES:256 CV=no A=login:ann S=900 id=1@pc-9
2026-03-02 09:00:01 +0100 1t4qYd-00008h-0y => bob@far.example R=dnslookup T=remote_smtp H=mx.far.example [198.51.100.7] C="250 ok"
2026-03-02 09:00:01 +0100 1t4qYd-00008h-0y == eve@gone.example R=dnslookup T=remote_smtp defer (111): Connection refused
2026-03-02 09:30:00 +0100 1t4qYd-00008h-0y == eve@gone.example R=dnslookup T=remote_smtp defer (-53): retry time not reached for any host
2026-03-02 10:00:00 +0100 1t4qYd-00008h-0y ** eve@gone.example: retry timeout exceeded
2026-03-02 10:00:00 +0100 1t4qYe-00008i-0z <= <> R=1t4qYd-00008h-0y U=Debian-exim P=local S=1870
2026-03-02 10:00:00 +0100 1t4qYe-00008i-0z => ann <ann@campus.example> R=localuser T=mail_spool
2026-03-02 10:00:00 +0100 1t4qYe-00008i-0z Completed
2026-03-02 10:00:00 +0100 1t4qYd-00008h-0y Completed
""", "mainlog")  # fmt: skip
    assert totals(result) == {
        "mail.from": 1, "mail.to": 4, "mail.sent": 1, "mail.deferred": 1, "mail.expired": 1, "mail.skipped": 1, "mail.rcpt": 3, "mail.out": 2,
        "mail.attempt.first": 2, "mail.attempt.retry": 1, "mail.dsn": 1, "mail.dsn.to": 1,
    }  # fmt: skip
    assert entity(result, CLIENT, "192.0.2.9")["mail.from"] == entity(result, ACCOUNT, "ann")["mail.from"] == 1
    assert entity(result, CLIENT, "203.0.113.1") == entity(result, ACCOUNT, "eve") == {}
    assert int(result.counts.minute[result.counts.minute >= 0].min()) * 60 == 1_772_438_400  # 08:00 UTC


def test_qmail_results_know_their_message(tmp_path: Path) -> None:
    """The result of a delivery goes to the domain that its beginning named; a number used again is another message."""
    result = read(tmp_path, """
Mar  2 08:00:00 mx qmail: 1772438400.100000 new msg 93869
Mar  2 08:00:00 mx qmail: 1772438400.200000 info msg 93869: bytes 2343 from <ann@campus.example> qp 18695 uid 1001
Mar  2 08:00:00 mx qmail: 1772438400.300000 starting delivery 1: msg 93869 to remote bob@far.example
Mar  2 08:00:00 mx qmail: 1772438400.300000 status: local 0/10 remote 1/20
Mar  2 08:00:01 mx qmail: 1772438401.100000 delivery 1: failure: 198.51.100.7_does_not_like_recipient./Remote_host_said:_550_no/
Mar  2 08:00:01 mx qmail: 1772438401.200000 bounce msg 93869 qp 18700
Mar  2 08:00:01 mx qmail: 1772438401.200000 end msg 93869
Mar  2 08:00:01 mx qmail: 1772438401.300000 new msg 93869
Mar  2 08:00:01 mx qmail: 1772438401.300000 info msg 93869: bytes 2900 from <> qp 18700 uid 87
Mar  2 08:00:01 mx qmail: 1772438401.400000 starting delivery 2: msg 93869 to local ann@campus.example
Mar  2 08:00:01 mx qmail: 1772438401.500000 delivery 2: success: did_1+0+0/
Mar  2 08:00:01 mx qmail: 1772438401.500000 end msg 93869
Mar  2 08:00:02 mx qmail: 1772438402.100000 new msg 93869
Mar  2 08:00:02 mx qmail: 1772438402.100000 info msg 93869: bytes 700 from <eve@campus.example> qp 18710 uid 1002
Mar  2 08:00:02 mx qmail: 1772438402.200000 starting delivery 3: msg 93869 to remote bob@far.example
Mar  2 08:00:03 mx qmail: 1772438403.100000 delivery 3: deferral: Sorry,_I_wasn't_able_to_establish_an_SMTP_connection._(#4.4.1)/
Mar  2 08:10:03 mx qmail: 1772439003.200000 starting delivery 4: msg 93869 to remote bob@far.example
Mar  2 08:10:04 mx qmail: 1772439004.100000 delivery 4: success: 198.51.100.7_accepted_message./
Mar  2 08:10:04 mx qmail: 1772439004.200000 end msg 93869
""")  # fmt: skip
    assert totals(result) == {
        "mail.from": 2, "mail.to": 3, "mail.sent": 1, "mail.deferred": 1, "mail.bounced": 1, "mail.rcpt": 3,
        "mail.attempt.first": 2, "mail.attempt.retry": 1, "mail.dsn": 1, "mail.dsn.to": 1,
    }  # fmt: skip
    assert entity(result, DOMAIN, "far.example")["mail.attempt.first"] == 2


def test_opensmtpd_deliveries_know_their_session(tmp_path: Path) -> None:
    """Client and account come from the session's lines, by way of its messages and envelopes."""
    result = read(tmp_path, """
2026-03-02T08:00:00.100000+00:00 mx smtpd[75295]: 5df87c903d709659 smtp connected address=192.0.2.9 host=pc-9.campus.example
2026-03-02T08:00:00.200000+00:00 mx smtpd[75295]: 5df87c903d709659 smtp authentication user=ann result=ok
2026-03-02T08:00:00.300000+00:00 mx smtpd[75295]: 5df87c903d709659 smtp message msgid=c405e39a size=303 nrcpt=1 proto=ESMTP
2026-03-02T08:00:00.400000+00:00 mx smtpd[75295]: 5df87c903d709659 smtp envelope evpid=c405e39ad6bbc64f from=<ann@campus.example> to=<bob@far.example>
2026-03-02T08:00:00.500000+00:00 mx smtpd[75295]: 5df87c903d709659 smtp message msgid=c405e39b size=303 nrcpt=1 proto=ESMTP
2026-03-02T08:00:00.600000+00:00 mx smtpd[75295]: 5df87c903d709659 smtp envelope evpid=c405e39bd6bbc64f from=<ann@campus.example> to=<eve@gone.example>
2026-03-02T08:00:00.700000+00:00 mx smtpd[75295]: 5df87c903d709659 smtp disconnected reason=quit
2026-03-02T08:00:01.100000+00:00 mx smtpd[75295]: 5df87c9b982c840c mta delivery evpid=c405e39ad6bbc64f from=<ann@campus.example> to=<bob@far.example> rcpt=<-> source="192.0.2.3" relay="198.51.100.7 (mx.far.example)" delay=1s result="Ok" stat="250 2.0.0 ok"
2026-03-02T08:00:02.100000+00:00 mx smtpd[75295]: 5df87c9b982c840d mta delivery evpid=c405e39bd6bbc64f from=<ann@campus.example> to=<eve@gone.example> rcpt=<-> source="-" relay="gone.example" delay=2s result="TempFail" stat="Network error on destination MXs"
""")  # fmt: skip
    assert totals(result)["mail.from"] == 2
    mine = entity(result, ACCOUNT, "ann")
    assert mine == entity(result, CLIENT, "192.0.2.9")
    assert mine == {"mail.from": 2, "mail.accepted": 2, "mail.to": 2, "mail.sent": 1, "mail.deferred": 1, "mail.rcpt": 2, "mail.attempt.first": 2}


@pytest.mark.parametrize(("said", "policy"), [
    ("dsn=4.7.0, status=deferred (host mx.far.example[198.51.100.7] said: 450 4.7.0 too much mail)", 1),
    ("dsn=4.2.0, status=deferred (host mx.far.example[198.51.100.7] said: 421 4.7.1 come back)", 1),
    ("dsn=4.4.1, status=deferred (connect to mx.far.example[198.51.100.7]:25: Connection timed out)", 0),
    ("dsn=4.2.0, status=deferred (host mx.far.example[198.51.100.7] said: 450 full: 14.7 of 4.7 GB, v3.7.1)", 0),
])  # fmt: skip
def test_a_refusal_for_policy_is_known_by_its_code(tmp_path: Path, said: str, policy: int) -> None:
    """An enhanced status X.7.X (RFC 3463), in its field or in what the other side said, is kept; other numbers are not."""
    result = read(tmp_path, f"""
Mar  2 08:00:00 mx postfix/qmgr[13]: 4C0DE1F2A3: from=<ann@campus.example>, size=900, nrcpt=1 (queue active)
Mar  2 08:00:01 mx postfix/smtp[16]: 4C0DE1F2A3: to=<bob@far.example>, relay=mx.far.example[198.51.100.7]:25, delay=1, delays=0/0/0/1, {said}
""")  # fmt: skip
    assert result.attempts.deferred["policy"].tolist() == [policy]
