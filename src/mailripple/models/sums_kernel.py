"""Kernel: the tables and the running sums that the scores of hosts are kept in.

Three open hash tables, each with a key in the first word of a slot:

    subjects    host, account or DNS client -> its running sums, 64 words
    pairs       what a subject has seen, when last, and for how long that is remembered: 2 words, for they are many
    hours       the same of what is remembered for hours only: it comes and goes, and stays in the processor's cache

An entry that has had its time is as good as gone before it is swept out: results do not depend on the tables' sizes.
Evidence is a likelihood ratio a step, kept as a CUSUM `S = max(S, 0) + log e` (Page 1954; it decides when) and as a
Shiryaev-Roberts sum `R = (1 + R) e` (it says how sure), both as fixed-point logarithms (`models.logs`).
"""

from __future__ import annotations

from mailripple.messages_tables import join_keys
from mailripple.models.logs import ONE, add_logs, log_of
from mailripple.parse.native import entry, i64, inline, part, prefetch, put64, shr
from mailripple.slots_kernel import empty, find, first_free, place_of, settle

#: The state block: address, mask and used slots of each table; then the latest time.
SUBJECTS, PAIRS, HOURS, NOW = 0, 24, 48, 72
SUBJECT, PAIR = 512, 16
#: A pair's second word: minute when it was last seen (0: it is forgotten) << 36, place in `KEEPS` << 34, units << 17,
#: failures; both count no further than MOST_COUNT.
P_WORD, P_LAST, P_KEEP, P_UNITS = 8, 36, 34, 17
MOST_COUNT = (1 << P_UNITS) - 1
MINUTE = 60_000_000
#: For how many minutes a pair is remembered: a mailing's hour (its key holds which one), a week and a day, sixty days.
KEEPS = (60, 8 * 1440, 60 * 1440)
FOR_HOURS, FOR_WEEK, FOR_LONG = range(3)
#: How many rows ahead memory is asked for.
AHEAD = 6
#: Words of a subject: first those that every step reads, then a score's own, of which the first are read as often (a
#: step waits for each line of memory that it looks at); and from X_REST on those that are looked at seldom.
X_ID, X_LAST, X_WEEK, X_WEEK_UNITS, X_KEPT, X_OWN = range(0, 48, 8)
X_KEY, X_KIND, X_FIRST = range(352, 376, 8)
X_MOST, X_SURE, X_NOTICE_AT, X_WARNING_AT, X_ALARM_AT, X_ONSET, X_ALARM_UNITS = range(376, 432, 8)
X_REST = X_KEY
#: X_WEEK_UNITS holds the units of this week, and those of the last one << 32.
#: The five records that weigh most since the evidence last began (X_KEPT: there are some): weight, then order.
X_TOP, TOP = 432, 5
WEEK = 7 * 86_400_000_000
#: A sum of evidence stops there (e = 1e12): it must be able to fall again.
LIMIT = log_of(10**12)


@part
def find_entry(state: int, table: int, size: int, key: int) -> int:
    """Address of the key's slot, or of the empty slot where it would stand."""
    return find(i64(state + table), size, i64(state + table + 8), key)


@part
def fetch_pair(state: int, table: int, key: int) -> int:
    """Ask for the pair's slot; the search for it may end three slots further on, in the next line of memory."""
    slot = place_of(state, table, PAIR, key)
    prefetch(slot)
    return prefetch(slot + 3 * PAIR)


@part
def forgotten(word: int, minute: int, keep: int) -> int:
    """True if the pair with that second word was last seen longer ago than it is remembered."""
    return minute - (word >> P_LAST) > KEEPS[keep]


@inline
def pair_of(state: int, key: int, minute: int, keep: int) -> int:
    """The key's pair, made if it is not known or forgotten (then not seen, counts 0).

    `minute` since 1970; `keep` a place in `KEEPS`, for a key always the same.  Without a branch: pairs come and are
    known as they like.
    """
    table = HOURS if keep == FOR_HOURS else PAIRS
    slot = find_entry(state, table, PAIR, key)
    new = i64(slot) == 0
    word = i64(slot + P_WORD)
    word = keep << P_KEEP if new | forgotten(word, minute, keep) else word
    put64(slot, key)
    put64(slot + P_WORD, word)
    put64(state + table + 16, i64(state + table + 16) + new)
    return slot


@part
def seen(slot: int) -> int:
    """True if the pair was seen, and not too long ago."""
    return i64(slot + P_WORD) >> P_LAST != 0


@part
def see(slot: int, minute: int) -> int:
    """The pair is seen now."""
    word = i64(slot + P_WORD)
    return put64(slot + P_WORD, (word & ((1 << P_LAST) - 1)) | (max(minute, 1) << P_LAST))


@part
def units_in(slot: int) -> int:
    return (i64(slot + P_WORD) >> P_UNITS) & MOST_COUNT


@part
def failures_in(slot: int) -> int:
    return i64(slot + P_WORD) & MOST_COUNT


@part
def set_counts(slot: int, units: int, failures: int) -> int:
    """Keep how many units the pair has, and how many of them failed."""
    high = (i64(slot + P_WORD) >> P_KEEP) << P_KEEP
    return put64(slot + P_WORD, high | min(units, MOST_COUNT) << P_UNITS | min(failures, MOST_COUNT))


@part
def subject_of(state: int, raw: int, kind: int, ts: int) -> int:
    """The subject's slot, made if it is not known."""
    key = join_keys(raw, kind)
    slot = find_entry(state, SUBJECTS, SUBJECT, key)
    if i64(slot) == 0:
        put64(slot, key)
        put64(slot + X_KEY, raw)
        put64(slot + X_KIND, kind)
        put64(slot + X_FIRST, ts)
        put64(state + SUBJECTS + 16, i64(state + SUBJECTS + 16) + 1)
    return slot


@part
def seen_before(state: int, key: int, minute: int, keep: int) -> int:
    """True if the pair was seen and is not forgotten; it is seen from now on."""
    slot = pair_of(state, key, minute, keep)
    known = seen(slot)
    see(slot, minute)
    return known


@part
def cusum(subject: int, stream: int, log_e: int) -> int:
    """Add a unit's evidence to a CUSUM; True where what it says may well have begun with this unit.

    The chance that the change came at unit k goes with exp(-S) before k: within e of the best, the last is taken.
    """
    s = i64(subject + stream)
    put64(subject + stream, min(max(s, 0) + log_e, LIMIT))
    return s <= ONE


@part
def roberts(subject: int, stream: int, log_e: int, units: int) -> int:
    """Add a unit's evidence to a Shiryaev-Roberts sum, R = (1 + R) e; before the first unit R is 0."""
    r = add_logs(0, i64(subject + stream)) & -(units > 1)
    put64(subject + stream, min(r + log_e, LIMIT))
    return 0


@part
def count_week(subject: int, ts: int) -> int:
    """Units of this week and the last: the number of moments at which a change could have come."""
    week = ts // WEEK
    units = i64(subject + X_WEEK_UNITS)
    if week != i64(subject + X_WEEK):
        units = units << 32 if week == i64(subject + X_WEEK) + 1 else 0
        put64(subject + X_WEEK, week)
    return put64(subject + X_WEEK_UNITS, units + 1)


@part
def week_units(subject: int) -> int:
    """Steps of this week and the last."""
    units = i64(subject + X_WEEK_UNITS)
    return shr(units, 32) + (units & 0xFFFFFFFF)


@part
def keep_line(subject: int, weight: int, order: int) -> int:
    """Keep the record among the five that weigh most, if it weighs anything; of equals the earlier ones."""
    if weight <= 0:
        return 0
    put64(subject + X_KEPT, 1)
    least = subject + X_TOP
    for j in range(1, TOP):
        slot = subject + X_TOP + 16 * j
        if i64(slot) < i64(least) or (i64(slot) == i64(least) and i64(slot + 8) > i64(least + 8)):
            least = slot
    if weight > i64(least):
        put64(least, weight)
        put64(least + 8, order)
    return 0


@part
def forget_lines(subject: int) -> int:
    """The evidence begins anew: what was kept no longer counts, unless the subject was noticed for it."""
    if i64(subject + X_KEPT) and i64(subject + X_NOTICE_AT) == 0:
        put64(subject + X_KEPT, 0)
        for j in range(TOP):
            put64(subject + X_TOP + 16 * j, 0)
    return 0


@part
def keep_sure(subject: int, log_r: int) -> int:
    """Keep the largest log E = log R - log of the steps of a week, at least 50; 0 where it never was more."""
    return put64(subject + X_SURE, max(i64(subject + X_SURE), log_r - log_of(max(50, week_units(subject)))))


@part
def full(state: int, table: int, room: int) -> int:
    """True if so many more rows are too many: subjects, which are large, fill three quarters of their table, pairs five
    eighths."""
    if table == SUBJECTS:
        return 4 * (i64(state + table + 16) + room) > 3 * i64(state + table + 8)
    return 8 * (i64(state + table + 16) + room) > 5 * i64(state + table + 8)


@entry
def is_full(state: int, table: int, room: int) -> int:
    """`full`, for the owner of the tables."""
    return full(state, table, room)


@entry
def forget_pairs(state: int, table: int) -> int:
    """Sweep what is long past out of the pairs or hours.  At least one slot must be empty."""
    base = i64(state + table)
    mask = i64(state + table + 8)
    minute = i64(state + NOW) // MINUTE
    first = first_free(base, PAIR)
    kept = 0
    for k in range(first + 1, first + mask + 1):
        slot = base + PAIR * (k & mask)
        if i64(slot) == 0:
            continue
        word = i64(slot + P_WORD)
        if forgotten(word, minute, (word >> P_KEEP) & 3):
            empty(slot, PAIR)
        else:
            settle(base, PAIR, mask, k & mask)
            kept += 1
    return put64(state + table + 16, kept)
