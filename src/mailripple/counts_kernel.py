"""Kernel of `counts.count`: events to counters (the tables are those of `cells_kernel`)."""

from __future__ import annotations

from mailripple.asked_kernel import forget_questions, head, is_new_lookup
from mailripple.cells_kernel import (
    ASKED_MASK,
    BATCH,
    INDEX_MASK,
    INDEX_N,
    MINUTE,
    MOST,
    OUT_CAP,
    OUT_N,
    PAIR,
    PAIRS,
    PAIRS_FULL,
    PAIRS_MASK,
    PAIRS_N,
    ROOM,
    ROWS_CAP,
    SERVERS_N,
    add,
    asked_home,
    bump,
    bump_all,
    cell_of,
    entity_cell,
    index_slot,
    mix,
    server_row,
    turn_window,
)
from mailripple.parse import layout as L
from mailripple.parse.clock import NEVER
from mailripple.parse.native import entry, i64, part, prefetch, put8, put64, u8
from mailripple.parse.text import K3

# server metrics (indices into METRIC_NAMES of counts.py)
D_QUERY, D_TYPE, D_LOOKUP, D_RESPONSE, D_PACKET = 0, 1, 17, 18, 19
(
    FROM,
    TO,
    SENT,
    DEFERRED,
    BOUNCED,
    EXPIRED,
    REJECTED,
    OTHER,
    RCPT,
    FIRST,
    RETRY,
    DSN,
    DSN_TO,
    REJECT,
    REFUSED,
    INTERNAL,
) = range(20, 36)
POP_LOGIN, POP_FAIL, POP_LOGOUT, POP_CONNECT, IMAP_LOGIN, IMAP_FAIL, IMAP_LOGOUT, LATE = range(36, 44)
ACCEPTED, SKIPPED, AWAY = 44, 45, 46

# entity kinds, and the counters of a mail entity
DNS_CLIENT, CLIENT, ACCOUNT, DOMAIN = 1, 2, 3, 4
(
    E_FROM,
    E_ACCEPTED,
    E_TO,
    E_SENT,
    E_DEFERRED,
    E_FAILED,
    E_OTHER,
    E_FIRST,
    E_RETRY,
    E_REJECT,
    E_POP,
    E_POP_FAIL,
    E_IMAP,
    E_REFUSED,
    E_DSN,
    E_RCPT,
) = range(16)
# counters of a DNS client: 0 to 9 the minutes of the window
Q_A, Q_AAAA, Q_MX, Q_PTR, Q_TXT, Q_LOOKUP = 10, 11, 12, 13, 14, 15

#: How many events ahead memory is asked for: what the keys of an event lead to, and what that leads to.
FAR, NEAR = 24, 10

C_TS, C_CODE, C_SERVER, C_CLIENT, C_NAME = L.COL["ts"], L.COL["code"], L.COL["server"], L.COL["client"], L.COL["name"]
C_LINK = L.COL["link"]
C_ACCOUNT, C_COUNT, C_FLAGS = L.COL["account"], L.COL["count"], L.COL["flags"]


@part
def pair_place(state: int, asked: int) -> int:
    """Address of the slot where a pair of client and name (mixed) is looked for first."""
    return i64(state + PAIRS) + PAIR * asked_home(asked, i64(state + PAIRS_MASK))


@part
def note_pair(state: int, asked: int, client: int, name: int, kind: int) -> int:
    """Remember once that the client asked for the MX or PTR of the name: this is how mail servers are told.

    Keys of names are positive: a PTR question is kept under the negative number.
    """
    table = i64(state + PAIRS)
    mask = i64(state + PAIRS_MASK)
    if kind == 2:
        name = -name
    at = asked_home(asked, mask)
    while True:
        slot = table + PAIR * at
        if i64(slot + 8) == name and i64(slot) == client:
            return 0
        if i64(slot) == 0:
            break
        at = (at + 1) & mask
    if i64(state + PAIRS_FULL) != 0:
        return 0
    put64(slot, client)
    put64(slot + 8, name)
    put64(state + PAIRS_N, i64(state + PAIRS_N) + 1)
    return 0


@part
def pairs_crowded(state: int) -> int:
    """True if the table of pairs is more than five eighths full."""
    return 8 * i64(state + PAIRS_N) > 5 * i64(state + PAIRS_MASK)


@part
def count_query(state: int, col: int, stride: int, row: int, code: int, ts: int, minute: int, window: int) -> int:
    """A DNS query: by server and type, by client and minute, and as a look-up unless it is a repetition."""
    qtype = (code >> 16) & 0xFF
    client = i64(col + C_CLIENT * stride)
    name = i64(col + C_NAME * stride)
    add(row, D_QUERY, 1)
    add(row, D_TYPE + qtype, 1)
    asked = mix(client, name)
    fresh = is_new_lookup(state, question(asked, i64(col + C_SERVER * stride), qtype), ts)
    add(row, D_LOOKUP, fresh)
    if client == 0 or window < 0:
        return 0
    count_client(state, client, window, minute - 10 * window, qtype, fresh)
    if qtype == 3 or qtype == 4:
        if (code >> 24) & 15 == L.GROUPED:
            name = i64(col + C_LINK * stride)
            asked = mix(client, name)
        note_pair(state, asked, client, name, qtype - 2)
    return 0


@part
def count_client(state: int, client: int, window: int, minute: int, qtype: int, fresh: int) -> int:
    """A query by its client: the minute of the window, the type, and whether it is a look-up."""
    slot = entity_cell(state, DNS_CLIENT, client, window)
    if slot == 0:
        return 0
    typed = Q_A + qtype - 1 if qtype >= 1 and qtype <= 5 else minute
    at = cell_of(state, slot) + 16
    most = max(u8(at + minute), u8(at + typed))
    if max(most, u8(at + Q_LOOKUP)) < MOST:
        put8(at + minute, u8(at + minute) + 1)
        put8(at + typed, u8(at + typed) + (typed != minute))
        return put8(at + Q_LOOKUP, u8(at + Q_LOOKUP) + fresh)
    bump(state, slot, minute, 1)
    if typed != minute:
        bump(state, slot, typed, 1)
    return bump(state, slot, Q_LOOKUP, fresh)


@part
def question(asked: int, server: int, qtype: int) -> int:
    """Key of a question: client and name (mixed), type, and the server that was asked."""
    return mix(asked, (server ^ (qtype << 56)) + K3) | 1


@part
def fetch_entity(state: int, kind: int, key: int) -> int:
    """Ask for the slot of an entity's index."""
    return prefetch(index_slot(state, kind, key))


@part
def fetch_ahead(state: int, col: int, stride: int) -> int:
    """Ask for the cache lines that an event some places ahead will need: half the time of counting was waiting."""
    code = i64(col + C_CODE * stride)
    client = i64(col + C_CLIENT * stride)
    if code & 0xFF != L.KIND_QUERY:
        fetch_entity(state, CLIENT, client)
        fetch_entity(state, DOMAIN, i64(col + C_NAME * stride))
        return fetch_entity(state, ACCOUNT, i64(col + C_ACCOUNT * stride))
    fetch_entity(state, DNS_CLIENT, client)
    qtype = (code >> 16) & 0xFF
    asked = mix(client, i64(col + C_NAME * stride))
    prefetch(head(state, question(asked, i64(col + C_SERVER * stride), qtype)))
    # without a branch: of a later event a processor knows nothing, and this is the same memory each time
    pair = state + ((pair_place(state, asked) - state) & -((qtype == 3) | (qtype == 4)))
    prefetch(pair)
    return prefetch(pair + 3 * PAIR)  # the search may end in the next line of memory


@part
def fetch_cell(state: int, kind: int, key: int) -> int:
    """Ask for the cell of an entity whose slot of the index was asked for before."""
    return prefetch(cell_of(state, index_slot(state, kind, key)))


@part
def fetch_cells(state: int, col: int, stride: int) -> int:
    """Ask for the cells that an event some places ahead will count into."""
    client = i64(col + C_CLIENT * stride)
    if i64(col + C_CODE * stride) & 0xFF == L.KIND_QUERY:
        return fetch_cell(state, DNS_CLIENT, client)
    fetch_cell(state, CLIENT, client)
    return fetch_cell(state, DOMAIN, i64(col + C_NAME * stride))


@part
def status_metric(status: int) -> int:
    return OTHER if status == 0 or status > 5 else SENT + status - 1


@part
def entity_status(status: int) -> int:
    if status == L.SENT:
        return E_SENT
    if status == L.DEFERRED:
        return E_DEFERRED
    return E_OTHER if status == 0 or status > 5 else E_FAILED


@part
def count_delivery(state: int, col: int, stride: int, row: int, code: int, window: int) -> int:
    """A delivery record, by server and by submitting client, account and destination."""
    flags = i64(col + C_FLAGS * stride)
    if flags & L.F_DSN:
        return add(row, DSN_TO, 1)
    status = (code >> 8) & 0xFF
    rcpts = i64(col + C_COUNT * stride) >> 40
    add(row, TO, 1)
    if status == L.SKIPPED:  # no attempt: the server looked at the clock and let it be
        return add(row, SKIPPED, 1)
    add(row, status_metric(status), 1)
    add(row, RCPT, rcpts)
    if flags & L.F_INTERNAL:
        return add(row, INTERNAL, 1)
    if flags & L.F_ATTEMPT:
        add(row, FIRST if flags & L.F_FIRST else RETRY, 1)
        if flags & L.F_FIRST and flags & L.F_OUT:
            add(row, AWAY, 1)
    if window < 0:
        return 0
    low = 1 << 8 * E_TO | 1 << 8 * entity_status(status)
    high = 0
    if flags & L.F_ATTEMPT:
        low |= (1 << 8 * E_FIRST) if flags & L.F_FIRST else 0
        high = 0 if flags & L.F_FIRST else 1 << 8 * (E_RETRY - 8)
    for kind in range(CLIENT, DOMAIN + 1):
        key = i64(col + (C_CLIENT if kind == CLIENT else C_ACCOUNT if kind == ACCOUNT else C_NAME) * stride)
        if key != 0:
            raise_counters(state, entity_cell(state, kind, key, window), low, high, E_RCPT, rcpts)
    return 0


@part
def raise_counters(state: int, slot: int, low: int, high: int, counter: int, n: int) -> int:
    """Add to the counters of the slot's cell: what `bump_all` adds, and n to one more."""
    if n <= MOST:
        low += n << 8 * counter if counter < 8 else 0
        high += n << 8 * (counter - 8) if counter >= 8 else 0
        return bump_all(state, slot, low, high)
    bump_all(state, slot, low, high)
    return bump(state, slot, counter, n)


@part
def both(state: int, col: int, stride: int, window: int, low: int, counter: int, n: int) -> int:
    """Add to the client's and the account's counters: the lower ones as in `bump_all`, and n to one more."""
    if window < 0:
        return 0
    client = i64(col + C_CLIENT * stride)
    account = i64(col + C_ACCOUNT * stride)
    if client != 0:
        raise_counters(state, entity_cell(state, CLIENT, client, window), low, 0, counter, n)
    if account != 0:
        raise_counters(state, entity_cell(state, ACCOUNT, account, window), low, 0, counter, n)
    return 0


@part
def count_message(state: int, col: int, stride: int, row: int, window: int) -> int:
    """A message taken in; a refused session is none, and MSP and MTA of one machine take one message in."""
    flags = i64(col + C_FLAGS * stride)
    if i64(col + C_COUNT * stride) >> 40 == 0:
        both(state, col, stride, window, 0, E_REFUSED, 1)
        return add(row, REFUSED, 1)
    if flags & (L.F_DSN | L.F_AGAIN):
        return 0
    add(row, FROM, 1)
    accepted = max(i64(col + C_COUNT * stride) >> 40, 0)
    add(row, ACCEPTED, accepted)
    return both(state, col, stride, window, 1 << 8 * E_FROM, E_ACCEPTED, accepted)


@part
def count_session(state: int, col: int, stride: int, row: int, kind: int, window: int) -> int:
    """POP3 and IMAP."""
    if kind == L.KIND_POP_LOGIN:
        add(row, POP_LOGIN, 1)
        return both(state, col, stride, window, 0, E_POP, 1)
    if kind == L.KIND_POP_FAIL:
        add(row, POP_FAIL, 1)
        return both(state, col, stride, window, 0, E_POP_FAIL, 1)
    if kind == L.KIND_IMAP_LOGIN:
        add(row, IMAP_LOGIN, 1)
        return both(state, col, stride, window, 0, E_IMAP, 1)
    if kind == L.KIND_POP_LOGOUT:
        return add(row, POP_LOGOUT, 1)
    if kind == L.KIND_POP_CONNECT:
        return add(row, POP_CONNECT, 1)
    if kind == L.KIND_IMAP_FAIL:
        return add(row, IMAP_FAIL, 1)
    return add(row, IMAP_LOGOUT, 1)


@part
def count_event(state: int, col: int, stride: int, row: int, code: int, ts: int, minute: int, window: int) -> int:
    kind = code & 0xFF
    if kind == L.KIND_QUERY:
        return count_query(state, col, stride, row, code, ts, minute, window)
    if kind == L.KIND_TO:
        return count_delivery(state, col, stride, row, code, window)
    if kind == L.KIND_FROM:
        return count_message(state, col, stride, row, window)
    if kind >= L.KIND_POP_CONNECT and kind <= L.KIND_IMAP_FAIL:
        return count_session(state, col, stride, row, kind, window)
    if kind == L.KIND_DSN:
        return add(row, DSN, 1)
    if kind == L.KIND_REJECT:
        both(state, col, stride, window, 0, E_REJECT, 1)
        return add(row, REJECT, 1)
    if kind == L.KIND_RESPONSE:
        return add(row, D_RESPONSE, 1)
    if kind == L.KIND_PACKET:
        return add(row, D_PACKET, 1)
    return 0


@part
def full(state: int) -> int:
    """True if a table must be emptied or enlarged before the next BATCH events."""
    if i64(state + SERVERS_N) + BATCH + 2 >= i64(state + ROWS_CAP):
        return 1
    if i64(state + OUT_N) + ROOM > i64(state + OUT_CAP):
        return 1
    if 2 * i64(state + INDEX_N) > i64(state + INDEX_MASK) or forget_questions(state) + BATCH > i64(state + ASKED_MASK):
        return 1
    return i64(state + PAIRS_FULL) == 0 and pairs_crowded(state)


@entry
def are_pairs_crowded(state: int) -> int:
    """`pairs_crowded`, for the owner of the tables."""
    return pairs_crowded(state)


@entry
def count(state: int, cols: int, stride: int, begin: int, end: int) -> int:
    """Count the events [begin, end); the number of the first one for which there is no room."""
    since = NEVER  # the minute that the last event lies in: the next one mostly does too
    minute = -1
    window = -1
    for n in range(begin, end):
        if n == begin or n & (BATCH - 1) == 0:
            if full(state):
                return n
        col = cols + 8 * n
        if n + FAR < end:
            fetch_ahead(state, col + 8 * FAR, stride)
            fetch_cells(state, col + 8 * NEAR, stride)
        code = i64(col + C_CODE * stride)
        ts = i64(col + C_TS * stride)
        if (code >> 28) & 3 == L.NO_TIME:
            since = NEVER
            minute = -1
            window = -1
        elif ts < since or ts >= since + MINUTE:
            minute = ts // MINUTE
            since = minute * MINUTE
            window = minute // 10
        turn_window(state, window)
        if i64(col + C_FLAGS * stride) & L.F_LATE:
            add(server_row(state, i64(col + C_SERVER * stride), minute), LATE, 1)
        row = server_row(state, i64(col + C_SERVER * stride), minute)
        count_event(state, col, stride, row, code, ts, minute, window)
    return end
