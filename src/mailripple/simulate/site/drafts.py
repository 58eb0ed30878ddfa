"""Mail as people mean it: messages with their recipients, and what will become of each; not yet delivered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mailripple.simulate.columns import chosen, joined
from mailripple.simulate.site.tables import Ints, Messages, Recipients


class Draft(NamedTuple):
    """`messages`, their `recipients`, and of each recipient its `fate`: 0, or why it fails for good."""

    messages: Messages
    recipients: Recipients
    fate: Ints


def whole(value: int | Ints, n: int) -> Ints:
    """A column of n entries; a single one stands for all."""
    if isinstance(value, int) or len(value) == 1 != n:
        return np.full(n, value, np.int64)
    return value.astype(np.int64)


def draft(
    ms: Ints, client: int | Ints, account: int | Ints, sender: int | Ints, size: Ints, cause: int | Ints,
    message: Ints, domain: int | Ints, user: Ints, fate: int | Ints,
) -> Draft:  # fmt: skip
    """A draft from its columns; single numbers stand for columns that are the same all over."""
    n, m = len(ms), len(message)
    messages = Messages(ms, whole(client, n), whole(account, n), whole(sender, n), size, whole(cause, n))
    return Draft(messages, Recipients(message, whole(domain, m), user), whole(fate, m))


def together(drafts: Sequence[Draft], start: int, end: int) -> Draft:
    """All messages between `start` and `end`, by time, their recipients by message; each destination once a message."""
    before = np.cumsum([0, *(len(d.messages.ms) for d in drafts)])
    messages = joined([d.messages for d in drafts])
    recipients = joined(
        [d.recipients._replace(message=d.recipients.message + k) for d, k in zip(drafts, before.tolist(), strict=False)]
    )
    fate = np.concatenate([d.fate for d in drafts])
    inside = np.flatnonzero((messages.ms >= start) & (messages.ms < end))
    order = inside[np.argsort(messages.ms[inside], kind="stable")]
    place = np.full(len(messages.ms), -1)
    place[order] = np.arange(len(order))
    message = place[recipients.message]
    rows = np.lexsort((recipients.user, recipients.domain, message))
    kept = rows[message[rows] >= 0]
    same = np.zeros(len(kept), bool)
    columns = (message[kept], recipients.domain[kept], recipients.user[kept])
    same[1:] = np.logical_and.reduce([c[1:] == c[:-1] for c in columns])
    kept = kept[~same]
    recipients = Recipients(message[kept], recipients.domain[kept], recipients.user[kept])
    return Draft(chosen(messages, order), recipients, fate[kept])
