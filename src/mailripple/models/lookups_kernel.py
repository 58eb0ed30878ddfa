"""Kernel of `models.lookups`: evidence that a DNS client asks for mail exchangers as a mailer does, name by name.

A step is a name that the client has not asked for within eight days: the gap since the last such name, and whether a
question for an address follows; or a name that it asks for again, two minutes later or more.  Programs check their
lists by the hour, the night or the week.
"""

from __future__ import annotations

from mailripple.messages_tables import join_keys
from mailripple.models.gaps import (
    AGAIN,
    AGAIN_MOST,
    AGAINS,
    BEGINS,
    BESIDE,
    CELLS,
    ENDS,
    FOLLOWS,
    GOES_ON,
    IN_STEP,
    KEEPS_STEP,
    LEAST,
    LOSES_STEP,
    MAILS,
    NEVER,
    RESOLVE,
    RESOLVED,
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
    AHEAD,
    FOR_LONG,
    FOR_WEEK,
    LIMIT,
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
    fetch_pair,
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
from mailripple.parse import layout as L
from mailripple.parse.native import entry, i64, part, prefetch, put64
from mailripple.slots_kernel import place_of
from mailripple.tables import QTYPES

STATE_WORDS = 10
C_TS, C_LINE, C_CODE, C_CLIENT = L.COL["ts"], L.COL["line"], L.COL["code"], L.COL["client"]
C_NAME, C_LINK = L.COL["name"], L.COL["link"]
#: Which question it is, as bits: one for an exchanger, for an address of a guessed one, for any address.
EXCHANGER, GUESS, ADDRESS = 1, 2, 4
MX = QTYPES.index("MX")
X_NAMES, X_SINCE, X_SINCE_NAMES = X_OWN, X_OWN + 8, X_OWN + 16
X_S = X_OWN + 24
X_R = X_S + 8 * STREAMS
#: Logarithms of the chances of the sorts of clump that the last name may belong to.
X_CLUMPS = X_R + 8 * STREAMS
#: The cell of the last gap; the last name while an address may still follow it, else 0; how many names were followed;
#: names asked again that are not yet told to the streams.
X_CELL = X_CLUMPS + 8 * SORTS
X_OPEN, X_FOLLOWED, X_AGAIN = range(X_CELL + 8, X_CELL + 32, 8)
SECOND = 1_000_000
#: Within which an address follows.
SOON = 2 * SECOND
#: e-values as logarithms, of a notice, a warning and an alarm.  Those of guesses are dearer: what else is asked for
#: under such names is less well known.
LEVELS = (log_of(1000), log_of(3000), log_of(10_000))
LEVELS_GUESS = (log_of(1000), log_of(10_000), log_of(1_000_000))
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
def tell_again(subject: int) -> int:
    """Names that were asked for again, against every stream: as that many steps of `AGAIN`, one after the other.

    A mail server asks again and again, and a step costs as much as a new name: they are counted, and told at once.
    """
    times = i64(subject + X_AGAIN)
    if times == 0:
        return 0
    put64(subject + X_AGAIN, 0)
    fall = times * AGAIN
    for j in range(STREAMS):
        s = max(i64(subject + X_S + 8 * j), 0)
        put64(subject + X_S + 8 * j, max(s + fall, AGAIN))
        put64(subject + X_R + 8 * j, add_logs(i64(subject + X_R + 8 * j) + fall, AGAINS[min(times, AGAIN_MOST)]))
    return 0


@part
def resolve_name(subject: int, follows: int) -> int:
    """An address follows the last name, or none does: the second mark of that name, once."""
    if i64(subject + X_OPEN) == 0:
        return 0
    put64(subject + X_OPEN, 0)
    put64(subject + X_FOLLOWED, i64(subject + X_FOLLOWED) + follows)
    clumps = subject + X_CLUMPS
    chance = i64(clumps) + FOLLOWS[follows]
    for k in range(1, SORTS):
        chance = add_logs(chance, i64(clumps + 8 * k) + FOLLOWS[2 * k + follows])
    for k in range(SORTS):
        put64(clumps + 8 * k, i64(clumps + 8 * k) + FOLLOWS[2 * k + follows] - chance)
    log_e = RESOLVED[follows] - chance - ROUNDING
    for j in range(RESOLVE, STREAMS - 1):
        put64(subject + X_S + 8 * j, min(i64(subject + X_S + 8 * j) + log_e, LIMIT))
        put64(subject + X_R + 8 * j, min(i64(subject + X_R + 8 * j) + log_e, LIMIT))
    return 0


@part
def weigh(subject: int, gap: int, ts: int) -> int:
    """A new name, `gap` seconds after the last: add to the streams.  Returns the largest evidence."""
    tell_again(subject)
    resolve_name(subject, 0)
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
    return most


@part
def judge_names(subject: int, ts: int) -> int:
    """The streams' mean: keep how sure it is, and the levels that are reached."""
    total = i64(subject + X_S)
    sure = i64(subject + X_R)
    for j in range(1, STREAMS):
        total = add_logs(total, i64(subject + X_S + 8 * j))
        sure = add_logs(sure, i64(subject + X_R + 8 * j))
    total -= LOG_STREAMS
    keep_sure(subject, sure - LOG_STREAMS)
    put64(subject + X_MOST, max(i64(subject + X_MOST), total))
    return reach(subject, total, ts)


@part
def reach(subject: int, total: int, ts: int) -> int:
    """Note when each level was first reached, and since when."""
    guessed = i64(subject + X_KIND) == GUESS
    if total >= (LEVELS_GUESS[0] if guessed else LEVELS[0]) and i64(subject + X_NOTICE_AT) == 0:
        put64(subject + X_NOTICE_AT, ts)
        put64(subject + X_ONSET, i64(subject + X_SINCE))
    if total >= (LEVELS_GUESS[1] if guessed else LEVELS[1]) and i64(subject + X_WARNING_AT) == 0:
        put64(subject + X_WARNING_AT, ts)
    enough = i64(subject + X_SINCE_NAMES) >= (LEAST_GUESSED if guessed else LEAST_NAMES)
    if enough and total >= (LEVELS_GUESS[2] if guessed else LEVELS[2]) and i64(subject + X_ALARM_AT) == 0:
        put64(subject + X_ALARM_AT, ts)
        put64(subject + X_ONSET, i64(subject + X_SINCE))
        put64(subject + X_ALARM_UNITS, i64(subject + X_SINCE_NAMES))
    return 0


@part
def first_name(state: int, key: int, ts: int) -> int:
    """When the client asked for its first name, at most sixty days ago; -1 if that is now.

    Most clients ask for one name only, so the first one is kept as a pair, with the rest of its minute in place of
    counts: thirty-two such clients have room where one subject has.
    """
    pair = pair_of(state, join_keys(key, FIRST), ts // MINUTE, FOR_LONG)
    word = i64(pair + P_WORD)
    if seen(pair):
        return (word >> P_LAST) * MINUTE + (word & REST)
    see(pair, ts // MINUTE)
    put64(pair + P_WORD, i64(pair + P_WORD) | ts % MINUTE)
    return -1


@part
def begin_with(subject: int, ts: int) -> int:
    """What is known of a client by its first name; its subject."""
    put64(subject + X_NAMES, 1)
    put64(subject + X_LAST, ts)
    put64(subject + X_SINCE, ts)
    count_week(subject, ts)
    begin_clump(subject)
    return subject


@part
def follow(state: int, client: int, name: int, ts: int) -> int:
    """A question for an address: it may be that of the exchanger asked for just before."""
    subject = find_entry(state, SUBJECTS, SUBJECT, join_keys(client, EXCHANGER))
    since = ts - i64(subject + X_LAST)
    last = i64(subject + X_OPEN)
    another = name != last
    if i64(subject) != 0 and last != 0 and another and since >= 0 and since <= SOON:
        tell_again(subject)
        resolve_name(subject, 1)
        judge_names(subject, ts)
    return 0


@part
def question_of(col: int, stride: int) -> int:
    """Which question it is."""
    code = i64(col + C_CODE * stride)
    if (code >> 16) & 0xFF == MX:
        return EXCHANGER
    return ADDRESS | GUESS if (code >> 24) & 15 == L.GUESSED else ADDRESS


@part
def name_of(col: int, stride: int, asked: int) -> int:
    """The name whose exchanger is asked for; of a guess the domain."""
    return i64(col + (C_LINK if asked & GUESS else C_NAME) * stride)


@part
def take_name(state: int, col: int, stride: int, asked: int) -> int:
    """A question for the exchanger of a name, or a guess at it."""
    ts = i64(col + C_TS * stride)
    client = i64(col + C_CLIENT * stride)
    name = name_of(col, stride, asked)
    key = join_keys(client, asked)
    subject = find_entry(state, SUBJECTS, SUBJECT, key)
    pair = pair_of(state, join_keys(key, name), ts // MINUTE, FOR_WEEK)
    since = ts // MINUTE - (i64(pair + P_WORD) >> P_LAST)
    known = seen(pair)
    see(pair, ts // MINUTE)
    if known:
        later = since >= LATER and i64(subject) != 0
        return put64(subject + X_AGAIN, i64(subject + X_AGAIN) + 1) if later else 0
    if i64(subject) == 0:
        first = first_name(state, key, ts)
        if first < 0:
            return 0
        subject = begin_with(subject_of(state, client, asked, first), first)
    last = i64(subject + X_LAST)
    put64(subject + X_NAMES, i64(subject + X_NAMES) + 1)
    put64(subject + X_LAST, ts)
    count_week(subject, ts)
    weight = weigh(subject, max(ts - last, 0) // SECOND, ts)
    put64(subject + X_OPEN, name if asked == EXCHANGER else 0)
    judge_names(subject, ts)
    return keep_line(subject, weight, i64(col + C_LINE * stride))


@part
def fetch_question(state: int, col: int, stride: int) -> int:
    """Ask for the places of a later question's subject and pairs: the tables are larger than the cache."""
    asked = question_of(col, stride)
    client = i64(col + C_CLIENT * stride)
    if asked & ADDRESS:
        prefetch(place_of(state, SUBJECTS, SUBJECT, join_keys(client, EXCHANGER)))
    if asked & (EXCHANGER | GUESS):
        key = join_keys(client, asked & (EXCHANGER | GUESS))
        prefetch(place_of(state, SUBJECTS, SUBJECT, key))
        fetch_pair(state, PAIRS, join_keys(key, FIRST))
        fetch_pair(state, PAIRS, join_keys(key, name_of(col, stride, asked)))
    return 0


@entry
def fold_lookups(state: int, cols: int, stride: int, apart: int, begin: int, end: int) -> int:
    """Fold the questions [begin, end) in; the number of the first one that must wait for room.

    Columns as in `Events`, `stride` bytes apart, rows `apart`.
    """
    for n in range(begin, end):
        col = cols + apart * n
        if n + AHEAD < end:
            fetch_question(state, col + apart * AHEAD, stride)
        if full(state, SUBJECTS, 1) or full(state, PAIRS, 2):
            return n
        ts = i64(col + C_TS * stride)
        put64(state + NOW, max(i64(state + NOW), ts))
        asked = question_of(col, stride)
        if asked & ADDRESS:
            follow(state, i64(col + C_CLIENT * stride), i64(col + C_NAME * stride), ts)
        if asked & (EXCHANGER | GUESS):
            take_name(state, col, stride, asked & (EXCHANGER | GUESS))
    return end
