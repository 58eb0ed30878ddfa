"""Kernel: the tables of open messages that `messages_kernel` folds into.

Four open hash tables, each with a key in the first word of a slot:

    messages    (server, queue id) -> who handed it in, what is still open
    attempts    (server, queue id, destination) -> the last attempt
    handed      Message-ID -> queue id, for mail that comes back: from sendmail's MSP, or from a content filter
    sessions    (server, process) -> authenticated identity; (server, delivery) -> its message and destination

Slots are a cache line, or half of one: what is looked at costs a line of memory each.

An entry leaves when the message is finished and a while has passed, so memory grows with open queue ids only.  One
that has had its time is as good as gone even before it is swept out: results do not depend on the size of the tables.
"""

from __future__ import annotations

from mailripple.parse.native import entry, i64, inline, mulmix, part, prefetch, put64, shr
from mailripple.parse.text import K1, K2, V4_KEY
from mailripple.slots_kernel import empty, find, first_free, place_of, settle

#: The state block: for each table its address, mask and number of used slots; then the latest time, the hash of the
#: mailer's name "relay", the key of ::1, and the hashes of the mailers that deliver on the machine itself.
MESSAGES, ATTEMPTS, HANDED, SESSIONS = 0, 24, 48, 72
NOW, RELAY_MAILER, LOOPBACK6, LOCAL, LOCAL_END = 96, 104, 112, 120, 224
STATE_WORDS = 28
#: Bytes of a slot: of messages and sessions, of attempts and handed.
SLOT, HALF = 64, 32

M_CLIENT, M_ACCOUNT, M_SENDER, M_LAST, M_LEFT, M_OPEN, M_FLAGS = 8, 16, 24, 32, 40, 48, 56
A_LAST, A_PID, A_STATE = 8, 16, 24
#: Bits of A_STATE, from the lowest: in which use of the queue id the attempt was made, and in which its outcome was
#: told (16 each); the queue run; whether it waits for a retry.
A_FINAL, A_RUN, A_OPEN = 16, 32, 40
#: Of handed only the first three.
H_QUEUE, H_LAST, H_NEXT, H_CLIENT, H_ACCOUNT = 8, 16, 24, 32, 40
#: Bits of M_FLAGS: a from= was seen; a bounce; begun before the log; a line says who handed it in; came back from a
#: filter; its server's queue manager says from= at each queue run; finished.  Above them the number of the queue run,
#: how often the queue id was used, and the second at which it was first taken in, to be handed over.
SEEN, DSN, ORPHAN, TAKEN, RETURNED, MANAGED, DONE = 1, 2, 4, 8, 16, 32, 64
RUN, USE, BIRTH = 8, 16, 24

SECOND = 1_000_000
#: A finished message is remembered that long: aliases and other records may still come.
GRACE = 900 * SECOND
#: An open one that long after its last record (sendmail gives up after 5 days).
OPEN_FOR = 6 * 86_400 * SECOND
#: Records of one process for one destination within that time belong to one attempt.
SAME_RUN = 900 * SECOND
#: The same where the log names no process (qmail tries again after 400 s).
SAME_TIME = 300 * SECOND
SESSION = 3600 * SECOND
LOOPBACK = V4_KEY + (127 << 24)


@part
def join_keys(a: int, b: int) -> int:
    """One key of two; never 0."""
    return mulmix(a ^ K1, b ^ K2) | 1


@inline
def size_of(table: int) -> int:
    """Bytes of a slot of the table."""
    return HALF if table == ATTEMPTS or table == HANDED else SLOT


@part
def find_slot(state: int, table: int, key: int) -> int:
    """Address of the key's slot, or of the empty slot where it would stand."""
    return find(i64(state + table), size_of(table), i64(state + table + 8), key)


@inline
def fetch_slot(state: int, table: int, key: int) -> int:
    """Ask for the key's slot, and for the next one, in which the search for it may end."""
    slot = place_of(state, table, size_of(table), key)
    prefetch(slot)
    return prefetch(slot + size_of(table))


@inline
def message_alive(slot: int, now: int) -> int:
    """True if more of the message may still come."""
    idle = now - i64(slot + M_LAST)
    return idle < GRACE or ((i64(slot + M_OPEN) > 0 or i64(slot + M_LEFT) > 0) and idle < OPEN_FOR)


@inline
def alive(state: int, slot: int, table: int, now: int) -> int:
    """True if the entry may still be needed."""
    if table == MESSAGES:
        return message_alive(slot, now)
    if table == ATTEMPTS:
        idle = now - i64(slot + A_LAST)
        return idle < 2 * GRACE or (i64(slot + A_STATE) >> A_OPEN and idle < OPEN_FOR)
    if table == HANDED:  # as long as the message that was handed over, and its id is not another's meanwhile
        first = find_slot(state, MESSAGES, i64(slot + H_QUEUE))
        return shr(i64(first + M_FLAGS), USE) == i64(slot + H_LAST) and message_alive(first, now)
    return now - i64(slot + H_LAST) < SESSION


@part
def find_known(state: int, table: int, key: int, now: int) -> int:
    """`find_slot`, but an entry that has had its time is emptied (its words but the key are 0)."""
    slot = find_slot(state, table, key)
    if i64(slot) != 0 and not alive(state, slot, table, now):
        for k in range(8, size_of(table), 8):
            put64(slot + k, 0)
    return slot


@part
def claim(state: int, table: int, key: int, now: int) -> int:
    """The key's slot, made if it is not known (all words but the key 0)."""
    slot = find_known(state, table, key, now)
    if i64(slot) == 0:
        put64(slot, key)
        put64(state + table + 16, i64(state + table + 16) + 1)
    return slot


@part
def crowded(state: int, table: int) -> int:
    """True if the table is too full for the next events: more than five eighths."""
    return 8 * i64(state + table + 16) > 5 * i64(state + table + 8)


@entry
def is_crowded(state: int, table: int) -> int:
    """`crowded`, for the owner of the tables."""
    return crowded(state, table)


@inline
def sweep_table(state: int, table: int) -> int:
    """`sweep`, translated for each table apart."""
    base = i64(state + table)
    mask = i64(state + table + 8)
    now = i64(state + NOW)
    size = size_of(table)
    first = first_free(base, size)
    kept = 0
    for k in range(first + 1, first + mask + 1):
        slot = base + size * (k & mask)
        if table == HANDED:  # whether it is needed hangs on its message, which is anywhere
            ahead = i64(base + size * ((k + 8) & mask) + H_QUEUE)
            fetch_slot(state, MESSAGES, ahead)
        if i64(slot) == 0:
            continue
        if alive(state, slot, table, now):
            settle(base, size, mask, k & mask)
            kept += 1
        else:
            empty(slot, size)
    put64(state + table + 16, kept)
    return kept


@entry
def sweep(state: int, table: int) -> int:
    """Forget what is no longer needed; how much is left.  At least one slot must be empty."""
    if table == MESSAGES:
        return sweep_table(state, MESSAGES)
    if table == ATTEMPTS:
        return sweep_table(state, ATTEMPTS)
    if table == HANDED:
        return sweep_table(state, HANDED)
    return sweep_table(state, SESSIONS)
