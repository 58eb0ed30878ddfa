"""The mail servers are told from other DNS clients by what they ask."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from mailripple.models.servers import MX, PTR, given_mail_servers, infer_mail_servers

DOMAINS = np.arange(1000, 1040)
HOSTS = np.arange(2000, 2050)
SERVER, WORM, PC = 7, 8, 9


def pairs(*asked: tuple[int, npt.NDArray[np.int64], int]) -> npt.NDArray[np.int64]:
    """Rows (client, name, MX or PTR) of what each client asked for."""
    rows = [(client, int(name), kind) for client, names, kind in asked for name in names]
    return np.array(rows, np.int64).reshape(-1, 3)


def found(*asked: tuple[int, npt.NDArray[np.int64], int]) -> list[int]:
    """Keys of the clients taken for mail servers."""
    return [s.key for s in infer_mail_servers(pairs(*asked), DOMAINS, HOSTS)]


def test_who_asks_for_the_domains_of_the_mail_log_is_its_server() -> None:
    """Half of the domains are enough, fewer are not, and other names do not count."""
    assert found((SERVER, DOMAINS[:20], MX), (PC, DOMAINS[:19], MX), (PC, np.arange(1, 500), MX)) == [SERVER]


def test_who_asks_for_the_hosts_that_hand_mail_in_is_its_server() -> None:
    """Half of the PTR names are enough."""
    assert found((SERVER, HOSTS[:25], PTR), (PC, HOSTS[:24], PTR)) == [SERVER]


def test_a_worm_that_mails_by_itself_is_no_mail_server() -> None:
    """An infected PC that asks for most of the log's domains is not taken for a server beside one that asks for PTR."""
    assert found((SERVER, DOMAINS, MX), (SERVER, HOSTS, PTR), (WORM, DOMAINS[:35], MX), (WORM, HOSTS[:2], PTR)) == [SERVER]


def test_two_servers_are_both_found_the_better_one_first() -> None:
    """A site with two mail servers has two."""
    assert found((PC, HOSTS[:30], PTR), (SERVER, HOSTS[:45], PTR)) == [SERVER, PC]


def test_a_name_asked_for_as_mx_says_nothing_of_ptr() -> None:
    """The kind of the question counts."""
    assert found((SERVER, HOSTS, MX), (PC, DOMAINS, PTR)) == []


def test_a_small_mail_log_tells_nothing() -> None:
    """Below 20 domains and 20 hosts anybody could cover them by chance."""
    few = infer_mail_servers(pairs((SERVER, DOMAINS[:19], MX), (SERVER, HOSTS[:19], PTR)), DOMAINS[:19], HOSTS[:19])
    assert few == []
    assert infer_mail_servers(pairs(), DOMAINS, HOSTS) == []


def test_domains_that_come_twice_count_once() -> None:
    """The share is of distinct names."""
    twice = np.concatenate([DOMAINS[:10]] * 4)
    assert infer_mail_servers(pairs((SERVER, DOMAINS[:10], MX)), twice, HOSTS[:0]) == []


def test_given_servers_are_taken_as_given() -> None:
    """What the operator names is not weighed."""
    servers = given_mail_servers(["192.0.2.3"], {"192.0.2.3": SERVER})
    assert [s.key for s in servers] == [SERVER]
    assert math.isnan(servers[0].mx_cover)
