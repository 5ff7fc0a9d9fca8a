"""The same usage written as every export that the importers read, so that sums can be compared."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DAY = 86400
START = 1730419200  # 2024-11-01T00:00:00Z


@dataclass(frozen=True)
class Use:
    """Usage as a test knows it."""

    model: str
    input: int
    cached: int = 0
    output: int = 0
    batch: bool = False
    tenant: str = ""
    feature: str = ""
    day: int = 0


def _table(header: list[str], rows: Iterable[list[Any]], delimiter: str = ",", end: str = "\n") -> str:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator=end)
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


def _result(use: Use) -> dict[str, Any]:
    return {
        "object": "organization.usage.completions.result", "input_tokens": use.input, "input_cached_tokens": use.cached,
        "output_tokens": use.output, "num_model_requests": 1, "project_id": use.tenant or None, "user_id": None,
        "api_key_id": use.feature or None, "model": use.model, "batch": use.batch,
    }  # fmt: skip


def page(uses: list[Use]) -> dict[str, Any]:
    buckets = [
        {
            "object": "bucket", "start_time": START + use.day * DAY, "end_time": START + (use.day + 1) * DAY,
            "results": [_result(use)],
        }
        for use in uses
    ]  # fmt: skip
    return {"object": "page", "data": buckets, "has_more": False, "next_page": None}


def _lines(rows: Iterable[dict[str, Any]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def _gateway(use: Use) -> dict[str, Any]:
    return {
        "start_time": START + use.day * DAY, "project_id": use.tenant, "api_key_id": "k1", "model": use.model,
        "batch": use.batch, "input_tokens": use.input, "input_cached_tokens": use.cached, "output_tokens": use.output,
        "num_model_requests": 1, "feature": use.feature, "tier": "strong",
    }  # fmt: skip


def _litellm(use: Use, nested: bool) -> dict[str, Any]:
    metadata = {"additional_usage_values": {"prompt_tokens_details": {"cached_tokens": use.cached}}}
    tags = [f"feature:{use.feature}"] if use.feature else []
    return {
        "request_id": "chatcmpl-1", "call_type": "acompletion", "api_key": "88dc28d0", "spend": 0.25,
        "total_tokens": use.input + use.output, "prompt_tokens": use.input, "completion_tokens": use.output,
        "startTime": "2024-11-01T00:00:00.123000Z", "endTime": "2024-11-01T00:00:02Z", "model": use.model,
        "custom_llm_provider": "openai", "team_id": use.tenant, "end_user": "", "cache_hit": "False",
        "metadata": metadata if nested else json.dumps(metadata), "request_tags": tags if nested else json.dumps(tags),
        "messages": [] if nested else 'a "text"\nof two lines, with a comma',
    }  # fmt: skip


def _litellm_table(uses: list[Use]) -> str:
    rows = [_litellm(use, nested=False) for use in uses]
    header = list(_litellm(Use("m", 0), nested=False))
    return _table(header, ([row[name] for name in header] for row in rows))


def _batch_output(use: Use) -> dict[str, Any]:
    usage = {"prompt_tokens": use.input, "completion_tokens": use.output, "total_tokens": use.input + use.output,
             "prompt_tokens_details": {"cached_tokens": use.cached}}  # fmt: skip
    body = {"id": "chatcmpl-1", "object": "chat.completion", "created": START, "model": use.model, "usage": usage}
    response = {"status_code": 200, "request_id": "r1", "body": body}
    return {"id": "batch_req_1", "custom_id": "c1", "response": response, "error": None}


_DASHBOARD = [
    "start_time", "end_time", "start_time_iso", "end_time_iso", "project_id", "num_model_requests", "user_id",
    "api_key_id", "model", "batch", "service_tier", "input_tokens", "output_tokens", "input_cached_tokens",
    "input_uncached_tokens",
]  # fmt: skip


def _dashboard(uses: list[Use]) -> str:
    rows: list[list[Any]] = [
        [START, START + DAY, "2024-11-01T00:00:00+00:00", "2024-11-02T00:00:00+00:00", u.tenant, 1, "", u.feature,
         u.model, u.batch, "default", f"{u.input:,}", u.output, u.cached, u.input - u.cached]
        for u in uses
    ]  # fmt: skip
    rows.append([START + DAY, START + 2 * DAY, "2024-11-02T00:00:00+00:00", "", *[""] * 11])  # a day without usage
    return "\ufeff" + _table(_DASHBOARD, rows, end="\r\n")


def _old_dashboard(uses: list[Use]) -> str:
    header = ["timestamp", "organization_name", "Project_Name", "api_key_name", "MODEL", "num_requests",
              "n_context_tokens_total", "n_generated_tokens_total", "n_cached_context_tokens_total"]  # fmt: skip
    return _table(header, ([START, "acme", u.tenant, u.feature, u.model, 1, u.input, u.output, u.cached] for u in uses))


ALL = frozenset({"batch", "tenant", "feature"})
# Name -> (what writes it, file ending, what it carries beside model and tokens).
WRITERS: dict[str, tuple[Callable[[list[Use]], str], str, frozenset[str]]] = {
    "page on one line": (lambda uses: json.dumps(page(uses)), ".json", ALL),
    "page": (lambda uses: json.dumps(page(uses), indent=2), ".json", ALL),
    "pages one after the other": (
        lambda uses: "\n".join(json.dumps(page([use]), indent=1) for use in uses) or "{}", ".json", ALL,
    ),
    "list of pages": (lambda uses: json.dumps([page(uses)], indent=2), ".json", ALL),
    "pages as lines": (lambda uses: _lines(page([use]) for use in uses), ".jsonl", ALL),
    "buckets as lines": (lambda uses: _lines(page(uses)["data"]), ".jsonl", ALL),
    "results as lines": (lambda uses: _lines(map(_result, uses)), ".jsonl", ALL),
    "dashboard": (_dashboard, ".csv", ALL),
    "old dashboard": (_old_dashboard, ".csv", ALL - {"batch"}),
    "gateway lines": (lambda uses: _lines(map(_gateway, uses)), ".jsonl", ALL),
    "gateway table": (
        lambda uses: _table(list(_gateway(Use("m", 0))), (list(_gateway(use).values()) for use in uses)), ".csv", ALL,
    ),
    "litellm lines": (lambda uses: _lines(_litellm(use, nested=True) for use in uses), ".jsonl", ALL - {"batch"}),
    "litellm list": (
        lambda uses: json.dumps([_litellm(use, nested=True) for use in uses], indent=1), ".json", ALL - {"batch"},
    ),
    "litellm table": (_litellm_table, ".csv", ALL - {"batch"}),
    "batch output": (lambda uses: _lines(map(_batch_output, uses)), ".jsonl", frozenset()),
    "plain table": (
        lambda uses: _table(
            ["Model", "Input Tokens", "Output Tokens", "Cached Tokens", "Batch", "Tenant", "Feature"],
            ([u.model, f"{u.input:,}".replace(",", " "), f"${u.output}", u.cached, "yes" if u.batch else "no", u.tenant,
              u.feature] for u in uses),
            delimiter=";",
        ), ".csv", ALL,
    ),
}  # fmt: skip


def write(name: str, uses: list[Use], folder: Path, zipped: bool = False) -> Path:
    """The export of this name in the folder."""
    make, ending, _ = WRITERS[name]
    path = folder / (name.replace(" ", "-") + ending + (".gz" if zipped else ""))
    data = make(uses).encode()
    path.write_bytes(gzip.compress(data, 1) if zipped else data)
    return path
