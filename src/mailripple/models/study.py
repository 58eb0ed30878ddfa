"""The whole study: counts and attempts in, findings out."""

from __future__ import annotations

from mailripple.models.claims import claims
from mailripple.models.evidence import Evidence, Material, gather
from mailripple.models.findings import Findings
from mailripple.models.ripple import stretch
from mailripple.models.surges import find_surges
from mailripple.models.traffic import equations


def study(material: Material) -> Findings:
    """What the models say of the logs; little data gives "cannot tell", never an error."""
    evidence = gather(material)
    relations = tuple(equations(evidence) + claims(evidence))
    top = material.domain_a
    name = material.name(top.key) if top is not None and top.deferred else None
    return Findings(headline(evidence), relations, evidence.ripple, name, tuple(find_surges(evidence.bins)))


def headline(evidence: Evidence) -> str:
    """One sentence for the operator: what matters most."""
    material, ripple = evidence.material, evidence.ripple
    if ripple.growing == "holds" and evidence.growth is not None:
        when = stretch(evidence.growth, material.minutes, material.clock)
        inflow = next(e for e in ripple.estimates if e.name == "inflow")
        top = material.domain_a
        whom = f" to {material.name(top.key)}" if top is not None and 2 * top.deferred > top.all_deferred else ""
        every = (
            f" (every {evidence.period.minutes:.0f} min)"
            if ripple.periodic == "holds" and evidence.period is not None
            else ""
        )
        return (
            f"Undeliverable mail {'is piling' if evidence.growth.end is None else 'piled'} up {when}: "
            f"{inflow.value:.2g} messages a minute{whom} {'come' if evidence.growth.end is None else 'came'} back "
            f"with every queue run{every}"
        )
    if not material.minutes["mail.to"].any():
        if material.minutes["dns.query"].any():
            return "No mail log was read: of deliveries and retries nothing can be said"
        return "No delivery records and no DNS queries were read: nothing can be said"
    if evidence.shift:
        way = "ahead of" if evidence.shift > 0 else "behind"
        off = f"{abs(evidence.shift)} min {way} the mail log's"
        return f"Check the clocks: the DNS log's is {off}; no undeliverable mail piles up"
    if ripple.growing == "cannot tell":
        return "Nothing unusual was seen, but the logs are too short or too thin to tell whether deferred mail piles up"
    usual = "no deferred mail" if not material.minutes["mail.deferred"].any() else "deferred mail does not pile up"
    return f"Nothing unusual: {usual}"
