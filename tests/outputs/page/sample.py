"""A summary whose every text is hostile, and findings that use every part of the page."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

from mailripple.config import ReadOptions, ReportOptions
from mailripple.errors import Notice
from mailripple.incidents import Evidence, Incident
from mailripple.models.findings import Burst, Estimate, Findings, Relation, Ripple, Span
from mailripple.outputs.summary import Summary
from mailripple.reporting import summary_of
from mailripple.run import read_all
from tests.logs import mail_log, query_log, text_of

#: What an attacker may bring into a qname, an envelope sender, a relay's name, a user, a program or a file's name.
HOSTILE = (
    "<script>document.title='owned'</script>",
    "</script><script>document.title='owned'</script>",
    "</style><img src=x onerror=\"document.title='owned'\">",
    "\"><svg onload=document.title='owned'>",
    "{{ 7*7 }}{% raw %}${7*7}#{7*7}",
    "<!--<script>",
    "javascript:document.title='owned'",
    "\u202egpj.exe",
    "\x1b]0;owned\x07\x1b[2J",
    "\u2028\u2029\u0000",
    "'-alert(1)-'`${alert(1)}`",
    "&lt;script&gt;&amp;#60;",
    "A" * 5000,
    "\ud800".encode("utf-8", "surrogatepass").decode("utf-8", "backslashreplace"),
)
START = 1_772_445_600_000_000


def findings(text: str = "") -> Findings:
    """Findings with one relation for each verdict; `text` stands in every place for words."""
    span = Span(START, START + 7_200_000_000, 300, 24)
    known = Estimate("m_S", 8.25, 7.9, 8.6, f"queries a message{text}", f"what a message costs{text}")
    unknown = Estimate("m_P", math.nan, math.nan, math.nan, "", "not known")
    relations = (
        Relation("eq1", f"DNS follows mail{text}", f"D_q = m_S N_S{text}", "holds", f"Yes{text}.", (known, unknown), span, (text,)),
        Relation("K6", "It grows", "ripples grow", "does not hold", "No."),
        Relation("eq8", "Retries cost", "R^2 = 0", "cannot tell", "Too little."),
    )
    bursts = tuple(Burst(START + i * 1_800_000_000, 10 + i) for i in range(4))
    ripple = Ripple("holds", "does not hold", f"Every 30 minutes{text}.", 1e-9, 0.4, (known,), bursts, 1, span, (text,))
    return Findings(f"Nothing unusual{text}", relations, ripple, f"a.example{text}")


def sample(folder: Path) -> Summary:
    """Two hours of both logs, with findings."""
    (folder / "mail.log").write_bytes(text_of(mail_log(150)))
    (folder / "queries.log").write_bytes(text_of(query_log(150)))
    logs = [str(folder / "mail.log"), str(folder / "queries.log")]
    result = read_all(logs, ReadOptions("Europe/Berlin", START + 10**12, True, seed=3))
    return dataclasses.replace(summary_of(result, ReportOptions()), findings=findings())


def incident(text: str, severity: str = "alarm", source: int = 0) -> Incident:
    """An incident of an account; `text` stands in every place for words of a log."""
    lines = (Evidence(source, 1, text), Evidence(source, 2, text), Evidence(source, 3))
    why, innocent = (f"a burst of {text}",), "a newsletter"
    times = (START, START + 60_000_000, START + 3_600_000_000)
    return Incident("account", text, "stolen-account", severity, *times, 0.97, {}, lines, why, innocent, text)


def hostile(summary: Summary) -> Summary:
    """The summary with hostile text wherever text of a log, or a file's name, can stand."""
    text = "".join(h for h in HOSTILE if len(h) < 100)
    names = [{"rcpt_domain": h, "client_ip": h, "account": h, "mail.deferred": 3, "dns.query": 3} for h in HOSTILE]
    sources = [{**summary.sources[0], "source": h, "server": h} for h in HOSTILE]
    return dataclasses.replace(
        summary,
        domains=names,
        clients=names,
        accounts=names,
        dns_clients=names,
        sources=sources,
        mail_servers=[{"address": h, "mx_cover": None, "ptr_cover": None} for h in HOSTILE],
        rejects=[{"source": h, "line": 1, "reason": "no format", "text": h} for h in HOSTILE],
        skipped=[{"format": "", "pattern": f"program {h}", "lines": 3} for h in HOSTILE],
        notices=[Notice("warning", h, h) for h in HOSTILE],
        findings=findings(text),
        dq_note=text,
        incidents=tuple(incident(h, ("alarm", "warning", "notice")[n % 3], n) for n, h in enumerate(HOSTILE)),
    )
