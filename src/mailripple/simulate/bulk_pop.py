"""The rest of the mail log: people who fetch their mail (qpopper, Dovecot), and what else a host says."""

from __future__ import annotations

from collections import Counter

import numpy as np
import numpy.typing as npt

from mailripple.simulate.timeline import Timeline
from mailripple.simulate.world import MX_IP, World, Zipf, client_name

_Ints = npt.NDArray[np.int64]
_SESSION = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_KINDS = ("qpopper", "dovecot pop", "dovecot imap", "wrong password")
_SHARES = (0.43, 0.43, 0.11, 0.03)


class Mailboxes:
    """Writes POP3 and IMAP sessions and other programs' lines, and counts them in `truth`."""

    def __init__(self, world: World, timeline: Timeline, rng: np.random.Generator) -> None:
        self.rng = rng
        self.truth: Counter[str] = Counter()
        self._world = world
        self._timeline = timeline
        self._accounts = Zipf(len(world.accounts), 0.6)
        self._serial = 0

    def fetch(self, times: _Ints) -> None:
        """Somebody looks for mail at each of `times`, from the account's own computer."""
        n = len(times)
        kinds = self.rng.choice(len(_KINDS), size=n, p=_SHARES).tolist()
        accounts = self._accounts.pick(self.rng, n).tolist()
        letters = np.frombuffer(_SESSION.encode(), np.uint8)[self.rng.integers(64, size=(n, 16))].tobytes().decode()
        waiting = self.rng.geometric(0.3, size=n).tolist()
        for i, (ms, kind, account, mails) in enumerate(zip(times.tolist(), kinds, accounts, waiting, strict=True)):
            self._serial += 1
            pid = 31_002 + self._serial * 3 % 900_000
            user, ip = self._world.accounts[account], self._world.ips[account]
            if _KINDS[kind] == "qpopper":
                self._qpopper(ms, pid, user, client_name(account), ip, mails - 1)
            elif _KINDS[kind] == "wrong password":
                self._wrong_password(ms, pid, user, client_name(account), ip)
            else:
                imap = _KINDS[kind] == "dovecot imap"
                self._dovecot(ms, pid, user, ip, mails, letters[16 * i : 16 * i + 16], imap=imap)

    def noise(self, times: _Ints) -> None:
        """A line that has nothing to do with mail, at each of `times`."""
        kinds = self.rng.integers(5, size=len(times)).tolist()
        numbers = self.rng.integers(60_000, size=len(times)).tolist()
        for ms, kind, number in zip(times.tolist(), kinds, numbers, strict=True):
            self._serial += 1
            pid = 31_002 + self._serial * 3 % 900_000
            self._timeline.add(ms, _noise(kind, number, pid) + "\n")
        self.truth["noise_lines"] += len(times)

    def _qpopper(self, ms: int, pid: int, user: str, host: str, ip: str, mails: int) -> None:
        self._timeline.extend(
            [ms, ms + 300 + mails],
            [
                f'popper[{pid}]: (v4.0.9) POP login by user "{user}" at ({host}) {ip} [pop_log.c:244]\n',
                f"popper[{pid}]: Stats: {user} {mails} {mails * 4231} 0 0 {host} {ip} [pop_updt.c:296]\n",
            ],
        )
        self.truth["pop_logins"] += 1

    def _dovecot(self, ms: int, pid: int, user: str, ip: str, mails: int, session: str, *, imap: bool) -> None:
        program, counts = ("imap", f"in={mails * 97} out={mails * 5107}") if imap else ("pop3", f"size={mails * 3907}")
        if not imap:
            counts = f"top=0/0, retr={mails}/{mails * 3999}, del={mails}/{mails}, {counts}"
        place = f"method=PLAIN, rip={ip}, lip={MX_IP}, mpid={pid}"
        self._timeline.extend(
            [ms, ms + 200 + 10 * mails],
            [
                f"dovecot: {program}-login: Login: user=<{user}>, {place}, TLS, session=<{session}>\n",
                f"dovecot: {program}({user})<{pid}><{session}>: Disconnected: Logged out {counts}\n",
            ],
        )
        self.truth["imap_logins" if imap else "pop_logins"] += 1

    def _wrong_password(self, ms: int, pid: int, user: str, host: str, ip: str) -> None:
        reply = f'-ERR [AUTH] Password supplied for "{user}" is incorrect. [pop_pass.c:1284]'
        self._timeline.add(ms, f"popper[{pid}]: {user} at {host} ({ip}): {reply}\n")
        self.truth["pop_failures"] += 1


def _noise(kind: int, number: int, pid: int) -> str:
    ip, port = f"203.0.113.{number % 254 + 1}", 5000 + number
    match kind:
        case 0:
            return f"sshd[{pid}]: Failed password for invalid user oper{number % 50} from {ip} port {port} ssh2"
        case 1:
            return f"sshd[{pid}]: Received disconnect from {ip} port {port}:11: Bye Bye [preauth]"
        case 2:
            return f"CRON[{pid}]: (root) CMD (/usr/local/sbin/rotate-counters {number % 7})"
        case 3:
            return f"systemd[1]: session-{number}.scope: Succeeded."
        case _:
            return f"sshd[{pid}]: Connection closed by invalid user backup {ip} port {port} [preauth]"
