"""Lines look as the servers write them: each whole line is one of the shapes below, taken from logs of real servers."""

from __future__ import annotations

import re

import pytest

from mailripple.simulate.site import logged
from mailripple.simulate.site.write import log_pieces
from tests.simulate.site.small import small_site

#: What stands for {Q}, {A}, ... in the expressions.
WORDS = {
    "ST": r"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d mx",
    "LT": r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \[\d+\]",
    "Q": r"[0-9A-Za-x]{8}\d{6}",
    "P": r"[0-9A-F]{5}[0-9A-F]{5,}",
    "X": r"[0-9A-Za-z]{6}-[0-9A-Za-z]{6}-[0-9A-Za-z]{2}",
    "A": r"[\w.-]+@[\w.-]+",
    "N": r"[\w.-]+",
    "IP": r"[0-9a-f:.]+",
    "R": r"(?:[\w.-]+ )?\[(?:IPv6:)?[0-9a-f:.]+\]",
    "C": r"[\w.-]+\[[0-9a-f:.]+\]",
    "H": r"H=(?:[\w.-]+ )?(?:\([\w.-]+\) )?\[[0-9a-f:.]+\]",
    "D": r"(?:\d\+)?\d\d:\d\d:\d\d",
    "S": r"\d+(?:\.\d\d?)?",
    "DSN": r"\d\.\d+\.\d+",
}
SENDMAIL = r"""
{ST} sm-mta\[\d+\]: {Q}: from=<{A}?>, size=\d+, class=0, nrcpts=\d+, msgid=<.+>, proto=ESMTP(SA)?, daemon=M(TA|SP)-v[46], relay={R}
{ST} sm-mta\[\d+\]: {Q}: from=<{A}?>, size=0, class=0, nrcpts=0, proto=ESMTP, daemon=MTA-v[46], relay={R}
{ST} sm-mta\[\d+\]: {Q}: to=<{A}>(,<{A}>)*(, \[more\])?,( ctladdr=<{A}> \(\d+/\d+\),)? delay={D}, xdelay={D}, mailer=local, pri=\d+, dsn={DSN}, stat=.+
{ST} sm-mta\[\d+\]: {Q}: to=<{A}>(,<{A}>)*(, \[more\])?,( ctladdr=<{A}> \(\d+/\d+\),)? delay={D}, xdelay={D}, mailer=esmtp, pri=\d+, relay={N}( {R})?, dsn={DSN},( reply=\d+ .+,)? stat=.+
{ST} sm-mta\[\d+\]: {Q}: {Q}: (DSN: .+|sender notify: Cannot send message for 5 days)
{ST} sm-mta\[\d+\]: {Q}: <{A}>\.\.\. User unknown
{ST} sm-mta\[\d+\]: {Q}: Milter: to=<{A}>, reject=451 4.7.1 .+
{ST} sm-mta\[\d+\]: {Q}: ruleset=check_rcpt, arg1=<{A}>, relay={R}, reject=550 5.7.1 <{A}>\.\.\. Relaying denied
{ST} sm-mta\[\d+\]: STARTTLS=server, relay={R}, version=TLSv1.3, verify=NO, cipher={N}, bits=256/256
{ST} sm-mta\[\d+\]: AUTH=server, relay={R}, authid={N}, mech=PLAIN, bits=0
"""
POSTFIX = r"""
{ST} postfix/(submission/)?smtpd\[\d+\]: connect from {C}
{ST} postfix/(submission/)?smtpd\[\d+\]: {P}: client={C}(, sasl_method=PLAIN, sasl_username={N})?
{ST} postfix/(submission/)?smtpd\[\d+\]: disconnect from {C} ehlo=\d( starttls=1 auth=1)? mail=1 rcpt=(0/)?\d+ (data|rset)=1 quit=1 commands=\d+(/\d+)?
{ST} postfix/smtpd\[\d+\]: NOQUEUE: reject: RCPT from {C}: \d+ {DSN} <{A}>: .+; from=<{A}?> to=<{A}> proto=ESMTP helo=<{N}>
{ST} postfix/cleanup\[\d+\]: {P}: message-id=<\S+>
{ST} postfix/qmgr\[\d+\]: {P}: from=<{A}?>, (size=\d+, nrcpt=\d+ \(queue active\)|status=expired, returned to sender)
{ST} postfix/qmgr\[\d+\]: {P}: removed
{ST} postfix/(smtp|local)\[\d+\]: {P}: to=<{A}>, relay=(none|local|{C}:25), delay={S}, delays={S}/{S}/{S}/{S}, dsn={DSN}, status=(sent|deferred|bounced) \(.+\)
{ST} postfix/smtp\[\d+\]: connect to {C}:25: Connection (refused|timed out)
{ST} postfix/bounce\[\d+\]: {P}: sender non-delivery notification: {P}
"""
EXIM = r"""
{LT} {X} <= ({A}|<>) {H} P=esmtp(sa X=TLS1.3:\S+ CV=no A=plain_server:{N})? S=\d+ id=\S+
{LT} {X} [=-]> {A} R=dnslookup T=remote_smtp {H} C="250 .+"
{LT} {X} => {N} <{A}> R=localuser T=local_delivery
{LT} {X} == {A} R=dnslookup( T=remote_smtp)? defer \(-?\d+\).*
{LT} {X} \*\* {A}( R=dnslookup T=remote_smtp {H})?: .+
{LT} {X} {H} Connection (refused|timed out)
{LT} {X} <= <> R={X} U=Debian-exim P=local S=\d+
{LT} {X} Completed
{LT} (Start|End) queue run: pid=\d+
{LT} {H} F=<{A}?> (temporarily )?rejected RCPT <{A}>: .+
"""
DOVECOT = r"""
{ST} dovecot: (pop3|imap)-login: Login: user=<{N}>, method=PLAIN, rip={IP}, lip={IP}, mpid=\d+, session=<\S+>
{ST} dovecot: (pop3|imap)-login: Disconnected: Aborted login by logging out \(auth failed, 1 attempts in 2 secs\): user=<{N}>, method=PLAIN, rip={IP}, lip={IP}, session=<\S+>
{ST} dovecot: pop3\({N}\)<\d+><\S+>: Disconnected: Logged out top=0/0, retr=\d+/\d+, del=\d+/\d+, size=\d+
{ST} dovecot: imap\({N}\)<\d+><\S+>: Disconnected: Logged out in=\d+ out=\d+ deleted=0 expunged=0 trashed=0 hdr_count=\d+ hdr_bytes=\d+ body_count=\d+ body_bytes=\d+
"""
BIND = r"""
\d\d-[A-Z][a-z]{{2}}-\d{{4}} \d\d:\d\d:\d\d\.\d{{3}} queries: info: client @0x[0-9a-f]{{12}} {IP}#\d+ \({N}\): query: {N} IN [A-Z]+ \+(E\(0\)K?)? \({IP}\)
"""
UNBOUND = r"""
\[\d{{10}}\] unbound\[\d+:\d\] info: {IP} {N}\. [A-Z]+ IN
"""
DNSMASQ = r"""
[A-Z][a-z]{{2}} [ \d]\d \d\d:\d\d:\d\d dnsmasq\[\d+\]: (query\[[A-Z]+\] {N} from {IP}|forwarded {N} to {IP}|(reply|cached) {N} is ({N}|{IP}|<MX>))
"""
MAIL = {"sendmail": SENDMAIL + DOVECOT, "postfix": POSTFIX + DOVECOT, "exim": EXIM + DOVECOT}
DNS = {"bind": BIND, "unbound": UNBOUND, "dnsmasq": DNSMASQ}


def assert_shapes(lines: list[str], shapes: str) -> None:
    """Each line is of one shape, and each shape occurs."""
    words = {name: f"(?:{word})" for name, word in WORDS.items()}
    wanted = [re.compile(shape.format(**words)) for shape in shapes.strip().splitlines() if shape]
    seen = [0] * len(wanted)
    for line in lines:
        found = next((i for i, shape in enumerate(wanted) if shape.fullmatch(line)), None)
        assert found is not None, line
        seen[found] += 1
    assert all(seen), [shape.pattern for shape, n in zip(wanted, seen, strict=True) if not n]


@pytest.mark.parametrize("mta", logged.MTAS)
def test_mail_logs(mta: str) -> None:
    """Mail servers and Dovecot write their own syntax, and every sort of their lines comes up."""
    site = small_site(5)
    text = b"".join(piece for log in logged.mail_logs(site, mta) for piece in log_pieces(site, log))
    assert_shapes(text.decode().splitlines(), MAIL[mta])


@pytest.mark.parametrize("dns", logged.RESOLVERS)
def test_query_logs(dns: str) -> None:
    """Name servers write their own syntax."""
    site = small_site(5)
    text = b"".join(log_pieces(site, logged.dns_log(site, dns)))
    assert_shapes(text.decode().splitlines(), DNS[dns])
