"""What the models say of a log: relations with their verdicts, the retry ripple, and one sentence for the operator.

The joint between `models/` (which fits) and `outputs/` (which shows).  Every number carries its interval; what is not
known is NaN here and null in JSON.  Times are microseconds since 1970, UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["holds", "does not hold", "cannot tell"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its 95 % interval: `name` its symbol (`m_S`), `meaning` what it is in an operator's words."""

    name: str
    value: float
    low: float
    high: float
    unit: str = ""
    meaning: str = ""


@dataclass(frozen=True, slots=True)
class Span:
    """Where an answer comes from: half open in time, `bin_s` seconds a bin, `bins` of them used."""

    start: int
    end: int
    bin_s: int
    bins: int


@dataclass(frozen=True, slots=True)
class Relation:
    """An equation or a claim of the paper, put to these logs.

    `id` as in the notes of the paper (`eq1`, `K5`); `title` in an operator's words; `claim` what the paper says;
    `answer` one plain sentence; `conditions` what the answer rests on, or why there is none, and which reading of the
    paper was used where it contradicts itself.
    """

    id: str
    title: str
    claim: str
    verdict: Verdict
    answer: str
    estimates: tuple[Estimate, ...] = ()
    span: Span | None = None
    conditions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Burst:
    """One queue run seen in the deferred records: when it began, and how many records it left."""

    start: int
    size: int


@dataclass(frozen=True, slots=True)
class Ripple:
    """The retry ripple: is there a period (`periodic`), and does it grow (`growing`)?

    `estimates` hold `period` (min), `growth` (records a run), `inflow` (undeliverable messages a minute), as far as
    they are known; `p_periodic` and `p_growing` are the p-values of the two tests.
    """

    periodic: Verdict
    growing: Verdict
    answer: str
    p_periodic: float
    p_growing: float
    estimates: tuple[Estimate, ...] = ()
    bursts: tuple[Burst, ...] = ()
    runners: int = 0
    span: Span | None = None
    conditions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Surge:
    """A stretch in which there was more of something: `what` "lookups" or "destinations".

    `start`, `at` (when it was told) and `end` us since 1970; `expected`, `observed` counts between start and end;
    `evidence` log of the largest CUSUM; `learnt` hours that it is held against.
    """

    what: str
    start: int
    at: int
    end: int
    expected: float
    observed: float
    evidence: float
    learnt: float


@dataclass(frozen=True, slots=True)
class Findings:
    """All that the models say: `headline` is the sentence that a report begins with."""

    headline: str
    relations: tuple[Relation, ...] = ()
    ripple: Ripple | None = None
    domain_a: str | None = None
    surges: tuple[Surge, ...] = ()
