"""Proves that what is to be done next is told in the words of the mail server, and that hostile names stay quoted."""

from __future__ import annotations

import shlex
from dataclasses import replace

import pytest

from mailripple.incidents import attribute
from mailripple.outputs.steps import SERVERS, server_of, steps
from tests.test_incidents import BASE, address, text

SOURCES = ["mail.log", "b", "mail.log.1.gz"]


@pytest.mark.parametrize("server", ["", *SERVERS])
def test_every_server_has_steps(server: str) -> None:
    """A host under alarm has at least the command that shows its lines; the address stands in each command."""
    (found,) = attribute([BASE], address, text)
    commands = [s.command for s in steps(found, SOURCES, server)]
    assert commands[0] == "zgrep -wF 192.0.2.7 mail.log.1.gz"
    assert all("192.0.2.7" in c for c in commands)
    assert len(commands) == (2 if server in ("sendmail", "postfix", "exim") else 1)


def test_an_own_engine_is_stopped_by_the_firewall() -> None:
    """What goes past the mail server is no matter of its access lists."""
    for value, family in (("192.0.2.7", "ip"), ("2001:db8::7", "ip6")):
        (found,) = attribute([replace(BASE, detector="direct-mx")], lambda key, v=value: v, text)  # type: ignore[misc]
        assert steps(found, SOURCES, "postfix")[-1].command.startswith(f"nft insert rule inet filter forward {family} saddr {value} ")


def test_an_account_and_a_domain_have_queues() -> None:
    """An account's mail in the queue is listed and its sessions end; an outage lists what waits, and stops nobody."""
    (account,) = attribute([replace(BASE, account=True, verdict="stolen-account")], address, text)
    assert [s.command.split()[0] for s in steps(account, SOURCES, "sendmail")] == ["zgrep", "mailq", "doveadm"]
    (outage,) = attribute([replace(BASE, kind="domain", level="notice", verdict="remote-outage", lines=())], address, lambda key: "far.example")
    assert [s.command for s in steps(outage, SOURCES, "exim")] == ["exiqgrep -r far.example"]


@pytest.mark.parametrize("name", ["a; rm -rf /", "$(reboot)", "x' y", "`id`", "a\nb"])
@pytest.mark.parametrize("server", SERVERS)
def test_hostile_names_are_one_word(name: str, server: str) -> None:
    """Whatever an account or a file is called, a shell sees one argument."""
    (found,) = attribute([replace(BASE, account=True, verdict="stolen-account")], address, lambda key: name)
    for step in steps(found, [f"{name}.log"] * 3, server):
        words = shlex.split(step.command)
        assert any(name.replace("\n", "\\x0a") in word for word in words)
        assert "rm" not in words
        assert "\n" not in step.command


def test_the_server_is_who_wrote_most() -> None:
    """Events by format tell whose commands to name; formats of other programs do not count."""
    sources = [
        {"formats": {"postfix-delivery": {"events": 5}, "dovecot": {"events": 99}}},
        {"formats": {"exim": {"events": 4}, "postfix-queue": {"events": 3}}},
    ]
    assert server_of(sources) == "postfix"
    assert server_of([{"formats": {"bind": {"events": 9}}}]) == ""
