"""How good is mailripple, and how good are the rules in use elsewhere?  `make evaluate` writes docs/evaluation.md.

    python benchmarks/evaluate.py [--seeds 280-299] [--tune-seeds 0-4] [--clients 2000] [--out docs/evaluation.md]

Sites are made one after the other, each once, and every rule is run on the same events; two processes share the seeds.
Tuning seeds choose one number for each rule; the page shows report seeds only.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from multiprocessing import get_context
from pathlib import Path

from mailripple.detectors import decide_all
from mailripple.evaluate import grid
from mailripple.evaluate.measure import Outcome, exceedance, measure, verdicts
from mailripple.evaluate.ours import ours, said_of, scores_of
from mailripple.evaluate.page import OURS, page
from mailripple.evaluate.peers import PEERS, records_a_message
from mailripple.evaluate.server import surges_of
from mailripple.evaluate.tables import ORDINARY, false_alarms
from mailripple.evaluate.week import week_of
from mailripple.simulate.site.generate import make_site
from mailripple.simulate.site.scene import site_scene

#: Report seeds that were looked at before the detectors had their present form.
SPENT = "100 to 279"
ROOT = Path(__file__).resolve().parent.parent
Job = tuple[int, int, dict[str, tuple[float, ...]]]


def numbers(text: str) -> list[int]:
    """`280-299` or `3,4`."""
    found: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found


def try_seed(job: Job) -> dict[str, Outcome]:
    """All rules on one site: ours, and each other rule with the numbers that are asked for."""
    seed, clients, limits = job
    begun = time.process_time()
    attacks = grid.attacks_of(seed)
    scene = site_scene("campus")
    site = make_site(scene, seed, days=grid.DAYS, clients=clients, attacks=attacks)
    week = week_of(site)
    scores = scores_of(week)
    out = {OURS: measure(site, said_of(decide_all(scores)), scores.watched)}
    out[OURS] |= {"verdicts": verdicts(site, week), "ratio": records_a_message(week, 1.5)}
    out[OURS] |= {"exceedance": exceedance(site, scores, ORDINARY)}
    for peer in PEERS:
        for limit in limits[peer.name]:
            out[f"{peer.name}@{limit:g}"] = measure(site, peer.rule(week, limit))
    quiet = make_site(scene, seed, days=grid.DAYS, clients=clients, attacks=[])
    out[OURS]["surges"] = [len(surges_of(s)) for s in (quiet, site)]
    goals = make_site(scene, seed, days=grid.DAYS, clients=clients, attacks=grid.goal_attacks_of(seed))
    week = week_of(goals)
    out[OURS]["goals"] = measure(goals, ours(week))["attacks"]
    for peer in (p for p in PEERS if p.path == "mail"):
        for limit in limits[peer.name]:
            out[f"{peer.name}@{limit:g}"]["goals"] = measure(goals, peer.rule(week, limit))["attacks"]
    print(f"seed {seed}: {time.process_time() - begun:.0f} CPU s", file=sys.stderr, flush=True)
    return out


def run(jobs: Sequence[Job], processes: int) -> list[dict[str, Outcome]]:
    """The outcomes of all jobs, in their order."""
    if processes == 1:
        return [try_seed(job) for job in jobs]
    with get_context("spawn").Pool(processes) as pool:
        return pool.map(try_seed, jobs, chunksize=1)


def tuned(outcomes: Sequence[dict[str, Outcome]]) -> dict[str, float]:
    """For each rule its least number with which it accuses no more ordinary hosts than we do; else its largest."""
    aim = false_alarms([o[OURS] for o in outcomes], ORDINARY)[0].value
    found = {}
    for peer in PEERS:
        rates = {c: false_alarms([o[f"{peer.name}@{c:g}"] for o in outcomes], ORDINARY)[0].value for c in peer.choices}
        found[peer.name] = min((c for c, rate in rates.items() if rate <= aim), default=max(peer.choices))
    return found


def evaluate(seeds: list[int], tune: list[int], clients: int, processes: int, command: str) -> tuple[str, object]:
    """The page, and everything that it was made from."""
    every = {peer.name: peer.choices for peer in PEERS}
    limits = tuned(run([(seed, clients, every) for seed in tune], processes))
    wanted: dict[str, tuple[float, ...]] = {p.name: (p.usual, limits[p.name]) for p in PEERS}
    outcomes = run([(seed, clients, wanted) for seed in seeds], processes)
    facts = {"command": command, "seeds": len(seeds), "clients": clients, "report": span(seeds), "tuned": span(tune)}
    return written(outcomes, limits, facts), {"limits": limits, "facts": facts, "outcomes": outcomes}


def written(outcomes: Sequence[dict[str, Outcome]], limits: dict[str, float], facts: dict[str, object]) -> str:
    """The page of these outcomes."""
    facts = {"spent": SPENT} | facts
    results = {OURS: [o[OURS] for o in outcomes]}
    for peer in PEERS:
        results[peer.name] = [o[f"{peer.name}@{peer.usual:g}"] for o in outcomes]
        results[f"{peer.name}, matched"] = [o[f"{peer.name}@{limits[peer.name]:g}"] for o in outcomes]
    return page(results, limits, facts)


def span(seeds: list[int]) -> str:
    return f"{min(seeds)} to {max(seeds)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", maxsplit=1)[0])
    parser.add_argument("--seeds", default="280-299")
    parser.add_argument("--tune-seeds", default="0-4")
    parser.add_argument("--clients", type=int, default=grid.CLIENTS)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "evaluation.md")
    parser.add_argument("--again", type=Path, metavar="JSON", help="write the page anew from what a run has kept")
    o = parser.parse_args()
    if o.again:
        kept = json.loads(o.again.read_text(encoding="ascii"))
        o.out.write_text(written(kept["outcomes"], kept["limits"], kept["facts"]), encoding="utf-8")
        return
    args = f"--seeds {o.seeds} --tune-seeds {o.tune_seeds} --clients {o.clients}"
    text, data = evaluate(
        numbers(o.seeds), numbers(o.tune_seeds), o.clients, o.processes, f'make evaluate ARGS="{args}"'
    )
    o.out.write_text(text, encoding="utf-8")
    kept = ROOT / ".bench" / "evaluation.json"
    kept.parent.mkdir(exist_ok=True)
    kept.write_text(json.dumps(data, separators=(",", ":")), encoding="ascii")
    print(f"wrote {o.out} and {kept}")


if __name__ == "__main__":
    main()
