"""Which columns of an export hold what: a table of aliases, and the shape of rows with certain names.

Aliases are compared without case and punctuation: `startTime`, `start_time` and `Start Time` are one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Literal

Format = Literal["openai", "litellm", "openai-batch", "rows"]
FORMATS: tuple[Format, ...] = ("openai", "litellm", "openai-batch", "rows")

# Best first: where a row has several, the first that is not empty counts. Sources: OpenAI's usage API and the CSV of
# its dashboard (organization.usage.*.result), the dashboard's older activity export (n_context_tokens_total and its
# like), LiteLLM's table LiteLLM_SpendLogs and its StandardLoggingPayload, usage objects of chat and responses API.
ALIASES: dict[str, tuple[str, ...]] = {
    "model": ("model", "modelname", "snapshotid", "modelid", "modelgroup"),
    "input": (
        "inputtokens", "prompttokens", "ncontexttokenstotal", "contexttokens", "ncontexttokens", "totalinputtokens",
    ),
    "uncached": ("inputuncachedtokens", "uncachedinputtokens", "nnoncachedcontexttokenstotal"),
    "output": (
        "outputtokens", "completiontokens", "ngeneratedtokenstotal", "generatedtokens", "ngeneratedtokens",
        "totaloutputtokens",
    ),
    "cached": (
        "inputcachedtokens", "cachedtokens", "cachedinputtokens", "ncachedcontexttokenstotal", "cachedprompttokens",
        "cachereadinputtokens",
    ),
    "requests": ("nummodelrequests", "numrequests", "nrequests", "requests", "requestcount"),
    "batch": ("batch", "isbatch"),
    "service_tier": ("servicetier",),
    "tenant": (
        "tenant", "tenantid", "customer", "customerid", "projectname", "projectid", "teamalias", "teamid", "enduser",
        "user", "userid", "organizationid",
    ),
    "feature": ("feature", "featurename", "application", "usecase", "apikeyname", "apikeyalias", "apikeyid"),
    "start": (
        "starttime", "timestamp", "aggregationtimestamp", "starttimeiso", "usagedate", "date", "createdat", "created",
    ),
    "end": ("endtime", "endtimeiso"),
    "stated": ("spend", "responsecost", "cost", "costusd", "totalcost", "amountusd", "amount"),
    "cache_hit": ("cachehit",),
    "provider": ("customllmprovider", "provider"),
    "kind": ("calltype", "object", "operation", "endpoint", "url"),
    "audio_in": ("inputaudiotokens",),
    "audio_out": ("outputaudiotokens",),
    "cache_write": ("cachecreationinputtokens",),
    # Sums, not alternatives: what this workbook's gateway answered without a generation.
    "avoided": ("exactcacheanswers", "similarcacheanswers", "coalescedanswers"),
    "avoided_in": ("exactcacheinputtokens", "similarcacheinputtokens", "coalescedinputtokens"),
    "avoided_out": ("exactcacheoutputtokens", "similarcacheoutputtokens", "coalescedoutputtokens"),
    "metadata": ("metadata",),
    "tags": ("requesttags", "tags"),
    "usage": ("usage",),
    "response": ("response",),
    "error": ("error",),
    "custom_id": ("customid",),
    "call_type": ("calltype",),
    "request_id": ("requestid",),
}  # fmt: skip

_LONGEST_NAME = 64
_PUNCTUATION = re.compile(r"[^a-z0-9]")


@lru_cache(4096)
def squashed(name: str) -> str:
    """A column's name without case and punctuation; a unit in brackets is dropped: `Cost (USD)` is `cost`."""
    return _PUNCTUATION.sub("", name.split("(")[0].lower())


@dataclass(slots=True)
class Shape:
    """Which of a row's own names hold what. `format` is what the names look like."""

    model: tuple[str, ...]
    input: tuple[str, ...]
    uncached: tuple[str, ...]
    output: tuple[str, ...]
    cached: tuple[str, ...]
    requests: tuple[str, ...]
    batch: tuple[str, ...]
    service_tier: tuple[str, ...]
    tenant: tuple[str, ...]
    feature: tuple[str, ...]
    start: tuple[str, ...]
    end: tuple[str, ...]
    stated: tuple[str, ...]
    cache_hit: tuple[str, ...]
    provider: tuple[str, ...]
    kind: tuple[str, ...]
    audio_in: tuple[str, ...]
    audio_out: tuple[str, ...]
    cache_write: tuple[str, ...]
    avoided: tuple[str, ...]
    avoided_in: tuple[str, ...]
    avoided_out: tuple[str, ...]
    metadata: tuple[str, ...]
    tags: tuple[str, ...]
    usage: tuple[str, ...]
    response: tuple[str, ...]
    error: tuple[str, ...]
    custom_id: tuple[str, ...]
    call_type: tuple[str, ...]
    request_id: tuple[str, ...]
    format: Format = "rows"


_MOST_SHAPES, _LONGEST = 256, 10_000
_shapes: dict[tuple[tuple[str, ...], Format | None], Shape] = {}


def shape_of(names: tuple[str, ...], forced: Format | None = None) -> Shape:
    """The shape of rows with these names. Remembered, unless the names are so long that they would fill the memory."""
    shape = _shapes.get((names, forced))
    if shape is None:
        shape = _new_shape(names, forced)
        if sum(map(len, names)) <= _LONGEST:
            if len(_shapes) >= _MOST_SHAPES:
                _shapes.clear()
            _shapes[names, forced] = shape
    return shape


def _new_shape(names: tuple[str, ...], forced: Format | None) -> Shape:
    by_squashed: dict[str, str] = {}
    for name in names:
        if len(name) <= _LONGEST_NAME:
            by_squashed.setdefault(squashed(name), name)
    found = {
        slot.name: tuple(by_squashed[alias] for alias in ALIASES[slot.name] if alias in by_squashed)
        for slot in fields(Shape)
        if slot.name != "format"
    }
    shape = Shape(format="rows", **found)
    shape.format = forced or _looks_like(shape, by_squashed)
    return shape


def _looks_like(shape: Shape, names: Mapping[str, str]) -> Format:
    if shape.custom_id and shape.response:
        return "openai-batch"
    if ("spend" in names or shape.cache_hit) and ("prompttokens" in names or shape.call_type):
        return "litellm"
    if {"nummodelrequests", "ncontexttokenstotal", "inputcachedtokens"} & names.keys():
        return "openai"
    return "rows"
