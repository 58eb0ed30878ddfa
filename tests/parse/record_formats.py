"""A small set of record formats that has one of everything."""

from __future__ import annotations

from tests.parse.compare import formats_of

MESSAGE = """
id = "m"
title = "m"
url = "m"
programs = ["p"]
[[pattern]]
name = "to"
kind = "mail.to"
match = 'to={env_rcpt:addrs}, stat={stat}'
status = [["stat", "Sent", "sent"], ["*", "", "other"]]
sample = [{ line = 'x' }]
[[pattern]]
name = "query"
kind = "dns.query"
match = 'query={qname} {qtype}'
sample = [{ line = 'x' }]
"""
ENVELOPE = """
id = "e"
title = "e"
url = "e"
rank = 50
[[pattern]]
name = "e"
match = '{ts:iso} {program:program}: {message}'
sample = [{ line = 'x' }]
[[pattern]]
name = "bare"
match = '{program:program}: {message}'
sample = [{ line = 'x' }]
"""
RECORDS = """
id = "r"
title = "r"
url = "r"
rank = 1
[[pattern]]
name = "tsv"
match = '#t {columns:tsv}'
sample = [{ line = 'x' }]
[[pattern]]
name = "csv"
match = '{?\ufeff}#c {columns:csv}'
sample = [{ line = 'x' }]
[[pattern]]
name = "inner"
match = '{record}{line}'
when = { log = "*" }
fields = { ts = "time", message = "log" }
sample = [{ line = 'x' }]
[[pattern]]
name = "journal"
match = '{record}{message}'
when = { MESSAGE = "*", id = "*" }
fields = { ts = ["src as us", "us as us"], host = "host", program = ["id", "_COMM"], pid = "pid", message = "MESSAGE" }
sample = [{ line = 'x' }]
[[pattern]]
name = "query"
kind = "dns.query"
match = '{record}'
when = { query = "*", kind = ["q", "long-name-of-a-query"] }
fields = { ts = ["ts", "ms as ms", "ns as ns"], client_ip = "a.ip", qname = ["query", "=."], qtype = ["b[].type", "qtype"] }
sample = [{ line = 'x' }]
[[pattern]]
name = "to"
kind = "mail.to"
match = '{record}'
when = { rcpt = "*" }
fields = { ts = "ts", client_ip = "a.ip", relay = "relay", relay_ip = "relay", env_from = "from", env_rcpt = "rcpt", stat = ["stat", "=none"], dsn = "dsn", queue_id = "id" }
status = [["stat", "250", "sent"], ["stat", "4", "deferred"], ["*", "", "other"]]
sample = [{ line = 'x' }]
[[pattern]]
name = "known"
match = '{record}'
when = { kind = "*" }
sample = [{ line = 'x' }]
"""
FORMATS = formats_of(("envelope", ENVELOPE), ("mail", MESSAGE), ("dns", RECORDS))
#: The keys that these formats look at, and some that they do not.
KEYS = ["log", "time", "MESSAGE", "id", "_COMM", "host", "pid", "us", "src", "query", "kind", "ts", "ms", "ns", "a", "ip"]
KEYS += ["a.ip", "b", "type", "b.type", "qtype", "rcpt", "relay", "from", "stat", "dsn", "x", "", "\u00e9", "b[]", "[]"]
TEXTS = ["q", "long-name-of-a-query", "192.0.2.7", "2001:db8::7", "fe80::1%eth0", "A", "MX", "a@b.example", "<c@d.example>"]
TEXTS += ["a@b.example,c@d.example", "a@b.example;c@d.example", "p", "to=<a@b.example>, stat=Sent\n", "query=x.example A"]
TEXTS += ["p: to=<a@b.example>, stat=Sent\n", "p: query=x.example A", '{"query":"y.example","kind":"q"}', '{"log":"p: x"}']
TEXTS += ["2024-10-27T03:33:20.25Z", "2024-10-27T05:33:20+0200", "1730000000.25", "1730000000250", "1730000000250000"]
TEXTS += ["250 ok", "450 later", "5.1.1", "www.example.com", "WWW.Example.COM.", '"', "\\", "\n", "\u20ac\U0001f600", "", " "]
