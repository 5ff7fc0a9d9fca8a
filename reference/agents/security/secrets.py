"""Secrets on the lines that a change adds, in any text file. The secret itself never leaves this module.

Formats of providers come from detect-secrets, by way of the gateway's guard (reference.serving.guardrails); what is
added here is the knowledge of source code: names, quotes, placeholders, digests, values read from the environment.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from reference.agents.types import ChangedFile, Role

from .fault import Fault

LONGEST_LINE = 4_000
_PASSWORD_IN_URL = re.compile(
    r"\b[a-z][a-z0-9+.-]{2,20}://[^\s:/@\"']{1,64}:(?P<value>[^\s:/@\"'{}$<>%]{6,128})@[\w.-]+", re.IGNORECASE
)
_BARE_FORMATS = {
    ".env",
    ".ini",
    ".cfg",
    ".conf",
    ".properties",
    ".yaml",
    ".yml",
    ".toml",
    ".npmrc",
    ".pypirc",
    ".netrc",
}
_DIGEST_NAME = re.compile(
    r"sha\d*|md5|digest|checksum|integrity|hash|commit|revision|etag|fingerprint|uuid", re.IGNORECASE
)
_PLACEHOLDER = re.compile(
    r"example|placeholder|change.?me|your[-_ ]|xxx|dummy|fake|sample|insert|redacted|test.?key|not.?a.?secret|<[^>]*>"
    r"|\*{3}|\.\.\.|^(?:password|secret|token|hunter2|letmein|passw0rd|abc123|foo|bar|baz)\w{0,4}$",
    re.IGNORECASE,
)
_WORDS = re.compile(r"[A-Za-z]+(?:[-_. :/][A-Za-z]+)*\Z")
_DOC_KEYS = ("EXAMPLE", "example")


_CERTAIN = ("private key", "key in the form of a provider")


def faults_of(file: ChangedFile) -> Iterator[Fault]:
    """One fault per line at most: a line that leaks twice is one comment.

    In tests and documentation only keys in a provider's form and private keys count: passwords there are made up.
    """
    path = PurePosixPath(file.path)
    bare_format = path.suffix.lower() in _BARE_FORMATS or path.name.startswith(".env")
    shown_only = file.role in (Role.TEST, Role.DOCS)
    for line, text in file.added.items():
        found = _secret_on(text[:LONGEST_LINE], bare_format)
        if found is not None and not (shown_only and found[1] not in _CERTAIN):
            rule, kind, value = found
            shown = {"kind": kind, "start": value[:4] + "…", "length": str(len(value))}
            yield Fault(rule, line, line, shown, "detect-secrets", 0.9 if rule == "secret" else 0.6)


def _secret_on(text: str, bare_format: bool) -> tuple[str, str, str] | None:
    """(rule, kind, value)."""
    from reference.serving.guardrails.secret_rules import scan

    if match := _PASSWORD_IN_URL.search(text):
        value = match.group("value")
        if not _PLACEHOLDER.search(value) and not _WORDS.match(value):
            return "secret", "password inside an address", value
    weak: tuple[str, str, str] | None = None
    for found in scan(text, 0, 4.0):
        value = text[found.start : found.end]
        kind = found.rule
        if any(word in value for word in _DOC_KEYS) or _PLACEHOLDER.search(value):
            continue
        if kind == "private_key":
            return "secret", "private key", value
        if kind == "provider_key" and _in_address(text[: found.start]):
            return "secret", "password inside an address", value
        if kind == "provider_key":
            return "secret", "key in the form of a provider", value
        before = text[: found.start]
        if kind == "assigned_secret" and _is_value(value, before, text[found.end :], bare_format):
            strong = len(value) >= 16 and _entropy(value) >= 3.5
            if strong:
                return "secret", "value assigned to a secret's name", value
            weak = weak or ("possible-secret", "value assigned to a secret's name", value)
        elif kind == "random_token" and _named(before) and _quoted(before, text[found.end :]):
            return "secret", "random value under a secret's name", value
    return weak


def _is_value(value: str, before: str, after: str, bare_format: bool) -> bool:
    if len(value) < 8 or _WORDS.match(value) or " " in value or _DIGEST_NAME.search(_last_name(before)):
        return False
    if re.fullmatch(r"[\d.:-]+", value) or value.startswith(("/", "./", "$", "{", "http")):
        return False
    if not (_quoted(before, after) or bare_format):
        return False  # an expression of the program, not a value
    digits, letters = any(c.isdigit() for c in value), any(c.isalpha() for c in value)
    return digits and letters and _entropy(value) >= 2.8


def _named(before: str) -> bool:
    """The name that the value is assigned to says secret, and not digest."""
    name = _last_name(before)
    return bool(re.search(r"key|token|secret|passw|credential|auth", name, re.IGNORECASE)) and not _DIGEST_NAME.search(
        name
    )


def _in_address(before: str) -> bool:
    """The value is a part of an address: what stands before it, up to a blank, has a scheme."""
    words = before.split()
    return not before[-1:].isspace() and bool(words) and "://" in words[-1]


def _last_name(before: str) -> str:
    """The last identifier before an assignment or a colon."""
    names = re.findall(r"[A-Za-z_][\w.-]*", before.rstrip("'\"` "))
    return names[-1] if names else ""


def _quoted(before: str, after: str) -> bool:
    return before[-1:] in ("'", '"', "`") and after[:1] in ("'", '"', "`")


def _entropy(value: str) -> float:
    from reference.serving.guardrails.secret_rules import shannon

    return shannon(value)
