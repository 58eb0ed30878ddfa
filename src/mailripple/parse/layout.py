"""Where things lie in the kernel's memory: the offsets that the kernel and its Python driver share.

`ctx` is a block of int64 words.  The names below are byte offsets into it.  A table or buffer stands outside the
block and its address is a word of it.
"""

from __future__ import annotations

from typing import Final

from mailripple.tables import FIELDS, REFUSALS

(
    OPS,
    LITS,
    SWITCH,
    PROGRAMS,
    PROGRAM_MASK,
    SLOTS,
    STACK,
    SCRATCH,
    COLS,
    CAP,
    N,
    WIDE,
    PCOUNT,
    REJECTS,
    REJECT_CAP,
    NREJECT,
    RCPTS,
    RCPT_CAP,
    NRCPT,
    DICT,
    DICT_PLACES,
    DICT_MASK,
    DICT_N,
    DICT_FREE,
    DICT_FULL,
    ARENA,
    ARENA_CAP,
    ARENA_N,
    OTHER,
    OTHER_MASK,
    SEED,
    BASE,
    TEXT,
    LINES,
    BLANK,
    OTHER_LINES,
    LINE_START,
    KNOWN,
    TS,
    TS_KIND,
    STATUS,
    HAVE,
    SEEN,
    SEEN_REST,
    SEEN_MINUTE,
    SEEN2,
    SEEN2B,
    SEEN2_REST,
    SEEN2_MINUTE,
    SEEN3,
    SEEN3B,
    SEEN3_MINUTE,
    HOST_TEXT,
    HOST_TEXT_2,
    HOST_TEXT_3,
    HOST_TEXT_4,
    HOST_LEN,
    HOST_KEY,
    HOST_MASK,
    CLIENT_KEY,
    RELAY_KEY,
    UNCLOSED,
    PATHS,
    PATHS_MASK,
    VALUES,
    NESTING,
    RECORD_NO,
    ROW_READY,
    SIDE,
    SIDE_N,
    INNER,
    INNER_END,
    TABLE,
    COLUMN_OF,
    NCOLUMNS,
    ROWS,
    UNPACKED,
    OUTER,
    INNER_ROW,
    SIDE_CAP,
    SIDE_KEPT,
    NESTED,
    DAY_ORDER,
    V6_MASK_A,
    V6_MASK_B,
    V6_CUT,
    HITS,
    INTERPRET,
    GO_ON,
    WHOLE_LINE,
) = range(0, 720, 8)
CTX_WORDS: Final = 90

#: What a stamp says: nothing; no year; no offset; everything.
NO_TIME, CIVIL_NO_YEAR, CIVIL, UTC = 0, 1, 2, 3

#: Slots: where each field of the current line stands, as (begin, end) addresses.
SLOT: Final = {name: i for i, name in enumerate(FIELDS)}
NSLOTS: Final = len(SLOT)
SLOT_HOST, SLOT_PROGRAM, SLOT_PID, SLOT_CLIENT = (SLOT[n] for n in ("host", "program", "pid", "client_ip"))
SLOT_QNAME, SLOT_QTYPE, SLOT_QID, SLOT_NEW_QID = (SLOT[n] for n in ("qname", "qtype", "queue_id", "new_queue_id"))
SLOT_FROM, SLOT_RCPT, SLOT_NRCPTS, SLOT_MSGID = (SLOT[n] for n in ("env_from", "env_rcpt", "nrcpts", "msgid"))
SLOT_MAILER, SLOT_DSN, SLOT_SASL, SLOT_USER = (SLOT[n] for n in ("mailer", "dsn", "sasl_user", "user"))
SLOT_RELAY_IP: Final = SLOT["relay_ip"]
SLOT_STAT, SLOT_REPLY = SLOT["stat"], SLOT["reply"]
SLOT_REPEAT: Final = SLOT["repeat"]
(
    KIND_QUERY,
    KIND_RESPONSE,
    KIND_FROM,
    KIND_TO,
    KIND_REJECT,
    KIND_CLIENT,
    KIND_DSN,
    KIND_CLONE,
    KIND_POP_CONNECT,
    KIND_POP_LOGIN,
    KIND_POP_LOGOUT,
    KIND_POP_FAIL,
    KIND_IMAP_LOGIN,
    KIND_IMAP_LOGOUT,
    KIND_IMAP_FAIL,
    KIND_PACKET,
    KIND_DONE,
    KIND_MSGID,
    KIND_START,
    KIND_REPEAT,
) = range(1, 21)
SENT, DEFERRED, BOUNCED, EXPIRED, REJECTED, OTHER_STATUS, SKIPPED = range(1, 8)

#: Event columns, each an int64 array of CAP entries.
COLUMNS: Final = (
    "ts",  # us, civil or UTC as `code` says
    "code",  # kind | status << 8 | qtype << 16 | dsn class << 24 | stamp kind << 28 | pattern << 32
    "line",  # index of the line in the piece << 32 | offset of its first byte, from where places count (`Parsed`)
    "server",  # key of the host
    "client",  # key of the client address
    "name",  # key of the name asked for, or of the first recipient's domain
    "link",  # hash of the second queue id (bounce, clone, origin), or of the Message-ID (mail.from, mail.msgid)
    "flags",  # filled by `messages.stitch`: bits of F_*
    "account",  # key of the authenticated account or mailbox user
    "queue",  # hash of the queue id
    "sender",  # hash of the envelope sender; for mail.to: hash of the mailer, if there is a queue id or no client
    "count",  # recipients << 40 | first of them in `rcpts` (mail.to, mail.start); nrcpts << 40 (mail.from); or times
    "pid",
    "relay",  # key of the relay's address
)
COL: Final = {name: i for i, name in enumerate(COLUMNS)}
#: Those that a question can have: the first ones, up to "flags".
QUESTION_COLUMNS: Final = COL["flags"] + 1

#: In place of a DSN's class, of a question for the address of a mail server whose name is guessed ("mail." and the like
#: before a domain); the column "link" then holds the key of that domain.
GUESSED: Final = 15
#: The same of a question for the name of an IPv6 address where prefixes are clients: "link" holds the prefix's key.
GROUPED: Final = 14
#: In place of a question's type, of a delivery that was deferred for a reason of policy (X.7.X of RFC 3463).
POLICY: Final = 7

#: Bits of the column "flags": the record belongs to a bounce or notice that the server made itself; it is the first
#: record of an attempt (queue id, destination, queue run); that attempt is the first for this destination; the message
#: was counted already (MSP to MTA, filter, queue run); the hop stays on the machine (MSP to MTA, filter); the record
#: came too late for the fold.
#: A session that was refused (no recipient accepted) is no message.  The delivery leaves the machine (F_OUT).  F_FINAL:
#: the first record that says what became of the message at this destination, delivered or failed for good; deferrals
#: and expiry say nothing of it.
F_DSN, F_ATTEMPT, F_FIRST, F_AGAIN, F_INTERNAL, F_LATE, F_REFUSED, F_OUT, F_FINAL = 1, 2, 4, 8, 16, 32, 64, 128, 256

# Reject reasons.
NO_ENVELOPE, NO_PATTERN, TOO_LONG, NO_RECORD = 1, 2, 3, 4
REASONS: Final = (
    "",
    "no known way to begin a log line",
    "a supported program, but no known message",
    "line too long",
    "a record whose keys or columns no format knows",
    *REFUSALS.values(),
)
#: Reasons that patterns give.
REFUSAL: Final = {name: len(REASONS) - len(REFUSALS) + i for i, name in enumerate(REFUSALS)}

# Operations: rows of ROW words [op, a, b, c, d, slot].
ROW: Final = 6
(
    FAIL,
    LIT,
    OPT,
    ALT,
    JUMP,
    UNTIL,
    UPTO,
    REST,
    UPTO_LAST,
    WORD_OP,
    INT,
    IP,
    QID,
    ADDR,
    ADDRS,
    PEER,
    KEYS,
    TIME,
    HOST,
    SD,
    PROGRAM,
    DISPATCH,
    CALL,
    STATUS_OP,
    EMIT,
    SKIP,
    ADDRESS,
    PATH,
    RECORD,
    PICK,
    COLUMNS_OP,
    ENTER,
    NEST,
    LABELS,
    PAD_OP,
    REFUSE,
    DNAME,
    DAEMON,
) = range(38)
#: Type of a key whose value begins behind the last place where the key stands, plus the slot of its address.
LAST_PEER: Final = 32
T_RFC3164, T_ISO, T_DMY, T_INNER, T_EPOCH, T_TAI64N, T_WIN, T_LONG, T_SPACED = range(9)
#: How the numbers of a Windows date stand: unknown, day first, month first.
DAY_UNKNOWN, DAY_FIRST, MONTH_FIRST = 0, 1, 2
MAX_LINE: Final = 65536
STACK_DEPTH: Final = 64

#: Values of a record: entries [number of the record, type, begin, end].  Text as it stands; JSON text with escapes; a
#: number or word of JSON; an array or object (its first byte); text in quotes of a CSV file, quotes doubled.
V_TEXT, V_ESCAPED, V_BARE, V_ARRAY, V_OBJECT, V_QUOTED = range(1, 7)
MAX_PATHS: Final = 256
MAX_COLUMNS: Final = 256
MAX_DEPTH: Final = 32
#: The table that a header announced: none; Zeek's, by tabs; comma-separated.
NO_TABLE, TSV, CSV = 0, 1, 2
#: How a picked value is read.
P_TEXT, P_IP, P_ADDR, P_ADDRS, P_TIME, P_MS, P_US, P_NS, P_MESSAGE, P_GIVEN = range(10)


def arpa6_cut(ipv6_prefix: int) -> int:
    """Bytes that a prefix takes from the front of a name under ip6.arpa (RFC 3596, 2.5): digits and their dots."""
    return 2 * ((128 - ipv6_prefix + 3) // 4)
