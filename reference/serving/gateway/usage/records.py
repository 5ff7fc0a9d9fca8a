"""What is counted of a use, under which labels, and where in Redis it stands.

One hash per tenant and hour holds a number per series (key, model, tier, feature, batch) and counter. Its size is
bounded: keys and models are the operator's, and features beyond a number in an hour count as "other".
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Literal

from reference.serving.gateway.errors import bad_request

if TYPE_CHECKING:
    from reference.serving.gateway.schema import ChatRequest
    from reference.serving.gateway.settings import Settings

HOUR_S = 3600
OTHER = "other"
FEATURE_CHARS = 64
_MOST = 2**40

Saver = Literal["exact_cache", "similar_cache", "coalesced"]
SAVERS: tuple[Saver, ...] = ("exact_cache", "similar_cache", "coalesced")
GENERATED = ("num_model_requests", "input_tokens", "input_cached_tokens", "output_tokens")
# Answers that needed no generation, and the tokens that theirs had taken.
AVOIDED = tuple(f"{saver}_{what}" for saver in SAVERS for what in ("answers", "input_tokens", "output_tokens"))
COUNTERS = GENERATED + AVOIDED


@dataclass(frozen=True)
class Labels:
    """Whom and what a use was for. `key_id` is the key's public id; `feature` is the client's word, empty: none."""

    tenant: str
    key_id: str
    model: str
    tier: str = "strong"
    feature: str = ""
    batch: bool = False

    @property
    def series(self) -> str:
        """The beginning of the field names in the tenant's hash; JSON, so that no label can imitate another."""
        return json.dumps([self.key_id, self.model, self.tier, self.feature, self.batch]) + "\n"


def generated(input_tokens: int, output_tokens: int, cached_tokens: int = 0) -> dict[str, int]:
    """The counters of one generation. `cached_tokens`: of the input, read from the engine's prefix cache."""
    return dict(zip(GENERATED, (1, input_tokens, cached_tokens, output_tokens), strict=True))


def avoided(saver: Saver, input_tokens: int, output_tokens: int) -> dict[str, int]:
    """The counters of one answer that was served without a generation."""
    return {
        f"{saver}_answers": 1,
        f"{saver}_input_tokens": input_tokens,
        f"{saver}_output_tokens": output_tokens,
    }


def hour_of(moment: float) -> int:
    """Start of the hour, Unix seconds."""
    return int(moment // HOUR_S) * HOUR_S


def hash_key(prefix: str, tenant: str, hour: int) -> str:
    """Name of a tenant's hour; the braces keep its keys on one node of a cluster."""
    return f"{prefix}:usage:{{{tenant}}}:{hour}"


def keys_of(prefix: str, tenant: str, hour: int) -> list[str]:
    """KEYS of the scripts: the hash and the set of its features."""
    name = hash_key(prefix, tenant, hour)
    return [name, f"{name}:features"]


def split_key(prefix: str, name: str) -> tuple[str, int] | None:
    """Tenant and hour of a hash; None for any other key."""
    found = re.fullmatch(re.escape(prefix) + r":usage:\{([^{}]+)\}:(\d+)", name)
    return (found[1], int(found[2])) if found else None


def arguments(labels: Labels, amounts: Mapping[str, int]) -> list[Any]:
    """One use as add.lua takes it. Counters of 0 are left out."""
    # An engine's nonsense must not stop a script half-way: Redis counts whole numbers of 64 bits.
    sane = {name: min(max(0, amount), _MOST) for name, amount in amounts.items()}
    pairs = [item for name, amount in sane.items() if amount for item in (name, amount)]
    other = replace(labels, feature=OTHER).series
    return [labels.feature, labels.series, other, len(pairs) // 2, *pairs]


def parsed(tenant: str, stored: Mapping[bytes, bytes]) -> dict[Labels, dict[str, int]]:
    """The counters of a hash, by labels."""
    found: dict[Labels, dict[str, int]] = {}
    for field, value in stored.items():
        series, _, counter = field.decode().rpartition("\n")
        if counter not in COUNTERS:
            continue
        key_id, model, tier, feature, batch = json.loads(series)
        labels = Labels(tenant, key_id, model, tier, feature, batch)
        found.setdefault(labels, {})[counter] = int(value)
    return found


@cache
def lua(name: str) -> str:
    """Source of a script of this package, with the function `add_usage` before it."""
    folder = files("reference.serving.gateway.usage")
    return "".join(folder.joinpath(f"{part}.lua").read_text("utf-8") for part in dict.fromkeys(("add", name)))


def feature_of(request: ChatRequest, settings: Settings) -> str:
    """`metadata.feature` of a request; empty where there is none or usage is not counted. Raises GatewayError 400."""
    feature = (request.metadata or {}).get("feature")
    if feature is None or not settings.usage_enabled:
        return ""
    return checked_feature(feature)


def checked_feature(feature: object) -> str:
    """A feature's name. Raises GatewayError 400."""
    if not isinstance(feature, str) or not 0 < len(feature) <= FEATURE_CHARS or not feature.isprintable():
        raise bad_request(
            "invalid_value",
            f"'metadata.feature' must be a text of 1 to {FEATURE_CHARS} printable characters; it names a part of your "
            "application, such as 'search'.",
            "metadata.feature",
        )
    return feature
