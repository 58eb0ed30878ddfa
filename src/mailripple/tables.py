"""Every joint's columns: name, type, unit, meaning.

The tables are the contract between the stages (see ARCHITECTURE.md).  Inside a run the columns are numpy arrays;
`arrow_schema` gives the same table to Parquet, DuckDB, Polars or Spark.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a joint: `type` is an Arrow type name, `unit` is empty where there is none."""

    name: str
    type: str
    unit: str
    meaning: str


#: Fields that a pattern may capture, and what `mailripple events` prints for them ("text" unless said).
FIELDS: Final[dict[str, str]] = {
    "ts": "time of the record",
    "host": "host that wrote the line, as its log names it",
    "program": "program that wrote the line",
    "pid": "process id (int)",
    "client_ip": "address of the client: who asked, who handed the message in, who logged in (ip)",
    "client_name": "name of that client as the server saw it",
    "qname": "name asked for, lower case, no final dot (name)",
    "qtype": "type asked for",
    "queue_id": "queue id of the message",
    "new_queue_id": "queue id of the message that a line announces (bounce, clone), or of its origin; a delivery",
    "env_from": "envelope sender, without the angle brackets; a claim of the client (addr)",
    "env_rcpt": "envelope recipients of this record, a list (addrs)",
    "nrcpts": "recipients accepted for the message (int)",
    "size": "octets of the message (int)",
    "msgid": "Message-ID header; a claim of the client",
    "relay": "the other side of the connection, as logged (peer)",
    "relay_ip": "address of that other side (ip)",
    "mailer": "how the message leaves: esmtp, local, relay, ...",
    "dsn": "enhanced status code (RFC 3463)",
    "stat": "result in the server's words",
    "sasl_user": "authenticated identity (account)",
    "user": "mailbox user of a POP3 or IMAP session (account)",
    "reply": "what the remote server said",
    "reason": "why a message or client was refused",
    "repeat": "how often the previous line was repeated (int)",
}

#: What a record can be.  The number is its code in the kernel; 0 is no event.
KINDS: Final[tuple[str, ...]] = (
    "",
    "dns.query",
    "dns.response",
    "mail.from",
    "mail.to",
    "mail.reject",
    "mail.client",
    "mail.dsn",
    "mail.clone",
    "pop.connect",
    "pop.login",
    "pop.logout",
    "pop.fail",
    "imap.login",
    "imap.logout",
    "imap.fail",
    "dns.packet",
    "mail.done",
    "mail.msgid",
    "mail.start",
    "repeat",
)

#: Result of one delivery record (DESIGN words: bounced, expired and rejected all count as failed).
STATUSES: Final[tuple[str, ...]] = ("", "sent", "deferred", "bounced", "expired", "rejected", "other", "skipped")

#: Why a line of a known kind is a reject all the same: what a pattern's `refuse` may say, and the reason shown.
REFUSALS: Final[dict[str, str]] = {
    "no-wall-time": "a time since boot, no wall clock time: export with `journalctl -o short-iso-precise`",
    "no-date": "not an English month and its day: have the logs written with LC_TIME=C, or with ISO 8601 stamps",
}

#: Query types counted by themselves; all others are "other".
QTYPES: Final[tuple[str, ...]] = (
    "other",
    "A",
    "AAAA",
    "MX",
    "PTR",
    "TXT",
    "NS",
    "SOA",
    "SRV",
    "HTTPS",
    "ANY",
    "CNAME",
    "DS",
    "DNSKEY",
    "NAPTR",
    "SVCB",
)

#: Their numbers (IANA): a server that does not know a name writes `TYPE65`, dnsmasq `type=65`.
QTYPE_NUMBERS: Final[tuple[int, ...]] = (0, 1, 28, 15, 12, 16, 2, 6, 33, 65, 255, 5, 43, 48, 35, 64)

#: `Counts`: one row a window, entity and metric; rows with the same key add up.
COUNTS: Final[tuple[Column, ...]] = (
    Column("window_start", "int64", "s since 1970, UTC", "first second of the half-open window"),
    Column("window_s", "int32", "s", "length of the window: 60 for servers, 600 for other entities"),
    Column("entity_kind", "string", "", "server, client_ip, account or rcpt_domain"),
    Column("entity", "string", "", "which one; servers by the name in their log"),
    Column("metric", "string", "", "see METRICS"),
    Column("n", "int64", "events", "count in the window"),
)

#: `Attempts`: one row a delivery attempt with who handed the message in; what the sequential detectors read.
ATTEMPTS: Final[tuple[Column, ...]] = (
    Column("ts", "int64", "us since 1970, UTC", "time of the record"),
    Column("order", "int64", "", "source rank and line: the order within equal times"),
    Column("server", "int64", "", "key of the server"),
    Column("queue_hash", "int64", "", "key of (server, queue id)"),
    Column("client_ip", "int64", "", "key of the submitting client, 0 unknown"),
    Column("account", "int64", "", "key of the authenticated account, 0 none"),
    Column("env_from", "int64", "", "key of the envelope sender"),
    Column("rcpt_domain", "int64", "", "key of the destination domain"),
    Column("first", "bool", "", "first attempt for this destination, else a retry"),
    Column("status", "int8", "", "index into STATUSES"),
    Column("dsn", "int8", "", "class of the enhanced status code, 0 unknown; and 8 if deferred for policy (X.7.X)"),
    Column("final", "bool", "", "first record that says: delivered there, or failed for good"),
)


#: `attempts.Rows`: the attempts that the models look at one by one.
KEPT_ATTEMPTS: Final[tuple[Column, ...]] = (
    Column("ts", "int64", "us since 1970, UTC", "time of the record"),
    Column("server", "int64", "", "key of the server"),
    Column("queue", "int64", "", "hash of the queue id"),
    Column("client", "int64", "", "key of the submitting client, 0 unknown"),
    Column("account", "int64", "", "key of the authenticated account, 0 none"),
    Column("sender", "int64", "", "hash of the envelope sender"),
    Column("domain", "int64", "", "key of the destination domain"),
    Column("first", "int64", "", "1: first attempt for this destination, else a retry"),
    Column("status", "int64", "", "index into STATUSES"),
    Column("order", "int64", "", "place of the record: source << 40 | line"),
    Column("policy", "int64", "", "1: deferred for a reason of policy (enhanced status X.7.X)"),
)


def arrow_schema(columns: tuple[Column, ...]) -> pa.Schema:
    """The Arrow schema of a joint, with unit and meaning as field metadata."""
    import pyarrow as pa

    fields = [
        pa.field(c.name, pa.type_for_alias(c.type), metadata={"unit": c.unit, "meaning": c.meaning}) for c in columns
    ]
    return pa.schema(fields)
