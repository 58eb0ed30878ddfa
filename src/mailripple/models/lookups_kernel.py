"""Kernel of `models.lookups`: evidence that a DNS client asks for mail exchangers as a mailer does, name by name.

A step is a name that the client has not asked for within eight days, and the gap since the last such name; or a name
that it asks for again, two minutes later or more.  Programs check their lists by the hour, the night or the week.
"""

from __future__ import annotations

from mailripple.messages_tables import join_keys
from mailripple.models.gaps import (
    AGAIN,
    BEGINS,
    BESIDE,
    CELLS,
    ENDS,
    GOES_ON,
    IN_STEP,
    KEEPS_STEP,
    LEAST,
    LOSES_STEP,
    MAILS,
    NEVER,
    RESTS,
    ROUNDING,
    SAME,
    SORTS,
    STEADY_ELSE,
    STEPS,
    STREAMS,
)
from mailripple.models.logs import add_logs, log_of
from mailripple.models.sums_kernel import (
    FOR_LONG,
    FOR_WEEK,
    MINUTE,
    NOW,
    P_KEEP,
    P_LAST,
    P_WORD,
    PAIRS,
    SUBJECT,
    SUBJECTS,
    X_ALARM_AT,
    X_ALARM_UNITS,
    X_KIND,
    X_LAST,
    X_MOST,
    X_NOTICE_AT,
    X_ONSET,
    X_OWN,
    X_WARNING_AT,
    count_week,
    cusum,
    find_entry,
    forget_lines,
    full,
    keep_line,
    keep_sure,
    pair_of,
    roberts,
    see,
    seen,
    subject_of,
)
from mailripple.parse.native import entry, i64, part, put64

STATE_WORDS = 7
#: Rows: time, order, client, name, and which question it was (EXCHANGER or GUESS).
R_TS, R_ORDER, R_CLIENT, R_NAME, R_ASKED = range(5)
EXCHANGER, GUESS = 1, 2
X_NAMES, X_SINCE, X_SINCE_NAMES = X_OWN, X_OWN + 8, X_OWN + 16
X_S = X_OWN + 24
X_R = X_S + 8 * STREAMS
#: Logarithms of the chances of the sorts of clump that the last name may belong to.
X_CLUMPS = X_R + 8 * STREAMS
#: The cell of the last gap.
X_CELL = X_CLUMPS + 8 * SORTS
SECOND = 1_000_000
#: e-values as logarithms.  An alarm of guesses is dearer: what else is asked for under such names is less well known.
#: What has gone on for `LASTS` is cheaper: people who type a handful of names are done by then.
NOTICE, WARNING, ALARM, ALARM_GUESS = log_of(1000), log_of(10_000), log_of(100_000), log_of(1_000_000)
ALARM_LASTS, LASTS = log_of(3000), 180 * SECOND
LOG_STREAMS = log_of(STREAMS)
#: Names since it began that an alarm needs, besides the first: of exchangers, and of domains whose server is guessed.
LEAST_NAMES, LEAST_GUESSED = 3, 3
#: Asking again so many minutes later is no resolver's repeat.
LATER = 2
#: In place of a name (no key is negative) in the pair of a client's first one; the bits of a pair that count elsewhere.
FIRST, REST = -3, (1 << P_KEEP) - 1


@part
def cell_of(gap: int) -> int:
    """The cell of a gap of whole seconds (see `gaps.edges`)."""
    x = gap + 1
    octave = 0
    while x >> (octave + 1) != 0:
        octave += 1
    quarter = (x >> (octave - 2)) & 3 if octave >= 2 else (x << (2 - octave)) & 3
    return min(4 * octave + quarter, CELLS - 1)


@part
def begin_clump(subject: int) -> int:
    """The first name: its clump may be of any sort."""
    for k in range(SORTS):
        put64(subject + X_CLUMPS + 8 * k, BEGINS[k])
    return 0


@part
def in_step(last: int, cell: int) -> int:
    """Log of the chance of a cell for whoever keeps in step with the last gap; only where `steps(last)`."""
    if cell == last:
        return SAME
    return BESIDE if cell == last - 1 or cell == last + 1 else NEVER


@part
def steps(last: int) -> int:
    """True if the last gap was one to be in step with."""
    return last >= IN_STEP and last < CELLS - 1


@part
def goes_on(sort: int, last: int, cell: int) -> int:
    """Log of the chance that a clump of this sort goes on with this gap."""
    if sort < SORTS - 1:
        return GOES_ON[CELLS * sort + cell]
    return STEPS + (in_step(last, cell) if steps(last) else RESTS[cell])


@part
def expect(subject: int, last: int, cell: int) -> int:
    """Log of the null's chance of a gap in this cell, after all that the client has asked; the sorts are filtered."""
    clumps = subject + X_CLUMPS
    ends = i64(clumps) + ENDS[0]
    for k in range(1, SORTS):
        ends = add_logs(ends, i64(clumps + 8 * k) + ENDS[k])
    ends += RESTS[cell]
    chance = ends
    for k in range(SORTS):
        chance = add_logs(chance, i64(clumps + 8 * k) + goes_on(k, last, cell))
    for k in range(SORTS):
        stays = i64(clumps + 8 * k) + goes_on(k, last, cell)
        put64(clumps + 8 * k, add_logs(stays, ends + BEGINS[k]) - chance)
    return chance


@part
def mails(stream: int, last: int, cell: int) -> int:
    """Log of the chance of this gap for a mailer."""
    if stream < STREAMS - 1:
        return MAILS[CELLS * stream + cell]
    alone = MAILS[CELLS * STEADY_ELSE + cell]
    return add_logs(KEEPS_STEP + in_step(last, cell), LOSES_STEP + alone) if steps(last) else alone


@part
def weigh(subject: int, gap: int, ts: int) -> int:
    """A new name, `gap` seconds after the last: add to the streams, and judge.  Returns the largest evidence."""
    names = i64(subject + X_NAMES)
    cell = cell_of(gap)
    last = i64(subject + X_CELL)
    chance = expect(subject, last, cell) + ROUNDING
    put64(subject + X_CELL, cell)
    fresh = 0
    most = LEAST
    for j in range(STREAMS):
        log_e = max(mails(j, last, cell) - chance, LEAST)
        most = max(most, log_e)
        fresh += cusum(subject, X_S + 8 * j, log_e)
        roberts(subject, X_R + 8 * j, log_e, names - 1)
    if fresh == STREAMS:
        put64(subject + X_SINCE, ts)
        put64(subject + X_SINCE_NAMES, 0)
        forget_lines(subject)
    put64(subject + X_SINCE_NAMES, i64(subject + X_SINCE_NAMES) + 1)
    total = i64(subject + X_S)
    sure = i64(subject + X_R)
    for j in range(1, STREAMS):
        total = add_logs(total, i64(subject + X_S + 8 * j))
        sure = add_logs(sure, i64(subject + X_R + 8 * j))
    total -= LOG_STREAMS
    keep_sure(subject, sure - LOG_STREAMS)
    put64(subject + X_MOST, max(i64(subject + X_MOST), total))
    reach(subject, total, ts)
    return most


@part
def reach(subject: int, total: int, ts: int) -> int:
    """Note when each level was first reached, and since when."""
    if total >= NOTICE and i64(subject + X_NOTICE_AT) == 0:
        put64(subject + X_NOTICE_AT, ts)
        put64(subject + X_ONSET, i64(subject + X_SINCE))
    if total >= WARNING and i64(subject + X_WARNING_AT) == 0:
        put64(subject + X_WARNING_AT, ts)
    guessed = i64(subject + X_KIND) == GUESS
    least = LEAST_GUESSED if guessed else LEAST_NAMES
    lasts = ts - i64(subject + X_SINCE) >= LASTS
    needed = ALARM_GUESS if guessed else ALARM_LASTS if lasts else ALARM
    enough = total >= needed and i64(subject + X_SINCE_NAMES) >= least
    if enough and i64(subject + X_ALARM_AT) == 0:
        put64(subject + X_ALARM_AT, ts)
        put64(subject + X_ONSET, i64(subject + X_SINCE))
        put64(subject + X_ALARM_UNITS, i64(subject + X_SINCE_NAMES))
    return 0


@part
def ask_again(subject: int) -> int:
    """A name that the client asked for before: against every stream."""
    for j in range(STREAMS):
        cusum(subject, X_S + 8 * j, AGAIN)
        roberts(subject, X_R + 8 * j, AGAIN, 2)
    return 0


@part
def first_name(state: int, key: int, ts: int) -> int:
    """When the client asked for its first name, at most sixty days ago; -1 if that is now.

    Most clients ask for one name only, so the first one is kept as a pair, with the rest of its minute in place of
    counts: thirty-two such clients have room where one subject has.
    """
    pair = pair_of(state, join_keys(key, FIRST), ts, FOR_LONG)
    word = i64(pair + P_WORD)
    if seen(pair):
        return (word >> P_LAST) * MINUTE + (word & REST)
    see(pair, ts)
    put64(pair + P_WORD, i64(pair + P_WORD) | ts % MINUTE)
    return -1


@part
def begin_with(subject: int, ts: int) -> int:
    """What is known of a client by its first name."""
    put64(subject + X_NAMES, 1)
    put64(subject + X_LAST, ts)
    put64(subject + X_SINCE, ts)
    count_week(subject, ts)
    return begin_clump(subject)


@entry
def fold_lookups(state: int, rows: int, stride: int, begin: int, end: int) -> int:
    """Fold the questions [begin, end) in; the number of the first one that must wait for room."""
    for n in range(begin, end):
        row = rows + 8 * n
        if full(state, SUBJECTS, 1) or full(state, PAIRS, 2):
            return n
        ts = i64(row)
        asked = i64(row + R_ASKED * stride)
        put64(state + NOW, max(i64(state + NOW), ts))
        key = join_keys(i64(row + R_CLIENT * stride), asked)
        subject = find_entry(state, SUBJECTS, SUBJECT, key)
        pair = pair_of(state, join_keys(key, i64(row + R_NAME * stride)), ts, FOR_WEEK)
        since = ts // MINUTE - (i64(pair + P_WORD) >> P_LAST)
        known = seen(pair)
        see(pair, ts)
        if known:
            if since >= LATER and i64(subject) != 0:
                ask_again(subject)
            continue
        if i64(subject) == 0:
            first = first_name(state, key, ts)
            if first < 0:
                continue
            begin_with(subject_of(state, i64(row + R_CLIENT * stride), asked, first), first)
        last = i64(subject + X_LAST)
        put64(subject + X_NAMES, i64(subject + X_NAMES) + 1)
        put64(subject + X_LAST, ts)
        count_week(subject, ts)
        weight = weigh(subject, max(ts - last, 0) // SECOND, ts)
        keep_line(subject, weight, i64(row + R_ORDER * stride))
    return end
