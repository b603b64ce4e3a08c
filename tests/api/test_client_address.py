"""Who a request comes from: the nearest hop that is not one of our own proxies."""

from typing import Any

import pytest

from gatepost.settings import ProtectionSettings
from gatepost.stores.addresses import client_network
from gatepost.web.client_address import client_address

PROXIES = "10.0.0.0/8, fd00::/8, 127.0.0.1"


def found(
    peer: str | None, *forwarded: str, proxies: str = PROXIES, header: bytes = b"x-forwarded-for"
) -> str | None:
    networks = ProtectionSettings(trusted_proxies=proxies).trusted_proxies
    scope: dict[str, Any] = {
        "type": "http",
        "client": None if peer is None else (peer, 4711),
        "headers": [(header, each.encode("latin-1")) for each in forwarded],
    }
    return client_address(scope, networks)


def test_without_proxies_it_is_the_peer_whatever_the_header_says() -> None:
    assert found("192.0.2.7", "203.0.113.5", proxies="") == "192.0.2.7"
    assert found("10.0.0.1", "203.0.113.5", proxies="") == "10.0.0.1"


def test_a_peer_that_is_no_proxy_is_believed_nothing() -> None:
    assert found("192.0.2.7", "203.0.113.5") == "192.0.2.7"
    assert found("192.0.2.7", "10.0.0.1, 10.0.0.2") == "192.0.2.7"


def test_a_proxy_tells_whom_it_was_called_by() -> None:
    assert found("10.0.0.1", "203.0.113.5") == "203.0.113.5"
    assert found("10.0.0.1") == "10.0.0.1"


def test_of_several_hops_the_rightmost_that_is_no_proxy_counts() -> None:
    assert found("10.0.0.1", "198.51.100.1, 203.0.113.5, 10.0.0.2") == "203.0.113.5"
    assert found("10.0.0.1", "10.9.9.9, 203.0.113.5") == "203.0.113.5"


def test_several_headers_are_one_list() -> None:
    assert found("10.0.0.1", "198.51.100.1", "203.0.113.5, 10.0.0.2") == "203.0.113.5"


def test_a_request_of_a_proxy_itself_is_the_furthest_proxys() -> None:
    assert found("10.0.0.1", "10.0.0.3, 10.0.0.2") == "10.0.0.3"


@pytest.mark.parametrize(
    "garbage",
    [
        "garbage",
        "",
        " ",
        "unknown",
        "_hidden",
        "1.2.3.4.5",
        "'; DROP TABLE gatepost_users",
        "\xff\xfe",
        "::::",
    ],
)
def test_a_hop_that_is_no_address_ends_the_way_at_the_proxy_that_wrote_it(garbage: str) -> None:
    assert found("10.0.0.1", f"203.0.113.5, {garbage}, 10.0.0.2") == "10.0.0.2"
    assert found("10.0.0.1", garbage) == "10.0.0.1"


@pytest.mark.parametrize("peer", [None, "", "/run/gatepost.sock", "unix:", "unix:/run/a.sock"])
def test_whoever_comes_by_a_unix_socket_is_believed_if_it_is_a_proxy(peer: str | None) -> None:
    assert found(peer, "203.0.113.5", proxies="unix") == "203.0.113.5"
    assert found(peer, "10.9.9.9, 203.0.113.5, 10.0.0.2", proxies="unix,10.0.0.0/8") == (
        "203.0.113.5"
    )
    assert found(peer, "10.9.9.9, 203.0.113.5, unix:", proxies="UNIX") == "203.0.113.5"
    assert found(peer, "203.0.113.5, garbage", proxies="unix") is None
    assert found(peer, proxies="unix") is None
    for proxies in ("", PROXIES):
        assert found(peer, "203.0.113.5", proxies=proxies) is None


def test_who_has_an_address_is_no_unix_socket() -> None:
    assert found("192.0.2.7", "203.0.113.5", proxies="unix") == "192.0.2.7"
    assert found("192.0.2.7", "203.0.113.5, unix:", proxies="unix") == "192.0.2.7"
    assert found("10.0.0.1", "203.0.113.5, unix:", proxies=PROXIES) == "10.0.0.1"
    assert found("testclient", "203.0.113.5", proxies="unix") is None


def test_each_instance_goes_by_the_proxies_that_it_trusts_itself() -> None:
    scope: dict[str, Any] = {
        "type": "http",
        "client": ("10.0.0.1", 4711),
        "headers": [(b"x-forwarded-for", b"203.0.113.5")],
    }
    ones, twos = (ProtectionSettings(trusted_proxies=each) for each in (PROXIES, ""))
    for _ in range(2):
        assert client_address(scope, ones.trusted_proxies) == "203.0.113.5"
        assert client_address(scope, twos.trusted_proxies) == "10.0.0.1"


def test_addresses_are_written_in_one_way() -> None:
    assert found("10.0.0.1", "203.0.113.5:49152") == "203.0.113.5"
    assert found("10.0.0.1", "[2001:db8::1]:443") == "2001:db8::1"
    assert found("10.0.0.1", "2001:0DB8:0::0001") == "2001:db8::1"
    assert found("::ffff:10.0.0.1", "::ffff:203.0.113.5") == "203.0.113.5"
    assert found("fd00::1", "2001:db8::1%eth0") == "2001:db8::1"


def test_other_headers_say_nothing() -> None:
    for header in (b"x-real-ip", b"forwarded", b"x-client-ip", b"true-client-ip"):
        assert found("10.0.0.1", "203.0.113.5", header=header) == "10.0.0.1"


def test_a_server_that_tells_no_address_has_none() -> None:
    assert found(None, "203.0.113.5") is None
    assert found("testclient", "203.0.113.5") is None


def test_a_thousand_hops_are_read_to_the_first_that_is_no_proxy() -> None:
    assert found("10.0.0.1", ", ".join(["203.0.113.5", *["10.0.0.2"] * 1000])) == "203.0.113.5"


def test_the_addresses_of_a_64_are_one_client() -> None:
    assert client_network("2001:db8:1:2::1") == client_network("2001:db8:1:2:ffff::9")
    assert client_network("2001:db8:1:2::1") != client_network("2001:db8:1:3::1")
    assert client_network("192.0.2.1") != client_network("192.0.2.2")
    assert client_network(None) == client_network("garbage")
