"""sendmail 8.9.3's log lines: no `dsn=`, no `daemon=`, `pri=` with `from=` only, queue ids like RAA20512."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np

from mailripple.simulate.attempts import DEFERRED, FAILED, Attempts, Bounces, silent
from mailripple.simulate.campus import Campus
from mailripple.simulate.columns import Ints
from mailripple.simulate.day import LOCAL, UNKNOWN_HOST, Deliveries, Messages

HOST = "mx1"
_PIDS_FROM, _PIDS = 1000, 31_000
_PIDS_A_MESSAGE = 2
_UID, _GID = 1000, 100


class Sendmail:
    """Writes the records of one day.  Processes: one takes the message in, one delivers it, one a queue run."""

    def __init__(self, campus: Campus, zone: ZoneInfo, messages: Messages, deliveries: Deliveries) -> None:
        self._campus = campus
        self._zone = zone
        self._messages = messages
        self._deliveries = deliveries
        count = len(messages.ms)
        self._pids = (_PIDS_FROM + np.arange(count) * 3 % _PIDS).tolist()
        self._qids = [f"{a}AA{pid:05d}" for a, pid in zip(self._letters(messages.ms), self._pids, strict=True)]
        self._sizes, self._when = messages.size.tolist(), messages.ms.tolist()
        self._nrcpts = np.bincount(deliveries.message, deliveries.recipients, count).astype(np.int64).tolist()
        self._senders = self._all_senders()

    def taken_in(self, rows: Ints) -> list[str]:
        """The `from=` lines of these messages."""
        relays = [self._campus.relay(host) for host in range(len(self._campus.ips))]
        client = self._messages.client.tolist()
        stamp = [datetime.fromtimestamp(ms // 1000, UTC).astimezone(self._zone) for ms in self._when]
        texts = []
        for i in rows.tolist():
            qid, size, nrcpts = self._qids[i], self._sizes[i], self._nrcpts[i]
            name = self._campus.host_names[client[i]] or self._campus.ips[client[i]]
            texts.append(
                f" {HOST} sendmail[{self._pids[i]}]: {qid}: from=<{self._senders[i]}>, size={size}, class=0, "
                f"pri={30_000 * nrcpts + size}, nrcpts={nrcpts}, msgid=<{stamp[i]:%Y%m%d%H%M}.{qid}@{name}>, "
                f"proto=ESMTP, relay={relays[client[i]]}"
            )
        return texts

    def attempts(self, attempts: Attempts) -> list[str]:
        """The `to=` lines."""
        campus, d = self._campus, self._deliveries
        mute = silent(d).tolist()
        message, domain, fates = d.message.tolist(), d.domain.tolist(), d.fate.tolist()
        to = self._recipients()
        outside = self._messages.outside.tolist()
        account = self._messages.account.tolist()
        columns = (attempts.ms, attempts.delivery, attempts.status, attempts.run, attempts.took)
        texts = []
        for ms, row, status, run, took in zip(*(c.tolist() for c in columns), strict=True):
            i = message[row]
            pid = self._pids[i] + 1 if run < 0 else 300 + run % 700
            by = "" if outside[i] else f"ctladdr=<{self._senders[i]}> ({_UID + account[i]}/{_GID}), "
            head = (
                f" {HOST} sendmail[{pid}]: {self._qids[i]}: to={to[row]}, {by}delay={duration(ms - self._when[i])}, "
                f"xdelay={duration(took)}, mailer="
            )
            if domain[row] == LOCAL:
                texts.append(f"{head}local, relay=local, stat=Sent")
                continue
            mx, ip = campus.exchangers[domain[row]], campus.ips[campus.pcs + domain[row]]
            if status == DEFERRED:
                why = f"Connection timed out with {mx}." if mute[row] else f"Connection refused by {mx}."
                result = f"relay={mx}. [{ip}], stat=Deferred: {why}"
            elif status == FAILED:
                where = campus.domains[domain[row]] if fates[row] == UNKNOWN_HOST else f"{mx}. [{ip}]"
                result = f"relay={where}, stat={self._failure(row)}"
            else:
                answer = f"{self._qids[i][:3]}{(self._pids[i] * 7 + row) % 30_000 + 500:05d}"
                result = f"relay={mx}. [{ip}], stat=Sent ({answer} Message accepted for delivery)"
            texts.append(f"{head}esmtp, {result}")
        return texts

    def bounces(self, bounces: Bounces) -> tuple[list[str], list[str]]:
        """Of each the line that tells its queue id, and its own delivery record."""
        tells, delivered = [], []
        letters = self._letters(bounces.ms)
        for letter, message, row in zip(letters, bounces.message.tolist(), bounces.delivery.tolist(), strict=True):
            pid = self._pids[message] + 1
            qid = f"{letter}AA{pid:05d}"
            head = f" {HOST} sendmail[{pid}]: "
            tells.append(f"{head}{self._qids[message]}: {qid}: return to sender: {self._failure(row)}")
            to = f"to=<{self._senders[message]}>, delay=00:00:00, xdelay=00:00:00"
            delivered.append(f"{head}{qid}: {to}, mailer=local, relay=local, stat=Sent")
        return tells, delivered

    def _failure(self, row: int) -> str:
        domain = self._campus.domains[int(self._deliveries.domain[row])]
        if self._deliveries.fate[row] == UNKNOWN_HOST:
            return f"Host unknown (Name server: {domain}: host not found)"
        return "User unknown"

    def _letters(self, ms: Ints) -> list[str]:
        """The hour of the local clock, as queue ids begin."""
        hours = {
            h: chr(65 + datetime.fromtimestamp(h * 900, UTC).astimezone(self._zone).hour)
            for h in np.unique(ms // 900_000).tolist()
        }
        return [hours[h] for h in (ms // 900_000).tolist()]

    def _all_senders(self) -> list[str]:
        m, campus = self._messages, self._campus
        columns = (m.outside.tolist(), m.account.tolist(), m.client.tolist(), m.size.tolist())
        return [
            f"{campus.accounts[(account + size) % len(campus.accounts)]}@{campus.domains[client - campus.pcs]}"
            if outside
            else f"{campus.accounts[account]}@{campus.home}"
            for outside, account, client, size in zip(*columns, strict=True)
        ]

    def _recipients(self) -> list[str]:
        d, campus = self._deliveries, self._campus
        accounts = campus.accounts
        texts = []
        rows = zip(d.message.tolist(), d.domain.tolist(), d.recipients.tolist(), strict=True)
        for row, (message, domain, count) in enumerate(rows):
            if domain == LOCAL:
                user = accounts[(self._sizes[message] * 31 + message) % len(accounts)]
                texts.append(f"<{user}@{campus.home}>")
            else:
                users = [accounts[(self._sizes[message] + 7 * row + k) % len(accounts)] for k in range(count)]
                texts.append(",".join([f"<{user}@{campus.domains[domain]}>" for user in users]))
        return texts


def duration(ms: int) -> str:
    """As sendmail writes a delay: `02:03:04`, from a day on `1+02:03:04`."""
    minutes, seconds = divmod(ms // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    text = f"{hours:02d}:{minutes:02d}:{seconds:02d}"
    return f"{days}+{text}" if days else text
