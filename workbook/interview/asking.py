"""What the candidate types, understood: numbers, names of figures, and what a clarifying question is about."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from exercises.interviews.model import Parameter

_SCALE = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9, "b": 1e9, "bn": 1e9, "t": 1e12}
_NUMBER = re.compile(
    r"(?<![\w.])([-+]?(?:\d[\d,_]*\.?\d*|\.\d+)(?:e[-+]?\d+)?)(?:(k|m|g|bn|b|t)(?!\w))?", re.IGNORECASE
)
_STOP = {
    "a", "about", "an", "and", "any", "are", "as", "at", "be", "by", "can", "do", "does", "for", "from", "have",
    "how", "i", "in", "is", "it", "its", "many", "may", "much", "of", "on", "one", "or", "our", "per", "should",
    "so", "that", "the", "their", "there", "they", "this", "to", "us", "we", "what", "when", "where", "which",
    "who", "will", "with", "would", "you", "your", "number",
}  # fmt: skip
# What people say -> the words a parameter may use for it.
_ALIKE = {
    "traffic": {"request", "user", "message", "query", "rate", "post", "event", "daily"},
    "load": {"request", "user", "message", "query", "rate", "peak"},
    "qps": {"request", "query", "second", "rate"},
    "rps": {"request", "second", "rate"},
    "dau": {"user", "daily", "active"},
    "latency": {"ms", "delay", "p50", "p95", "p99", "ttft", "tpot", "deadline", "wait", "budget"},
    "slo": {"ms", "p95", "p99", "availability", "target", "latency"},
    "fast": {"ms", "latency", "delay", "deadline", "p99", "p95"},
    "quick": {"ms", "latency", "delay", "deadline", "p99", "p95"},
    "money": {"dollar", "usd", "budget", "cost", "price"},
    "budget": {"dollar", "usd", "cost", "price"},
    "cost": {"dollar", "usd", "budget", "price"},
    "expensive": {"dollar", "usd", "budget", "cost", "price"},
    "busy": {"peak", "rate"},
    "big": {"size", "parameter", "token", "byte", "document"},
    "large": {"size", "parameter", "token", "byte", "document"},
    "long": {"token", "length", "second", "minute", "day"},
    "hardware": {"gpu", "memory"},
    "window": {"context", "token"},
}


def parse_number(text: str) -> float | None:
    """`1,200`, `1.5e6`, `12k`, `3M`: the number if the text is one (a unit may follow); None otherwise."""
    found = _NUMBER.match(text.strip())
    return _value(found) if found else None


def _value(found: re.Match[str]) -> float | None:
    try:
        return float(found[1].replace(",", "").replace("_", "")) * _SCALE[(found[2] or "").lower()]
    except (ValueError, OverflowError):
        return None


def parse_estimate(text: str, names: Sequence[str]) -> tuple[str, float] | None:
    """(figure, value) of `12`, `replicas 12` or `replicas = 12k`; None if it is neither.

    Without a name the first of `names` is meant. A name may be shortened as long as one figure fits.
    """
    found = list(_NUMBER.finditer(text))
    if not found or not names:
        return None
    if found[0].start() == len(text) - len(text.lstrip()):  # the number comes first: the rest is a unit
        value = _value(found[0])
        return (names[0], value) if value is not None else None
    # A figure's own name may hold a number ("p99 latency"): the last number is the value.
    said, value = text[: found[-1].start()].strip(" :=~"), _value(found[-1])
    name = find_name(said, names)
    return (name, value) if name and value is not None else None


def find_name(said: str, names: Sequence[str]) -> str:
    """The one of `names` that was meant; "" if none is, or several are."""
    wanted = said.casefold().strip()
    exact = [name for name in names if name.casefold() == wanted]
    if exact:
        return exact[0]
    asked = words(said)
    fits = [name for name in names if asked and asked <= words(name)]
    fits = fits or [name for name in names if wanted and name.casefold().startswith(wanted)]
    return fits[0] if len(fits) == 1 else ""


def words(text: str) -> set[str]:
    """Lower case, without endings of the plural and words that say nothing."""
    return {_stem(word) for word in re.findall(r"[a-z0-9]+", text.casefold())} - _STOP


def _stem(word: str) -> str:
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def concerned(question: str, parameters: Mapping[str, Parameter], most: int = 3) -> list[str]:
    """The names of the parameters that a question is about, the likeliest first; none if no word fits.

    A word counts the less, the more parameters have it, and double in a parameter's name; one that merely means the
    same as a word of the question counts half as much.
    """
    named = {name: words(name.replace("_", " ")) for name in parameters}
    texts = {name: named[name] | words(f"{one.what} {one.unit}") for name, one in parameters.items()}
    common = Counter(word for found in texts.values() for word in found)
    asked = words(question)
    alike = {near for word in asked for near in _ALIKE.get(word, ())} - asked

    def score(name: str) -> float:
        direct = sum((2 if word in named[name] else 1) / common[word] for word in asked & texts[name])
        return direct + sum(1 if word in named[name] else 0.5 for word in alike & texts[name])

    scores = {name: score(name) for name in parameters}
    best = max(scores.values(), default=0.0)
    near = [name for name in sorted(scores, key=lambda name: -scores[name]) if scores[name] >= 0.6 * best]
    return near[:most] if best > 0 else []
