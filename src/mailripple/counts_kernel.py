"""Kernel of `counts.count`: events to counters.

Servers are counted by the minute, in rows of `METRICS` 32-bit counters.  All other entities are counted by 10 minutes
in 48-byte cells (key, window, kind, 16 16-bit counters), which are appended; an index of the current window finds an
entity's cell.  Cells of the same entity and window may occur more than once; they add up.
"""

from __future__ import annotations

from mailripple.parse import layout as L
from mailripple.parse.native import entry, i64, mulmix, part, prefetch, put16, put32, put64, shr, u16, u32
from mailripple.parse.text import K1, K2, K3

# words of the state block
SERVERS, SERVERS_MASK, SERVERS_N, ROWS, ROWS_CAP, LAST_SERVER, LAST_MINUTE, LAST_ROW = range(0, 64, 8)
INDEX, INDEX_MASK, INDEX_N, GENERATION, WINDOW, OUT, OUT_CAP, OUT_N = range(64, 128, 8)
LOOKUPS, LOOKUPS_MASK, LOOKUPS_N, LOOKUPS_NOW = range(128, 160, 8)
PAIRS, PAIRS_MASK, PAIRS_N, PAIRS_FULL, WINDOW_ROWS, CAPPED, STRAY = range(160, 216, 8)
STATE_WORDS = 28

METRICS = 48
#: Events between two looks at how full the tables are.
BATCH = 64
#: Cells that a batch can make at most: a message of 2**20 recipients fills 17 of its client and 17 of its account.
ROOM = 48 * BATCH
CELL = 48
TOTAL = 80
SECOND = 1_000_000
MINUTE = 60 * SECOND
#: A repeated question (same client, name and type) within that time is the resolver's doing, not the user's.
REPEAT = 5 * SECOND
#: Entities in one window beyond which new ones are no longer counted apart (floods of made-up names).
WINDOW_CAP = 1_000_000

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
ACCEPTED = 44

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

C_TS, C_CODE, C_SERVER, C_CLIENT, C_NAME = L.COL["ts"], L.COL["code"], L.COL["server"], L.COL["client"], L.COL["name"]
C_ACCOUNT, C_COUNT, C_FLAGS = L.COL["account"], L.COL["count"], L.COL["flags"]


@part
def mix(a: int, b: int) -> int:
    return mulmix(a ^ K1, b ^ K2)


@part
def server_row(state: int, server: int, minute: int) -> int:
    """Address of the counters of a server in a minute."""
    if server == i64(state + LAST_SERVER) and minute == i64(state + LAST_MINUTE):
        return i64(state + LAST_ROW)
    table = i64(state + SERVERS)
    mask = i64(state + SERVERS_MASK)
    at = mix(server, minute) & mask
    while True:
        index = i64(table + 8 * at)
        row = i64(state + ROWS) + index * (16 + 4 * METRICS)
        if index == 0 or (i64(row) == server and i64(row + 8) == minute):
            break
        at = (at + 1) & mask
    if index == 0:
        index = i64(state + SERVERS_N) + 1
        put64(state + SERVERS_N, index)
        put64(table + 8 * at, index)
        row = i64(state + ROWS) + index * (16 + 4 * METRICS)
        put64(row, server)
        put64(row + 8, minute)
    put64(state + LAST_SERVER, server)
    put64(state + LAST_MINUTE, minute)
    put64(state + LAST_ROW, row)
    return row


@part
def add(row: int, metric: int, n: int) -> int:
    """Add to a server's counter."""
    at = row + 16 + 4 * metric
    put32(at, u32(at) + n)
    return 0


@part
def new_cell(state: int, key: int, kind: int, window: int) -> int:
    """Append an empty cell to the rows that leave; its number."""
    n = i64(state + OUT_N)
    cell = i64(state + OUT) + CELL * n
    put64(cell, key)
    put64(cell + 8, (window << 8) | kind)
    for k in range(16, CELL, 8):
        put64(cell + k, 0)
    put64(state + OUT_N, n + 1)
    return n


@part
def find_cell(state: int, kind: int, key: int) -> int:
    """Address of the entity's slot in the index; it is free if its second word is of an earlier generation."""
    table = i64(state + INDEX)
    mask = i64(state + INDEX_MASK)
    generation = i64(state + GENERATION)
    at = mix(key, kind) & mask
    while True:
        slot = table + 16 * at
        word = i64(slot + 8)
        if word >> 35 != generation or (i64(slot) == key and (word >> 32) & 7 == kind):
            return slot
        at = (at + 1) & mask


@part
def entity_cell(state: int, kind: int, key: int, window: int) -> int:
    """The entity's slot in the index of the current window; 0 where the event is not counted by entity.

    A window's first event of an entity makes a cell.  An event of an earlier window has a cell of its own.
    """
    if window != i64(state + WINDOW):
        put64(state + STRAY, i64(state + GENERATION) << 35 | kind << 32 | new_cell(state, key, kind, window))
        return state + STRAY - 8
    slot = find_cell(state, kind, key)
    if i64(slot + 8) >> 35 == i64(state + GENERATION):
        return slot
    if i64(state + WINDOW_ROWS) >= WINDOW_CAP:
        put64(state + CAPPED, i64(state + CAPPED) + 1)
        return 0
    put64(state + WINDOW_ROWS, i64(state + WINDOW_ROWS) + 1)
    put64(state + INDEX_N, i64(state + INDEX_N) + 1)
    put64(slot, key)
    put64(slot + 8, i64(state + GENERATION) << 35 | kind << 32 | new_cell(state, key, kind, window))
    return slot


@part
def bump(state: int, slot: int, counter: int, n: int) -> int:
    """Add to a counter of the slot's cell; one that would overflow goes on in a new cell."""
    while slot != 0 and n > 0:
        word = i64(slot + 8)
        cell = i64(state + OUT) + CELL * (word & 0xFFFFFFFF)
        at = cell + 16 + 2 * counter
        added = min(n, 65535 - u16(at))
        put16(at, u16(at) + added)
        n -= added
        if n > 0:
            fresh = new_cell(state, i64(cell), i64(cell + 8) & 0xFF, i64(cell + 8) >> 8)
            put64(slot + 8, word >> 32 << 32 | fresh)
    return 0


@part
def forget_cells(state: int) -> int:
    """Make the index empty; entities of the window that come again have a second cell."""
    put64(state + INDEX_N, 0)
    put64(state + GENERATION, i64(state + GENERATION) + 1)
    return 0


@part
def turn_window(state: int, window: int) -> int:
    """Begin the window if it is a later one: what the index holds is of an earlier generation then."""
    if window > i64(state + WINDOW):
        put64(state + WINDOW, window)
        put64(state + WINDOW_ROWS, 0)
        forget_cells(state)
    return 0


@part
def is_new_lookup(state: int, key: int, ts: int) -> int:
    """True unless the same question was asked within REPEAT before."""
    table = i64(state + LOOKUPS)
    mask = i64(state + LOOKUPS_MASK)
    at = shr(key, 1) & mask
    while True:
        slot = table + 16 * at
        found = i64(slot)
        if found == key:
            before = i64(slot + 8)
            put64(slot + 8, max(before, ts))
            return ts - before > REPEAT or before - ts > REPEAT
        if found == 0:
            break
        at = (at + 1) & mask
    put64(slot, key)
    put64(slot + 8, ts)
    put64(state + LOOKUPS_N, i64(state + LOOKUPS_N) + 1)
    return 1


@part
def note_pair(state: int, asked: int, client: int, name: int, kind: int) -> int:
    """Remember once that the client asked for the MX or PTR of the name: this is how mail servers are told."""
    table = i64(state + PAIRS)
    mask = i64(state + PAIRS_MASK)
    key = (asked << 2) | kind
    at = shr(key, 3) & mask
    while True:
        slot = table + 24 * at
        found = i64(slot)
        if found == key:
            return 0
        if found == 0:
            break
        at = (at + 1) & mask
    if i64(state + PAIRS_FULL) != 0:
        return 0
    put64(slot, key)
    put64(slot + 8, client)
    put64(slot + 16, name)
    put64(state + PAIRS_N, i64(state + PAIRS_N) + 1)
    return 0


@part
def count_query(state: int, col: int, stride: int, row: int, code: int, ts: int, window: int) -> int:
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
    cell = entity_cell(state, DNS_CLIENT, client, window)
    bump(state, cell, (ts - window * (10 * MINUTE)) // MINUTE, 1)
    if qtype >= 1 and qtype <= 5:
        bump(state, cell, Q_A + qtype - 1, 1)
    if fresh:
        bump(state, cell, Q_LOOKUP, 1)
    if qtype == 3 or qtype == 4:
        note_pair(state, asked, client, name, qtype - 2)
    return 0


@part
def question(asked: int, server: int, qtype: int) -> int:
    """Key of a question: client and name (mixed), type, and the server that was asked."""
    return mix(asked, (server ^ (qtype << 56)) + K3) | 1


@part
def fetch_ahead(state: int, col: int, stride: int) -> int:
    """Ask for the cache lines that a DNS query some events ahead will need."""
    code = i64(col + C_CODE * stride)
    client = i64(col + C_CLIENT * stride)
    prefetch(i64(state + INDEX) + 16 * (mix(client, DNS_CLIENT) & i64(state + INDEX_MASK)))
    qtype = (code >> 16) & 0xFF
    if qtype == 3 or qtype == 4:
        key = (mix(client, i64(col + C_NAME * stride)) << 2) | (qtype - 2)
        prefetch(i64(state + PAIRS) + 24 * (shr(key, 3) & i64(state + PAIRS_MASK)))
    return 0


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
    add(row, status_metric(status), 1)
    add(row, RCPT, rcpts)
    if flags & L.F_INTERNAL:
        return add(row, INTERNAL, 1)
    if flags & L.F_ATTEMPT:
        add(row, FIRST if flags & L.F_FIRST else RETRY, 1)
    if window < 0:
        return 0
    for kind in range(CLIENT, DOMAIN + 1):
        key = i64(col + (C_CLIENT if kind == CLIENT else C_ACCOUNT if kind == ACCOUNT else C_NAME) * stride)
        if key == 0:
            continue
        cell = entity_cell(state, kind, key, window)
        bump(state, cell, E_TO, 1)
        bump(state, cell, entity_status(status), 1)
        bump(state, cell, E_RCPT, rcpts)
        if flags & L.F_ATTEMPT:
            bump(state, cell, E_FIRST if flags & L.F_FIRST else E_RETRY, 1)
    return 0


@part
def both(state: int, col: int, stride: int, window: int, counter: int, n: int) -> int:
    """Add to the client's and the account's counter."""
    if window < 0:
        return 0
    client = i64(col + C_CLIENT * stride)
    account = i64(col + C_ACCOUNT * stride)
    if client != 0:
        bump(state, entity_cell(state, CLIENT, client, window), counter, n)
    if account != 0:
        bump(state, entity_cell(state, ACCOUNT, account, window), counter, n)
    return 0


@part
def count_message(state: int, col: int, stride: int, row: int, window: int) -> int:
    """A message taken in; a refused session is none, and MSP and MTA of one machine take one message in."""
    flags = i64(col + C_FLAGS * stride)
    if i64(col + C_COUNT * stride) >> 40 == 0:
        both(state, col, stride, window, E_REFUSED, 1)
        return add(row, REFUSED, 1)
    if flags & (L.F_DSN | L.F_AGAIN):
        return 0
    add(row, FROM, 1)
    accepted = max(i64(col + C_COUNT * stride) >> 40, 0)
    add(row, ACCEPTED, accepted)
    both(state, col, stride, window, E_FROM, 1)
    return both(state, col, stride, window, E_ACCEPTED, accepted)


@part
def count_session(state: int, col: int, stride: int, row: int, kind: int, window: int) -> int:
    """POP3 and IMAP."""
    if kind == L.KIND_POP_LOGIN:
        add(row, POP_LOGIN, 1)
        return both(state, col, stride, window, E_POP, 1)
    if kind == L.KIND_POP_FAIL:
        add(row, POP_FAIL, 1)
        return both(state, col, stride, window, E_POP_FAIL, 1)
    if kind == L.KIND_IMAP_LOGIN:
        add(row, IMAP_LOGIN, 1)
        return both(state, col, stride, window, E_IMAP, 1)
    if kind == L.KIND_POP_LOGOUT:
        return add(row, POP_LOGOUT, 1)
    if kind == L.KIND_POP_CONNECT:
        return add(row, POP_CONNECT, 1)
    if kind == L.KIND_IMAP_FAIL:
        return add(row, IMAP_FAIL, 1)
    return add(row, IMAP_LOGOUT, 1)


@part
def count_event(state: int, col: int, stride: int, row: int, code: int, ts: int, window: int) -> int:
    kind = code & 0xFF
    if kind == L.KIND_QUERY:
        return count_query(state, col, stride, row, code, ts, window)
    if kind == L.KIND_TO:
        return count_delivery(state, col, stride, row, code, window)
    if kind == L.KIND_FROM:
        return count_message(state, col, stride, row, window)
    if kind >= L.KIND_POP_CONNECT and kind <= L.KIND_IMAP_FAIL:
        return count_session(state, col, stride, row, kind, window)
    if kind == L.KIND_DSN:
        return add(row, DSN, 1)
    if kind == L.KIND_REJECT:
        both(state, col, stride, window, E_REJECT, 1)
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
    if 2 * i64(state + LOOKUPS_N) > i64(state + LOOKUPS_MASK):
        return 1
    return i64(state + PAIRS_FULL) == 0 and 2 * i64(state + PAIRS_N) > i64(state + PAIRS_MASK)


@entry
def count(state: int, cols: int, stride: int, begin: int, end: int) -> int:
    """Count the events [begin, end); the number of the first one for which there is no room."""
    for n in range(begin, end):
        if n == begin or n & (BATCH - 1) == 0:
            if full(state):
                return n
            if 2 * i64(state + INDEX_N) > i64(state + INDEX_MASK):
                forget_cells(state)
        col = cols + 8 * n
        if n + 8 < end:
            fetch_ahead(state, col + 64, stride)
        code = i64(col + C_CODE * stride)
        ts = i64(col + C_TS * stride)
        dated = (code >> 28) & 3
        minute = ts // MINUTE if dated else -1
        window = minute // 10 if dated else -1
        turn_window(state, window)
        if i64(col + C_FLAGS * stride) & L.F_LATE:
            add(server_row(state, i64(col + C_SERVER * stride), minute), LATE, 1)
        count_event(state, col, stride, server_row(state, i64(col + C_SERVER * stride), minute), code, ts, window)
    return end


@entry
def add_up(table: int, mask: int, used: int, rows: int, begin: int, end: int) -> int:
    """Add cells into a table of totals by key and kind (rows of key, kind, 16 32-bit counters).

    Returns the number of the first cell for which the table is too full; `used` is the address of its number of rows.
    """
    for n in range(begin, end):
        if 2 * i64(used) > mask:
            return n
        cell = rows + CELL * n
        ahead = cell + 8 * CELL if n + 8 < end else cell
        place = table + TOTAL * (mix(i64(ahead), i64(ahead + 8) & 0xFF) & mask)
        prefetch(place)
        prefetch(place + TOTAL - 1)
        key = i64(cell)
        kind = i64(cell + 8) & 0xFF
        at = mix(key, kind) & mask
        slot = table + TOTAL * at
        while i64(slot) != 0 and (i64(slot) != key or i64(slot + 8) != kind):
            at = (at + 1) & mask
            slot = table + TOTAL * at
        if i64(slot) == 0:
            put64(slot, key)
            put64(slot + 8, kind)
            put64(used, i64(used) + 1)
        for k in range(16):
            put32(slot + 16 + 4 * k, u32(slot + 16 + 4 * k) + u16(cell + 16 + 2 * k))
    return end


@entry
def move_totals(old: int, slots: int, new: int, mask: int) -> int:
    """Copy a table of totals into a larger, empty one."""
    for n in range(slots):
        row = old + TOTAL * n
        if i64(row) == 0:
            continue
        at = mix(i64(row), i64(row + 8)) & mask
        while i64(new + TOTAL * at) != 0:
            at = (at + 1) & mask
        for k in range(0, TOTAL, 8):
            put64(new + TOTAL * at + k, i64(row + k))
    return 0


@entry
def rebuild_servers(state: int, table: int, mask: int) -> int:
    """Index the server rows anew in a larger table."""
    for index in range(1, i64(state + SERVERS_N) + 1):
        row = i64(state + ROWS) + index * (16 + 4 * METRICS)
        at = mix(i64(row), i64(row + 8)) & mask
        while i64(table + 8 * at) != 0:
            at = (at + 1) & mask
        put64(table + 8 * at, index)
    put64(state + SERVERS, table)
    put64(state + SERVERS_MASK, mask)
    put64(state + LAST_MINUTE, -2)
    return 0


@entry
def rebuild_lookups(state: int, table: int, mask: int, since: int) -> int:
    """Copy the look-ups that are not older than `since`; how many."""
    old = i64(state + LOOKUPS)
    kept = 0
    for k in range(i64(state + LOOKUPS_MASK) + 1):
        slot = old + 16 * k
        if i64(slot) == 0 or i64(slot + 8) < since:
            continue
        at = shr(i64(slot), 1) & mask
        while i64(table + 16 * at) != 0:
            at = (at + 1) & mask
        put64(table + 16 * at, i64(slot))
        put64(table + 16 * at + 8, i64(slot + 8))
        kept += 1
    put64(state + LOOKUPS, table)
    put64(state + LOOKUPS_MASK, mask)
    put64(state + LOOKUPS_N, kept)
    return kept


@entry
def rebuild_pairs(state: int, table: int, mask: int) -> int:
    """Copy the pairs into a larger table."""
    old = i64(state + PAIRS)
    for k in range(i64(state + PAIRS_MASK) + 1):
        slot = old + 24 * k
        if i64(slot) == 0:
            continue
        at = shr(i64(slot), 3) & mask
        while i64(table + 24 * at) != 0:
            at = (at + 1) & mask
        for w in range(0, 24, 8):
            put64(table + 24 * at + w, i64(slot + w))
    put64(state + PAIRS, table)
    put64(state + PAIRS_MASK, mask)
    return 0
