"""Command line: ``python -m benchmarks [name ...] [--json] [--quick]``."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
import time
from collections.abc import Sequence
from typing import Any

from benchmarks.common import write

NAMES = (
    "gateway_overhead",
    "guardrails_cost",
    "redis_ops",
    "load_generators",
    "rag_embedding",
    "rag_vectors",
    "rag_hybrid",
    "rag_peers",
    "moderation_media",
    "moderation_models",
    "moderation_replay",
    "moderation_rules",
    "review_quality",
    "review_orchestration",
    "review_prompts",
    "rollout_drill",
    "rollout_simulation",
    "job_queues",
    "modes",
    "semantic_cache",
    "job_fleet",
    "model_routing",
    "prompt_economy",
    "savings_replay",
    "fleet_simulation",
    "grading",
    "aiconfigurator_check",
)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure on this machine.")
    parser.add_argument("names", nargs="*", metavar="name", help=f"which ones (default all): {', '.join(NAMES)}")
    parser.add_argument("--json", action="store_true", help="print the records instead of tables")
    parser.add_argument("--quick", action="store_true", help="a few seconds each, to see that they run; not recorded")
    options = parser.parse_args(argv)
    unknown = sorted(set(options.names) - set(NAMES))
    if unknown:
        parser.error(f"no benchmark {', '.join(unknown)}; there are {', '.join(NAMES)}")
    records, failed = [], False
    # What needs an environment of its own runs by default only where that has been named.
    usual = [name for name in NAMES if name != "aiconfigurator_check" or os.environ.get("WORKBOOK_AICONFIGURATOR")]
    for name in options.names or usual:
        print(f"{name} ...", file=sys.stderr, flush=True)
        begun = time.perf_counter()
        try:
            result = importlib.import_module(f"benchmarks.{name}").run(quick=options.quick)
        except Exception as error:
            failed = True
            print(f"{name} failed: {type(error).__name__}: {error}", file=sys.stderr)
            continue
        record = result.to_dict(time.perf_counter() - begun)
        records.append(record)
        if not options.quick:
            print(f"  written to {write(record)}", file=sys.stderr)
        if not options.json:
            show(record)
    if options.json:
        print(json.dumps(records, indent=2))
    return 1 if failed else 0


def show(record: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    machine = record["machine"]
    table = Table(title=f"{record['name']}: {record['question']}", title_justify="left")
    for column in ("target", "metric", "median", "quartiles", "unit", "rounds"):
        table.add_column(column, justify="right" if column in ("median", "quartiles", "rounds") else "left")
    for row in record["rows"]:
        quartiles = f"{row['p25']:g} - {row['p75']:g}" if "p25" in row else ""
        table.add_row(
            row["target"], row["metric"], f"{row['median']:g}", quartiles, row["unit"], str(row.get("rounds", ""))
        )
    console = Console()
    console.width = max(console.width, 120)  # a table of figures is useless when folded
    console.print(table)
    console.print(
        f"{machine['processor']}, {machine['cores']} cores, load {machine['load_average_1m']}, {record['date']}, "
        f"{record['seconds']:.0f} s"
    )
    for line in record["conclusions"]:
        console.print(f"- {line}")
    console.print()


if __name__ == "__main__":
    sys.exit(main())
