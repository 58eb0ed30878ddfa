"""Kernel: which questions were asked of late, so that a repeated one is known (`REPEAT`).

A ring of questions in the order in which they came, and for each hash the newest of the ring; each leads to the one
before it.  Who is too old goes from the ring's end and is never looked for: nothing is swept, and what is looked at
lies close together in memory.  Positions are counted from 1; a hash's word holds the low 32 bits of one.
"""

from __future__ import annotations

from mailripple.cells_kernel import (
    ASKED,
    ASKED_MASK,
    ASKED_N,
    ASKED_RECENT,
    ASKED_TAIL,
    HEADS,
    HEADS_MASK,
    NEWEST,
    SECOND,
)
from mailripple.parse.native import entry, i64, part, put32, put64, shr, u32

#: A question of the ring: its key, when it was last asked, the position of an older one of the same hash.
QUESTION = 24
#: A repeated question (same client, name and type) within that time is the resolver's doing, not the user's.
REPEAT = 5 * SECOND
#: So long a question is remembered at least: events may come that much late.
KEEP = 120 * SECOND + REPEAT
LOW = 0xFFFFFFFF


@part
def head(state: int, key: int) -> int:
    """Address of the word that leads to the newest question of the key's hash."""
    return i64(state + HEADS) + 4 * (shr(key, 1) & i64(state + HEADS_MASK))


@part
def question_at(state: int, position: int) -> int:
    """Address of a question of the ring."""
    return i64(state + ASKED) + QUESTION * (position & i64(state + ASKED_MASK))


@part
def remember_question(state: int, key: int, ts: int) -> int:
    """Put the question into the ring."""
    n = i64(state + ASKED_N)
    newest = head(state, key)
    place = question_at(state, n)
    put64(place, key)
    put64(place + 8, ts)
    put32(place + 16, u32(newest))
    put32(newest, n)
    return put64(state + ASKED_N, n + 1)


@part
def find_question(state: int, key: int, last: int) -> int:
    """Position of the newest question of that key, if it is `last` or later, else 0; what is older is not touched."""
    n = i64(state + ASKED_N)
    known = n - last
    back = (n - u32(head(state, key))) & LOW
    while back <= known:
        place = question_at(state, n - back)
        if i64(place) == key:
            return n - back
        back = (n - u32(place + 16)) & LOW
    return 0


@part
def is_new_lookup(state: int, key: int, ts: int) -> int:
    """True unless the same question was asked within REPEAT before.

    What is older than KEEP is as good as gone, whether it left the ring or not: so it does not matter when it does.  A
    question that nothing later came before is only looked for among those that it may repeat, which are the ring's last
    few; a late one among all.
    """
    newest = max(i64(state + NEWEST), ts)
    put64(state + NEWEST, newest)
    recent = first_recent(state, newest - REPEAT)
    position = find_question(state, key, recent if ts == newest else i64(state + ASKED_TAIL))
    place = question_at(state, position)
    if position == 0 or i64(place + 8) < newest - KEEP:
        if ts >= newest - KEEP:
            remember_question(state, key, ts)
        return 1
    before = i64(place + 8)
    if ts > before:
        n = i64(state + ASKED_N)
        if 2 * (n - position) <= n - recent:  # else it would hold up the end of what is recent, and the ring's
            put64(place + 8, ts)
        else:
            remember_question(state, key, ts)
    return ts - before > REPEAT or before - ts > REPEAT


@part
def first_recent(state: int, since: int) -> int:
    """Position before which no question of the ring was asked since then; `since` never goes back.

    Looked for at every eighth question only: behind it lie some that are too old, which does not matter, and how many
    of them the next second brings is what a processor cannot guess.
    """
    n = i64(state + ASKED_N)
    recent = max(i64(state + ASKED_RECENT), i64(state + ASKED_TAIL))
    if n & 7 == 0:
        while recent < n and i64(question_at(state, recent) + 8) < since:
            recent += 1
        put64(state + ASKED_RECENT, recent)
    return recent


@part
def forget_questions(state: int) -> int:
    """Let the oldest questions go from the ring's end; how many are left."""
    n = i64(state + ASKED_N)
    tail = i64(state + ASKED_TAIL)
    since = i64(state + NEWEST) - KEEP
    while tail < n and i64(question_at(state, tail) + 8) < since:
        tail += 1
    put64(state + ASKED_TAIL, tail)
    return n - tail


@entry
def move_questions(state: int, ring: int, mask: int, heads: int, heads_mask: int) -> int:
    """Move the questions into a larger ring; `heads` is empty."""
    old = i64(state + ASKED)
    old_mask = i64(state + ASKED_MASK)
    n = i64(state + ASKED_N)
    put64(state + ASKED, ring)
    put64(state + ASKED_MASK, mask)
    put64(state + HEADS, heads)
    put64(state + HEADS_MASK, heads_mask)
    put64(state + ASKED_N, i64(state + ASKED_TAIL))
    for position in range(i64(state + ASKED_TAIL), n):
        place = old + QUESTION * (position & old_mask)
        remember_question(state, i64(place), i64(place + 8))
    return n
