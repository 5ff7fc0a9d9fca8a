"""Every check of a link, in order of cost; the inner link of a redirect parameter is checked like the outer one."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import parse_qsl, unquote, urlsplit

from reference.moderation.links import fraud_model
from reference.moderation.links.extract import MAX_LENGTH, MAX_LINKS
from reference.moderation.links.hosts import address_of, imitated_brand, is_private, mixed_scripts, unicode_host
from reference.moderation.links.lists import LinkLists, listed
from reference.moderation.types import UNREADABLE, Finding, Tier

MAX_DEPTH = 5  # redirects inside redirects
_SCHEMES = ("http", "https", "")


class LinkCheck:
    """Findings for links. Never raises for a link, however broken; never touches a network."""

    def __init__(self, lists: LinkLists | None = None, model: bool = True) -> None:
        """`model`: whether links that nothing else decided are scored by fraudurl."""
        self.lists = lists or LinkLists.load()
        self._model = model
        self._known = lru_cache(maxsize=65_536)(self._one)  # the same links come again and again

    def check(self, links: Iterable[str]) -> tuple[Finding, ...]:
        """Findings about all links of a post, each rule once."""
        found: dict[str, Finding] = {}
        for number, link in enumerate(links):
            if number >= MAX_LINKS:
                found.setdefault("link-many", _finding("spam", 1.0, "link-many", f"More than {MAX_LINKS} links."))
                break
            for finding in self._known(link):
                known = found.get(finding.rule)
                if known is None or known.score < finding.score:
                    found[finding.rule] = finding
        return tuple(found.values())

    def _one(self, link: str) -> tuple[Finding, ...]:
        try:
            return tuple(self._inspect(link, 0))
        except Exception:  # a link made to break a parser must not stop a batch
            return (_unreadable(),)

    def _inspect(self, link: str, depth: int) -> list[Finding]:
        if len(link) > MAX_LENGTH:
            return [_unreadable()]
        # Browsers read back slashes as slashes and drop tabs and line feeds.
        cleaned = "".join(link.split()).replace("\\", "/")
        if "://" not in cleaned:
            head, colon, rest = cleaned.partition(":")
            if colon and head.isalpha() and not rest[:1].isdigit():
                if head.lower() not in ("http", "https"):
                    return [_finding("phishing", 0.9, "link-scheme", "A link does not lead to a web page.")]
                cleaned = f"{head}://{rest.lstrip('/')}"
            else:
                cleaned = "http://" + cleaned.lstrip("/")
        try:
            parts = urlsplit(cleaned)
            host = unquote(parts.hostname or "").rstrip(".").lower()
            port_sound = parts.port is None or parts.port > 0
        except ValueError:
            return [_unreadable()]
        if ":" in host:
            host = f"[{host}]"
        if not host or not port_sound or any(len(label) > 63 for label in host.split(".")):
            return [_unreadable()]
        found: list[Finding] = []
        if parts.scheme.lower() not in _SCHEMES:
            found.append(_finding("phishing", 0.9, "link-scheme", "A link does not lead to a web page."))
        if parts.username is not None:
            found.append(_finding("phishing", 1.0, "link-credentials", "A link hides its host behind credentials."))
        found += self._host(host)
        trusted = not found and listed(host, self.lists.allow)
        inner = self._inner(parts.query, parts.fragment)
        if inner and depth >= MAX_DEPTH:
            found.append(_finding("phishing", 0.9, "link-redirects", "A link redirects through too many others."))
        elif inner:
            for one in inner:
                found += self._inspect(one, depth + 1)
        if not found and not trusted and self._model:
            score = fraud_model.fraud_score(cleaned)
            if score >= fraud_model.REPORT_FROM:
                found.append(_finding("phishing", score, "link-model", "A link is written like fraudulent ones."))
        return found

    def _host(self, host: str) -> list[Finding]:
        shown = unicode_host(host)
        found = []
        if listed(host, self.lists.block) or listed(shown, self.lists.block):
            found.append(_finding("phishing", 1.0, "link-blocked", "A link leads to a blocked host."))
        if is_private(host):
            found.append(_finding("phishing", 1.0, "link-private", "A link leads to a private or local host."))
        elif address_of(host) is not None:
            found.append(_finding("phishing", 0.8, "link-address", "A link names an address instead of a host."))
        if mixed_scripts(shown):
            found.append(_finding("phishing", 1.0, "link-scripts", "A link's host mixes letters of two scripts."))
        if imitated_brand(shown, self.lists.brands):
            found.append(_finding("phishing", 1.0, "link-brand", "A link's host imitates a brand."))
        if listed(host, self.lists.shorteners):
            found.append(_finding("spam", 0.3, "link-shortener", "A link hides where it leads (a shortener)."))
        return found

    def _inner(self, query: str, fragment: str) -> list[str]:
        pairs = parse_qsl(query, max_num_fields=100) if query else []
        pairs += parse_qsl(fragment, max_num_fields=100) if "=" in fragment else []
        return [
            value
            for name, value in pairs
            if name.lower() in self.lists.redirect_parameters
            and (value.lower().startswith(("http:", "https:", "//", "\\\\", "javascript:", "data:")))
        ]


def _finding(category: str, score: float, rule: str, detail: str) -> Finding:
    return Finding(category, score, Tier.RULES, "link", detail, rule)


def _unreadable() -> Finding:
    return _finding(UNREADABLE, 1.0, "link-unreadable", "A link cannot be read.")
