"""Incidents as text: one sentence each, then why, how sure, the lines, and what to do next."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from mailripple.incidents import Incident
from mailripple.outputs.safe import shown
from mailripple.outputs.summary import local_time
from mailripple.parse.zone import Zone

_STYLES = {"alarm": "bold red", "warning": "yellow", "notice": "dim"}
#: Lines shown an incident, and how wide.
LINES, WIDTH = 2, 160
#: Incidents that are told in full.
TOLD = 20


def print_incidents(console: Console, incidents: Sequence[Incident], sources: Sequence[str], zone: Zone) -> None:
    """Print the incidents, the gravest first; `sources` are the names of the sources."""
    for incident in incidents[:TOLD]:
        console.print(Text(sentence(incident, zone), style=_STYLES[incident.severity]))
        if incident.severity != "notice":
            _details(console, incident, sources)
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


def _details(console: Console, incident: Incident, sources: Sequence[str]) -> None:
    console.print(Text(f"  why: {'; '.join(incident.why)}"))
    console.print(Text(f"  if innocent: {incident.innocent}", style="dim"))
    if incident.user:
        console.print(Text(f"  last mailbox user there: {shown(incident.user)}"))
    for line in incident.evidence[:LINES]:
        text = shown(line.text or "(cannot be read again)", WIDTH)
        console.print(Text(f"  {shown(sources[line.source])}:{line.line}: {text}", style="dim"))
    if incident.evidence:
        console.print(Text(f"  next: {next_command(incident, sources)}"))


def next_command(incident: Incident, sources: Sequence[str]) -> str:
    """What shows all lines of the subject, to be pasted into a shell; the incident has lines."""
    name = sources[incident.evidence[0].source]
    grep = "zgrep" if name.endswith((".gz", ".bz2", ".xz")) else "grep"
    return f"{grep} -wF {shlex.quote(shown(incident.value))} {shlex.quote(shown(name))}"
