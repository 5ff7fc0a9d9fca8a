"""Usage as OpenAI's usage API gives it: results per bucket of time, summed over what they are not grouped by."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reference.serving.gateway.errors import bad_request
from reference.serving.gateway.usage.records import COUNTERS, HOUR_S, Labels, hash_key, parsed

if TYPE_CHECKING:
    import redis.asyncio

RESULT = "organization.usage.completions.result"
WIDTHS = {"1h": HOUR_S, "1d": 24 * HOUR_S}
_LIMITS = {"1h": (24, 168), "1d": (7, 31)}  # default and most buckets of a page
# Fields of a result that can tell results apart. A tenant is a project here; users are not counted apart.
GROUPS = ("project_id", "user_id", "api_key_id", "model", "batch", "service_tier", "feature", "tier")
COLUMNS = ("object", "start_time", "end_time", *GROUPS, *COUNTERS)
_PAGE = "page_"
_KNOWN = ("start_time", "end_time", "bucket_width", "group_by", "limit", "page", "models", "api_key_ids", "batch")

Counts = Mapping[Labels, Mapping[str, int]]


@dataclass(frozen=True)
class Query:
    """One page of a report: `buckets` of `width_s` seconds from `start`; `until` is where the whole report ends."""

    start: int
    until: int
    width_s: int
    buckets: int
    group_by: tuple[str, ...] = ()
    models: frozenset[str] = frozenset()
    api_key_ids: frozenset[str] = frozenset()
    batch: bool | None = None

    @classmethod
    def parse(cls, given: Sequence[tuple[str, str]], now: float | None = None) -> Query:
        """From a query string's pairs; lists as `name=a&name=b`, `name[]=a` or `name=a,b`.

        Counts are by the hour, so the first bucket begins at the hour (or the UTC day) that `start_time` lies in.

        Raises:
            GatewayError: 400, naming the parameter.
        """
        now = time.time() if now is None else now
        values: dict[str, list[str]] = {}
        for name, value in given:
            name = name.removesuffix("[]")
            if name not in _KNOWN:
                raise bad_request("unknown_parameter", f"'{name[:100]}' is not a parameter here.", name[:100])
            values.setdefault(name, []).extend(part for part in value.split(",") if part)
        width = _one(values, "bucket_width", "1d")
        if width not in WIDTHS:
            raise bad_request(
                "invalid_value", "'bucket_width' must be '1h' or '1d'; counts are by hour.", "bucket_width"
            )
        default, most = _LIMITS[width]
        limit = _whole(values, "limit", default)
        if not 1 <= limit <= most:
            raise bad_request("invalid_value", f"'limit' must be from 1 to {most} with bucket_width {width}.", "limit")
        if "start_time" not in values:
            raise bad_request("missing_required_parameter", "'start_time' (Unix seconds) is missing.", "start_time")
        start, until = _whole(values, "start_time", 0), _whole(values, "end_time", int(now) + 1)
        if until <= start:
            raise bad_request("invalid_value", "'end_time' must be after 'start_time'.", "end_time")
        seconds = WIDTHS[width]
        start = start // seconds * seconds
        if page := _one(values, "page", ""):
            place = page.removeprefix(_PAGE)
            if not page.startswith(_PAGE) or not place.isdecimal() or int(place) % seconds or int(place) < start:
                raise bad_request("invalid_value", "'page' must be the 'next_page' of the same query.", "page")
            start = int(place)
        groups = tuple(dict.fromkeys(values.get("group_by", ())))
        for name in groups:
            if name not in GROUPS:
                raise bad_request(
                    "invalid_value", f"'group_by' knows {', '.join(GROUPS)}; not '{name[:64]}'.", "group_by"
                )
        batch = _one(values, "batch", "")
        if batch not in {"", "true", "false"}:
            raise bad_request("invalid_value", "'batch' must be 'true' or 'false'.", "batch")
        return cls(
            start,
            until,
            seconds,
            min(limit, max(0, -(-(until - start) // seconds))),
            groups,
            frozenset(values.get("models", ())),
            frozenset(values.get("api_key_ids", ())),
            None if not batch else batch == "true",
        )

    def wants(self, labels: Labels) -> bool:
        """True if the filters let a series through."""
        return (
            (not self.models or labels.model in self.models)
            and (not self.api_key_ids or labels.key_id in self.api_key_ids)
            and (self.batch is None or labels.batch == self.batch)
        )


def _one(values: Mapping[str, list[str]], name: str, default: str) -> str:
    found = values.get(name, [])
    if len(found) > 1:
        raise bad_request("invalid_value", f"'{name}' must be given once.", name)
    return found[0] if found else default


def _whole(values: Mapping[str, list[str]], name: str, default: int) -> int:
    text = _one(values, name, str(default))
    if not text.isdecimal() or not text.isascii() or len(text) > 11:
        raise bad_request("invalid_value", f"'{name}' must be a whole number.", name)
    return int(text)


def result(counters: Mapping[str, int], groups: Mapping[str, Any]) -> dict[str, Any]:
    """One result object; what it is not grouped by is null."""
    return {
        "object": RESULT,
        **{name: groups.get(name) for name in GROUPS},
        **{name: counters.get(name, 0) for name in COUNTERS},
    }


def groups_of(labels: Labels) -> dict[str, Any]:
    """The fields of a result that tell one series from others."""
    return {
        "project_id": labels.tenant,
        "api_key_id": labels.key_id or None,
        "model": labels.model,
        "batch": labels.batch,
        "feature": labels.feature or None,
        "tier": labels.tier,
    }


def grouped(hours: Iterable[Counts], query: Query) -> list[dict[str, Any]]:
    """The results of one bucket."""
    sums: dict[tuple[Any, ...], dict[str, int]] = {}
    for counts in hours:
        for labels, counters in counts.items():
            if not query.wants(labels):
                continue
            named = groups_of(labels)
            total = sums.setdefault(tuple(named.get(name) for name in query.group_by), {})
            for name, amount in counters.items():
                total[name] = total.get(name, 0) + amount
    # Sorted by what they are grouped by (null first), so that two calls give the same page.
    order = sorted(sums, key=lambda key: [(part is not None, str(part)) for part in key])
    return [result(sums[key], dict(zip(query.group_by, key, strict=True))) for key in order]


async def page(
    query: Query,
    tenant: str,
    prefix: str,
    call: Callable[[Callable[[redis.asyncio.Redis], Awaitable[Any]]], Awaitable[Any]],
) -> dict[str, Any]:
    """The page object for one tenant.

    Args:
        call: runs an operation on the Redis client (`RedisGate.call`).
    """
    end = query.start + query.buckets * query.width_s
    hours = [hour for hour in range(query.start, end, HOUR_S) if hour < query.until]

    async def read(client: redis.asyncio.Redis) -> list[Any]:
        pipeline = client.pipeline(transaction=False)
        for hour in hours:
            pipeline.hgetall(hash_key(prefix, tenant, hour))
        return await pipeline.execute()

    counts = {hour: parsed(tenant, stored) for hour, stored in zip(hours, await call(read), strict=True) if stored}
    data = [
        {
            "object": "bucket",
            "start_time": start,
            "end_time": start + query.width_s,
            "results": grouped((counts[h] for h in range(start, start + query.width_s, HOUR_S) if h in counts), query),
        }
        for start in range(query.start, end, query.width_s)
    ]
    more = end < query.until
    return {"object": "page", "data": data, "has_more": more, "next_page": f"{_PAGE}{end}" if more else None}


def rows(tenant: str, hour: int, stored: Mapping[bytes, bytes]) -> list[dict[str, Any]]:
    """The results of a stored hour, one per series, with its times: lines of an export."""
    found = [
        {**result(counters, groups_of(labels)), "start_time": hour, "end_time": hour + HOUR_S}
        for labels, counters in parsed(tenant, stored).items()
    ]
    return sorted(({name: row[name] for name in COLUMNS} for row in found), key=lambda row: str(list(row.values())))
