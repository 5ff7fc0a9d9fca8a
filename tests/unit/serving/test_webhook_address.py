"""What may be called from inside our network is decided by the address, not by the name."""

import asyncio
import socket

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.serving.jobs.webhooks import sign, verify
from reference.serving.jobs.webhooks.address import BadAddress, check_url, require_public, resolve


@settings(deadline=None)
@given(st.ip_addresses(v=4))
def test_what_is_not_public_is_refused_in_every_notation(address):
    inside = not address.is_global or address.is_multicast or address.is_reserved
    for text in (str(address), f"::ffff:{address}", f"64:ff9b::{address}"):
        if inside:
            with pytest.raises(BadAddress):
                require_public(text)
    if not inside:
        require_public(str(address))


@pytest.mark.parametrize("text", ["::1", "fe80::1", "fc00::1", "ff02::1", "::", "2002:7f00:1::", "fe80::1%eth0"])
def test_inner_ipv6_is_refused(text):
    with pytest.raises(BadAddress):
        require_public(text)


def test_a_name_with_one_inner_address_is_refused(monkeypatch):
    async def looked_up(self, host, port, **options):
        return [(socket.AF_INET, 1, 6, "", (one, port)) for one in ("93.184.216.34", "10.0.0.1")]

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", looked_up)
    with pytest.raises(BadAddress):
        asyncio.run(resolve("https://example.com/hook"))


def test_the_address_that_was_checked_is_the_one_that_is_called(monkeypatch):
    async def looked_up(self, host, port, **options):
        return [(socket.AF_INET, 1, 6, "", ("93.184.216.34", port))]

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", looked_up)
    target = asyncio.run(resolve("https://example.com/a?b=1"))
    assert (target.address, target.host, target.path) == ("93.184.216.34", "example.com", "/a?b=1")


@pytest.mark.parametrize("url", ["https://x:99999/", "https://[::1/", "https://" + "a" * 3000, "//x/", "https://a\n/"])
def test_urls_that_are_none_are_refused(url):
    with pytest.raises(BadAddress, match="webhook_url"):
        check_url(url)


def test_an_exemption_is_for_that_port_only():
    assert check_url("http://127.0.0.1:8000/x", frozenset({"127.0.0.1:8000"}))[2] == 8000
    with pytest.raises(BadAddress):
        check_url("http://127.0.0.1:8001/x", frozenset({"127.0.0.1:8000"}))


@settings(deadline=None)
@given(st.binary(), st.binary(min_size=1), st.integers(0, 200))
def test_a_signature_holds_for_its_body_only(body, secret, at):
    stamp = 1_700_000_000
    signature = sign(secret, "job-1", stamp, body)
    assert verify(secret, "job-1", str(stamp), f"v1,xx {signature}", body, now=stamp + 10)
    assert not verify(secret, "job-1", str(stamp), signature, body + b"x", now=stamp)
    assert not verify(secret, "job-2", str(stamp), signature, body, now=stamp)
    assert not verify(secret, "job-1", str(stamp), signature, body, now=stamp + 301 + at)


@pytest.mark.parametrize("stamp", ["", "x", "-1", "1.5"])
def test_a_time_that_is_none_is_refused(stamp):
    assert not verify(b"k", "i", stamp, "v1,", b"")
