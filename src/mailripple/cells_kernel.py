"""Kernel: the tables that `counts_kernel` counts into.

Servers are counted by the minute, in rows of `METRICS` 32-bit counters.  All other entities are counted by 10 minutes
in 32-byte cells (key, window, kind, 16 8-bit counters), which are appended; an index of the current window finds an
entity's cell: 4 bytes, the number of the cell and one, so that it stays in the processor's cache.  Cells of the same
entity and window may occur more than once; they add up.  The counters of a heavy cell count by `1 << HEAVY_BITS`.
"""

from __future__ import annotations

from mailripple.parse.native import add8, entry, i64, mulmix, part, prefetch, put8, put32, put64, shr, u8, u32
from mailripple.parse.text import K1, K2, V4_KEY
from mailripple.slots_kernel import empty, first_free

# words of the state block
SERVERS, SERVERS_MASK, SERVERS_N, ROWS, ROWS_CAP, LAST_SERVER, LAST_MINUTE, LAST_ROW = range(0, 64, 8)
INDEX, INDEX_MASK, INDEX_N, FIRST, WINDOW, OUT, OUT_CAP, OUT_N = range(64, 128, 8)
PAIRS, PAIRS_MASK, PAIRS_N, PAIRS_FULL, WINDOW_ROWS, CAPPED, STRAY = range(128, 184, 8)
ASKED, ASKED_MASK, ASKED_N, ASKED_TAIL, ASKED_RECENT, HEADS, HEADS_MASK, NEWEST = range(184, 248, 8)
STATE_WORDS = 31

METRICS = 48
#: Events between two looks at how full the tables are.
BATCH = 64
#: Cells that a batch can make at most: a message of 2**20 recipients fills 19 of its client and 19 of its account.
ROOM = 48 * BATCH
CELL = 32
PAIR = 16
#: What a counter of a cell holds at most; the bit of a cell's tag, beside its kind, that makes it a heavy one.
MOST, HEAVY, HEAVY_BITS = 255, 128, 8
#: The highest bits of the eight counters in a word.
TOP_BITS = 0x8080_8080_8080_8080 - (1 << 64)
TOTAL = 80
#: The most that the counters of a light cell hold, eight in a word.
LIGHT_MOST = 0x0303030303030303
LOW = 0xFFFFFFFF
SECOND = 1_000_000
MINUTE = 60 * SECOND
#: Entities in one window beyond which new ones are no longer counted apart (floods of made-up names).
WINDOW_CAP = 1_000_000


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
def cell_of(state: int, slot: int) -> int:
    """Address of the cell to which a slot of the index points."""
    return i64(state + OUT) + CELL * (u32(slot) - 1)


@part
def index_slot(state: int, kind: int, key: int) -> int:
    """Address of the slot of the index where the entity is looked for first."""
    return i64(state + INDEX) + 4 * (mix(key, kind) & i64(state + INDEX_MASK))


@part
def find_cell(state: int, kind: int, key: int) -> int:
    """Address of the entity's slot in the index; it is free if it points before the window's first cell."""
    table = i64(state + INDEX)
    last = table + 4 * i64(state + INDEX_MASK)
    first = i64(state + FIRST)
    slot = index_slot(state, kind, key)
    while u32(slot) > first:
        cell = cell_of(state, slot)
        if i64(cell) == key and i64(cell + 8) & (HEAVY - 1) == kind:
            return slot
        slot = slot + 4 if slot < last else table
    return slot


@part
def entity_cell(state: int, kind: int, key: int, window: int) -> int:
    """The entity's slot in the index of the current window; 0 where the event is not counted by entity.

    A window's first event of an entity makes a cell.  An event of an earlier window has a cell of its own.
    """
    if window != i64(state + WINDOW):
        put32(state + STRAY, new_cell(state, key, kind, window) + 1)
        return state + STRAY
    slot = find_cell(state, kind, key)
    if u32(slot) > i64(state + FIRST):
        return slot
    if i64(state + WINDOW_ROWS) >= WINDOW_CAP:
        put64(state + CAPPED, i64(state + CAPPED) + 1)
        return 0
    put64(state + WINDOW_ROWS, i64(state + WINDOW_ROWS) + 1)
    put64(state + INDEX_N, i64(state + INDEX_N) + 1)
    put32(slot, new_cell(state, key, kind, window) + 1)
    return slot


@part
def bump(state: int, slot: int, counter: int, n: int) -> int:
    """Add to a counter of the slot's cell; one that would overflow goes on in a new cell."""
    if slot == 0:
        return 0
    at = cell_of(state, slot) + 16 + counter
    more = u8(at) + n
    if more <= MOST:
        return put8(at, more)
    return overflow(state, slot, counter, n)


@part
def sum_bytes(a: int, b: int) -> int:
    """Sums of eight bytes each; those that overflow begin again at 0."""
    return ((a & ~TOP_BITS) + (b & ~TOP_BITS)) ^ ((a ^ b) & TOP_BITS)


@part
def overflows(a: int, b: int, total: int) -> int:
    """True if one of eight sums of bytes does not fit into its byte of `total`."""
    return ((a & b) | ((a | b) & ~total)) & TOP_BITS != 0


@part
def bump_all(state: int, slot: int, low: int, high: int) -> int:
    """Add to the eight lower and the eight upper counters of the slot's cell: a byte for each."""
    if slot == 0:
        return 0
    at = cell_of(state, slot) + 16
    lower = i64(at)
    upper = i64(at + 8)
    first = sum_bytes(lower, low)
    second = sum_bytes(upper, high)
    if not (overflows(lower, low, first) | overflows(upper, high, second)):
        put64(at, first)
        return put64(at + 8, second)
    for k in range(8):
        bump(state, slot, k, (low >> 8 * k) & 0xFF)
        bump(state, slot, 8 + k, (high >> 8 * k) & 0xFF)
    return 0


@part
def overflow(state: int, slot: int, counter: int, n: int) -> int:
    """Add more than the counter of the slot's cell holds: what is left goes on in new cells."""
    while n > 0:
        cell = cell_of(state, slot)
        kind = i64(cell + 8) & 0xFF
        if n >> HEAVY_BITS:
            heavy = new_cell(state, i64(cell), kind | HEAVY, i64(cell + 8) >> 8)
            added = min(n >> HEAVY_BITS, MOST)
            put8(i64(state + OUT) + CELL * heavy + 16 + counter, added)
            n -= added << HEAVY_BITS
            continue
        at = cell + 16 + counter
        added = min(n, MOST - u8(at))
        put8(at, u8(at) + added)
        n -= added
        if n > 0:
            put32(slot, new_cell(state, i64(cell), kind, i64(cell + 8) >> 8) + 1)
    return 0


@part
def turn_window(state: int, window: int) -> int:
    """Begin the window if it is a later one: what the index holds is of an earlier one then."""
    if window > i64(state + WINDOW):
        put64(state + WINDOW, window)
        put64(state + WINDOW_ROWS, 0)
        put64(state + INDEX_N, 0)
        put64(state + FIRST, i64(state + OUT_N))
    return 0


@part
def narrow(word: int) -> int:
    """Eight counters of 8 bits in 2 bits each, of a word in which none is beyond 3."""
    word = (word | word >> 6) & 0x000F000F000F000F
    word = (word | word >> 12) & 0x000000FF000000FF
    return (word | word >> 24) & 0xFFFF


@part
def broad(bits: int) -> int:
    """The word that `narrow` made these 16 bits of."""
    word = (bits | bits << 24) & 0x000000FF000000FF
    word = (word | word << 12) & 0x000F000F000F000F
    return (word | word << 6) & LIGHT_MOST


@entry
def part_cells(cells: int, n: int, light: int, brief: int, found: int) -> int:
    """Write the cells in which nothing counts beyond 3 to `light`, 16 bytes each, or, those of IPv4 addresses that
    count anything, to `brief`, 8 bytes each behind a word with the tag of those that follow.

    The others come to stand one behind the other at the beginning of `cells`.  To `found` go the numbers of the words
    at `brief`, of the cells at `light`, and of these.
    """
    lights = 0
    briefs = 0
    words = 0
    before = -1
    for k in range(n):
        cell = cells + CELL * k
        key = i64(cell)
        tag = i64(cell + 8)
        low = i64(cell + 16)
        high = i64(cell + 24)
        counters = narrow(low) << 16 | narrow(high)
        little = ((low | high) & ~LIGHT_MOST == 0) & (tag >> 32 == 0)
        short = little & (key >> 32 == 1) & (counters != 0)
        put64(light + 16 * lights, key)
        put64(light + 16 * lights + 8, tag << 32 | counters)
        if short & (tag != before):
            put64(brief + 8 * words, tag)
            words += 1
            before = tag
        put64(brief + 8 * words, counters << 32 | (key & LOW))
        words += short
        whole = cells + CELL * (k - lights - briefs)
        put64(whole, key)
        put64(whole + 8, tag)
        put64(whole + 16, low)
        put64(whole + 24, high)
        briefs += short
        lights += little & ~short
    put64(found, words)
    put64(found + 8, lights)
    return put64(found + 16, n - lights - briefs)


@entry
def unfold_brief(brief: int, n: int, tag: int, cells: int) -> int:
    """The cells that `part_cells` wrote to n words at `brief`, as they were; how many they are.

    The word at `tag` holds the tag of those that follow.
    """
    m = 0
    for k in range(n):
        word = i64(brief + 8 * k)
        counters = shr(word, 32)
        if counters == 0:
            put64(tag, word)
            continue
        cell = cells + CELL * m
        put64(cell, V4_KEY | (word & LOW))
        put64(cell + 8, i64(tag))
        put64(cell + 16, broad(counters >> 16))
        put64(cell + 24, broad(counters & 0xFFFF))
        m += 1
    return m


@entry
def unfold_cells(light: int, n: int, cells: int) -> int:
    """The n cells that `part_cells` wrote to `light`, as they were."""
    for k in range(n):
        rest = i64(light + 16 * k + 8)
        cell = cells + CELL * k
        put64(cell, i64(light + 16 * k))
        put64(cell + 8, shr(rest, 32))
        put64(cell + 16, broad((rest >> 16) & 0xFFFF))
        put64(cell + 24, broad(rest & 0xFFFF))
    return n


@entry
def add_up(table: int, mask: int, used: int, rows: int, begin: int, end: int) -> int:
    """Add cells into a table of totals by key and kind (rows of key, kind, 16 32-bit counters).

    Returns the number of the first cell for which the table is too full; `used` is the address of its number of rows.
    """
    for n in range(begin, end):
        if 4 * i64(used) > 3 * mask:
            return n
        cell = rows + CELL * n
        ahead = cell + 16 * CELL if n + 16 < end else cell
        place = table + TOTAL * (mix(i64(ahead), i64(ahead + 8) & (HEAVY - 1)) & mask)
        prefetch(place)
        prefetch(place + TOTAL - 1)
        key = i64(cell)
        kind = i64(cell + 8) & (HEAVY - 1)
        at = mix(key, kind) & mask
        slot = table + TOTAL * at
        while i64(slot) != 0 and (i64(slot) != key or i64(slot + 8) != kind):
            at = (at + 1) & mask
            slot = table + TOTAL * at
        if i64(slot) == 0:
            put64(slot, key)
            put64(slot + 8, kind)
            put64(used, i64(used) + 1)
        add8(slot + 16, cell + 16, HEAVY_BITS if i64(cell + 8) & HEAVY else 0)
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


@part
def asked_home(asked: int, mask: int) -> int:
    """Number of the slot where a pair of client and name (mixed) belongs."""
    return shr(asked, 3) & mask


@entry
def widen_pairs(pairs: int, mask: int) -> int:
    """Make the table twice as large where it stands; see `slots_kernel.widen`, whose keys are single words.

    The name of a pair is below zero where it was asked for by PTR.
    """
    first = first_free(pairs, PAIR)
    for k in range(first + 1, first + mask + 1):
        here = k & mask
        slot = pairs + PAIR * here
        client = i64(slot)
        name = i64(slot + 8)
        if client == 0:
            continue
        at = asked_home(mix(client, max(name, -name)), 2 * mask + 1)
        while at != here and i64(pairs + PAIR * at) != 0:
            at = (at + 1) & (2 * mask + 1)
        empty(slot, PAIR)
        put64(pairs + PAIR * at, client)
        put64(pairs + PAIR * at + 8, name)
    return 0
