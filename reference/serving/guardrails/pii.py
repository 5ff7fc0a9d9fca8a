"""Personal data in one short stretch of folded text: e-mail, phone, payment card, IBAN, US social security number, IP.

Each detector proposes candidates with a regex of bounded length and lets a library decide: ``phonenumbers`` for
phones, ``python-stdnum`` for Luhn, IBAN and SSN, ``ipaddress`` for addresses. What a number is often depends on the
words before it ("order no. 4111..."), so detectors see a little text to the left of the stretch they may report from.
"""

import ipaddress
import re
from collections.abc import Iterator
from typing import NamedTuple


class Match(NamedTuple):
    """A detector's match: half-open offsets into the text it was given, and the rule that made it."""

    rule: str
    start: int
    end: int


_CONTEXT = 48  # characters to the left that tell what a number is

_EMAIL = re.compile(
    r"(?<![A-Za-z0-9._%+@/-])[A-Za-z0-9_%+-][A-Za-z0-9._%+'-]{0,63}@"
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,62})\.){1,8}[A-Za-z]{2,24}(?![A-Za-z0-9-])"
)
# "postgres://app:password@host": the password is the business of the secrets guard.
_USER_INFO = re.compile(r"://[^\s/@?]{0,80}$")
_AT = r"\s{0,3}[(\[{<]\s{0,3}(?:at|AT|At|@|arroba)\s{0,3}[)\]}>]\s{0,3}"
_DOT = r"(?:\s{0,3}[(\[{<]\s{0,3}(?:dot|DOT|Dot|\.|punkt|punto)\s{0,3}[)\]}>]\s{0,3}|\.)"
_AT_SIGN = re.compile(_AT)
_EMAIL_SPELLED = re.compile(
    rf"(?<![\w.%+-])\w[\w.%+-]{{0,63}}{_AT}[A-Za-z0-9-]{{1,63}}(?:{_DOT}[A-Za-z0-9-]{{1,63}}){{0,4}}{_DOT}[A-Za-z]{{2,24}}\b"
)
# "icon@2x.png" names a file and "git@host" a service.
_NOT_A_TLD = frozenset(
    ("png", "jpg", "jpeg", "gif", "svg", "webp", "css", "js", "ts", "py", "md", "txt", "json", "yaml", "yml", "html")
)
_NOT_A_PERSON = frozenset(("git", "hg", "svn"))

_DIGIT_RUN = re.compile(r"(?<![\w.-])\d+(?:[ -]\d+)*(?!\w|[.-]\w)")
_GROUP = re.compile(r"\d+")
# Issuer prefixes and lengths of the networks in use; Luhn alone would accept one order number in ten.
_CARD_ISSUERS = re.compile(
    r"4\d{12}(?:\d{3}){0,2}|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}"
    r"|3(?:0[0-5]|[689]\d)\d{11}|6(?:011|5\d\d|4[4-9]\d)\d{12}|35(?:2[89]|[3-8]\d)\d{12}|62\d{14,17}|(?:5[06789]|6\d)\d{10,17}"
)
_CARD_WORD = re.compile(r"(?i)\b(?:card|visa|master ?card|amex|credit|debit|cvv|cvc|pan|karte|carte|tarjeta)\b")
_NUMBER_OF_A_THING = re.compile(
    r"(?i)\b(?:order|invoice|tracking|parcel|shipment|ref|reference|ticket|sku|isbn|imei|serial|case|part|model|item"
    r"|article|batch|lot|barcode|ean|upc|build|version|policy|customer|employee|asset|commit|job|run|trace|transaction)\b"
    r"(?:[ .:#-]{0,3}\b(?:number|num|no|nr|id|code|is|was|your|the)\b){0,3}[ .:#=(-]{0,4}$"
)

_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}(?:[ -]?[A-Za-z0-9]){11,30}(?![A-Za-z0-9])")

_SSN = re.compile(r"(?<![\w.-])\d{3}([- .])\d{2}\1\d{4}(?!\w|[.-]\w)")
_SSN_BARE = re.compile(r"(?<![\w.-])\d{9}(?!\w|[.-]\w)")
_SSN_WORD = re.compile(r"(?i)\b(?:ssn|social security|social sec|soc sec)\b")

_IPV4 = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w]|\.\d)")
_IPV6 = re.compile(r"(?<![\w:.])[0-9A-Fa-f:]{2,39}(?:\.\d{1,3}){0,3}(?![\w:])")
_VERSION_WORD = re.compile(
    r"(?i)(?:\b(?:v|ver|version|release|rev|revision|build|firmware|driver|upgrade to|downgrade to|section|chapter"
    r"|clause|paragraph|oid|appendix)[ .:#]{0,3}|==|>=|<=|~=|§ ?)$"
)
# Addresses of no person: this machine, private nets, netmasks.
_PRIVATE_V4 = tuple(map(ipaddress.IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")))

_DIGIT = re.compile(r"\d")
_PHONE_WORD = re.compile(
    r"(?i)\b(?:call|phone|tel|telephone|telefon|tel[eé]fono|mobile|mob|cell|handy|whatsapp|fax|text|sms|reach|ring|dial"
    r"|contact|hotline|number is|portable|m[oó]vil)\b"
)


def scan(text: str, start: int, regions: tuple[str, ...]) -> Iterator[Match]:
    """Matches in folded ``text`` that begin at ``start`` or later; ``text[:start]`` is only looked at as context.

    ``regions`` are the ISO country codes whose national phone formats count; numbers with "+" always do.
    """
    if "@" in text or _AT_SIGN.search(text, start):
        yield from _emails(text, start)
    if ":" in text:
        yield from _ipv6(text, start)
    if _DIGIT.search(text, start) is None:
        return
    found: list[Match] = []
    found += _cards(text, start)
    found += _ibans(text, start)
    found += _ssns(text, start)
    found += _ipv4(text, start)
    # Phones last: their formats are the loosest, so what is already something else is not a phone.
    found += [p for p in _phones(text, start, regions) if not any(p.start < m.end and m.start < p.end for m in found)]
    yield from found


def _emails(text: str, start: int) -> Iterator[Match]:
    for pattern in (_EMAIL, _EMAIL_SPELLED):
        for match in pattern.finditer(text, start):
            value = match.group()
            local = re.split(r"[@\s(\[{<]", value, maxsplit=1)[0].lower()
            names_a_file = value.rsplit(".", 1)[-1].lower() in _NOT_A_TLD
            in_address = _USER_INFO.search(text[max(0, match.start() - 90) : match.start()])
            if not names_a_file and not in_address and local not in _NOT_A_PERSON:
                yield Match("email", match.start(), match.end())


def _cards(text: str, start: int) -> Iterator[Match]:
    from stdnum import luhn

    taken = start
    for first, last in _card_candidates(text, start):
        value = text[first:last]
        digits = value.replace(" ", "").replace("-", "")
        if first < taken or not _CARD_ISSUERS.fullmatch(digits) or len(set(digits)) < 2 or not luhn.is_valid(digits):
            continue
        left = text[:first]
        if digits == value and _NUMBER_OF_A_THING.search(left[-_CONTEXT:]) and not _CARD_WORD.search(left):
            continue
        taken = last
        yield Match("card", first, last)


def _card_candidates(text: str, start: int) -> Iterator[tuple[int, int]]:
    """Digit groups that may be a card: a whole run of groups, or some groups of a run where they look like a card's.

    Groups of a card have three digits or more. Without that rule, every table of small numbers has a valid "card".
    """
    for run in _DIGIT_RUN.finditer(text, start):
        groups = [m.span() for m in _GROUP.finditer(text, run.start(), run.end())]
        if sum(b - a for a, b in groups[:20]) >= 13 and len(groups) <= 19:
            yield run.span()
        for i, (first, end) in enumerate(groups):
            if end - first < 4:
                continue
            size = 0
            for a, b in groups[i : i + 6]:
                size += b - a
                if size > 19:
                    break
                if size >= 13:
                    yield first, b
                if b - a < 3:
                    break


def _ibans(text: str, start: int) -> Iterator[Match]:
    from stdnum import iban

    for match in _IBAN.finditer(text, start):
        value = match.group()
        # The pattern runs on into the next words; the country fixes the length, so try the shorter ends too.
        ends = [len(value), *(m.start() for m in reversed(list(re.finditer(r"[ -]", value))))]
        for end in ends:
            if end >= 15 and iban.is_valid(value[:end]):
                yield Match("iban", match.start(), match.start() + end)
                break


def _ssns(text: str, start: int) -> Iterator[Match]:
    from stdnum.us import ssn

    for match in _SSN.finditer(text, start):
        plain = match.group(1) == "-"
        left = text[max(0, match.start() - 48) : match.start()]
        if not plain and not _SSN_WORD.search(left):
            continue
        if _NUMBER_OF_A_THING.search(left) and not _SSN_WORD.search(left):
            continue
        if ssn.is_valid(re.sub(r"[ .]", "-", match.group())):
            yield Match("ssn", match.start(), match.end())
    for match in _SSN_BARE.finditer(text, start):
        if _SSN_WORD.search(text[max(0, match.start() - 48) : match.start()]) and ssn.is_valid(match.group()):
            yield Match("ssn", match.start(), match.end())


def _ipv4(text: str, start: int) -> Iterator[Match]:
    for match in _IPV4.finditer(text, start):
        try:
            address = ipaddress.IPv4Address(match.group())
        except ValueError:
            continue
        if _VERSION_WORD.search(text[max(0, match.start() - 24) : match.start()]) or not _tells_of_a_person(address):
            continue
        yield Match("ip", match.start(), match.end())


def _ipv6(text: str, start: int) -> Iterator[Match]:
    for match in _IPV6.finditer(text, start):
        value = match.group().rstrip(".")
        # "std::dec" style code is valid IPv6: an address of a person has a digit and more than two groups.
        if value.count(":") < 3 or not _DIGIT.search(value):
            continue
        try:
            address = ipaddress.IPv6Address(value)
        except ValueError:
            continue
        if _tells_of_a_person(address):
            yield Match("ip", match.start(), match.start() + len(value))


def _tells_of_a_person(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    if address.is_loopback or address.is_unspecified or address.is_multicast or address.is_link_local:
        return False
    if isinstance(address, ipaddress.IPv4Address):
        first = int(address) >> 24
        return first not in (0, 255) and not any(address in net for net in _PRIVATE_V4)
    return True


def _phones(text: str, start: int, regions: tuple[str, ...]) -> Iterator[Match]:
    from phonenumbers import Leniency

    # A "+" leaves no doubt, so any possible number counts, and the region does not matter. Without it the number must
    # be a valid one, grouped as people group it there.
    plans: list[tuple[str | None, int]] = [(None, Leniency.POSSIBLE)] if "+" in text else []
    plans += [(region, Leniency.STRICT_GROUPING) for region in regions]
    rest = text
    for region, leniency in plans:
        if len(_DIGIT.findall(rest, start)) < 7:
            return
        for left, right in _phone_spans(rest, start, region, leniency):
            yield Match("phone", left, right)
            rest = f"{rest[:left]}{'~' * (right - left)}{rest[right:]}"


def _phone_spans(text: str, start: int, region: str | None, leniency: int) -> list[tuple[int, int]]:
    from phonenumbers import PhoneNumberMatcher

    spans = []
    for match in PhoneNumberMatcher(text, region, leniency=leniency):
        left = text[max(0, match.start - _CONTEXT) : match.start]
        international = match.raw_string.startswith("+")
        unmarked = match.raw_string.isdigit() and not _PHONE_WORD.search(left)
        if match.start >= start and not unmarked and (international or not _NUMBER_OF_A_THING.search(left)):
            spans.append((match.start, match.end))
    return spans
