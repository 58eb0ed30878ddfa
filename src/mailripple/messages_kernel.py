"""Kernel of `messages.stitch`: a fold over mail events in the order of their times.

Four open hash tables of 64-byte slots, each with a key in its first word:

    messages    (server, queue id) -> who handed it in, what is still open
    attempts    (server, queue id, destination) -> the last attempt
    handed      Message-ID -> queue id, for mail that sendmail's MSP hands to the MTA of the same machine
    sessions    (server, process) -> authenticated identity

An entry leaves when the message is finished and a while has passed, so memory grows with open queue ids only.  One
that has had its time is as good as gone even before it is swept out: results do not depend on the size of the tables.
"""

from __future__ import annotations

from mailripple.parse import layout as L
from mailripple.parse.native import entry, i64, mulmix, part, prefetch, put64, shr
from mailripple.parse.text import K1, K2, V4_KEY

#: The state block: for each table its address, mask and number of used slots; then the latest time, and the hash of
#: the mailer's name "relay".
MESSAGES, ATTEMPTS, HANDED, SESSIONS = 0, 24, 48, 72
NOW, RELAY_MAILER, LOOPBACK6 = 96, 104, 112
STATE_WORDS = 15
SLOT = 64

M_CLIENT, M_ACCOUNT, M_SENDER, M_LAST, M_LEFT, M_OPEN, M_FLAGS = 8, 16, 24, 32, 40, 48, 56
A_LAST, A_PID, A_OPEN, A_KNOWN = 8, 16, 24, 32
H_QUEUE, H_CLIENT, H_ACCOUNT, H_LAST = 8, 16, 24, 32
#: Bits of M_FLAGS; above them the time at which the MSP first took it in, to hand it over.
SEEN, DSN, ORPHAN = 1, 2, 4

SECOND = 1_000_000
#: A finished message is remembered that long: aliases and other records may still come.
GRACE = 900 * SECOND
#: An open one that long after its last record (sendmail gives up after 5 days).
OPEN_FOR = 6 * 86_400 * SECOND
#: Records of one process for one destination within that time belong to one attempt.
SAME_RUN = 900 * SECOND
SESSION = 3600 * SECOND
LOOPBACK = V4_KEY + (127 << 24)

C_TS, C_CODE, C_SERVER, C_CLIENT, C_NAME = L.COL["ts"], L.COL["code"], L.COL["server"], L.COL["client"], L.COL["name"]
C_ACCOUNT, C_QUEUE, C_LINK, C_SENDER = L.COL["account"], L.COL["queue"], L.COL["link"], L.COL["sender"]
C_COUNT, C_PID, C_RELAY, C_FLAGS = L.COL["count"], L.COL["pid"], L.COL["relay"], L.COL["flags"]


@part
def join_keys(a: int, b: int) -> int:
    """One key of two; never 0."""
    return mulmix(a ^ K1, b ^ K2) | 1


@part
def find_slot(state: int, table: int, key: int) -> int:
    """Address of the key's slot, or of the empty slot where it would stand."""
    base = i64(state + table)
    mask = i64(state + table + 8)
    at = shr(key, 1) & mask
    while i64(base + SLOT * at) != 0 and i64(base + SLOT * at) != key:
        at = (at + 1) & mask
    return base + SLOT * at


@part
def message_alive(slot: int, now: int) -> int:
    """True if more of the message may still come."""
    idle = now - i64(slot + M_LAST)
    return idle < GRACE or ((i64(slot + M_OPEN) > 0 or i64(slot + M_LEFT) > 0) and idle < OPEN_FOR)


@part
def alive(state: int, slot: int, table: int, now: int) -> int:
    """True if the entry may still be needed."""
    if table == MESSAGES:
        return message_alive(slot, now)
    if table == ATTEMPTS:
        idle = now - i64(slot + A_LAST)
        return idle < 2 * GRACE or (i64(slot + A_OPEN) and idle < OPEN_FOR)
    if table == HANDED:  # as long as the message that was handed over, and its id is not another's meanwhile
        first = find_slot(state, MESSAGES, i64(slot + H_QUEUE))
        return shr(i64(first + M_FLAGS), 8) == i64(slot + H_LAST) and message_alive(first, now)
    return now - i64(slot + H_LAST) < SESSION


@part
def find_known(state: int, table: int, key: int, now: int) -> int:
    """`find_slot`, but an entry that has had its time is emptied (its words but the key are 0)."""
    slot = find_slot(state, table, key)
    if i64(slot) != 0 and not alive(state, slot, table, now):
        for k in range(8, SLOT, 8):
            put64(slot + k, 0)
    return slot


@part
def claim(state: int, table: int, key: int, now: int) -> int:
    """The key's slot, made if it is not known (all words but the key 0)."""
    slot = find_known(state, table, key, now)
    if i64(slot) == 0:
        put64(slot, key)
        for k in range(8, SLOT, 8):
            put64(slot + k, 0)
        put64(state + table + 16, i64(state + table + 16) + 1)
    return slot


@part
def is_loopback(state: int, client: int) -> int:
    return (client >= LOOPBACK and client < LOOPBACK + (1 << 24)) or client == i64(state + LOOPBACK6)


@part
def open_message(state: int, col: int, stride: int, slot: int, nrcpts: int) -> int:
    """A `from=` record: remember who handed the message in.  Returns the record's flags."""
    ts = i64(col + C_TS * stride)
    known = i64(slot + M_FLAGS)
    client = i64(col + C_CLIENT * stride)
    account = i64(col + C_ACCOUNT * stride)
    flags = L.F_DSN if known & DSN else L.F_AGAIN if known & SEEN else 0
    if account == 0:
        account = i64(slot + M_ACCOUNT)
    if account == 0 and i64(state + SESSIONS + 16) != 0 and i64(col + C_PID * stride) != 0:
        session = find_known(state, SESSIONS, join_keys(i64(col + C_SERVER * stride), i64(col + C_PID * stride)), ts)
        if i64(session) != 0 and i64(session + H_CLIENT) == client:
            account = i64(session + H_ACCOUNT)
    link = i64(col + C_LINK * stride)
    if link != 0 and (client == 0 or is_loopback(state, client)):
        handed = join_keys(i64(col + C_SERVER * stride), link)
        if client == 0:
            other = claim(state, HANDED, handed, ts)
            put64(other + H_QUEUE, i64(slot))
            if shr(known, 8) == 0:
                known |= ts << 8
            put64(other + H_LAST, shr(known, 8))
        else:
            other = find_known(state, HANDED, handed, ts)
            if i64(other + H_QUEUE) != 0 and i64(other + H_QUEUE) != i64(slot):
                first = find_slot(state, MESSAGES, i64(other + H_QUEUE))
                flags |= L.F_AGAIN
                client = i64(first + M_CLIENT)
                account = i64(first + M_ACCOUNT)
    put64(slot + M_CLIENT, client)
    put64(slot + M_ACCOUNT, account)
    put64(slot + M_SENDER, i64(col + C_SENDER * stride))
    put64(slot + M_LAST, ts)
    put64(slot + M_LEFT, max(nrcpts, 1))
    put64(slot + M_FLAGS, known | SEEN)
    put64(col + C_CLIENT * stride, client)
    put64(col + C_ACCOUNT * stride, account)
    return flags


@part
def deliver(state: int, col: int, stride: int, slot: int) -> int:
    """A `to=` record: give it its client, and tell first attempt, retry and further records of one attempt apart."""
    ts = i64(col + C_TS * stride)
    code = i64(col + C_CODE * stride)
    status = (code >> 8) & 0xFF
    pid = i64(col + C_PID * stride)
    flags = L.F_DSN if i64(slot + M_FLAGS) & DSN else 0
    if i64(col + C_SENDER * stride) == i64(state + RELAY_MAILER) and is_loopback(state, i64(col + C_RELAY * stride)):
        flags |= L.F_INTERNAL
    attempt = claim(state, ATTEMPTS, join_keys(i64(slot), i64(col + C_NAME * stride) + 1), ts)
    if i64(attempt + A_KNOWN) == 0:
        flags |= L.F_ATTEMPT if i64(slot + M_FLAGS) & ORPHAN else L.F_ATTEMPT | L.F_FIRST
    elif pid != i64(attempt + A_PID) or ts - i64(attempt + A_LAST) > SAME_RUN:
        flags |= L.F_ATTEMPT
    waits = status == L.DEFERRED or (status == L.OTHER_STATUS and (code >> 24) & 15 == 4)
    put64(slot + M_OPEN, max(i64(slot + M_OPEN) + waits - i64(attempt + A_OPEN), 0))
    if not waits:
        rcpts = i64(col + C_COUNT * stride) >> 40
        put64(slot + M_LEFT, i64(slot + M_LEFT) - max(rcpts, 1))
    put64(attempt + A_LAST, ts)
    put64(attempt + A_PID, pid)
    put64(attempt + A_OPEN, waits)
    put64(attempt + A_KNOWN, 1)
    put64(slot + M_LAST, ts)
    put64(col + C_CLIENT * stride, i64(slot + M_CLIENT))
    put64(col + C_ACCOUNT * stride, i64(slot + M_ACCOUNT))
    put64(col + C_SENDER * stride, i64(slot + M_SENDER))
    return flags


@part
def announce(state: int, col: int, stride: int, kind: int) -> int:
    """A line that says what another queue id is: the server's own bounce, or a copy for a list's owner."""
    ts = i64(col + C_TS * stride)
    slot = claim(state, MESSAGES, join_keys(i64(col + C_SERVER * stride), i64(col + C_LINK * stride)), ts)
    put64(slot + M_LAST, ts)
    put64(slot + M_LEFT, max(i64(slot + M_LEFT), 1))
    if kind == L.KIND_DSN:
        put64(slot + M_FLAGS, i64(slot + M_FLAGS) | DSN)
        return 0
    parent = find_known(state, MESSAGES, join_keys(i64(col + C_SERVER * stride), i64(col + C_QUEUE * stride)), ts)
    put64(slot + M_FLAGS, i64(slot + M_FLAGS) | SEEN)
    if i64(parent + M_FLAGS) != 0:
        put64(slot + M_CLIENT, i64(parent + M_CLIENT))
        put64(slot + M_ACCOUNT, i64(parent + M_ACCOUNT))
        put64(slot + M_SENDER, i64(parent + M_SENDER))
    return 0


@part
def authenticate(state: int, col: int, stride: int) -> int:
    """A line that says who logged in to hand mail in: it holds for the messages of that process."""
    account = i64(col + C_ACCOUNT * stride)
    if account == 0:
        return 0
    server = i64(col + C_SERVER * stride)
    ts = i64(col + C_TS * stride)
    session = claim(state, SESSIONS, join_keys(server, i64(col + C_PID * stride)), ts)
    put64(session + H_CLIENT, i64(col + C_CLIENT * stride))
    put64(session + H_ACCOUNT, account)
    put64(session + H_LAST, ts)
    return 0


@part
def step(state: int, col: int, stride: int) -> int:
    """Take one event in; returns its flags."""
    kind = i64(col + C_CODE * stride) & 0xFF
    if kind == L.KIND_DSN or kind == L.KIND_CLONE:
        return announce(state, col, stride, kind)
    if kind == L.KIND_CLIENT:
        return authenticate(state, col, stride)
    key = join_keys(i64(col + C_SERVER * stride), i64(col + C_QUEUE * stride))
    ts = i64(col + C_TS * stride)
    if kind == L.KIND_FROM:
        nrcpts = i64(col + C_COUNT * stride) >> 40
        if nrcpts == 0:
            return L.F_REFUSED
        return open_message(state, col, stride, claim(state, MESSAGES, key, ts), nrcpts)
    if kind == L.KIND_TO:
        slot = claim(state, MESSAGES, key, ts)
        if i64(slot + M_FLAGS) == 0:
            put64(slot + M_FLAGS, ORPHAN)
        return deliver(state, col, stride, slot)
    if kind == L.KIND_DONE:
        slot = find_known(state, MESSAGES, key, ts)
        if i64(slot) != 0:
            put64(slot + M_LEFT, 0)
            put64(slot + M_OPEN, 0)
    return 0


@part
def crowded(state: int, table: int) -> int:
    return 2 * i64(state + table + 16) > i64(state + table + 8)


@entry
def stitch(state: int, cols: int, stride: int, begin: int, end: int) -> int:
    """Fold the events [begin, end) in; the number of the first one for which the tables are too full."""
    mask = i64(state + MESSAGES + 8)
    for n in range(begin, end):
        if n == begin or n & 63 == 0:
            if crowded(state, MESSAGES) or crowded(state, ATTEMPTS):
                return n
            if crowded(state, HANDED) or crowded(state, SESSIONS):
                return n
        col = cols + 8 * n
        if n + 8 < end:
            ahead = col + 64
            key = join_keys(i64(ahead + C_SERVER * stride), i64(ahead + C_QUEUE * stride))
            prefetch(i64(state + MESSAGES) + SLOT * (shr(key, 1) & mask))
            if i64(ahead + C_CODE * stride) & 0xFF == L.KIND_TO:
                key = join_keys(key, i64(ahead + C_NAME * stride) + 1)
                prefetch(i64(state + ATTEMPTS) + SLOT * (shr(key, 1) & i64(state + ATTEMPTS + 8)))
        put64(col + C_FLAGS * stride, step(state, col, stride))
        put64(state + NOW, max(i64(state + NOW), i64(col + C_TS * stride)))
    return end


@entry
def sweep(state: int, table: int, new: int, mask: int) -> int:
    """Copy what may still be needed into an empty table of mask + 1 slots; how many that are."""
    old = i64(state + table)
    slots = i64(state + table + 8) + 1
    now = i64(state + NOW)
    kept = 0
    for k in range(slots):
        slot = old + SLOT * k
        if i64(slot) == 0 or not alive(state, slot, table, now):
            continue
        at = shr(i64(slot), 1) & mask
        while i64(new + SLOT * at) != 0:
            at = (at + 1) & mask
        for w in range(0, SLOT, 8):
            put64(new + SLOT * at + w, i64(slot + w))
        kept += 1
    put64(state + table, new)
    put64(state + table + 8, mask)
    put64(state + table + 16, kept)
    return kept
