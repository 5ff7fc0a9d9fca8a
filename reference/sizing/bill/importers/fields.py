"""From a row to a Record: checks, and the nested values of LiteLLM, usage objects and batch outputs."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from reference.sizing.bill.lines import Kind
from reference.sizing.bill.records import Record, RowFault, clean_name, flag, instant, money, whole

from .shapes import Shape, shape_of

_EMBEDDING = re.compile(r"embed|(^|/)voyage-", re.IGNORECASE)


def _first(row: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    for name in names:
        value = row[name]
        if value is not None and value != "":
            return value
    return None


def _name(row: Mapping[str, Any], names: tuple[str, ...]) -> str:
    for name in names:
        value = row[name]
        if isinstance(value, str):
            if value and (cleaned := clean_name(value)):
                return cleaned
        elif type(value) is int or isinstance(value, float):
            return str(value)
    return ""


def record_of(row: Mapping[str, Any], shape: Shape) -> Record | None:
    """The record of a row; None for a row that says nothing was used (an empty bucket, a failed batch request).

    Raises:
        RowFault: what is wrong with it.
    """
    if shape.format == "openai-batch":
        return _batch_output(row, shape)
    if shape.usage and isinstance(row[shape.usage[0]], Mapping):
        row, shape = _with_usage(row, shape)
    extra: Mapping[str, Any] = _litellm(row, shape) if shape.format == "litellm" else {}
    given = whole(_first(row, shape.input), "input_tokens")
    output = whole(_first(row, shape.output), "output_tokens")
    cached = whole(extra.get("cached", _first(row, shape.cached) if shape.cached else None), "cached_tokens")
    if given is None and shape.uncached:
        uncached = whole(_first(row, shape.uncached), "uncached input tokens")
        given = None if uncached is None else uncached + (cached or 0)
    elif cached is None and shape.uncached and given is not None:
        uncached = whole(_first(row, shape.uncached), "uncached input tokens")
        cached = None if uncached is None else max(0, given - uncached)
    requests = whole(_first(row, shape.requests), "requests") if shape.requests else 1
    model = _name(row, shape.model)
    if not model:
        if not (given or output or (requests if shape.requests else 0)):
            return None
        raise RowFault("no model", "model: is empty; ask the usage API with group_by=model, or export by model")
    if given is None:
        if output is None and not (shape.input or shape.uncached):
            raise RowFault("no tokens", "input_tokens: no such field; known names are input_tokens, prompt_tokens and "
                           "n_context_tokens_total")  # fmt: skip
        if output:
            raise RowFault("no tokens", f"input_tokens: is empty, but there are {output} output tokens")
    tokens_in, tokens_out, tokens_cached = given or 0, output or 0, cached or 0
    if tokens_cached > tokens_in:
        reason = f"cached_tokens: {tokens_cached} of {tokens_in} input tokens; cached ones are a part of the input"
        raise RowFault("cached above input", reason)
    remarks: list[str] = []
    stated = None
    if shape.stated:
        stated, remark = money(_first(row, shape.stated))
        if remark:
            remarks.append(remark)
    batch = flag(_first(row, shape.batch)) if shape.batch else False
    if shape.service_tier and (tier := row[shape.service_tier[0]]):
        batch = _tier(tier, batch, remarks)
    start, end = times_of(row, shape)
    unpriced: tuple[tuple[str, int], ...] = ()
    if shape.audio_in or shape.audio_out or shape.cache_write or "cache_write" in extra:
        unpriced = _unpriced(row, shape, extra)
    return Record(
        model=model,
        input_tokens=tokens_in,
        output_tokens=tokens_out,
        cached_tokens=tokens_cached,
        requests=1 if requests is None else requests,
        batch=batch,
        tenant=_name(row, shape.tenant),
        feature=extra.get("feature") or _name(row, shape.feature),
        provider=_name(row, shape.provider).lower(),
        kind=_kind(row, shape, model),
        start=start,
        end=end,
        stated=stated,
        answered_from_cache=bool(shape.cache_hit) and flag(row[shape.cache_hit[0]]),
        avoided=_avoided(row, shape) if shape.avoided else (0, 0, 0),
        unpriced=unpriced,
        remarks=tuple(remarks),
    )


def times_of(row: Mapping[str, Any], shape: Shape) -> tuple[float | None, float | None]:
    """Start and end of what a row covers; a date alone covers its day."""
    if not shape.start:
        return None, None
    said = _first(row, shape.start)
    start = instant(said)
    end = instant(_first(row, shape.end)) if shape.end else None
    if end is None and start is not None and _is_a_day(said):
        end = start + 86400.0
    return start, end


def _kind(row: Mapping[str, Any], shape: Shape, model: str) -> Kind:
    return _kind_of(str(row[shape.kind[0]])[:60] if shape.kind else "", model)


@lru_cache(4096)
def _kind_of(said: str, model: str) -> Kind:
    return "embedding" if _EMBEDDING.search(said) or _EMBEDDING.search(model) else "chat"


def _is_a_day(value: Any) -> bool:
    return isinstance(value, str) and len(value) in (8, 10) and not (len(value) == 10 and value.isdigit())


def _tier(tier: Any, batch: bool, remarks: list[str]) -> bool:
    tier = str(tier).strip().lower()
    if tier in ("batch", "flex"):
        # OpenAI, guide on flex processing: tokens are priced at Batch API rates.
        if tier == "flex":
            remarks.append("service tier flex is priced as a batch")
        return True
    if tier in ("priority", "fast", "scale"):
        remarks.append(f"service tier {tier} is priced at the standard list")
    return batch


def _unpriced(row: Mapping[str, Any], shape: Shape, extra: Mapping[str, Any]) -> tuple[tuple[str, int], ...]:
    counts = (
        ("audio", (whole(_first(row, shape.audio_in), "audio tokens") or 0)
                  + (whole(_first(row, shape.audio_out), "audio tokens") or 0)),
        ("cache write", whole(extra.get("cache_write", _first(row, shape.cache_write)), "cache write tokens") or 0),
    )  # fmt: skip
    return tuple((name, count) for name, count in counts if count)


def _avoided(row: Mapping[str, Any], shape: Shape) -> tuple[int, int, int]:
    def total(names: tuple[str, ...]) -> int:
        return sum(whole(row[name], name) or 0 for name in names)

    return total(shape.avoided), total(shape.avoided_in), total(shape.avoided_out)


def _object(value: Any) -> Mapping[str, Any]:
    """A JSON object, as itself or as text in a table's cell; empty where it is neither."""
    if isinstance(value, str) and value[:1] == "{":
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return {}
    return value if isinstance(value, Mapping) else {}


def _litellm(row: Mapping[str, Any], shape: Shape) -> dict[str, Any]:
    """What LiteLLM keeps in `metadata` and `request_tags`: cached tokens and what a request was for."""
    found: dict[str, Any] = {}
    metadata = _object(row[shape.metadata[0]]) if shape.metadata else {}
    if metadata:
        for name in ("additional_usage_values", "usage_object"):
            usage = _object(metadata.get(name))
            details = _object(usage.get("prompt_tokens_details"))
            cached = details.get("cached_tokens") or usage.get("cache_read_input_tokens")
            if cached and "cached" not in found:
                found["cached"] = cached
            written = usage.get("cache_creation_input_tokens") or details.get("cache_creation_tokens")
            if written and "cache_write" not in found:
                found["cache_write"] = written
    feature = next((v for v in (metadata.get("feature"), _tag(row, shape, metadata)) if isinstance(v, str) and v), "")
    alias = metadata.get("user_api_key_alias")
    if feature:
        found["feature"] = clean_name(feature)
    elif not shape.feature and isinstance(alias, str):
        found["feature"] = clean_name(alias)
    return found


def _tag(row: Mapping[str, Any], shape: Shape, metadata: Mapping[str, Any]) -> str:
    """The tag that names a feature (`feature:search`), or else the first one."""
    tags = row[shape.tags[0]] if shape.tags else metadata.get("tags")
    if isinstance(tags, str) and tags[:1] == "[":
        try:
            tags = json.loads(tags)
        except (ValueError, RecursionError):
            return ""
    if not isinstance(tags, list):
        return ""
    texts = [tag for tag in tags if isinstance(tag, str) and not tag.lower().startswith("user-agent:")]
    named = next((tag for tag in texts if tag.lower().startswith(("feature:", "feature="))), None)
    return named[8:] if named else (texts[0] if texts else "")


def _with_usage(row: Mapping[str, Any], shape: Shape) -> tuple[dict[str, Any], Shape]:
    """A response body or a log row whose counts lie in `usage`."""
    usage: Mapping[str, Any] = row[shape.usage[0]]
    flat = {name: value for name, value in row.items() if name != shape.usage[0]}
    flat.update({name: value for name, value in usage.items() if not isinstance(value, Mapping | list)})
    for name in ("prompt_tokens_details", "input_tokens_details"):
        if isinstance(details := usage.get(name), Mapping) and "cached_tokens" in details:
            flat["cached_tokens"] = details["cached_tokens"]
    return flat, shape_of(tuple(flat), shape.format)


def _batch_output(row: Mapping[str, Any], shape: Shape) -> Record | None:
    response = row[shape.response[0]] if shape.response else None
    body = response.get("body") if isinstance(response, Mapping) else None
    if not isinstance(body, Mapping) or not isinstance(body.get("usage"), Mapping):
        failed = (shape.error and row[shape.error[0]]) or (
            isinstance(response, Mapping) and response.get("status_code") != 200
        )
        if failed:
            return None  # a failed request costs nothing
        raise RowFault("no tokens", "response.body.usage: no such field; this is no output file of the batch API")
    record = record_of(body, shape_of(tuple(body), "rows"))
    if record is not None:
        record.batch = True
    return record
