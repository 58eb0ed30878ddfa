"""Kernel of `models.askers`: which DNS questions may tell a mailer.

One table: client -> when it last asked for an exchanger.  An entry is forgotten when it is `KEEP` old, and as good as
gone then: what is chosen does not depend on the table's size, nor on where the log is cut.
"""

from __future__ import annotations

from mailripple.models.lookups_kernel import SOON
from mailripple.parse import layout as L
from mailripple.parse.native import entry, i64, part, put64
from mailripple.slots_kernel import find, forget_before, home
from mailripple.tables import QTYPES

#: The state block: address, mask and used slots of the table; the newest moment; then times, see `newest_at`.
CLIENTS, CLIENTS_MASK, CLIENTS_N, NOW, NEWEST = range(0, 40, 8)
NEWEST_MASK = 1023
STATE_WORDS = 4 + NEWEST_MASK + 1
CLIENT = 16
KEEP = 300_000_000
#: Events between two looks at whether there is room.
BATCH = 256
EXCHANGER = QTYPES.index("MX")
#: The types that are looked at, as bits.
TYPES = 1 << EXCHANGER | 1 << QTYPES.index("A") | 1 << QTYPES.index("AAAA")
C_TS, C_CODE, C_CLIENT = L.COL["ts"], L.COL["code"], L.COL["client"]


@part
def ask(state: int, client: int, ts: int) -> int:
    """The client asks for an exchanger."""
    slot = find(i64(state + CLIENTS), CLIENT, i64(state + CLIENTS_MASK), client)
    put64(state + CLIENTS_N, i64(state + CLIENTS_N) + (i64(slot) == 0))
    put64(slot, client)
    put64(slot + 8, ts)
    newest = newest_at(state, client)
    return put64(newest, max(i64(newest), ts))


@part
def newest_at(state: int, client: int) -> int:
    """Address of the time of the last question for an exchanger of all clients whose key ends alike."""
    return state + NEWEST + 8 * home(client, NEWEST_MASK)


@part
def asked_just_before(state: int, client: int, ts: int) -> int:
    """True if the client's last question for an exchanger is no older than what an address may follow."""
    if ts - i64(newest_at(state, client)) > SOON:  # nor has anyone else, of most clients: nothing to look for
        return 0
    slot = find(i64(state + CLIENTS), CLIENT, i64(state + CLIENTS_MASK), client)
    since = ts - i64(slot + 8)
    known = i64(slot) != 0 and i64(state + NOW) - i64(slot + 8) < KEEP
    return known and since >= 0 and since <= SOON


@part
def chosen(state: int, col: int, stride: int) -> int:
    """True for a question for an exchanger, for a guess at one, and for an address after an exchanger."""
    code = i64(col + C_CODE * stride)
    qtype = (code >> 16) & 0xFF
    if code & 0xFF != L.KIND_QUERY or not (TYPES >> (qtype & 63)) & 1:
        return 0
    client = i64(col + C_CLIENT * stride)
    if client == 0 or (code >> 28) & 3 == L.NO_TIME:
        return 0
    ts = i64(col + C_TS * stride)
    put64(state + NOW, max(i64(state + NOW), ts))
    if qtype == EXCHANGER:
        ask(state, client, ts)
        return 1
    return (code >> 24) & 15 == L.GUESSED or asked_just_before(state, client, ts)


@entry
def choose_questions(state: int, cols: int, stride: int, begin: int, end: int, places: int) -> int:
    """Write the places of the chosen events in [begin, end), and how many they are before them; the number of the first
    event that must wait for room."""
    m = i64(places)
    for n in range(begin, end):
        if (n == begin or n & (BATCH - 1) == 0) and 2 * (i64(state + CLIENTS_N) + BATCH) > i64(state + CLIENTS_MASK):
            put64(places, m)
            return n
        put64(places + 8 + 8 * m, n)
        m += chosen(state, cols + 8 * n, stride)
    put64(places, m)
    return end


@entry
def forget_clients(state: int) -> int:
    """Sweep those out who are forgotten."""
    oldest = i64(state + NOW) - KEEP + 1
    kept = forget_before(i64(state + CLIENTS), CLIENT, i64(state + CLIENTS_MASK), oldest)
    return put64(state + CLIENTS_N, kept)
