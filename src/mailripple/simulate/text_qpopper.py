"""qpopper 4.0's log lines of a session: the log-in, and what was fetched."""

from __future__ import annotations

import numpy as np

from mailripple.simulate.campus import Campus
from mailripple.simulate.columns import Ints
from mailripple.simulate.day import Sessions

HOST = "mx1"


def pop_lines(campus: Campus, sessions: Sessions) -> tuple[Ints, list[str]]:
    """Times and lines, log-ins first."""
    logins, stats = [], []
    columns = (sessions.host.tolist(), sessions.account.tolist(), sessions.mails.tolist())
    for i, (host, account, mails) in enumerate(zip(*columns, strict=True)):
        head = f" {HOST} popper[{1002 + i * 3 % 31_000}]: "
        user, ip = campus.accounts[account], campus.ips[host]
        name = campus.host_names[host] or ip
        logins.append(f'{head}(v4.0.4) POP login by user "{user}" at ({name}) {ip}')
        stats.append(f"{head}Stats: {user} {mails} {mails * 4231} 0 0 {name} {ip}")
    return np.concatenate((sessions.ms, sessions.ms + 300 + 200 * sessions.mails)), logins + stats
