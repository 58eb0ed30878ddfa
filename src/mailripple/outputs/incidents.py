"""Incidents as text: one sentence each, then why, how sure, the lines, and what to do next."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from mailripple.incidents import Incident
from mailripple.outputs.safe import shown
from mailripple.outputs.steps import steps
from mailripple.outputs.summary import local_time
from mailripple.parse.zone import Zone

_STYLES = {"alarm": "bold red", "warning": "yellow", "notice": "dim"}
#: Lines shown an incident, and how wide.
LINES, WIDTH = 2, 160
#: Incidents that are told in full.
TOLD = 20


def print_incidents(
    console: Console, incidents: Sequence[Incident], sources: Sequence[str], zone: Zone, server: str = ""
) -> None:
    """Print the incidents, the gravest first; `sources` are the names of the sources, `server` the mail server's."""
    for incident in incidents[:TOLD]:
        console.print(Text(sentence(incident, zone), style=_STYLES[incident.severity]))
        if incident.severity != "notice":
            _details(console, incident, sources, server)
    if len(incidents) > TOLD:
        console.print(Text(f"... and {len(incidents) - TOLD} more (--json lists them all)", style="dim"))
    if incidents:
        console.print()


def sentence(incident: Incident, zone: Zone) -> str:
    """Who, since when, how sure."""
    since = local_time(incident.onset // 1_000_000, zone)
    return (
        f"{incident.severity.upper()}: {incident.sentence} since about {since}"
        f" ({incident.verdict}, {percent(incident.confidence)} sure)"
    )


def percent(share: float) -> str:
    """A confidence in words that do not promise certainty."""
    return f"{share:.0%}" if share < 0.99 else "more than 99%"


def _details(console: Console, incident: Incident, sources: Sequence[str], server: str) -> None:
    console.print(Text(f"  why: {'; '.join(incident.why)}"))
    console.print(Text(f"  if innocent: {incident.innocent}", style="dim"))
    if incident.user:
        console.print(Text(f"  last mailbox user there: {shown(incident.user)}"))
    for line in incident.evidence[:LINES]:
        text = shown(line.text or "(cannot be read again)", WIDTH)
        console.print(Text(f"  {shown(sources[line.source])}:{line.line}: {text}", style="dim"))
    for step in steps(incident, sources, server):
        console.print(Text(f"  next, {step.why}: {step.command}"))
