"""The questions that may tell a mailer are what a slow reference chooses, wherever the log is cut."""

from __future__ import annotations

import random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mailripple.models.askers import Askers
from mailripple.parse import layout as L
from tests.models.test_lookups import SECOND, START, Question, questions

KEEP = 300 * SECOND


def reference(asked: list[Question]) -> list[int]:
    """Places of the questions that are wanted, one after the other."""
    last: dict[str, int] = {}
    newest, found = 0, []
    for n, q in enumerate(asked):
        newest = max(newest, q.ts if q.qtype in ("MX", "A", "AAAA") else 0)
        if q.qtype == "MX":
            last[q.client] = q.ts
            found.append(n)
        elif q.qtype in ("A", "AAAA") and q.client in last:
            before = last[q.client]
            if newest - before < KEEP and 0 <= q.ts - before <= 2 * SECOND:
                found.append(n)
    return found


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 1 << 32), st.integers(1, 3000), st.integers(1, 6), st.sampled_from((3, 2000)))
def test_they_are_what_the_reference_chooses(seed: int, size: int, cuts: int, clients: int) -> None:
    """Exchangers, and addresses two seconds after one at most, also where lines are not in the order of time."""
    rng, ts, asked = random.Random(seed), START, []
    for n in range(size):
        ts += int(rng.choice((0, 0.1, 1, 40)) * SECOND)
        late = rng.choice((0, 0, 0, 1, 100, 400)) * SECOND
        qtype = rng.choice(("MX", "A", "A", "AAAA", "TXT"))
        asked.append(Question(ts - late, n, f"c{rng.randrange(clients)}", f"d{n}.example", qtype))
    askers = Askers()
    pieces = [askers.questions(np.ascontiguousarray(p)).copy() for p in np.array_split(questions(asked), cuts, axis=1)]
    found = np.concatenate(pieces, axis=1)
    assert found[L.COL["line"]].tolist() == reference(asked)


def test_guesses_are_wanted_whoever_asks() -> None:
    """A guessed mail server's address is chosen without an exchanger before it; another address is not."""
    events = questions([Question(START, 0, "a", "mail.d.example", "A"), Question(START, 1, "a", "www.d.example", "A")])
    events[L.COL["code"], 0] |= L.GUESSED << 24
    assert Askers().questions(events)[L.COL["line"]].tolist() == [0]


def test_only_dated_questions_of_a_client_count() -> None:
    """Answers, lines without a time or a client are left out."""
    right = questions([Question(START, 1, "a", "d.example")])
    wrong = [right.copy() for _ in range(3)]
    wrong[0][L.COL["client"]] = 0
    wrong[1][L.COL["code"]] += L.KIND_RESPONSE - L.KIND_QUERY
    wrong[2][L.COL["code"]] -= L.UTC << 28
    assert Askers().questions(np.concatenate([*wrong, right], axis=1)).shape[1] == 1


def test_who_is_forgotten_makes_room() -> None:
    """Two hundred thousand clients that ask once each, a few a second: the table stays small."""
    n = 200_000
    events = np.zeros((len(L.COLUMNS), n), np.int64)
    events[:] = questions([Question(START, 0, "a", "d.example")])
    events[L.COL["ts"]] += np.arange(n) * SECOND // 10
    events[L.COL["client"]] = (1 << 40) + np.arange(n) * 7919
    askers = Askers()
    assert askers.questions(events).shape[1] == n
    assert len(askers._table) <= 16_384


def test_a_late_question_of_another_hides_none() -> None:
    """Clients whose keys end alike are told apart, also where one's question for an exchanger comes late."""
    events = np.concatenate([questions([Question(START + t * SECOND, n, "a", "d.example", q)]) for n, (t, q) in enumerate(((0, "MX"), (-100, "MX"), (1, "A"), (1, "A")))], axis=1)
    events[L.COL["client"]] = [5, 5 + (1 << 32), 5, 5 + (1 << 32)]
    assert Askers().questions(np.ascontiguousarray(events))[L.COL["line"]].tolist() == [0, 1, 2]
