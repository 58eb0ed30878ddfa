"""What the models say of the paper's day, against its truth: `python benchmarks/paper_day.py [--seeds N] [VARIANT...]`.

Each seed of each variant is simulated, read as any log is, and studied.  A row of the table is a question; a cell the
share of the seeds in which the answer was right.  "cannot tell" is wrong, except where the day holds nothing to tell.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from mailripple.config import ReadOptions, ReportOptions
from mailripple.models.findings import Estimate, Findings
from mailripple.reporting import summary_of
from mailripple.run import read_all
from mailripple.simulate.scenario import Variant
from mailripple.simulate.write import simulate

VARIANTS: dict[str, Variant] = {
    "retries free": Variant(),
    "retry costs 1": Variant(retry_lookups=1),
    "retry costs 4": Variant(retry_lookups=4),
    "clock +3": Variant(retry_lookups=4, clock_offset=3),
    "clock -10": Variant(clock_offset=-10),
    "3 runners": Variant(queue_runners=3),
    "jitter 3": Variant(queue_jitter=3),
    "quiet": Variant(quiet=True),
}
NOW = 1_030_000_000_000_000  # August 2002


@dataclass(frozen=True)
class Case:
    """One day: what is true, and what was found."""

    variant: Variant
    truth: dict[str, Any]
    found: Findings

    def verdict(self, key: str) -> str:
        return next(r.verdict for r in self.found.relations if r.id == key)

    def estimate(self, key: str, name: str) -> Estimate | None:
        relation = next(r for r in self.found.relations if r.id == key)
        return next((e for e in relation.estimates if e.name == name), None)

    def ripple(self, name: str) -> float:
        assert self.found.ripple is not None
        return next((e.value for e in self.found.ripple.estimates if e.name == name), float("nan"))


def study_day(variant: Variant, seed: int) -> Case:
    """Simulate, read and study a day."""
    with tempfile.TemporaryDirectory() as folder:
        truth = simulate("paper-day", Path(folder), seed, variant)
        logs = [str(Path(folder) / name) for name in ("mail.log", "queries.log")]
        zone = variant.zone or truth["time_zone"]
        result = read_all(logs, ReadOptions(zone, NOW, zone_given=True, year=int(truth["local_date"][:4]), seed=1))
        found = summary_of(result, ReportOptions()).findings
        assert found is not None
        return Case(variant, truth, found)


def answers(case: Case) -> Iterator[tuple[str, bool]]:
    """Each question, and whether the day's answer was right."""
    yield from costs(case)
    if case.variant.quiet:
        yield "no growth claimed", case.verdict("K6") == "does not hold" and "piling up" not in case.found.headline
    else:
        yield from build_up(case)
    period = case.truth["queue"]["interval_s"] / 60 / case.truth["queue"]["runners"]
    yield "period within 1 min", abs(case.ripple("period") - period) <= 1
    offset = case.truth["clock_offset_s"] / 60
    yield "clock offset within 1 min", abs(clock_offset(case) - offset) <= 1
    costly = case.truth["coefficients"]["d"] > 0
    yield "eq. 8 right", case.verdict("eq8") == ("holds" if costly else "does not hold")
    yield "K9 right", case.verdict("K9") == ("does not hold" if costly else "holds")
    if not case.variant.quiet:
        silent = [r.id for r in case.found.relations if r.verdict == "cannot tell"]
        yield "every relation answered", not silent


def costs(case: Case) -> Iterator[tuple[str, bool]]:
    """Coefficients within 10 % (or a tenth of a query) of the truth, and intervals that cover it."""
    true = case.truth["coefficients"]
    if case.truth["realised"]:
        true = true | {"m_S": case.truth["realised"]["m_S_with_worm"]}
    for name in ("a", "b", "c", "d", "m_S"):
        found = case.estimate("eq1", name)
        if found is None and name == "d":
            found = Estimate("d", 0.0, 0.0, 0.0)
        assert found is not None, (name, case.found)
        yield f"{name} within 10 %", abs(found.value - true[name]) <= max(0.1 * true[name], 0.1)
        yield f"{name} covered", found.low - 1e-9 <= true[name] <= found.high + 1e-9
    for name in ("q", "n"):
        found = case.estimate("eq1", name)
        right = case.truth["realised"][f"{name}_with_worm"]
        yield f"{name} within 10 %", found is not None and abs(found.value - right) <= 0.1 * right


def build_up(case: Case) -> Iterator[tuple[str, bool]]:
    """What the close of domain A does."""
    closed = case.truth["domain_a"]
    yield "N_to > N_from after the close", case.verdict("eq6") == "holds"
    yield "growth claimed", case.verdict("K6") == "holds"
    inflow = closed["inflow_per_minute_steady"]
    yield "inflow within 15 %", abs(case.ripple("inflow") - inflow) <= 0.15 * inflow
    yield "domain A on top", case.found.domain_a == closed["name"] and case.verdict("K7") == "holds"
    yield "own queue runs (K12)", case.verdict("K12") == "does not hold"
    yield "nobody sends again (K11)", case.verdict("K11") == "does not hold"
    yield "onset within 30 min", abs(onset(case) - datetime.fromisoformat(closed["closes"]).timestamp() / 60) <= 30


def onset(case: Case) -> float:
    """Minute since 1970 since which relation 6 says that mail piles up."""
    span = next(r.span for r in case.found.relations if r.id == "eq6")
    return span.start / 60e6 if span is not None and case.verdict("K6") == "holds" else float("nan")


def clock_offset(case: Case) -> float:
    """Minutes by which the DNS log was moved, as the conditions of relation 1 tell; 0 without a word."""
    conditions = next(r.conditions for r in case.found.relations if r.id == "eq1")
    for text in conditions:
        if text.startswith("the DNS log's clock is"):
            words = text.split()
            return float(words[5]) * (1 if "ahead" in words else -1)
    return 0.0


def evaluate(seeds: Sequence[int], names: Sequence[str]) -> dict[str, dict[str, tuple[int, int]]]:
    """Right answers and days, by question and variant."""
    table: dict[str, dict[str, tuple[int, int]]] = {}
    for name in names:
        for seed in seeds:
            case = study_day(VARIANTS[name], seed)
            for question, right in answers(case):
                good, all_days = table.setdefault(question, {}).get(name, (0, 0))
                table[question][name] = (good + right, all_days + 1)
                if not right:
                    print(f"{name}, seed {seed}: not {question}: {case.found.headline}", file=sys.stderr)
    return table


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("variants", nargs="*", choices=[[], *VARIANTS], default=[])
    given = parser.parse_args()
    names = given.variants or list(VARIANTS)
    table = evaluate(range(given.first, given.first + given.seeds), names)
    print(f"{'of ' + str(given.seeds) + ' seeds':32}", *(f"{n:>14}" for n in names))
    for question, cells in table.items():
        print(f"{question:32}", *(f"{f'{cells[n][0]}/{cells[n][1]}' if n in cells else '':>14}" for n in names))


if __name__ == "__main__":
    main()
