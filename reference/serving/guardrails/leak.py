"""Notice that an output repeats the system prompt, word for word, lightly changed or encoded, before it is shown.

Evidence adds up along the output as in Page's CUSUM test: a word pair or triple of the prompt adds to the sum, any
other word takes away, the sum never falls below zero, and an alarm is raised where it passes a threshold. Text is held
back while the sum is above zero, so what is shown ends before the first word of the leak.

Translations and free paraphrases are not noticed: they share no word pairs with the prompt.
"""

import codecs
import re
from dataclasses import dataclass, field
from functools import lru_cache

from reference.serving.guardrails.encodings import decode_base64
from reference.serving.guardrails.folding import fold_text
from reference.serving.guardrails.redaction import RedactionRules, redact
from reference.serving.guardrails.types import Finding

_CJK = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
# What is held back or let go as one: a run without white space, or one character of a script written without it.
_ONE_CJK = re.compile(f"[{_CJK}]")
_MAX_TOKEN = 2048
_TOKEN = re.compile(f"[{_CJK}]|[^\\s{_CJK}]{{1,{_MAX_TOKEN}}}")
_WORD = re.compile(f"[{_CJK}]|[^\\W_{_CJK}]+")
_ENCODED = re.compile(r"[\"'`(\[]{0,2}((?:0x)?[A-Za-z0-9+/_-]{16,}={0,2})[\"'`)\].,]{0,3}")
_HEX = re.compile(r"(?:0x)?((?:[0-9a-fA-F]{2})+)")
_LEET = str.maketrans("013457@$", "oieastas")
_LEET_WORD = re.compile(r"(?=.*[a-z])(?=.*[013457@$])")
# A prompt with less evidence than this in it cannot be told from everyday phrases.
_LEAST_EVIDENCE = 3.0
_MAX_HELD_WORDS = 64
# Letters (or hex bytes) one by one: the prompt's compact text is searched for runs of this many.
_SPELLED_RUN = 12
_LETTERS_PER_WORD = 5

_FUNCTION_WORDS = frozenset(
    re.findall(
        r"\w+",
        "a about all also am an and any are as at be been being but by can could did do does for from had has have "
        "he her his how i if in into is it its just may me might more most must my no nor not of on only or other "
        "our out shall she should so some such than that the their them then there these they this those to too up "
        "us very was we were what when where which who will with would you your yours",
    )
)


@dataclass(frozen=True, slots=True)
class LeakRules:
    """``alarm``: evidence at which an output is a leak. ``miss``: what a word that is not the prompt's takes away."""

    alarm: float = 4.0
    miss: float = 0.5


@dataclass(frozen=True, slots=True)
class PromptIndex:
    """What of a system prompt can be recognised: weights of its word pairs and triples, also mirrored and in rot13."""

    weights: dict[str, float]
    firsts: frozenset[str]  # words with which a pair or triple begins
    compact: tuple[str, ...]  # letters and digits only, in each variant
    secrets: tuple[str, ...]  # credentials in the prompt, compact: one of them is a leak by itself
    total: float
    vocabulary: frozenset[str] = field(default_factory=frozenset)

    @property
    def empty(self) -> bool:
        return self.total < _LEAST_EVIDENCE and not self.secrets


@lru_cache(maxsize=256)
def index_prompt(prompt: str) -> PromptIndex:
    """The index of ``prompt``; cached, because a service has few prompts and many outputs."""
    plain = _words(prompt)
    mirrored = [w[::-1] for w in reversed(plain)]
    rotated = [codecs.encode(w, "rot13") for w in plain]
    weights: dict[str, float] = {}
    firsts: set[str] = set()
    total = 0.0
    for variant in (plain, mirrored, rotated):
        content = [w not in _FUNCTION_WORDS for w in plain]
        if variant is mirrored:
            content.reverse()
        for i, word in enumerate(variant):
            pair, triple = variant[i : i + 2], variant[i : i + 3]
            if len(triple) == 3:
                weight = 1.0 if any(content[i : i + 3]) else 0.3
                weights[" ".join(triple)] = weight
                firsts.add(word)
                if variant is plain:
                    total += weight
            if len(pair) == 2 and any(content[i : i + 2]):
                weights.setdefault(" ".join(pair), 0.7 if all(content[i : i + 2]) else 0.4)
                firsts.add(word)
            if len(triple) == 3 and content[i] and content[i + 2]:
                weights.setdefault(f"{triple[0]} * {triple[2]}", 0.5)
                weights.setdefault(f"{triple[0]} {triple[2]}", 0.4)
    secrets = tuple(
        _compact(prompt[f.start : f.end]) for f in redact(prompt, RedactionRules())[1] if f.kind == "secret"
    )
    compact = tuple("".join(v) for v in (plain, mirrored, rotated))
    return PromptIndex(weights, frozenset(firsts), compact, tuple(s for s in secrets if len(s) >= 4), total)


class LeakGate:
    """A stream in, the part of it that is surely no leak out. After an alarm nothing more comes out."""

    def __init__(self, system_prompt: str, rules: LeakRules) -> None:
        self._index = index_prompt(system_prompt)
        self._rules = rules
        self._alarm = max(_LEAST_EVIDENCE, min(rules.alarm, 0.6 * self._index.total))
        self._buffer = ""
        self._offset = 0  # of the buffer in the stream
        self._read = 0  # buffer position up to which tokens were read
        self._plain = _Cusum()
        self._encoded = _Cusum()
        self._spelled: list[str] = []
        self._spelled_start = 0
        self.finding: Finding | None = None

    @property
    def blocked(self) -> bool:
        return self.finding is not None

    def feed(self, delta: str) -> str:
        """The text that may go on."""
        return self._run(delta, final=False)

    def flush(self) -> str:
        """The rest, once no more text will come."""
        return self._run("", final=True)

    def _run(self, delta: str, final: bool) -> str:
        if self.blocked:
            return ""
        self._buffer += delta
        if self._index.empty:
            free = len(self._buffer)
            self._read = free
        else:
            while token := _TOKEN.search(self._buffer, self._read):
                end = token.end()
                single = _ONE_CJK.fullmatch(token.group()) is not None
                if end == len(self._buffer) and not final and not single and end - token.start() < _MAX_TOKEN:
                    break
                self._take(token.group(), self._offset + token.start(), self._offset + end)
                self._read = end
                if self.blocked:
                    break
            if final and not self.blocked:
                self._end_spelled(self._offset + len(self._buffer))
            free = self._free(final)
        out = self._buffer[:free]
        self._buffer = self._buffer[free:]
        self._offset += free
        self._read -= free
        return out

    def _free(self, final: bool) -> int:
        """Buffer position up to which nothing can become part of a leak any more."""
        if self.finding:
            return max(0, self.finding.start - self._offset)
        if final:
            return len(self._buffer)
        rest = _TOKEN.search(self._buffer, self._read)
        limit = rest.start() if rest else len(self._buffer)
        held = [start for start in (self._plain.held_from, self._encoded.held_from) if start is not None]
        if self._spelled:
            held.append(self._spelled_start)
        return max(0, min([limit, *(start - self._offset for start in held)]))

    def _take(self, token: str, start: int, end: int) -> None:
        words = _token_words(token)
        compact = "".join(words)
        if any(secret in compact or secret[::-1] in compact for secret in self._index.secrets):
            self._raise("prompt_secret", start, end)
            return
        if (words and all(len(w) == 1 for w in words)) or (len(compact) == 2 and _HEX.fullmatch(compact)):
            if not self._spelled:
                self._spelled_start = start
            self._spelled += words
            if len(self._spelled) > 40 * _SPELLED_RUN:
                self._end_spelled(end)
        elif self._spelled and words:
            self._end_spelled(start)
        if self.blocked:
            return
        if (encoded := _ENCODED.fullmatch(token)) and (decoded := _decode(encoded.group(1))):
            decoded_words = _words(decoded)
            joined = "".join(decoded_words)
            if any(secret in joined for secret in self._index.secrets):
                self._raise("prompt_secret_encoded", start, end)
                return
            for word in decoded_words:
                self._count(self._encoded, word, start, end, "prompt_encoded")
        for word in words:
            self._count(self._plain, word, start, end, "prompt_words")

    def _count(self, cusum: "_Cusum", word: str, start: int, end: int, rule: str) -> None:
        if self.blocked:
            return
        cusum.add(word, start, self._index, self._rules.miss)
        if cusum.sum >= self._alarm:
            self._raise(rule, cusum.start, end)

    def _end_spelled(self, end: int) -> None:
        """Search the letters that came one by one in the prompt's letters."""
        letters, self._spelled = "".join(self._spelled), []
        texts = [letters]
        if hex_bytes := _HEX.fullmatch(letters):
            texts.append(_compact(bytes.fromhex(hex_bytes.group(1)).decode("utf-8", errors="replace")))
        for text in texts:
            if any(secret in text for secret in self._index.secrets):
                self._raise("prompt_secret_spelled", self._spelled_start, end)
                return
            runs = sum(
                any(text[i : i + _SPELLED_RUN] in variant for variant in self._index.compact)
                for i in range(len(text) - _SPELLED_RUN + 1)
            )
            if runs / _LETTERS_PER_WORD >= self._alarm:
                self._raise("prompt_spelled", self._spelled_start, end)
                return

    def _raise(self, rule: str, start: int, end: int) -> None:
        if not self.finding:
            self.finding = Finding("leak", rule, start, end)


class _Cusum:
    """The running evidence, and where the words began that it rests on (offsets in the stream)."""

    def __init__(self) -> None:
        self.sum = 0.0
        self.start = 0
        self._recent: list[tuple[str, int]] = []  # the last three words and where their tokens begin
        self._pending: int | None = None
        self._held = 0

    @property
    def held_from(self) -> int | None:
        """Where the text begins that must not be shown yet, if any."""
        return self.start if self.sum > 0 else self._pending

    def add(self, word: str, position: int, index: PromptIndex, miss: float) -> None:
        recent = [*self._recent, (word, position)][-3:]
        self._recent = recent
        weight, began = 0.0, position
        if len(recent) == 3:
            first, second = recent[0][0], recent[1][0]
            weight = index.weights.get(f"{first} {second} {word}") or index.weights.get(f"{first} * {word}", 0.0)
            began = recent[0][1]
        if not weight and len(recent) >= 2:
            weight = index.weights.get(f"{recent[-2][0]} {word}", 0.0)
            began = recent[-2][1]
        if self.sum > 0 or weight:
            if self.sum <= 0:
                self.start, self._held = began, 0
            self.sum = max(0.0, self.sum + (weight or -miss))
            self._held += 1
        # Words whose pair or triple may still come.
        self._pending = None
        for earlier, at in recent[-2:]:
            if earlier in index.firsts:
                self._pending = at
                break
        if self._held > _MAX_HELD_WORDS:
            # So much text with so little evidence: let the oldest go rather than hold back without end.
            self.sum, self._held = 0.0, 0


@lru_cache(maxsize=1 << 14)
def _short_token_words(token: str) -> tuple[str, ...]:
    return tuple(_words(token))


def _token_words(token: str) -> tuple[str, ...]:
    return _short_token_words(token) if len(token) <= 32 else tuple(_words(token))


def _words(text: str) -> list[str]:
    """The words of ``text`` without case, marks, disguises and punctuation."""
    words = _WORD.findall(fold_text(text).lower())
    return [w.translate(_LEET) if not w.isdigit() and _LEET_WORD.match(w) else w for w in words]


def _compact(text: str) -> str:
    return "".join(_words(text))


def _decode(token: str) -> str:
    if hex_digits := _HEX.fullmatch(token):
        text = bytes.fromhex(hex_digits.group(1)).decode("utf-8", errors="replace")
        if text.isprintable():
            return text
    return decode_base64(token)
