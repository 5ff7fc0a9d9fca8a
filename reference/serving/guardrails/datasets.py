"""The labelled sets: what a guard must find, and harmless texts that look like it.

Written by the authors of the guards, so scores on them flatter the guards. Nothing in the files is a working credential
or belongs to a person: keys are put together from a seed while loading, addresses and numbers come from the ranges that
are reserved for examples.

Every example belongs to a family of similar ones, and a hash of the family's name decides whether the whole family is
for choosing thresholds ("tuning") or for measuring ("held-out").
"""

import base64
import codecs
import hashlib
import json
import random
import re
import string
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any, Literal

DatasetKind = Literal["injection", "pii", "secrets", "leak"]
Split = Literal["tuning", "held-out", "all"]
KINDS: tuple[DatasetKind, ...] = ("injection", "pii", "secrets", "leak")

_MARK = re.compile(r"\{\{(\w+):(.*?)\}\}", re.DOTALL)
_SLICE = re.compile(r"\{prompt(?::(\d+):(\d+))?\}")
_ALPHABETS = {
    "A": string.ascii_letters + string.digits,
    "B": string.ascii_letters + string.digits + "+/",
    "L": string.ascii_lowercase + string.digits,
    "U": string.ascii_uppercase + string.digits,
    "h": "0123456789abcdef",
    "D": string.digits,
}


@dataclass(frozen=True, slots=True)
class Span:
    """A part of an example that must be found: its rule ("email", "secret", ...) and half-open offsets."""

    rule: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Example:
    """One labelled text. ``positive``: a guard must react, at ``spans`` (pii, secrets) or given ``prompt`` (leak)."""

    kind: DatasetKind
    family: str
    text: str
    positive: bool
    spans: tuple[Span, ...] = ()
    prompt: str = ""

    @property
    def split(self) -> str:
        digest = hashlib.sha256(f"{self.kind}:{self.family}".encode()).digest()
        return "held-out" if digest[0] % 2 else "tuning"


def load(kind: DatasetKind, split: Split = "all") -> list[Example]:
    """The examples of a set. Raises ``ValueError`` for an unknown kind or split."""
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}, got {kind!r}")
    if split not in ("tuning", "held-out", "all"):
        raise ValueError(f"split must be tuning, held-out or all, got {split!r}")
    return [e for e in _load_all(kind) if split in ("all", e.split)]


@lru_cache(maxsize=8)
def _load_all(kind: DatasetKind) -> tuple[Example, ...]:
    data = files(__package__).joinpath("data")
    prompts = json.loads(data.joinpath("prompts.json").read_text(encoding="utf-8"))
    lines = data.joinpath(f"{kind}.jsonl").read_text(encoding="utf-8").splitlines()
    build = {"injection": _injection, "pii": _marked, "secrets": _marked, "leak": _leak}[kind]
    return tuple(build(kind, json.loads(line), number, prompts) for number, line in enumerate(lines, 1))


def _injection(kind: DatasetKind, record: dict[str, Any], number: int, prompts: dict[str, str]) -> Example:
    text = wrap(record["text"], record.get("wrap", ""))
    return Example(kind, record["family"], text, record["positive"])


def _leak(kind: DatasetKind, record: dict[str, Any], number: int, prompts: dict[str, str]) -> Example:
    prompt = prompts[record["prompt"]]
    words = prompt.split()

    def part(match: re.Match[str]) -> str:
        return " ".join(words[int(match.group(1)) : int(match.group(2))]) if match.group(1) else prompt

    text = _SLICE.sub(part, record["text"])
    how = record.get("wrap", "")
    if "{wrapped}" in text:
        text = text.replace("{wrapped}", wrap(prompt, how))
    else:
        text = wrap(text, how)
    return Example(kind, record["family"], text, record["positive"], prompt=prompt)


def _marked(kind: DatasetKind, record: dict[str, Any], number: int, prompts: dict[str, str]) -> Example:
    """Text with marks such as "{{email:ann@mail.example}}" or "{{secret:ghp_~A36}}"; "text" marks no finding."""
    random_source = random.Random(f"{kind}:{number}")
    out: list[str] = []
    spans: list[Span] = []
    position = length = 0
    for match in _MARK.finditer(record["text"]):
        before = record["text"][position : match.start()]
        value = _assemble(match.group(2), random_source)
        length += len(before)
        if match.group(1) != "text":
            spans.append(Span(match.group(1), length, length + len(value)))
        out += (before, value)
        length += len(value)
        position = match.end()
    out.append(record["text"][position:])
    return Example(kind, record["family"], "".join(out), bool(spans), tuple(spans))


def _assemble(template: str, source: random.Random) -> str:
    """Literal parts and shapes in turn, separated by "~": "ghp_~A36" is "ghp_" and 36 letters and digits."""
    parts = template.split("~")
    return "".join(_shape(part, source) if i % 2 else part for i, part in enumerate(parts))


def _shape(shape: str, source: random.Random) -> str:
    if not shape:
        return ""
    if shape in "JPQ":
        claims: dict[str, Any] = {"alg": "HS256", "typ": "JWT"}
        if shape == "P":
            claims = {"sub": str(source.randrange(10**9)), "name": "Ann Example"}
        if shape == "Q":
            claims = {"sub": str(source.randrange(10**9)), "scope": [f"part-{i}:read" for i in range(60)]}
        return base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return "".join(source.choice(_ALPHABETS[shape[0]]) for _ in range(int(shape[1:])))


def _every_third(text: str, extra: str) -> str:
    return "".join(c + extra if c.isalpha() and i % 3 == 1 else c for i, c in enumerate(text))


def _math_bold(text: str) -> str:
    def one(c: str) -> str:
        if "a" <= c <= "z":
            return chr(0x1D41A + ord(c) - ord("a"))
        return chr(0x1D400 + ord(c) - ord("A")) if "A" <= c <= "Z" else c

    return "".join(map(one, text))


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


_WRAPS: dict[str, Callable[[str], str]] = {
    "": lambda t: t,
    "zero-width": lambda t: _every_third(t, "\u200b\u200d"),
    "combining": lambda t: _every_third(t, "\u0301"),
    "homoglyph": lambda t: t.translate(str.maketrans("aeiopc", "\u0430\u0435\u0456\u043e\u0440\u0441")),
    "fullwidth": lambda t: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in t),
    "math": _math_bold,
    "leet": lambda t: t.translate(str.maketrans("aeiosAEIOS", "4310543105")),
    "spaced": lambda t: " ".join(t),
    "dotted": lambda t: ".".join(t.replace(" ", "")),
    "base64": _base64,
    "base64-part": lambda t: re.sub(r"\{(.*?)\}", lambda m: _base64(m.group(1)), t),
    "base64-prompt": _base64,
    "hex": lambda t: t.encode().hex(),
    "hex-prompt": lambda t: t.encode().hex(),
    "rot13": lambda t: codecs.encode(t, "rot13"),
    "reversed": lambda t: t[::-1],
    "rtl": lambda t: f"\u202e{t[::-1]}\u202c",
    "percent": lambda t: "".join(f"%{ord(c):02x}" if c.isalpha() else c for c in t),
    "entities": lambda t: "".join(f"&#{ord(c)};" if c.isalpha() else c for c in t),
    "tags": lambda t: "Hello there! " + "".join(chr(0xE0000 + ord(c)) for c in t),
    "upper": str.upper,
    "lines": lambda t: re.sub(r"((?:\S+ ){2}\S+) ", "\\1\n", t),
    "bullets": lambda t: "\n".join(f"- **{s.strip()}**" for s in t.split(".") if s.strip()),
    "mask-words": lambda t: " ".join("____" if i % 2 else w for i, w in enumerate(t.split())),
}


def wrap(text: str, how: str) -> str:
    """``text`` in a disguise or an encoding. Raises ``ValueError`` for an unknown one."""
    if how not in _WRAPS:
        raise ValueError(f"wrap must be one of {', '.join(sorted(_WRAPS))}, got {how!r}")
    return _WRAPS[how](text)
