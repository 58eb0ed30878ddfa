"""Damaged and made-up log lines: what a crash, a bad disk or an attacker could put into a log."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

#: Bytes and texts that mean something to some format.
SPECIAL = [bytes([c]) for c in b'<>",[]:= \\\0\r%{}()#@;|\t!./-+&']
WORDS = [
    b", ", b": ", b"=", b'"', b"<>", b"<", b">", b"[", b"]", b" [", b"] ", b"=<", b">,", b">,<", b"<<", b'"@', b'\\"',
    b", stat=", b", stat=Sent", b", relay=", b", relay=[198.51.100.9]", b", dsn=5.1.1", b", reply=", b", [more]", b"to=",
    b", to=", b", ctladdr=<", b", msgid=<", b", nrcpts=", b", size=9", b", arg2=", b", reject=", b"from=", b", ntries=1",
    b"IPv6:2001:db8::1", b"IPv6:192.0.2.1", b"IPv6:192.0.2.1:25", b"IPv6:192.0.2.1a", b"[IPv6:2001:db8::1]", b"[IPv6:::ffff:192.0.2.1]", b"::", b"2001:db8::", b"fe80::1%eth0",
    b"192.0.2.1", b"192.0.2.256", b"0.0.0.0", b"1.2.3", b"01.2.3.4", b"999999999999999999", b"9999999999999999999", b"0",
    b"49QNVLZB000565", b"RAA20512", b"NOQUEUE", b"sendmail[1]: ", b"named[7]: ", b"queries: ", b"info: ", b"client @0x1 ",
    b" IN A ", b"query: ", b"last message repeated 3 times", b"-- MARK --", b"[ID 801593 mail.info] ", b"<22>", b"<22>1 ",
    b"Oct 27 01:17:13 ", b"Feb 29 23:59:60 ", b"2024-10-27T01:17:13.5+02:00 ", b"27-Oct-2024 01:17:13.622 ", b"\xff\xfe",
    b"0001-01-01T00:00:00 ", b"9999-12-31T23:59:60.999999Z ", b"2023-02-29T00:00:00 ", b"31-Feb-2024 00:00:00 ", b"- ", b" ",
]  # fmt: skip


def changed(rng: random.Random, line: bytes, pool: Sequence[bytes]) -> bytes:
    """One thing done to a line."""
    at = rng.randrange(len(line) + 1)
    till = min(len(line), at + rng.choice((1, 1, 2, 3, 8, 30)))
    what = rng.randrange(10)
    if what == 0:
        return line[:at] + bytes([rng.randrange(256)]) + line[at + 1 :]
    if what == 1:
        return line[:at] + rng.choice(SPECIAL) + line[at + 1 :]
    if what == 2:
        return line[:at] + rng.choice(SPECIAL) + line[at:]
    if what == 3:
        return line[:at] + line[till:]
    if what == 4:
        return line[:at]
    if what == 5:
        return line[:at] + line[at:till] * rng.choice((2, 3, 9)) + line[till:]
    if what == 6:
        return line[:at] + rng.choice(WORDS) + line[at:]
    if what == 7:
        return line[:at] + rng.choice(WORDS) + line[till:]
    other = rng.choice(pool)
    begin = rng.randrange(len(other) + 1)
    if what == 8:
        return line[:at] + other[begin:]
    return line[:at] + other[begin : begin + rng.randrange(40)] + line[at:]


def damaged(rng: random.Random, pool: Sequence[bytes]) -> Iterator[bytes]:
    """Lines of the pool, each with one to four things done to it, without end."""
    while True:
        line = rng.choice(pool)
        for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 4))):
            line = changed(rng, line, pool)
        yield line.replace(b"\n", b"")


_STAMPS = [
    b"Oct 27 01:17:13 ", b"Oct  7 01:17:13 ", b"Oct 7 01:17:13.5 ", b"<22>Dec 31 23:59:60 ", b"2024-10-27T01:17:29.480318+02:00 ",
    b"2024-10-27 01:17:29Z ", b"27-Oct-2024 01:17:28.622 ", b"<22>1 2024-10-27T01:17:29+0200 ", b"", b"- 1131566490 2005.11.09 admin1 Nov 9 12:01:30 ",
]  # fmt: skip
_HOSTS = [b"mx ", b"mx mail.info ", b"src@mx src ", b"", b"[192.0.2.1] ", b"mx: ", b"a" * 70 + b" "]
_TAGS = [b"[565]: ", b": ", b"[]: ", b"[x]: ", b"[1]:", b"[5]: [ID 801593 mail.info] ", b" 555 - - ", b' 5 ID [a b="]\\"" c="d"] ', b" "]
_QIDS = [b"49QNVLZB000565: ", b"RAA20512: ", b"NOQUEUE: ", b"1ABCD-000abc-Ef ", b"4XcBqT3k2Yz1: ", b"", b"A1B2C: "]
_ADDRESSES = [
    b"<a@b.example>", b"a", b"<>", b'<"x, stat=Sent"@evil.example>', b'"|/bin/f -a, -b"', b"<a@[192.0.2.1]>", b"<@a,@b:c@d.example>",
    b"<a", b'"a', b'<"a>', b'<"\\">@x>', b"a@B.EXAMPLE.", b"<a@b.>", b"@", b"<@>", b"\\", b'\\"', b"", b"<a,b>", b"<a b@c d>",
]  # fmt: skip
_PEERS = [
    b"mx.example [192.0.2.9]", b"[198.51.100.9]", b"[IPv6:2001:db8::1]", b"a@b [192.0.2.1] (may be forged)", b"x [a] [192.0.2.2] [b",
    b"root@localhost", b"[", b"]", b"[]", b"][", b"[ipv6:1.2.3.4]", b"[\x09pv6:1.2.3.4]", b"[1.2.3.4%eth0]", b"[::ffff:1.2.3.4]", b"",
]  # fmt: skip
_KEYS = [
    b"size=1", b"class=0", b"pri=30301", b"nrcpts=1", b"nrcpts=99999999", b"nrcpts=", b"nrcpts=-1", b"proto=ESMTP", b"daemon=MTA-v4",
    b"delay=00:00:01", b"xdelay=1", b"mailer=esmtp", b"mailer=LOCAL", b"dsn=2.0.0", b"dsn=", b"dsn=x", b"stat=Sent", b"stat=User unknown",
    b"stat=Deferred: x, y", b"reply=550 5.1.1 no, stat=Sent here", b"ntries=1", b"bodytype=8BITMIME", b"auth=NONE", b"x=y", b"x", b"=", b"",
    b"mech=PLAIN", b"authid=ann@campus.example", b"bits=0", b"sasl_username=ann", b"status=sent (250 ok)", b"method=PLAIN",
]  # fmt: skip
_STARTS = [
    b"from=", b"to=", b"AUTH=server, relay=", b"ruleset=check_rcpt, arg1=", b"Milter: to=", b"DSN: ", b"49R0HYW4001082: DSN: ", b"clone ",
    b"POP login by user \"", b"pop3-login: Login: user=", b"client @0x7f562dcf0098 192.0.2.3#53894 (", b"queries: info: client 2001:db8::1#9: query: ",
]  # fmt: skip


def made_up(rng: random.Random, programs: Sequence[str]) -> bytes:
    """A line put together from the pieces that log lines are made of, in an order that may be wrong."""
    program = rng.choice(programs).encode() if rng.random() < 0.9 else rng.choice((b"", b"cron", b"a/b_c.d@e+f-g", b"?"))
    parts = [rng.choice(_STAMPS), rng.choice(_HOSTS), program, rng.choice(_TAGS), rng.choice(_QIDS), rng.choice(_STARTS)]
    parts.append(b",".join(rng.choice(_ADDRESSES) for _ in range(rng.choice((1, 1, 1, 2, 3)))))
    for _ in range(rng.randrange(8)):
        kind = rng.randrange(4)
        if kind == 0:
            parts.append(b", " + rng.choice((b"msgid=", b"ctladdr=", b"arg2=", b"from=", b"to=")) + rng.choice(_ADDRESSES))
        elif kind == 1:
            parts.append(b", " + rng.choice((b"relay=", b"rip=", b"lip=")) + rng.choice(_PEERS))
        else:
            parts.append(b", " + rng.choice(_KEYS))
    if rng.random() < 0.2:
        parts.pop(rng.randrange(len(parts)))
    return b"".join(parts)
