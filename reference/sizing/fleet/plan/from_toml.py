"""Requirements as a TOML file: tables and keys, an example with every default, errors that name the nearest key."""

from __future__ import annotations

import dataclasses
import tomllib
from pathlib import Path
from typing import Any

from .requirements import Requirements, nearest

# table -> {key: what it says}; a key is the field of the same name.
TABLES: dict[str, dict[str, str]] = {
    "traffic": {
        "users": "daily users",
        "messages_per_user": "requests a day of each",
        "busy_share": "assumed: share of the day's traffic in the busy hours",
        "busy_hours": "assumed: busy hours of a support desk",
        "burst": "busiest minute over the mean of the busy hours; Azure's chat trace of 2023",
        "region_shares": "share of each region; each is sized for its own peak",
    },
    "tokens": {
        "prompt_mean": "Azure's chat trace of 2023",
        "prompt_p99": "or prompt_median; without either, the ratio of Azure's trace",
        "prompt_median": "",
        "output_mean": "Azure's chat trace of 2023",
        "output_p99": "or output_median; without either, the ratio of Azure's trace",
        "output_median": "",
        "shared_prefix": "assumed: system prompt, the same in every request",
        "turns": "requests of a session; the earlier ones are in the prefix cache if their replica still has them",
        "turn_gap_s": "assumed: seconds between a session's requests, used where turns is above 1",
        "max_context": "longest prompt and answer together",
    },
    "slo": {
        "ttft_ms": "first token",
        "ttft_percentile": "assumed",
        "tpot_ms": "assumed: each further token, 10 a second, faster than reading",
        "tpot_percentile": "assumed",
        "availability": "assumed: share of requests that must be answered at all",
        "patience_s": "assumed: a client waits so long for a first token",
    },
    "engine": {
        "model": "a key of shapes.toml",
        "dtypes": "types of the weights that may be used; accuracy under quantisation is not judged here",
        "gpus": "kinds that may be used; without it all of hardware.toml",
        "max_gpus_per_replica": "tensor parallelism up to this",
        "max_num_seqs": "vLLM's flag",
        "max_num_batched_tokens": "vLLM's flag; without it vLLM's default for the GPU",
    },
    "fleet": {
        "survive": "what may be gone at the peak with every target met: replica, zone (one of three) or nothing",
        "warm_pool": "standby machines, paid all the time",
        "provision_s": "assumed: time to get a GPU machine",
        "image_pull_s": "assumed: 10 GB image, cached layers",
        "load_gb_per_s": "assumed: weights from network storage",
        "warm_up_s": "assumed: graph capture and profiling",
    },
    "money": {
        "budget_usd": "a month; without it no limit",
        "hours_per_month": "365 days / 12",
        "prices": "USD per GPU and hour of a kind, in place of the table's",
    },
}


def parse(text: str, where: str = "the file") -> Requirements:
    """Requirements of a TOML text. Raises ValueError that names the table, the key and the nearest known one."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{where} is not TOML: {error}") from None
    everywhere = {key: table for table, keys in TABLES.items() for key in keys}
    fields: dict[str, Any] = {}
    for table, content in raw.items():
        if table not in TABLES:
            near = nearest(table, TABLES)
            if table in everywhere:
                near = f": it belongs into [{everywhere[table]}]"
            raise ValueError(f"{where}: [{table}] is not known{near}; known: {', '.join(TABLES)}")
        if not isinstance(content, dict):
            raise ValueError(f"{where}: {table} must be a table, got {content!r}")
        for key, value in content.items():
            if key not in TABLES[table]:
                near = f": it belongs into [{everywhere[key]}]" if key in everywhere else nearest(key, everywhere)
                raise ValueError(f"{where}: [{table}] {key} is not known{near}")
            if key == "prices" and not isinstance(value, dict):
                raise ValueError(f"{where}: [money.prices] must be a table of GPU kind = USD per hour, got {value!r}")
            fields[key] = _listed(where, key, value)
    try:
        return Requirements(**fields)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None


_LISTS = ("region_shares", "dtypes", "gpus")


def _listed(where: str, key: str, value: Any) -> Any:
    if key in _LISTS:
        if not isinstance(value, list) or not value:
            raise ValueError(f"{where}: {key} must be a list with at least one entry, got {value!r}")
        return tuple(value)
    if key in ("model", "survive") and not isinstance(value, str):
        raise ValueError(f"{where}: {key} must be a text, got {value!r}")
    return value


def read(path: str | Path) -> Requirements:
    """Requirements of a file. Raises ValueError that names the file."""
    try:
        text = Path(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    return parse(text, str(path))


def example() -> str:
    """A file with every key at its default; keys without a default are commented out."""
    default = Requirements()
    made: dict[str, Any] = {"gpus": default.gpus, "prices": {}}
    lines = ["# Requirements of a fleet. Every key may be left out; these are the defaults."]
    for table, keys in TABLES.items():
        lines += ["", f"[{table}]"]
        for key, says in keys.items():
            value = made.get(key, getattr(default, key))
            if key == "prices":
                lines += [f"# {says}", "# [money.prices]", "# h200 = 6.00"]
                continue
            off = "# " if value is None else ""
            shown = "0" if value is None else _toml(value)
            lines.append(f"{off}{key} = {shown}" + (f"  # {says}" if says else ""))
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def to_dict(requirements: Requirements) -> dict[str, Any]:
    """The fields as JSON can hold them."""
    made = {one.name: getattr(requirements, one.name) for one in dataclasses.fields(requirements)}
    return {key: list(value) if isinstance(value, tuple) else value for key, value in made.items()} | {
        "prices": dict(requirements.prices)
    }
