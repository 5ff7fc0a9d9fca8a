"""Replace personal data and credentials by placeholders, in a whole text or in a stream, with equal results.

Own composition instead of presidio-analyzer: Presidio finds names and places only with a spaCy model that has to be
downloaded, and it has no notion of a stream. What remains of it without the model (regexes and checksums) is built here
on the same kind of libraries, ``phonenumbers`` and ``python-stdnum``. Names, street addresses and dates of birth are
therefore not found.
"""

import re
from dataclasses import dataclass, replace

from reference.serving.guardrails import pii, secret_rules, segments
from reference.serving.guardrails.folding import fold, is_plain
from reference.serving.guardrails.types import PLACEHOLDERS, Finding

# Characters to the left of a segment that detectors may look at ("order number ...").
_CONTEXT = 48
_TOKEN_TAIL = re.compile(r"[A-Za-z0-9+/=_.~%\-]+")
# What any match has at least: an at sign, four digits (an IP address), two colons, a name of a secret, a long token.
_INTERESTING = re.compile(
    rf"@|[(\[{{<]\s{{0,3}}(?:at|arroba)|(?:\d[^\d]*){{4}}|:[0-9a-f]*:|-----|{secret_rules.SECRET_WORD}|[A-Za-z0-9+/_\-]{{20}}",
    re.IGNORECASE,
)
_PEM_WORD = re.compile(
    r"[A-Za-z0-9+/=\\]{16,}|-----END|(?:Proc-Type|DEK-Info|Version|Comment):|4,ENCRYPTED|[A-Z0-9-]{3,16},[0-9A-F]{16,}"
)
_PEM_LAST_LINE = re.compile(r"=?[A-Za-z0-9+/=]{1,76}")
_PEM_END = re.compile(r"(?:KEY|BLOCK)-----")
# How far one look for the next word of interest goes, so that the cost of a text stays linear.
_HORIZON = 1024
_MAX_GAP = 8  # between the lines of a private key


@dataclass(frozen=True, slots=True)
class RedactionRules:
    """What counts: ISO country codes of national phone formats, and the entropy of an unlabelled token (bits/char)."""

    regions: tuple[str, ...] = ("US", "GB")
    entropy: float = 4.2


class Redactor:
    """A stream of text in, the same stream with placeholders out. Not for use by several threads at once.

    ``feed`` gives the text that no later character can change; it holds back at most ``segments.LIMIT`` characters.
    """

    def __init__(self, rules: RedactionRules) -> None:
        self._rules = rules
        self._buffer = ""
        self._start = 0  # of the part not yet handed out, in the buffer
        self._offset = 0  # of the buffer in the stream
        self._mode = ""  # "token" or "pem": inside a secret that outgrew its segment
        self._pem_closing = False  # between "-----END" and the end of its line
        self.findings: list[Finding] = []

    def feed(self, delta: str) -> str:
        """The text that may be handed out now."""
        return self._run(delta, final=False)

    def flush(self) -> str:
        """The rest, once no more text will come."""
        return self._run("", final=True)

    def _run(self, delta: str, final: bool) -> str:
        self._buffer += delta
        out: list[str] = []
        while self._start < len(self._buffer):
            if self._mode:
                advanced = self._swallow(final)
            else:
                advanced = self._step(out, final)
            if not advanced:
                break
        keep = max(0, self._start - _CONTEXT)
        if keep:
            self._buffer = self._buffer[keep:]
            self._offset += keep
            self._start -= keep
        return "".join(out)

    def _step(self, out: list[str], final: bool) -> bool:
        """Hand out the text before the next word of interest, then that word's segment. False: more text is needed."""
        text, start = self._buffer, self._start
        quiet = self._quiet_until(start, final)
        if quiet > start:
            out.append(text[start:quiet])
            self._start = quiet
            return True
        end = segments.next_cut(text, start, final)
        if end is None:
            return False
        window = end - start >= segments.LIMIT
        matches = self._scan(start, end)
        if window:
            matches, end = self._close_window(matches, start, end)
        out.append(self._redact(matches, start, end))
        self._start = end
        return True

    def _quiet_until(self, start: int, final: bool) -> int:
        """A word's start up to which the text from ``start`` can neither match nor stick to what follows."""
        text = self._buffer
        horizon = min(len(text), start + _HORIZON)
        risky = segments.risky_position(text, start, horizon)
        if risky is None and final and horizon == len(text):
            return horizon
        # Back over the word with the risky character (or the last one, not yet seen whole), and over the word before
        # it: "name (at) host".
        position = segments.word_start(text, start, horizon if risky is None else risky)
        while position > start and not segments.WORD.match(text[position - 1]):
            position -= 1
        return segments.word_start(text, start, position)

    def _scan(self, start: int, end: int) -> list[tuple[str, str, int, int]]:
        """(kind, rule, start, end) in buffer offsets, in order and without overlaps."""
        text = self._buffer
        if is_plain(text[start:end]) and not _INTERESTING.search(text, start, end):
            return []
        context = max(0, start - _CONTEXT)
        view = fold(text[context:end])
        first = view.index_at(start - context)
        if not _INTERESTING.search(view.text, first):
            return []
        found = [("pii", m) for m in pii.scan(view.text, first, self._rules.regions)]
        found += [("secret", m) for m in secret_rules.scan(view.text, first, self._rules.entropy)]
        placed = []
        for kind, match in found:
            left, right = view.span(match.start, match.end)
            placed.append((kind, match.rule, context + left, context + right))
        return _without_overlaps(placed)

    def _close_window(
        self, matches: list[tuple[str, str, int, int]], start: int, end: int
    ) -> tuple[list[tuple[str, str, int, int]], int]:
        """A full window ends before its overlap, or after a match that lies across; one at its end may go on."""
        cut = end - segments.OVERLAP
        for _, _, left, right in matches:
            if left < cut < right:
                cut = right
                if right == end:
                    self._mode = "token"
        return [m for m in matches if m[2] < cut], cut

    def _redact(self, matches: list[tuple[str, str, int, int]], start: int, end: int) -> str:
        text = self._buffer
        out: list[str] = []
        position = start
        for kind, rule, left, right in matches:
            if rule == "private_key":
                right = end
                # The head's own "KEY-----" ends before its 40th character.
                closing = text.find("-----END", left + 20, end)
                done = _PEM_END.search(text, max(closing, left + 40), end) is not None
                self._mode, self._pem_closing = ("", False) if done else ("pem", closing >= 0)
            label = PLACEHOLDERS["secret" if kind == "secret" else rule]
            out += (text[position:left], label)
            position = right
            self.findings.append(
                Finding(kind, rule, self._offset + left, self._offset + right, label)  # type: ignore[arg-type]
            )
            if rule == "private_key":
                break
        out.append(text[position:end])
        return "".join(out)

    def _swallow(self, final: bool) -> bool:
        """Drop the rest of a long secret. False: more text is needed."""
        return self._swallow_token(final) if self._mode == "token" else self._swallow_key(final)

    def _swallow_token(self, final: bool) -> bool:
        tail = _TOKEN_TAIL.match(self._buffer, self._start)
        if tail:
            self._drop_to(tail.end())
        if self._start < len(self._buffer) or final:
            self._mode = ""
        return self._start < len(self._buffer)

    def _swallow_key(self, final: bool) -> bool:
        """Drop one more word of a private key's body or of its last line, or leave the key."""
        text, start = self._buffer, self._start
        limit = start + segments.LIMIT
        word = segments.WORD.search(text, start, min(len(text), limit + _MAX_GAP))
        if word is None or word.start() - start > _MAX_GAP:
            if word or final or len(text) > start + _MAX_GAP:
                self._mode = ""
                return True
            return False
        if word.end() == len(text) and not final and len(text) < limit + _MAX_GAP:
            return False
        value = text[word.start() : min(word.end(), limit)]
        self._pem_closing = self._pem_closing or "-----END" in value
        inside = (
            self._pem_closing
            or word.start() == start
            or _PEM_WORD.match(value)
            or (_PEM_LAST_LINE.fullmatch(value) and "\n" in text[start : word.start()])
        )
        if inside:
            self._drop_to(word.start() + len(value))
        if (
            not inside
            or _PEM_END.search(value)
            or (self._pem_closing and "-----END" not in value and not value.isupper())
        ):
            self._mode, self._pem_closing = "", False
        return True

    def _drop_to(self, end: int) -> None:
        """Let the last finding take in the text up to ``end`` (buffer offset)."""
        last = self.findings[-1]
        self.findings[-1] = replace(last, end=self._offset + end)
        self._start = end


def redact(text: str, rules: RedactionRules) -> tuple[str, tuple[Finding, ...]]:
    """``text`` with placeholders, and what was replaced."""
    redactor = Redactor(rules)
    out = redactor.feed(text) + redactor.flush()
    return out, tuple(redactor.findings)


def _without_overlaps(found: list[tuple[str, str, int, int]]) -> list[tuple[str, str, int, int]]:
    """Overlapping matches become one that covers them all, named after the longest; a secret outranks."""
    merged: list[tuple[str, str, int, int]] = []
    for kind, rule, left, right in sorted(found, key=lambda m: (m[2], -m[3])):
        if merged and left < merged[-1][3]:
            kind0, rule0, left0, right0 = merged[-1]
            stronger = kind == "secret" and kind0 != "secret"
            merged[-1] = (
                (kind, rule, left0, max(right, right0)) if stronger else (kind0, rule0, left0, max(right, right0))
            )
        else:
            merged.append((kind, rule, left, right))
    return merged
