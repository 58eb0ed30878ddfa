"""Proves what the queue makes of mail that is deferred."""

from __future__ import annotations

import numpy as np
import pytest

from mailripple.simulate.site.drafts import draft
from mailripple.simulate.site.queue import BACKOFF_MS, Doors, Pace, deliver
from mailripple.simulate.site.tables import DEFERRED, SENT, TIMED_OUT, Attempts, Happening

MINUTE = 60_000
DAY = 86_400_000


def tried(pace: Pace, closed_ms: int) -> Attempts:
    """The attempts of one message to a domain that is closed for a while."""
    mail = draft(np.array([1000]), 0, -1, 0, np.array([900]), 0, np.array([0]), 5, np.array([1]), 0)
    shut = Doors(np.zeros(1, np.int64), np.zeros(1, np.int64), [Happening("remote-outage", 0, closed_ms, 5)])
    return deliver(mail, shut, pace, DAY, np.random.default_rng(1))[0]


@pytest.mark.parametrize("interval", [5, 30])
def test_each_queue_run_tries_again(interval: int) -> None:
    """Without back-off a message is tried in each run until the door opens, and then no more."""
    runs = np.arange(0, DAY, interval * MINUTE)
    found = tried(Pace(runs, 1000.0), 10 * 3_600_000)
    assert len(found.ms) in (10 * 60 // interval + 1, 10 * 60 // interval + 2)
    assert set(found.status[:-1].tolist()) == {DEFERRED}
    assert found.status[-1] == SENT
    assert set(found.reason[:-1].tolist()) == {TIMED_OUT}


def test_back_off_waits_as_long_as_the_message_is_old() -> None:
    """With it the waits double, from five minutes to the longest one, rounded up to the next run."""
    runs = np.arange(0, DAY, 5 * MINUTE)
    found = tried(Pace(runs, 0.0, backs_off=True), 12 * 3_600_000)
    waits = np.diff(found.ms)
    age = found.ms[:-1] - 1000
    assert np.all(waits >= np.clip(age, *BACKOFF_MS))
    assert np.all(waits <= np.clip(age, *BACKOFF_MS) + 5 * MINUTE)
    assert waits[0] <= 10 * MINUTE
    assert waits[-1] > 3_600_000
