"""Planted secrets and look-alikes. Every one is put together at run time from parts, by the seed: none opens a door."""

from __future__ import annotations

import base64
import random
import string
import uuid
from collections.abc import Callable, Sequence

from reference.agents.types import Agent

from .cases import TRIES, Case, Expected, Place, built, source_modules, spliced
from .releases import Release

AGENTS = frozenset({Agent.SECURITY})
_FAMILY = frozenset({"secret"})
_ALNUM = string.ascii_letters + string.digits


def _some(rng: random.Random, alphabet: str, length: int) -> str:
    return "".join(rng.choice(alphabet) for _ in range(length))


def _jwt(rng: random.Random) -> str:
    parts = (b'{"alg":"HS256","typ":"JWT"}', f'{{"sub":"{rng.randrange(10**9)}"}}'.encode(), rng.randbytes(32))
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


def _key(rng: random.Random) -> str:
    body = base64.b64encode(rng.randbytes(48)).decode()
    return "-----BEGIN " + "RSA PRIV" + "ATE KEY-----\\n" + body + "\\n-----END " + "RSA PRIV" + "ATE KEY-----"


SECRETS: tuple[tuple[str, Callable[[random.Random], str]], ...] = (
    ("cloud access key", lambda r:
        'ACCESS_ID = "' + "AK" + "IA" + _some(r, string.ascii_uppercase + "234567", 16) + '"'),
    ("code host token", lambda r: 'token = "' + "gh" + "p_" + _some(r, _ALNUM, 36) + '"'),
    ("payment key", lambda r: 'PAYMENT = "' + "sk_" + "live_" + _some(r, _ALNUM, 24) + '"'),
    ("chat token", lambda r: 'BOT = "' + "xo" + "xb-" + _some(r, "0123456789", 12) + "-" + _some(r, "0123456789", 12)
        + "-" + _some(r, _ALNUM, 24) + '"'),
    ("private key", lambda r: 'SIGNING = "' + _key(r) + '"'),
    ("signed token", lambda r: 'SERVICE = "' + _jwt(r) + '"'),
    ("password in an address", lambda r:
        'DATABASE = "postgresql' + "://app:" + _some(r, _ALNUM, 14) + '@db.example/main"'),
    ("password assigned", lambda r: 'DB_PASSWORD = "' + _some(r, _ALNUM + "!%+", 18) + '"'),
    ("cloud secret key", lambda r: 'aws_secret_access_key = "' + _some(r, _ALNUM + "/+", 40) + '"'),
    ("api key", lambda r: 'API_KEY = "' + _some(r, string.hexdigits.lower()[:16], 32) + '"'),
)  # fmt: skip
DECOYS: tuple[tuple[str, Callable[[random.Random], str]], ...] = (
    ("placeholder", lambda r: 'API_KEY = "your-api-key-here"'),
    ("from the environment", lambda r: 'DB_PASSWORD = os.environ["DB_PASSWORD"]'),
    ("digest of a file", lambda r: 'ARCHIVE_SHA256 = "' + _some(r, "0123456789abcdef", 64) + '"'),
    ("commit", lambda r: 'REVISION = "' + _some(r, "0123456789abcdef", 40) + '"'),
    ("header name", lambda r: 'TOKEN_HEADER = "X-Auth-Token"'),
    ("identifier", lambda r: f'NAMESPACE = "{uuid.UUID(bytes=r.randbytes(16), version=4)}"'),
    ("field name", lambda r: 'PASSWORD_FIELD = "password_confirmation"'),
    ("alphabet", lambda r: f'ALPHABET = "{string.ascii_letters}{string.digits}"'),
    ("address without password", lambda r: 'DATABASE = "postgresql://localhost/main"'),
    ("message", lambda r: 'PASSWORD_HINT = "The password must have twelve characters"'),
)  # fmt: skip


def secret_cases(releases: Sequence[Release], count: int, seed: int = 0) -> list[Case]:
    """`count` secrets and as many look-alikes, each as one new line at the top level of a real module."""
    cases: list[Case] = []
    for number in range(TRIES * count):
        if len(cases) == 2 * count:
            break
        for faulty in (True, False):
            release = releases[number % len(releases)]
            rng = random.Random(f"secret/{seed}/{number}/{faulty}")
            modules = source_modules(release)
            if not modules:
                continue
            name, make = (SECRETS if faulty else DECOYS)[number % len(SECRETS)]
            line, path = make(rng), rng.choice(modules[:6])
            imports = ("import os",) if "os.environ" in line else ()
            text, (first, last), _ = spliced(release.after[path], line + "\n", imports, rng)
            place = Place(path, first, last)
            cases.append(
                Case(
                    f"secret-{number:03d}-{'fault' if faulty else 'twin'}", release.repository, "secret",
                    built(release, {**release.after, path: text}, f"Release {release.pair.new}"),
                    (Expected((place,), AGENTS, _FAMILY),) if faulty else (), seed, (place,), name,
                )
            )  # fmt: skip
    return cases
