"""Credentials in one short stretch of folded text.

Provider formats come from the plugins of ``detect-secrets`` (called directly, with a subclass of our own for formats
that it lacks). Its keyword and entropy plugins are made for source files and fire on prose, so ours replace them: a
value assigned to a secret-sounding name must look like a value, and a random-looking token must be long, mixed and
not decodable to text.
"""

import base64
import binascii
import re
from collections.abc import Callable, Iterator
from functools import cache
from math import log2
from typing import Any, NamedTuple

from reference.serving.guardrails.pii import Match

# ASCII look-arounds instead of \b: what counts as a name must not depend on letters of other scripts next to it.
_L, _R = r"(?<![A-Za-z0-9])", r"(?![A-Za-z0-9])"
SECRET_WORD = (
    rf"pass(?:word|wd|wort|phrase|code|_?key)|passwd|(?:{_L}|_)pwd|{_L}pass{_R}|secret|token|bearer|credential"
    r"|(?:api|access|private|account|encryption|signing|auth)[ _-]?key|authorization"
    rf"|contrase[nñ]a|kennwort|mot de passe|{_L}senha{_R}|{_L}pin{_R}"
)
# The same seen word by word: the last word of a name of several words stands for all of it.
SECRET_WORD_END = rf"{SECRET_WORD}|{_L}key{_R}|{_L}passe{_R}"
_SECRET_WORD = re.compile(SECRET_WORD, re.IGNORECASE)
_ASSIGNMENT = re.compile(
    rf"(?P<name>(?:{SECRET_WORD})[A-Za-z0-9_-]{{0,24}})[\"'\]`)*]{{0,3}}\s{{0,8}}"
    rf"(?P<op>:=|=>|->|==|=|:|\bis\b|\bwas\b|\bist\b|\bes\b|\best\b)[\s*]{{0,8}}"
    r"(?:(?:set to|now|still|actually|currently)\s{1,3})?(?:(?:bearer|basic|token)\s{1,3})?"
    r"(?:\"(?P<double>[^\"\n]{4,200})\"|'(?P<single>[^'\n]{4,200})'|`(?P<tick>[^`\n]{4,200})`"
    r"|(?P<bare>[^\s\"'`,;<>\[\](){}]{4,256}))",
    re.IGNORECASE,
)
_BEARER = re.compile(r"(?i)\bbearer\s{1,3}(?P<bare>[A-Za-z0-9._~+/=-]{16,512})")
# Names that only mention a secret: max_tokens, password_policy, token_url.
_NOT_THE_SECRET = re.compile(
    r"(?i)(?:s|_?count|_?limit|_?length|_?len|izer|ize[ds]?|ization|_?id|_?url|_?uri|_?hash|_?policy|_?field|_?type|_?name"
    r"|_?expiry|_?ttl|_?manager|_?reset|less|_?path|_?file)$"
)
_COUNTED_BEFORE = re.compile(
    r"(?i)(?<![a-z])(?:max|num|min|total|n|prompt|completion|input|output|csrf|next|page)[_ -]?$"
)
_PLACEHOLDER = re.compile(
    r"(?i)^(?:[<\[{(%*.]|\$|x{3,}|\.{2,}|your|my[_-]|example|sample|dummy|change|placeholder|insert|enter|redacted|hidden"
    r"|required|optional|none|null|nil|undefined|true|false|string|str\b|bool|env\b|os\.|process\.|getenv|config|settings"
    r"|self\.|this\.|req|request\.|input|args|params|secrets?\.|vault|todo|tbd|n/a|https?://|file:)"
)
# Spec words that look like values: "token is base64-encoded", "password: SHA-256".
_TECHNICAL = re.compile(
    r"(?i)(?:base\d\d|sha-?\d|md5|utf-?\d|oauth\d|hs256|rs256|aes-?\d|http/?\d|ipv\d|argon2|pbkdf2|[a-z]+\(\)?)"
)

_PEM = re.compile(
    r"-----BEGIN (?:[A-Z0-9]{2,10} ){0,2}PRIVATE KEY(?: BLOCK)?-----(?:\s|\\r|\\n){0,4}"
    r"(?:[A-Za-z0-9+/=]{16}|(?:Proc-Type|DEK-Info|Version|Comment):)"
)
_TOKEN = re.compile(r"(?<![A-Za-z0-9+/_=.-])[A-Za-z0-9+/_-]{20,}={0,2}(?![A-Za-z0-9+/_=-])")
_HEX = re.compile(r"[0-9a-fA-F]+")
_KEY_TAIL = re.compile(r"[A-Za-z0-9+/_=-]*")
_UUID = re.compile(r"(?i)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class _Provider(NamedTuple):
    """A provider's formats: literals (one must occur), patterns, an extra check on a match, the group to redact."""

    needs: tuple[str, ...]
    patterns: tuple[re.Pattern[str], ...]
    check: Callable[[str], bool]
    group: int


def scan(text: str, start: int, entropy: float) -> Iterator[Match]:
    """Secrets in folded ``text`` that begin at ``start`` or later; ``text[:start]`` is only looked at as context.

    ``entropy`` is the least Shannon entropy (bits per character) of an unlabelled token of 32 or more characters.
    """
    yield from known_formats(text, start)
    if _SECRET_WORD.search(text):
        yield from _assignments(text, start)
    yield from _random_tokens(text, start, entropy)


def known_formats(text: str, start: int = 0) -> Iterator[Match]:
    """Keys with a known form (`provider_key`, `private_key`) in a text of any kind, no guess by randomness."""
    for provider in _providers():
        if any(literal in text for literal in provider.needs):
            for pattern in provider.patterns:
                for match in pattern.finditer(text, start):
                    if provider.check(match.group()):
                        # The patterns know a format's least length; what follows without a break belongs to the key.
                        end = _KEY_TAIL.match(text, match.end(provider.group)).end()  # type: ignore[union-attr]
                        yield Match("provider_key", match.start(provider.group), end)
    if "-----BEGIN" in text:
        for match in _PEM.finditer(text, start):
            yield Match("private_key", match.start(), match.end())


def shannon(value: str) -> float:
    """Shannon entropy of the characters of ``value``, in bits per character."""
    size = len(value)
    return -sum(n / size * log2(n / size) for n in (value.count(c) for c in set(value)))


def _assignments(text: str, start: int) -> Iterator[Match]:
    position = 0
    while match := _ASSIGNMENT.search(text, position):
        group = next(g for g in ("double", "single", "tick", "bare") if match.group(g) is not None)
        value, first = match.group(group), match.start(group)
        if group == "bare":
            value = value.rstrip(".?:*")  # "!" ends more passwords than sentences
        if (
            first >= start
            and _names_a_secret(match, text)
            and _looks_like_a_value(value, match, quoted=group != "bare")
        ):
            yield Match("assigned_secret", first, first + len(value))
            position = first + len(value)
        else:
            # The value may itself be the name of the next assignment ("token: password = ...").
            position = match.end("op")
    for match in _BEARER.finditer(text, start):
        if re.search(r"\d", match.group("bare")) and not _TECHNICAL.match(match.group("bare")):
            yield Match("assigned_secret", match.start("bare"), match.end("bare"))


def _names_a_secret(match: re.Match[str], text: str) -> bool:
    name = match.group("name")
    if _NOT_THE_SECRET.search(name) and not re.search(r"(?i)pass$", name):
        return False
    return not _COUNTED_BEFORE.search(text[max(0, match.start() - 12) : match.start()])


def _looks_like_a_value(value: str, match: re.Match[str], quoted: bool) -> bool:
    op, name = match.group("op").lower(), match.group("name").lower()
    if len(value) < 4 or _PLACEHOLDER.match(value) or len(set(value)) < 3:
        return False
    digits = sum(c.isdigit() for c in value)
    if digits == len(value):
        # Counts and years follow "token"; a numeric secret follows "pin" or "passcode".
        return name.startswith(("pin", "pass")) and not (len(value) == 4 and value.startswith(("19", "20")))
    symbols = sum(c in "!@#$%^&*?+=~|" for c in value)
    letters = sum(c.isalpha() for c in value)
    mixed = (digits and letters) or (symbols and letters)
    if _TECHNICAL.match(value):
        return False
    if op in ("is", "was", "ist", "es", "est"):
        return bool(mixed) and len(value) >= 6
    if quoted:
        return (
            bool(mixed)
            or (len(value) >= 6 and op != ":" and " " not in value)
            or (" " in value and name.startswith("passp"))
        )
    return bool(mixed) or (op == "=" and len(value) >= 6 and value.isalpha() and match.end("op") == match.start("bare"))


def _random_tokens(text: str, start: int, entropy: float) -> Iterator[Match]:
    for match in _TOKEN.finditer(text, start):
        value = match.group()
        if _UUID.fullmatch(value):
            continue
        left = text[max(0, match.start() - 48) : match.start()]
        named = _SECRET_WORD.search(left) is not None
        if _HEX.fullmatch(value):
            # A bare hex string is a hash or a commit far more often than a key.
            random = named and len(value) >= 32 and shannon(value) >= 3.0
        elif "://" in re.split(r"\s", left)[-1]:
            continue  # a page's address; a named parameter of one is an assignment
        else:
            digit_groups = len(re.findall(r"\d+", value))
            kinds = bool(re.search(r"[a-z]", value)) + bool(re.search(r"[A-Z]", value)) + bool(digit_groups)
            if value.count("/") > 2 and not named:
                continue
            if named:
                random = kinds >= 2 and digit_groups >= 2 and shannon(value) >= entropy - 0.7
            else:
                random = len(value) >= 32 and kinds == 3 and digit_groups >= 3 and shannon(value) >= entropy
        if random and not _decodes_to_text(value):
            yield Match("random_token", match.start(), match.end())


def _decodes_to_text(value: str) -> bool:
    """True where a token is only text in base64: the injection guard looks into those."""
    body = value.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        raw = base64.b64decode(body[: len(body) // 4 * 4], validate=True)
    except (binascii.Error, ValueError):
        return False
    return sum(32 <= b < 127 or b in b"\r\n\t" for b in raw) >= 0.95 * len(raw)


def _has_jwt_header(token: str) -> bool:
    """True where the first part is a JOSE header. The rest may lie beyond the text at hand, so it is not decoded."""
    head = token.split(".", 1)[0]
    try:
        return b'"alg"' in base64.urlsafe_b64decode(head + "=" * (-len(head) % 4))
    except (binascii.Error, ValueError):
        return False


@cache
def _providers() -> tuple[_Provider, ...]:
    # detect-secrets imports requests (0.2 s): only when a guard is used.
    from detect_secrets.plugins import (
        artifactory,
        aws,
        basic_auth,
        discord,
        github_token,
        gitlab_token,
        jwt,
        mailchimp,
        npm,
        openai,
        pypi_token,
        sendgrid,
        slack,
        square_oauth,
        stripe,
        telegram_token,
        twilio,
    )
    from detect_secrets.plugins.base import RegexBasedDetector

    def anything(_: str) -> bool:
        return True

    def is_mixed(value: str) -> bool:
        body = value[4:]
        return any(map(str.isdigit, body)) + any(map(str.islower, body)) + any(map(str.isupper, body)) >= 2

    def of(plugin: Any, *needs: str, check: Callable[[str], bool] = anything, group: int = 0) -> _Provider:
        return _Provider(needs, tuple(plugin.denylist), check, group)

    class Newer(RegexBasedDetector):
        """Formats that detect-secrets 1.5 lacks, from what the providers document of their prefixes."""

        secret_type = "Provider key"
        denylist = tuple(
            re.compile(pattern)
            for pattern in (
                r"\bsk-(?:proj-|svcacct-|admin-|ant-|or-v1-)[A-Za-z0-9_-]{20,256}",  # OpenAI, Anthropic, OpenRouter
                r"\bsk-[A-Za-z0-9]{32,64}\b",
                r"\bhf_[A-Za-z0-9]{30,40}\b",  # Hugging Face
                r"\bAIza[A-Za-z0-9_-]{35}",  # Google API
                r"\bgithub_pat_[A-Za-z0-9_]{22,255}",
                r"\b[rs]k_(?:test|live)_[A-Za-z0-9]{16,128}",  # Stripe
                r"\bwhsec_[A-Za-z0-9+/=]{24,64}",
                r"\bnpm_[A-Za-z0-9]{36}",
                r"\bdop_v1_[a-f0-9]{64}",  # DigitalOcean
                r"\bshp(?:at|ss|ca|pa)_[a-fA-F0-9]{32}",  # Shopify
                r"\bgsk_[A-Za-z0-9]{40,64}",  # Groq
                r"\bxapp-\d-[A-Za-z0-9-]{20,128}",  # Slack app-level
                r"\bhvs\.[A-Za-z0-9_-]{24,128}",  # HashiCorp Vault
            )
        )

    newer = ("sk-", "hf_", "AIza", "github_pat_", "k_", "whsec_", "npm_", "dop_", "shp", "gsk_", "xapp-", "hvs.")
    return (
        of(Newer, *newer, check=is_mixed),
        of(artifactory.ArtifactoryDetector, "AKC", "AP", check=is_mixed),
        _Provider(("AKIA", "ASIA", "ABIA", "ACCA", "A3T"), (next(iter(aws.AWSKeyDetector.denylist)),), anything, 0),
        of(basic_auth.BasicAuthDetector, "://", check=lambda m: not re.search(r":[<{$*\[x]+", m[3:]), group=1),
        of(discord.DiscordBotTokenDetector, "."),
        of(github_token.GitHubTokenDetector, "ghp_", "gho_", "ghu_", "ghs_", "ghr_"),
        of(gitlab_token.GitLabTokenDetector, "gl", "GR1348941"),
        of(jwt.JwtTokenDetector, "eyJ", check=_has_jwt_header),
        of(mailchimp.MailchimpDetector, "-us"),
        of(npm.NpmDetector, "_authToken", group=1),
        of(openai.OpenAIDetector, "T3BlbkFJ"),
        of(pypi_token.PypiTokenDetector, "pypi-"),
        of(sendgrid.SendGridDetector, "SG."),
        of(slack.SlackDetector, "xox", "hooks.slack"),
        of(square_oauth.SquareOAuthDetector, "sq0csp"),
        of(stripe.StripeDetector, "k_live_"),
        of(telegram_token.TelegramBotTokenDetector, ":"),
        of(twilio.TwilioKeyDetector, "AC", "SK"),
    )
