"""Kernel of `messages.stitch`: a fold over mail events in the order of their times (tables: `messages_tables`)."""

from __future__ import annotations

from mailripple.attempts_kernel import hand_on, no_room
from mailripple.messages_tables import (
    A_FINAL,
    A_LAST,
    A_OPEN,
    A_PID,
    A_RUN,
    A_STATE,
    ATTEMPTS,
    BIRTH,
    DONE,
    DSN,
    H_ACCOUNT,
    H_CLIENT,
    H_LAST,
    H_NEXT,
    H_QUEUE,
    HANDED,
    LOCAL,
    LOCAL_END,
    LOOPBACK,
    LOOPBACK6,
    M_ACCOUNT,
    M_CLIENT,
    M_FLAGS,
    M_LAST,
    M_LEFT,
    M_OPEN,
    M_SENDER,
    MANAGED,
    MESSAGES,
    NOW,
    ORPHAN,
    RELAY_MAILER,
    RETURNED,
    RUN,
    SAME_RUN,
    SAME_TIME,
    SECOND,
    SEEN,
    SESSIONS,
    SLOT,
    TAKEN,
    USE,
    claim,
    crowded,
    fetch_slot,
    find_known,
    join_keys,
)
from mailripple.parse import layout as L
from mailripple.parse.native import entry, i64, part, put64, shr

#: How many events ahead memory is asked for.
AHEAD = 10
C_TS, C_CODE, C_SERVER, C_CLIENT, C_NAME = L.COL["ts"], L.COL["code"], L.COL["server"], L.COL["client"], L.COL["name"]
C_ACCOUNT, C_QUEUE, C_LINK, C_SENDER = L.COL["account"], L.COL["queue"], L.COL["link"], L.COL["sender"]
C_COUNT, C_PID, C_RELAY, C_FLAGS = L.COL["count"], L.COL["pid"], L.COL["relay"], L.COL["flags"]


@part
def is_loopback(state: int, client: int) -> int:
    return (client >= LOOPBACK and client < LOOPBACK + (1 << 24)) or client == i64(state + LOOPBACK6)


@part
def begin_anew(slot: int) -> int:
    """The queue id of a finished message is used again: what was known of it holds no longer."""
    flags = i64(slot + M_FLAGS)
    if flags & DONE:
        for k in range(8, SLOT, 8):
            put64(slot + k, 0)
        put64(slot + M_FLAGS, ((shr(flags, USE) + 1) & 0xFF) << USE)
    return i64(slot + M_FLAGS)


@part
def inherit(slot: int, first: int) -> int:
    """The message is another one once more: it is counted already, and its client is that of the other."""
    put64(slot + M_CLIENT, i64(first + M_CLIENT))
    put64(slot + M_ACCOUNT, i64(first + M_ACCOUNT))
    put64(slot + M_FLAGS, i64(slot + M_FLAGS) | SEEN)
    if i64(slot + M_FLAGS) & TAKEN:
        put64(first + M_FLAGS, i64(first + M_FLAGS) | RETURNED)
    return 0


@part
def hand_over(state: int, handed: int, slot: int, ts: int) -> int:
    """Remember the message under its Message-ID; the slot in `handed`."""
    flags = i64(slot + M_FLAGS)
    if shr(flags, BIRTH) == 0:
        put64(slot + M_FLAGS, flags | (ts // SECOND << BIRTH))
    other = claim(state, HANDED, handed, ts)
    put64(other + H_QUEUE, i64(slot))
    put64(other + H_NEXT, 0)
    put64(other + H_LAST, shr(i64(slot + M_FLAGS), USE))
    return other


@part
def told_before(state: int, col: int, stride: int, slot: int, link: int) -> int:
    """A `from=` record that names its session, or the process that queued it: take over what was said of that.

    Returns DSN if the server announced its own bounce under that name.
    """
    key = join_keys(i64(col + C_SERVER * stride), link)
    origin = find_known(state, MESSAGES, key, i64(col + C_TS * stride))
    if i64(origin) == i64(slot):
        return 0
    if i64(origin + M_FLAGS) & TAKEN:
        put64(slot + M_CLIENT, i64(origin + M_CLIENT))
        put64(slot + M_ACCOUNT, i64(origin + M_ACCOUNT))
    return i64(origin + M_FLAGS) & DSN


@part
def is_open(state: int, queue: int, slot: int, now: int) -> int:
    """Address of the message of that key if it is another one than in `slot` and still waits for delivery, else 0."""
    if queue == 0 or queue == i64(slot):
        return 0
    other = find_known(state, MESSAGES, queue, now)
    flags = i64(other + M_FLAGS)
    if flags & MANAGED:  # its end is told, and an alias may have more records than recipients
        return other if flags & DONE == 0 else 0
    return other if i64(other + M_LEFT) > 0 or i64(other + M_OPEN) > 0 else 0


@part
def handed_before(state: int, other: int, slot: int, client: int, now: int) -> int:
    """The message taken in before with the Message-ID of `slot` (address, or 0); one from outside must still wait."""
    if i64(other + H_QUEUE) == 0 or i64(other + H_QUEUE) == i64(slot):
        return 0
    first = find_known(state, MESSAGES, i64(other + H_QUEUE), now)
    if i64(first + M_CLIENT) == 0 and is_loopback(state, client):
        return first
    return is_open(state, i64(other + H_QUEUE), slot, now)


@part
def open_message(state: int, col: int, stride: int, slot: int, nrcpts: int) -> int:
    """A `from=` record: remember who handed the message in.  Returns the record's flags."""
    ts = i64(col + C_TS * stride)
    known = begin_anew(slot)
    if known & (SEEN | TAKEN | MANAGED) == MANAGED and i64(col + C_SENDER * stride) == 0:
        known |= DSN  # nobody handed it in and no reply is wanted: the line that announces the bounce may come later
    client = i64(col + C_CLIENT * stride)
    account = i64(col + C_ACCOUNT * stride)
    link = i64(col + C_LINK * stride)
    if link != 0 and client == 0:
        known |= told_before(state, col, stride, slot, link)
    put64(slot + M_FLAGS, known)
    flags = L.F_DSN if known & DSN else L.F_AGAIN if known & SEEN else 0
    if account == 0:
        account = i64(slot + M_ACCOUNT)
    if account == 0 and i64(state + SESSIONS + 16) != 0 and i64(col + C_PID * stride) != 0:
        session = find_known(state, SESSIONS, join_keys(i64(col + C_SERVER * stride), i64(col + C_PID * stride)), ts)
        if i64(session) != 0 and i64(session + H_CLIENT) == client:
            account = i64(session + H_ACCOUNT)
    if link != 0:
        handed = join_keys(i64(col + C_SERVER * stride), link)
        put64(slot + M_LAST, ts)
        first = 0
        if client != 0:
            first = handed_before(state, find_known(state, HANDED, handed, ts), slot, client, ts)
        if first == 0:
            hand_over(state, handed, slot, ts)
        elif is_loopback(state, client):
            flags |= L.F_AGAIN
            client = i64(first + M_CLIENT)
            account = i64(first + M_ACCOUNT)
            if client != 0:
                put64(first + M_FLAGS, i64(first + M_FLAGS) | RETURNED)
        known = i64(slot + M_FLAGS)
    if client == 0:
        client = i64(slot + M_CLIENT)
    if known & SEEN and known & MANAGED:
        known = (known & ~(0xFF << RUN)) | ((shr(known, RUN) + 1) & 0xFF) << RUN
    put64(slot + M_CLIENT, client)
    put64(slot + M_ACCOUNT, account)
    put64(slot + M_SENDER, i64(col + C_SENDER * stride))
    put64(slot + M_LAST, ts)
    put64(slot + M_LEFT, max(nrcpts, 1))
    put64(slot + M_FLAGS, known | SEEN)
    put64(col + C_CLIENT * stride, client)
    put64(col + C_ACCOUNT * stride, account)
    return flags


@part
def leaves(state: int, mailer: int, relay: int) -> int:
    """True if the mailer does not deliver on this machine; where none is logged, if there is another machine."""
    if is_loopback(state, relay):
        return 0
    if mailer == 0:
        return relay != 0
    for k in range(LOCAL, LOCAL_END, 8):
        if i64(state + k) == mailer:
            return 0
    return 1


@part
def deliver(state: int, col: int, stride: int, slot: int) -> int:
    """A `to=` record: give it its client, and tell first attempt, retry and further records of one attempt apart."""
    ts = i64(col + C_TS * stride)
    code = i64(col + C_CODE * stride)
    status = (code >> 8) & 0xFF
    pid = i64(col + C_PID * stride)
    link = i64(col + C_LINK * stride)
    known = i64(slot + M_FLAGS)
    flags = L.F_DSN if known & DSN else 0
    put64(col + C_CLIENT * stride, i64(slot + M_CLIENT))
    put64(col + C_ACCOUNT * stride, i64(slot + M_ACCOUNT))
    mailer = i64(col + C_SENDER * stride)
    put64(col + C_SENDER * stride, i64(slot + M_SENDER))
    put64(slot + M_LAST, ts)
    if status == L.SKIPPED:
        return flags
    relay = i64(col + C_RELAY * stride)
    if stays_here(state, known, status, mailer, relay) or (link != 0 and i64(col + C_QUEUE * stride) != 0):
        flags |= L.F_INTERNAL
    elif leaves(state, mailer, relay):
        flags |= L.F_OUT
    rcpts = i64(col + C_COUNT * stride) >> 40
    if rcpts == 0:  # a result of the whole message, as when it expires
        return flags
    attempt = claim(state, ATTEMPTS, join_keys(i64(slot), i64(col + C_NAME * stride) + 1), ts)
    use = ((shr(known, USE) & 0xFF) << 8) | 1
    run = shr(known, RUN) & 0xFF
    before = i64(attempt + A_STATE)
    waited = before >> A_OPEN
    final = (before >> A_FINAL) & 0xFFFF
    if before & 0xFFFF != use:
        flags |= L.F_ATTEMPT if known & ORPHAN else L.F_ATTEMPT | L.F_FIRST
        waited = 0
    elif known & MANAGED:
        flags |= L.F_ATTEMPT if run != (before >> A_RUN) & 0xFF else 0
    elif pid != i64(attempt + A_PID) or ts - i64(attempt + A_LAST) > (SAME_RUN if pid != 0 else SAME_TIME):
        flags |= L.F_ATTEMPT
    waits = status == L.DEFERRED or (status == L.OTHER_STATUS and (code >> 24) & 15 == 4)
    put64(slot + M_OPEN, max(i64(slot + M_OPEN) + waits - waited, 0))
    if not waits:
        put64(slot + M_LEFT, i64(slot + M_LEFT) - rcpts)
    if (status == L.SENT or status == L.BOUNCED or status == L.REJECTED) and final != use:
        flags |= L.F_FINAL
        final = use
    put64(attempt + A_LAST, ts)
    put64(attempt + A_PID, pid)
    put64(attempt + A_STATE, use | final << A_FINAL | run << A_RUN | waits << A_OPEN)
    return flags


@part
def stays_here(state: int, known: int, status: int, mailer: int, relay: int) -> int:
    """True for a hop within the machine: from MSP to MTA, or to a filter that has handed the message in again."""
    if mailer == i64(state + RELAY_MAILER) and is_loopback(state, relay):
        return 1
    return known & RETURNED != 0 and status == L.SENT and (relay == 0 or is_loopback(state, relay))


@part
def announce(state: int, col: int, stride: int, kind: int) -> int:
    """A line that says what another queue id is: the server's own bounce, or a copy for a list's owner."""
    ts = i64(col + C_TS * stride)
    slot = claim(state, MESSAGES, join_keys(i64(col + C_SERVER * stride), i64(col + C_LINK * stride)), ts)
    put64(slot + M_LAST, ts)
    put64(slot + M_LEFT, max(i64(slot + M_LEFT), 1))
    if kind == L.KIND_DSN:
        put64(slot + M_FLAGS, i64(slot + M_FLAGS) | DSN)
        return 0
    parent = find_known(state, MESSAGES, join_keys(i64(col + C_SERVER * stride), i64(col + C_QUEUE * stride)), ts)
    put64(slot + M_FLAGS, i64(slot + M_FLAGS) | SEEN)
    if i64(parent + M_FLAGS) != 0:
        put64(slot + M_CLIENT, i64(parent + M_CLIENT))
        put64(slot + M_ACCOUNT, i64(parent + M_ACCOUNT))
        put64(slot + M_SENDER, i64(parent + M_SENDER))
    return 0


@part
def take_in(state: int, col: int, stride: int) -> int:
    """A line that says who hands a queue id in: it holds for that message, which may be an earlier one once more."""
    ts = i64(col + C_TS * stride)
    server = i64(col + C_SERVER * stride)
    slot = claim(state, MESSAGES, join_keys(server, i64(col + C_QUEUE * stride)), ts)
    begin_anew(slot)
    put64(slot + M_LAST, ts)
    put64(slot + M_FLAGS, i64(slot + M_FLAGS) | TAKEN)
    if i64(col + C_CLIENT * stride) != 0:
        put64(slot + M_CLIENT, i64(col + C_CLIENT * stride))
    if i64(col + C_ACCOUNT * stride) != 0:
        put64(slot + M_ACCOUNT, i64(col + C_ACCOUNT * stride))
    link = i64(col + C_LINK * stride)
    if link != 0 and link != i64(col + C_QUEUE * stride):
        first = find_known(state, MESSAGES, join_keys(server, link), ts)
        if i64(first + M_FLAGS) != 0:
            inherit(slot, first)
    return 0


@part
def name_message(state: int, col: int, stride: int) -> int:
    """A line that says the Message-ID of a queue id.

    What the machine itself hands in with the Message-ID of a message that it is just delivering is that message: it
    comes back from a content filter, or an alias sends it on.
    """
    ts = i64(col + C_TS * stride)
    server = i64(col + C_SERVER * stride)
    slot = claim(state, MESSAGES, join_keys(server, i64(col + C_QUEUE * stride)), ts)
    begin_anew(slot)
    put64(slot + M_LAST, ts)
    put64(slot + M_FLAGS, i64(slot + M_FLAGS) | MANAGED)
    link = i64(col + C_LINK * stride)
    if link == 0:
        return 0
    handed = join_keys(server, link)
    other = find_known(state, HANDED, handed, ts)
    first = 0
    latest = 0
    if i64(other) != 0:
        first = is_open(state, i64(other + H_QUEUE), slot, ts)
        latest = is_open(state, i64(other + H_NEXT), slot, ts)
    if first == 0 and latest == 0:
        hand_over(state, handed, slot, ts)
    elif i64(slot + M_FLAGS) & SEEN:
        put64(other + H_NEXT, i64(slot))
    elif i64(slot + M_CLIENT) == 0 or is_loopback(state, i64(slot + M_CLIENT)):
        inherit(slot, latest if latest != 0 else first)
        put64(other + H_NEXT, i64(slot))
    return 0


@part
def begin_delivery(state: int, col: int, stride: int) -> int:
    """A line that says whose a delivery is; the line with its result names the delivery only."""
    ts = i64(col + C_TS * stride)
    key = join_keys(i64(col + C_SERVER * stride), i64(col + C_LINK * stride))
    session = claim(state, SESSIONS, key, ts)
    put64(session + H_QUEUE, i64(col + C_QUEUE * stride))
    put64(session + H_CLIENT, i64(col + C_NAME * stride))
    put64(session + H_ACCOUNT, i64(col + C_COUNT * stride) >> 40)
    put64(session + H_LAST, ts)
    return 0


@part
def end_delivery(state: int, col: int, stride: int) -> int:
    """A `to=` record without a queue id: its message and destination are those that its delivery began with."""
    ts = i64(col + C_TS * stride)
    server = i64(col + C_SERVER * stride)
    session = find_known(state, SESSIONS, join_keys(server, i64(col + C_LINK * stride)), ts)
    if i64(session) == 0 or i64(session + H_QUEUE) == 0:
        put64(col + C_SENDER * stride, 0)
        return 0
    put64(col + C_NAME * stride, i64(session + H_CLIENT))
    put64(col + C_COUNT * stride, i64(session + H_ACCOUNT) << 40)
    slot = claim(state, MESSAGES, join_keys(server, i64(session + H_QUEUE)), ts)
    if i64(slot + M_FLAGS) == 0:
        put64(slot + M_FLAGS, ORPHAN)
    return deliver(state, col, stride, slot)


@part
def authenticate(state: int, col: int, stride: int) -> int:
    """A line that says who logged in to hand mail in: it holds for the messages of that process."""
    account = i64(col + C_ACCOUNT * stride)
    if account == 0:
        return 0
    server = i64(col + C_SERVER * stride)
    ts = i64(col + C_TS * stride)
    session = claim(state, SESSIONS, join_keys(server, i64(col + C_PID * stride)), ts)
    put64(session + H_CLIENT, i64(col + C_CLIENT * stride))
    put64(session + H_ACCOUNT, account)
    put64(session + H_LAST, ts)
    return 0


@part
def step(state: int, col: int, stride: int) -> int:
    """Take one event in; returns its flags."""
    kind = i64(col + C_CODE * stride) & 0xFF
    if kind == L.KIND_DSN or kind == L.KIND_CLONE:
        return announce(state, col, stride, kind)
    if kind == L.KIND_CLIENT:
        if i64(col + C_QUEUE * stride) != 0:
            take_in(state, col, stride)
        return authenticate(state, col, stride)
    if kind == L.KIND_MSGID:
        return name_message(state, col, stride)
    if kind == L.KIND_START:
        return begin_delivery(state, col, stride)
    if kind == L.KIND_TO and i64(col + C_QUEUE * stride) == 0:
        if i64(col + C_CLIENT * stride) != 0:  # a sensor's record: it names its client, no id joins it to others
            return L.F_ATTEMPT | L.F_FIRST
        return end_delivery(state, col, stride)
    key = join_keys(i64(col + C_SERVER * stride), i64(col + C_QUEUE * stride))
    ts = i64(col + C_TS * stride)
    if kind == L.KIND_FROM:
        nrcpts = i64(col + C_COUNT * stride) >> 40
        if nrcpts == 0:
            return L.F_REFUSED
        return open_message(state, col, stride, claim(state, MESSAGES, key, ts), nrcpts)
    if kind == L.KIND_TO:
        slot = claim(state, MESSAGES, key, ts)
        if i64(slot + M_FLAGS) == 0:
            put64(slot + M_FLAGS, ORPHAN)
        return deliver(state, col, stride, slot)
    if kind == L.KIND_DONE:
        slot = find_known(state, MESSAGES, key, ts)
        if i64(slot) != 0:
            put64(slot + M_LEFT, 0)
            put64(slot + M_OPEN, 0)
            put64(slot + M_FLAGS, i64(slot + M_FLAGS) | DONE)
    return 0


@part
def fetch_ahead(state: int, col: int, stride: int) -> int:
    """Ask for the memory that an event some places ahead will need."""
    key = join_keys(i64(col + C_SERVER * stride), i64(col + C_QUEUE * stride))
    fetch_slot(state, MESSAGES, key)
    kind = i64(col + C_CODE * stride) & 0xFF
    if kind == L.KIND_FROM:
        fetch_slot(state, HANDED, join_keys(i64(col + C_SERVER * stride), i64(col + C_LINK * stride)))
    if kind == L.KIND_TO:
        fetch_slot(state, ATTEMPTS, join_keys(key, i64(col + C_NAME * stride) + 1))
    return 0


@entry
def stitch(state: int, cols: int, stride: int, begin: int, end: int, out: int) -> int:
    """Fold the events [begin, end) in; the number of the first one for which the tables are too full.

    `out`: where what is handed on of delivery records goes (`attempts_kernel`; 0: nowhere), or has no room.
    """
    for n in range(begin, end):
        if n == begin or n & 63 == 0:
            if crowded(state, MESSAGES) or crowded(state, ATTEMPTS):
                return n
            if crowded(state, HANDED) or crowded(state, SESSIONS):
                return n
            if out != 0 and no_room(out):
                return n
        col = cols + 8 * n
        if n + AHEAD < end:
            fetch_ahead(state, col + 8 * AHEAD, stride)
        flags = step(state, col, stride)
        put64(col + C_FLAGS * stride, flags)
        put64(state + NOW, max(i64(state + NOW), i64(col + C_TS * stride)))
        if out != 0 and i64(col + C_CODE * stride) & 0xFF == L.KIND_TO:
            hand_on(out, col, stride, flags)
    return end
