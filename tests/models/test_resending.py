"""K11: sending again after a deferral is told from writing often."""

from __future__ import annotations

import numpy as np
import pytest

from mailripple.attempts import COLUMNS, KeptAttempts, Rows
from mailripple.models.evidence import Material, gather
from mailripple.models.minutes import Minutes
from mailripple.models.resending import resent
from tests.models.days import START, clock


def attempts(again: float, seed: int) -> KeptAttempts:
    """A day of 2,000 messages; one in ten is deferred, and its sender tries again with this chance."""
    dice = np.random.default_rng(seed)
    rows = []
    for n in range(2000):
        at = (START + n * 0.6) * 60e6
        deferred = dice.random() < 0.1
        sender = int(dice.integers(1, 400))
        rows.append((int(at), 1, 10 * n, 5, 0, sender, int(dice.integers(1, 30)), 1, 2 if deferred else 1, n + 1, 0))
        if deferred and dice.random() < again:
            rows.append((int(at) + 600_000_000, 1, 10 * n + 1, 5, 0, sender, rows[-1][6], 1, 1, n + 1, 0))
    table = np.array(sorted(rows), np.int64).reshape(-1, len(COLUMNS)).T
    late = table[8] == 2
    return KeptAttempts(Rows(np.ascontiguousarray(table[:, late])), Rows(np.ascontiguousarray(table[:, ~late])))


@pytest.mark.parametrize(("again", "verdict"), [(0.5, "holds"), (0.0, "does not hold")])
def test_sending_again_is_found(again: float, verdict: str) -> None:
    """Half of the deferred are sent again: yes; none: no."""
    minutes = Minutes(START, {"mail.from": np.ones(1440)}, np.ones(1440, np.bool_), np.zeros(1440, np.bool_))
    found = resent(gather(Material(minutes, attempts(again, 1), None, str, clock)))
    assert found.verdict == verdict
    assert {e.name: e.value for e in found.estimates}["after deferral"] == pytest.approx(again, abs=0.15)


def test_another_record_of_the_same_message_is_no_sending_again() -> None:
    """A second destination address under the same queue id, a minute later, is not a new message."""
    minutes = Minutes(START, {"mail.from": np.ones(1440)}, np.ones(1440, np.bool_), np.zeros(1440, np.bool_))
    kept = attempts(0.0, 1)
    more = kept.deferred.columns.copy()
    more[0] += 60_000_000
    more[9] += 10_000
    both = np.concatenate([kept.deferred.columns, more], axis=1)
    both = Rows(np.ascontiguousarray(both[:, np.lexsort((both[9], both[0]))]))
    found = resent(gather(Material(minutes, KeptAttempts(both, kept.other), None, str, clock)))
    assert {e.name: e.value for e in found.estimates}["after deferral"] < 0.1


def test_other_keys_give_the_same_answer() -> None:
    """Law 7: keys are other numbers in each run; the interval, which is drawn, does not move by a digit."""
    minutes = Minutes(START, {"mail.from": np.ones(1440)}, np.ones(1440, np.bool_), np.zeros(1440, np.bool_))
    kept = attempts(0.5, 1)
    keys = np.random.default_rng(2).permutation(100_000)
    other = []
    for rows in (kept.deferred, kept.other):
        table = rows.columns.copy()
        for column in (2, 5, 6):  # queue id, sender, domain
            table[column] = keys[table[column]]
        other.append(Rows(np.ascontiguousarray(table[:, np.lexsort((table[2], table[0]))])))
    both = [resent(gather(Material(minutes, part, None, str, clock))) for part in (kept, KeptAttempts(*other))]
    assert both[0] == both[1]
