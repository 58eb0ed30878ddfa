"""What to do next about an incident, as commands for the mail server whose log it is; nothing is run.

Addresses, accounts and domains come from a log that strangers write into, so each is quoted for the shell.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mailripple.incidents import Incident
from mailripple.outputs.safe import shown

#: By mail server: what waits in its queue for a domain, or from an account; how a client is shut out.
_QUEUE = {
    "sendmail": ("mailq -qR{0}", "mailq -qS{0}"),
    "postfix": ("postqueue -p | grep -wF {0}", "postqueue -p | grep -wF {0}"),
    "exim": ("exiqgrep -r {0}", "exiqgrep -f {0}"),
    "opensmtpd": ("smtpctl show queue | grep -wF {0}", "smtpctl show queue | grep -wF {0}"),
    "qmail": ("qmail-qread | grep -wF {0}", "qmail-qread | grep -wF {0}"),
}
_SHUT_OUT = {
    "sendmail": "echo Connect:{0} REJECT >> /etc/mail/access && makemap hash /etc/mail/access < /etc/mail/access",
    "postfix": "echo {0} REJECT >> /etc/postfix/client_access && postmap /etc/postfix/client_access",
    "exim": "exigrep {0} mainlog; then add the address to host_reject_connection",
}
#: What an own engine sends goes past the mail server: only a firewall stops it.
_FIREWALL = "nft insert rule inet filter forward {1} saddr {0} tcp dport 25 drop"
SERVERS = tuple(_QUEUE)


def server_of(sources: Sequence[Mapping[str, Any]]) -> str:
    """The mail server that wrote most of what was read, "" if none of those whose commands are known.

    `sources` as in the report's JSON: each with its events by format.
    """
    found: Counter[str] = Counter()
    for source in sources:
        for name, counts in source["formats"].items():
            found[name.partition("-")[0]] += counts["events"]
    known = {server: n for server, n in found.items() if server in _QUEUE and n}
    return max(known, key=lambda server: (known[server], server), default="")


@dataclass(frozen=True, slots=True)
class Step:
    """A command, and what it is for."""

    why: str
    command: str


def steps(incident: Incident, sources: Sequence[str], server: str) -> list[Step]:
    """First what shows the lines, then what waits, then what stops it; `server` the mail server's name, "" unknown."""
    found: list[Step] = []
    if incident.evidence and incident.value:
        found.append(Step("its lines", _lines(incident, sources)))
    value = shlex.quote(shown(incident.value))
    queue = _QUEUE.get(server, ("", ""))[incident.kind == "account"]
    if incident.kind in ("domain", "account") and incident.value and queue:
        found.append(Step("what waits", queue.format(value)))
    if incident.severity == "notice":
        return found
    if incident.kind == "account":
        found.append(Step("lock it: a new password, and", f"doveadm kick {value}"))
    elif incident.kind == "ip" and "direct-mx" in incident.statistics:
        family = "ip6" if ":" in incident.value else "ip"
        found.append(Step("stop it", _FIREWALL.format(value, family)))
    elif incident.kind == "ip" and server in _SHUT_OUT:
        found.append(Step("shut it out", _SHUT_OUT[server].format(value)))
    return found


def _lines(incident: Incident, sources: Sequence[str]) -> str:
    name = sources[incident.evidence[0].source]
    grep = "zgrep" if name.endswith((".gz", ".bz2", ".xz")) else "grep"
    return f"{grep} -wF {shlex.quote(shown(incident.value))} {shlex.quote(shown(name))}"
