"""Kernel of `models.senders`: evidence that a host or account sends mass mail, message by message.

The unit is a message and recipient domain with its first final outcome (`layout.F_FINAL`).  `sums_kernel` holds the
tables: subjects are hosts and accounts; pairs are (subject, domain) and (subject, sender) seen; hours are (subject,
sender, hour) with its units and failures.
"""

from __future__ import annotations

from mailripple.messages_tables import join_keys
from mailripple.models.logs import ONE, add_logs, fixed, log_of
from mailripple.models.sums_kernel import (
    AHEAD,
    FOR_HOURS,
    FOR_LONG,
    HOURS,
    LIMIT,
    MINUTE,
    NOW,
    PAIRS,
    SUBJECT,
    SUBJECTS,
    X_ALARM_AT,
    X_ALARM_UNITS,
    X_LAST,
    X_MOST,
    X_NOTICE_AT,
    X_ONSET,
    X_OWN,
    X_WARNING_AT,
    count_week,
    cusum,
    failures_in,
    fetch_pair,
    forget_lines,
    full,
    keep_line,
    keep_sure,
    pair_of,
    roberts,
    see,
    seen,
    seen_before,
    set_counts,
    subject_of,
    units_in,
    week_units,
)
from mailripple.parse import layout as L
from mailripple.parse.native import entry, i64, part, prefetch, put64, shr
from mailripple.slots_kernel import place_of

#: The state block behind the tables: when the next lesson is due, the null sender, the site's failure rate; and what
#: `rate_words` makes of it: the logarithms of 1 - theta and theta, of it and of a mass mailer's first contacts.
NEXT_DAY, NULL_SENDER, THETA, PLAIN, CONTACT = 80, 88, 96, 104, 120
STATE_WORDS = 17
#: Rows of `messages.Attempts`.
R_TS, R_ORDER, R_SERVER, R_QUEUE, R_CLIENT, R_ACCOUNT = range(6)
R_SENDER, R_DOMAIN, R_FIRST, R_STATUS, R_DSN, R_FINAL = range(6, 12)

#: Words of a subject behind those of `sums_kernel`: what every unit reads.
(
    X_UNITS,
    X_FAILS,
    X_DOMAINS,
    X_CURVE,
    X_SENDERS,
    X_MESSAGES,
    X_QUEUE,
    X_B,
    X_B2,
    X_B3,
    X_V,
    X_S,
    X_P,
    X_RB,
    X_RB3,
    X_RV,
    X_RS,
    X_B_SINCE,
    X_V_SINCE,
    X_S_SINCE,
    X_P_SINCE,
    X_B_UNITS,
    X_V_UNITS,
    X_S_UNITS,
    X_P_UNITS,
    X_DAY,
    X_OLD_SENDERS,
    X_OLD_MESSAGES,
    X_PAST_FAILS,
    X_SPOKE,
    X_HOUR,
    X_LOW,
    X_LOGIN,
    X_LOGIN_AT,
    X_OFTEN,
) = range(X_OWN, X_OWN + 35 * 8, 8)
#: ... and the rest.
X_CLUSTERED, X_DEFERRED, X_MID_SENDERS, X_MID_MESSAGES = range(X_OFTEN, X_OFTEN + 4 * 8, 8)
HOST, ACCOUNT = 1, 2

HOUR = 3_600_000_000
DAY = 24 * HOUR
#: A mailing: what a subject sends with one sender address in as long.
MAILING = HOUR
#: Failures, alternatives: a mass mailer fails that often (several at once; the truth need only lie between).  The last
#: learns within a mailing, as the null does: else the null, which learns, would do better where half fails.
THETAS = (fixed(0.1), fixed(0.2))
THETA_MOST = fixed(0.4)
#: Their logarithms: log(1 - theta) and log(theta) in turn.
THETA_LOGS = tuple(log_of(p) for theta in THETAS for p in (ONE - theta, theta))
#: Within (subject, sender, hour) failures are beta-binomial: `CLUSTER` prior units carry the site's rate, which is a
#: correlation of 1/(CLUSTER + 1) between the recipients of one mailing.
CLUSTER = 20
#: A subject's own rate is drawn to the site's by so many messages, and is never above it nor below this.
OWN_SHRINK, OWN_LEAST = 50, fixed(0.02)
#: A recipient that is new to the host fails half as often again as a known one, or twice as often (real servers); the
#: smaller factor, for the rate that it multiplies is already an upper quantile.  As a fraction.
NEW_FAILS, NEW_FAILS_OF = 3, 2
#: First contacts, null: Pitman-Yor with concentration 2 and discount 1/2, half as many again, and 3 % at least.
FLOOR, CEILING = fixed(0.03), fixed(0.9)
#: First contacts, alternative: at least 55 %; failures .2.
NEW_LEAST, NEW_MOST, NEW_MORE = fixed(0.55), fixed(0.97), fixed(0.2)
ALT_FAILS = fixed(0.2)
#: Senders: Pitman-Yor with concentration 2 and discount .4, but no less than the share of new senders that the host had
#: until a day ago (a gateway has many, and a mailer must not teach its own null); floor 2 %.  A mailer changes it in
#: 80 % of its messages.
SENDER_FLOOR, SENDER_ALT = fixed(0.02), fixed(0.8)
SENDER_LOGS = (log_of(ONE - SENDER_ALT), log_of(SENDER_ALT))
#: e-values as logarithms.  Stream S counts from `GATE` on.  An alarm needs failures alone to say `CHANGING`, or
#: `STEADY` where senders do not change: by the alternatives that a list with some dead addresses does not look like
#: (.2 and .4); and then more than one mailing must speak: `GATE` an earlier one, and the present one a factor `MORE`,
#: which is more than one failure says that comes after an old list.  Both are for 50 messages a week and grow
#: with them: a CUSUM reaches c within N steps with chance N/c.
GATE, CHANGING, STEADY, NOTICE = log_of(20), log_of(50), log_of(400), log_of(1000)
#: Of a subject without a day-old past of `HISTORY` messages nobody knows whether it is a relay for many people: there,
#: and wherever it is said how sure an incident is, V and S count no more than 500 times what failures say.
LEAD, HISTORY = log_of(500), 20
WARNING, ALARM = log_of(10_000), log_of(100_000)
MORE = log_of(12)
#: From so many new senders on since the midnight before last, which no list has, a factor of 2 is enough.
FEW_SENDERS = 3
#: Mass mail is many messages: so many since the midnight before last, for an alarm.
MASS = 12
#: Or a mailing of so many units of which an eighth fails, or in which as many fail and they are nine in twenty: old
#: lists of one's own are smaller, and not as bad.
LARGE, LARGE_FAILS, BAD, BAD_OF = 600, 75, 9, 20
LN3, LN2_, LN50 = log_of(3), log_of(2), log_of(50)


def rate_words(theta: int) -> tuple[int, ...]:
    """The words from THETA on: a failure rate in fixed point, and the logarithms that each unit needs of it."""
    contact = max(ALT_FAILS, min(3 * theta, CEILING))
    return theta, *(log_of(p) for rate in (theta, contact) for p in (ONE - rate, rate))


@part
def log_share(p: int, failed: int) -> int:
    """log p where it failed, log(1 - p) where not; p fixed point."""
    return log_of(p if failed else ONE - p)


@part
def chance_in(slot: int, theta: int) -> int:
    """Predictive chance of failure in a beta-binomial cluster whose mean is theta before it begins, fixed point."""
    return (CLUSTER * theta + failures_in(slot) * ONE) // (CLUSTER + units_in(slot))


@part
def rate_of(state: int, subject: int) -> int:
    """How often the subject's mail fails by the null, before a mailing begins: as the site's, or less where its past,
    a day old, says so.  More it never is: hosts that fail more are what is looked for."""
    site = i64(state + THETA)
    fails = shr(i64(subject + X_PAST_FAILS), 32)
    own = (fails * ONE + OWN_SHRINK * site) // (i64(subject + X_OLD_MESSAGES) + OWN_SHRINK)
    return min(site, max(own, OWN_LEAST))


@part
def mailing_of(state: int, subject: int, sender: int, ts: int, minute: int) -> int:
    """The pair that counts the units and failures of the mailing."""
    cell = pair_of(state, join_keys(join_keys(i64(subject), sender), ts // MAILING + 3), minute, FOR_HOURS)
    see(cell, minute)
    return cell


@part
def add_to_mailing(cell: int, failed: int) -> int:
    """Count the unit; true if the mailing is larger or worse than an old list of one's own."""
    units = units_in(cell) + 1
    failures = failures_in(cell) + failed
    set_counts(cell, units, failures)
    large = units >= LARGE and 8 * failures >= units
    return large or (failures >= LARGE_FAILS and BAD_OF * failures >= BAD * units)


@part
def step_failures(state: int, subject: int, chance: int, most: int, failed: int, ts: int) -> int:
    """Stream B, clustered, and P, plain; chances of failure under the null, and under the last alternative."""
    null = log_share(chance, failed)
    units = i64(subject + X_UNITS)
    learnt = log_share(most, failed) - null
    fresh = cusum(subject, X_B3, learnt)
    roberts(subject, X_RB3, learnt, units)
    for j in range(2):
        log_e = THETA_LOGS[2 * j + failed] - null
        fresh += cusum(subject, X_B + 8 * j, log_e)
        if j == 1:
            roberts(subject, X_RB, log_e, units)
    if fresh == 3:
        put64(subject + X_B_SINCE, ts)
        put64(subject + X_B_UNITS, 0)
    put64(subject + X_B_UNITS, i64(subject + X_B_UNITS) + 1)
    if cusum(subject, X_P, THETA_LOGS[2 + failed] - i64(state + PLAIN + 8 * failed)):
        put64(subject + X_P_SINCE, ts)
        put64(subject + X_P_UNITS, 0)
    put64(subject + X_P_UNITS, i64(subject + X_P_UNITS) + 1)
    return 0


@part
def novelty_chance(subject: int) -> int:
    """Chance of a first contact under the null (Pitman-Yor in what the host has seen so far), fixed point.

    What it has seen is no more than twice what the population sees in as many messages: a mailer must not teach its
    own null (X_CURVE follows the population's curve).
    """
    k = i64(subject + X_UNITS) - 1
    seen = min(i64(subject + X_DOMAINS) * ONE, 2 * i64(subject + X_CURVE) + 2 * ONE)
    return min(CEILING, (3 * (2 * ONE + seen // 2)) // (2 * (2 + k)) + FLOOR)


@part
def step_contacts(state: int, subject: int, known: int, chance: int, failed: int, ts: int) -> int:
    """Stream V: first contact and failure as one joint table; `chance` 0: the failure says nothing.  Its evidence."""
    q = novelty_chance(subject)
    k = i64(subject + X_UNITS) - 1
    curve = i64(subject + X_CURVE)
    put64(subject + X_CURVE, curve + (2 * ONE + curve // 2) // (2 + k))
    put64(subject + X_DOMAINS, i64(subject + X_DOMAINS) + (known == 0))
    more = min(NEW_FAILS * chance // NEW_FAILS_OF, CEILING)
    fails = chance if known else more
    other = min(NEW_MOST, max(NEW_LEAST, q + NEW_MORE))
    log_e = log_share(other, not known) - log_share(q, not known)
    if chance:
        log_e += i64(state + CONTACT + 8 * failed) - log_share(fails, failed)
    if cusum(subject, X_V, log_e):
        put64(subject + X_V_SINCE, ts)
        put64(subject + X_V_UNITS, 0)
        forget_lines(subject)
    put64(subject + X_V_UNITS, i64(subject + X_V_UNITS) + 1)
    roberts(subject, X_RV, log_e, i64(subject + X_UNITS))
    return log_e


@part
def remember_day(subject: int, day: int) -> int:
    """On a new day what the subject taught until two midnights ago becomes its past: a day old, quarantined."""
    if day != i64(subject + X_DAY):
        put64(subject + X_OLD_SENDERS, i64(subject + X_MID_SENDERS))
        put64(subject + X_OLD_MESSAGES, i64(subject + X_MID_MESSAGES))
        put64(subject + X_MID_SENDERS, i64(subject + X_SENDERS))
        put64(subject + X_MID_MESSAGES, i64(subject + X_MESSAGES))
        put64(subject + X_PAST_FAILS, (i64(subject + X_PAST_FAILS) << 32) | i64(subject + X_FAILS))
        put64(subject + X_DAY, day)
    return 0


@part
def sender_chance(subject: int) -> int:
    """Chance of a first use of a sender under the null, fixed point."""
    k = i64(subject + X_MESSAGES)
    live = (10 * ONE + 2 * i64(subject + X_SENDERS) * ONE) // (5 * (2 + k))
    if i64(subject + X_OLD_SENDERS) > 1:
        live = max(live, i64(subject + X_OLD_SENDERS) * ONE // (1 + i64(subject + X_OLD_MESSAGES)))
    return min(CEILING, live + SENDER_FLOOR)


@part
def step_sender(state: int, subject: int, sender: int, queue: int, ts: int, minute: int) -> int:
    """Stream S, once a message: is this the first use of the envelope sender?  Returns its evidence."""
    if i64(subject + X_QUEUE) == queue:
        return 0
    put64(subject + X_QUEUE, queue)
    q = sender_chance(subject)
    k = i64(subject + X_MESSAGES)
    put64(subject + X_MESSAGES, k + 1)
    known = seen_before(state, join_keys(join_keys(i64(subject), sender), 2), minute, FOR_LONG)
    put64(subject + X_SENDERS, i64(subject + X_SENDERS) + (known == 0))
    log_e = SENDER_LOGS[not known] - log_share(q, not known)
    if cusum(subject, X_S, log_e):
        put64(subject + X_S_SINCE, ts)
        put64(subject + X_S_UNITS, 0)
    put64(subject + X_S_UNITS, i64(subject + X_S_UNITS) + 1)
    roberts(subject, X_RS, log_e, k + 1)
    return log_e


@part
def onset(subject: int, clustered: int) -> int:
    """Keep since when: the beginning of the stream that says most.  Returns its units since then.

    Plain failures convict nobody, but they tell best when a mailer with one sender began.
    """
    most = i64(subject + X_V)
    since = X_V_SINCE
    units = X_V_UNITS
    if clustered > most:
        most = clustered
        since = X_B_SINCE
        units = X_B_UNITS
    if clustered >= GATE and i64(subject + X_S) > most:
        most = i64(subject + X_S)
        since = X_S_SINCE
        units = X_S_UNITS
    if clustered >= GATE and i64(subject + X_P) > most:
        since = X_P_SINCE
        units = X_P_UNITS
    put64(subject + X_ONSET, i64(subject + since))
    return i64(subject + units)


@part
def judge(subject: int, ts: int, first: int, large: int) -> int:
    """Average the streams; note when each level was first reached, and since when.  Nothing to see: nothing to do.

    `large`: so is its mailing (`add_to_mailing`).  `first`: the unit's outcome is that of a first attempt; that of a
    retry belongs to an earlier mailing.  A mailing that goes on over the full hour is not two: X_SPOKE keeps since when
    failures speak.
    """
    if ts // MAILING != i64(subject + X_HOUR):
        put64(subject + X_HOUR, ts // MAILING)
        put64(subject + X_LOW, LIMIT)
    strongest = max(i64(subject + X_B), i64(subject + X_B2))
    strongest = max(strongest, i64(subject + X_B3))
    if max(strongest, i64(subject + X_V)) <= ONE:
        put64(subject + X_SPOKE, 0)
        return put64(subject + X_LOW, 0)
    often = add_logs(i64(subject + X_B2), i64(subject + X_B3)) - LN2_
    if often >= GATE and i64(subject + X_SPOKE) == 0:
        put64(subject + X_SPOKE, ts)
    put64(subject + X_LOW, min(i64(subject + X_LOW), often))
    clustered = add_logs(add_logs(i64(subject + X_B), i64(subject + X_B2)), i64(subject + X_B3)) - LN3
    most = clustered + LEAD if i64(subject + X_OLD_MESSAGES) < HISTORY else LIMIT
    total = add_logs(clustered, min(i64(subject + X_V), most)) - LN2_
    failing = add_logs(i64(subject + X_RB), i64(subject + X_RB3)) - LN2_
    lead = failing + LEAD
    sure = add_logs(failing, min(i64(subject + X_RV), lead)) - LN2_
    if clustered >= GATE:
        total = add_logs(total + LN2_, min(i64(subject + X_S), most)) - LN3
        sure = add_logs(sure + LN2_, min(i64(subject + X_RS), lead)) - LN3
    keep_sure(subject, sure)
    put64(subject + X_MOST, max(i64(subject + X_MOST), total))
    put64(subject + X_CLUSTERED, max(i64(subject + X_CLUSTERED), clustered))
    if total >= NOTICE and i64(subject + X_NOTICE_AT) == 0:
        put64(subject + X_NOTICE_AT, ts)
        onset(subject, clustered)
    if total >= WARNING and i64(subject + X_WARNING_AT) == 0:
        put64(subject + X_WARNING_AT, ts)
    steady = i64(subject + X_S) < GATE
    gate = (STEADY if steady else CHANGING) + log_of(max(50, week_units(subject))) - LN50
    earlier = i64(subject + X_SPOKE) != 0 and ts - i64(subject + X_SPOKE) >= MAILING
    changed = i64(subject + X_SENDERS) - i64(subject + X_OLD_SENDERS) >= FEW_SENDERS
    again = first and earlier and often >= i64(subject + X_LOW) + (LN2_ if changed else MORE)
    if steady and not again and not large:
        return 0
    mass = i64(subject + X_MESSAGES) - i64(subject + X_OLD_MESSAGES) >= MASS
    if mass and total >= ALARM and often >= gate and i64(subject + X_ALARM_AT) == 0:
        put64(subject + X_ALARM_AT, ts)
        put64(subject + X_ALARM_UNITS, onset(subject, clustered))
    return 0


@part
def take_unit(state: int, raw: int, kind: int, row: int, stride: int) -> int:
    """One unit of one subject."""
    ts = i64(row)
    subject = subject_of(state, raw, kind, ts)
    put64(subject + X_LAST, ts)
    if not i64(row + R_FINAL * stride):
        put64(subject + X_DEFERRED, i64(subject + X_DEFERRED) + 1)
        return 0
    failed = i64(row + R_STATUS * stride) != L.SENT
    sender = i64(row + R_SENDER * stride)
    if kind == ACCOUNT:  # a new address from which an account is used is like a new sender, and a mailing of its own
        sender = join_keys(sender, i64(row + R_CLIENT * stride))
    domain = i64(row + R_DOMAIN * stride)
    remember_day(subject, ts // DAY)
    put64(subject + X_UNITS, i64(subject + X_UNITS) + 1)
    put64(subject + X_FAILS, i64(subject + X_FAILS) + failed)
    count_week(subject, ts)
    minute = ts // MINUTE
    there = pair_of(state, join_keys(join_keys(i64(subject), domain), 1), minute, FOR_LONG)
    chance = 0
    large = 0
    # After a failure the next message there says nothing, whatever becomes of it: a job that writes to a dead address
    # each hour is no worm.
    if not failures_in(there):
        cell = mailing_of(state, subject, sender, ts, minute)
        chance = chance_in(cell, rate_of(state, subject))
        step_failures(state, subject, chance, chance_in(cell, THETA_MOST), failed, ts)
        large = add_to_mailing(cell, failed)
    set_counts(there, 0, failed)
    known = seen(there)
    see(there, minute)
    weight = step_contacts(state, subject, known, chance, failed, ts)
    weight += step_sender(state, subject, sender, i64(row + R_QUEUE * stride), ts, minute)
    keep_line(subject, weight, i64(row + R_ORDER * stride))
    return judge(subject, ts, i64(row + R_FIRST * stride), large)


@part
def fetch_unit(state: int, row: int, stride: int) -> int:
    """Ask for the places of a later row's subject and pairs: the tables are larger than the cache."""
    key = join_keys(i64(row + R_CLIENT * stride), HOST)
    at = place_of(state, SUBJECTS, SUBJECT, key)
    for line in range(0, X_OFTEN, 64):
        prefetch(at + line)
    fetch_pair(state, PAIRS, join_keys(join_keys(key, i64(row + R_DOMAIN * stride)), 1))
    sender = join_keys(key, i64(row + R_SENDER * stride))
    fetch_pair(state, PAIRS, join_keys(sender, 2))
    return fetch_pair(state, HOURS, join_keys(sender, i64(row) // MAILING + 3))


@entry
def fold_attempts(state: int, rows: int, stride: int, apart: int, begin: int, end: int) -> int:
    """Fold the attempts [begin, end) in; the number of the first one that must wait for room or for the day's lesson.

    Columns as in `messages.Attempts`, `stride` bytes apart, rows `apart`.
    """
    for n in range(begin, end):
        row = rows + apart * n
        if n + AHEAD < end:
            fetch_unit(state, row + apart * AHEAD, stride)
        if i64(row) >= i64(state + NEXT_DAY) or full(state, SUBJECTS, 2):
            return n
        if full(state, PAIRS, 8) or full(state, HOURS, 8):
            return n
        put64(state + NOW, max(i64(state + NOW), i64(row)))
        if i64(row + R_SENDER * stride) == i64(state + NULL_SENDER):
            continue
        if i64(row + R_CLIENT * stride) != 0:
            take_unit(state, i64(row + R_CLIENT * stride), HOST, row, stride)
        if i64(row + R_ACCOUNT * stride) != 0:
            take_unit(state, i64(row + R_ACCOUNT * stride), ACCOUNT, row, stride)
    return end


@entry
def fold_logins(state: int, rows: int, stride: int, apart: int, begin: int, end: int) -> int:
    """Remember who last read mail at each host; columns ts, client, account; as in `fold_attempts`."""
    for n in range(begin, end):
        row = rows + apart * n
        if n + AHEAD < end:
            at = place_of(state, SUBJECTS, SUBJECT, join_keys(i64(row + stride + apart * AHEAD), HOST))
            prefetch(at)
            prefetch(at + X_LOGIN)
        if full(state, SUBJECTS, 2):
            return n
        subject = subject_of(state, i64(row + stride), HOST, i64(row))
        put64(subject + X_LOGIN, i64(row + 2 * stride))
        put64(subject + X_LOGIN_AT, i64(row))
    return end
