"""How long do the sequential tests take over very many hosts?  Attempts of 100,000 clients in 10,000 windows.

    python benchmarks/scale.py [--clients 100000] [--events 10000000]

The events are folded in pieces as a run does it; CPU seconds and the peak of memory are printed for a quarter, half and
all of them, so that it shows whether the cost is linear.  Making the events is not counted.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Iterator

import numpy as np

from mailripple.messages import Attempts
from mailripple.models.senders import Senders
from mailripple.parse import layout as L
from mailripple.tables import ATTEMPTS

WINDOW, WINDOWS, PIECE = 300_000_000, 10_000, 250_000
START = 1_700_006_400_000_000
#: Destinations that a client has, and the share of messages to one of all others.
OWN, ALL, STRANGERS = 40, 200_000, 0.05


def pieces(clients: int, events: int, seed: int = 1) -> Iterator[Attempts]:
    """The attempts, by time: busy clients and quiet ones, three in a hundred fail."""
    rng = np.random.default_rng(seed)
    span = WINDOW * WINDOWS
    place = {column.name: i for i, column in enumerate(ATTEMPTS)}
    for first in range(0, events, PIECE):
        n = min(PIECE, events - first)
        columns = np.zeros((len(ATTEMPTS), n), np.int64)
        client = (rng.random(n) ** 2 * clients).astype(np.int64)
        number = first + np.arange(n)
        own = (client * 7919 + (rng.random(n) ** 2 * OWN).astype(np.int64) * 104_729) % ALL
        columns[place["ts"]] = START + number * span // events
        columns[place["order"]] = number + 1
        columns[place["server"]] = 1
        columns[place["queue_hash"]] = number + 1
        columns[place["client_ip"]] = client + 1
        columns[place["env_from"]] = client * 2 + (rng.random(n) < 0.05) + 2
        columns[place["rcpt_domain"]] = 2 + np.where(rng.random(n) < STRANGERS, rng.integers(0, ALL, n), own)
        columns[place["first"]] = 1
        columns[place["status"]] = np.where(rng.random(n) < 0.03, L.BOUNCED, L.SENT)
        columns[place["final"]] = 1
        yield Attempts(columns)


def fold(clients: int, events: int) -> tuple[float, int, int]:
    """(CPU seconds, subjects, alarms) of folding and scoring."""
    senders = Senders(0)
    spent = 0.0
    for piece in pieces(clients, events):
        begun = time.process_time()
        senders.step(piece)
        spent += time.process_time() - begun
    begun = time.process_time()
    scores = senders.scores()
    spent += time.process_time() - begun
    return spent, len(scores), sum(s.alarm is not None for s in scores)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", maxsplit=1)[0])
    parser.add_argument("--clients", type=int, default=100_000)
    parser.add_argument("--events", type=int, default=10_000_000)
    options = parser.parse_args()
    print(f"{'events':>12}{'CPU s':>8}{'us each':>9}{'peak MiB':>10}{'subjects':>10}{'alarms':>8}")
    for share in (4, 2, 1):
        events = options.events // share
        seconds, subjects, alarms = fold(options.clients, events)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        print(f"{events:12,}{seconds:8.1f}{seconds / events * 1e6:9.2f}{peak:10,}{subjects:10,}{alarms:8}", flush=True)


if __name__ == "__main__":
    main()
