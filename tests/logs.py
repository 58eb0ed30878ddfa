"""Small logs of our own making: documentation addresses, names under .example."""

from __future__ import annotations

from datetime import datetime, timedelta

START = datetime(2026, 3, 2, 8, 0, 0)
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwx"


def stamp(moment: datetime) -> str:
    """`Mar  2 08:00:00`, as RFC 3164 has it."""
    return f"{moment:%b} {moment.day:2} {moment:%H:%M:%S}"


def queue_id(moment: datetime, number: int) -> str:
    """A queue id of sendmail 8.12 and later, for a clock in UTC."""
    fields = (moment.year - 1900, moment.month - 1, moment.day, moment.hour, moment.minute, moment.second)
    return "".join(_DIGITS[f % 60] for f in fields) + f"aa{number:06}"


def mail_log(messages: int, *, start: datetime = START, gap_s: int = 40, host: str = "mx") -> list[str]:
    """A sendmail and qpopper log: each message has a delivery; each third is deferred first, each fifth bounces."""
    lines = []
    for n in range(messages):
        at = start + timedelta(seconds=gap_s * n)
        qid, pc = queue_id(at, n), f"pc{n % 30}.campus.example [192.0.2.{20 + n % 30}]"
        to = f"to=<u{n}@d{n % 25}.example>, ctladdr=<ann@campus.example> (3005/8), delay=00:00:02, xdelay=00:00:01, mailer=esmtp"
        relay = f"relay=mx.d{n % 25}.example. [198.51.100.{n % 25}]"
        lines += [
            (at, f"sendmail[{1000 + n}]: {qid}: from=<ann@campus.example>, size=398, class=0, nrcpts=1, msgid=<{n}@pc>, proto=ESMTP, daemon=MTA, relay={pc}"),
            (at + timedelta(seconds=5), f'in.qpopper[{3000 + n}]: (v4.0.9) POP login by user "u{n % 7}" at (pc.campus.example) 192.0.2.{60 + n % 9} [pop_log.c:244]'),
        ]
        if n % 3 == 0:
            lines.append((at + timedelta(seconds=2), f"sendmail[{1000 + n}]: {qid}: {to}, {relay}, dsn=4.0.0, stat=Deferred: Connection refused"))
            lines.append((at + timedelta(seconds=1802), f"sendmail[{7000 + n}]: {qid}: {to}, {relay}, dsn=2.0.0, stat=Sent (ok)"))
        elif n % 5 == 0:
            bounce = queue_id(at, 500_000 + n)
            lines.append((at + timedelta(seconds=2), f"sendmail[{1000 + n}]: {qid}: {to}, {relay}, dsn=5.1.1, stat=User unknown"))
            lines.append((at + timedelta(seconds=2), f"sendmail[{1000 + n}]: {qid}: {bounce}: DSN: User unknown"))
            lines.append((at + timedelta(seconds=3), f"sendmail[{1000 + n}]: {bounce}: to=<ann@campus.example>, delay=00:00:00, mailer=local, dsn=2.0.0, stat=Sent"))
        else:
            lines.append((at + timedelta(seconds=2), f"sendmail[{1000 + n}]: {qid}: {to}, {relay}, dsn=2.0.0, stat=Sent (ok)"))
    lines.sort(key=lambda line: line[0])
    return [f"{stamp(at)} {host} {text}" for at, text in lines]


def query_log(messages: int, *, start: datetime = START, gap_s: int = 40) -> list[str]:
    """A BIND query log to go with `mail_log`: the mail server's PTR, MX and A, and a PC's look-ups."""
    lines = []
    for n in range(messages):
        at = start + timedelta(seconds=gap_s * n)
        asks = (
            (0.1, "192.0.2.3", f"{20 + n % 30}.2.0.192.in-addr.arpa", "PTR"),
            (1.1, "192.0.2.3", f"d{n % 25}.example", "MX"),
            (1.2, "192.0.2.3", f"mx.d{n % 25}.example", "A"),
            (7.0, f"192.0.2.{20 + n % 30}", "www.example", "AAAA"),
        )
        for later, client, name, qtype in asks:
            lines.append((at + timedelta(seconds=later), f"client @0x7f56 {client}#{5000 + n} ({name}): query: {name} IN {qtype} + (192.0.2.2)"))
    lines.sort(key=lambda line: line[0])
    return [f"{at:%d-%b-%Y %H:%M:%S}.{at.microsecond // 1000:03} queries: info: {text}" for at, text in lines]


def text_of(lines: list[str]) -> bytes:
    """The lines as a file holds them."""
    return "".join(line + "\n" for line in lines).encode()
