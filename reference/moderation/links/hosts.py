"""What a host name says: addresses in every notation browsers accept, private ranges, imitations of brands."""

from __future__ import annotations

import contextlib
import ipaddress
import re
import unicodedata

_LOCAL = ("localhost", "localdomain", "local", "internal", "intranet", "lan", "home", "corp")
_NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+")


def address_of(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The IP address that a browser would read: dotted, decimal, octal, hexadecimal, short forms, IPv6 in brackets."""
    if host.startswith("[") and host.endswith("]"):
        try:
            six = ipaddress.IPv6Address(host[1:-1].partition("%")[0])
        except ValueError:
            return None
        return six.ipv4_mapped or six
    parts = host.rstrip(".").split(".")
    if not 1 <= len(parts) <= 4 or not all(_NUMBER.fullmatch(part) for part in parts):
        return None
    try:
        numbers = [_number(part) for part in parts]
    except ValueError:
        return None
    *head, last = numbers
    if any(number > 255 for number in head) or last >= 256 ** (4 - len(head)):
        return None
    value = last + sum(number << (24 - 8 * place) for place, number in enumerate(head))
    return ipaddress.IPv4Address(value)


def _number(part: str) -> int:
    if part.startswith("0x"):
        return int(part[2:] or "0", 16)
    if len(part) > 1 and part.startswith("0"):
        return int(part, 8)
    return int(part)


def is_private(host: str) -> bool:
    """Loopback, private, link-local and other addresses that no public post should lead to; local host names."""
    address = address_of(host)
    if address is not None:
        return not address.is_global or address.is_multicast
    labels = host.rstrip(".").split(".")
    return labels[-1] in _LOCAL or len(labels) == 1


def unicode_host(host: str) -> str:
    """Punycode labels ("xn--...") decoded; a label that does not decode stays as it is."""
    labels = []
    for label in host.split("."):
        if label.startswith("xn--"):
            with contextlib.suppress(ValueError):
                label = label[4:].encode("ascii").decode("punycode")
        labels.append(label)
    return ".".join(labels)


def mixed_scripts(host: str) -> bool:
    """Whether one label mixes Latin with Cyrillic or Greek letters: no language does."""
    for label in host.split("."):
        scripts = set()
        for character in label:
            if character.isalpha():
                name = unicodedata.name(character, "")
                scripts.add(name.split(" ", 1)[0])
        if "LATIN" in scripts and scripts & {"CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE"}:
            return True
    return False


def imitated_brand(host: str, brands: dict[str, frozenset[str]]) -> str:
    """The brand that a host writes with look-alike characters or digits, or in its name beside other words; else ''.

    `host`: decoded from punycode. The brand's own hosts never imitate it, and neither does its plain name in a
    path or as a complete registered name in another zone.
    """
    from reference.moderation.links.lists import listed
    from reference.moderation.text.keys import key_of
    from reference.moderation.text.views import folded_view

    written = re.split(r"[.-]", host)
    read = {key_of(folded_view(word)) for word in written}
    for brand, own in brands.items():
        if listed(host, own):
            continue
        if brand not in written and key_of(folded_view(brand)) in read:
            return brand
        # "paypal-login.example" and "paypal.com.example": the name in front of another registered name.
        if any(f"{name}." in f"{host}." for name in own) or re.search(
            rf"(?:^|[.-]){re.escape(brand)}-?(?:login|secure|verify|support|account|update)", host
        ):
            return brand
    return ""
