"""Command line: ``python -m benchmarks [name ...] [--all] [--json] [--quick]``, and ``python -m benchmarks report``.

Without a name: the comparison with the peers, then the report.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
import time
from collections.abc import Sequence
from typing import Any

from benchmarks import common
from benchmarks.common import write

NAMES = (
    "peers",
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


USUAL = ("peers",)
REPORT = "report"


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure on this machine.")
    listed = f"which ones (default {', '.join(USUAL)}, then {REPORT}): {REPORT}, {', '.join(NAMES)}"
    parser.add_argument("names", nargs="*", metavar="name", help=listed)
    parser.add_argument("--all", action="store_true", help="every one, then the report; takes hours")
    parser.add_argument("--json", action="store_true", help="print the records instead of tables")
    parser.add_argument("--quick", action="store_true", help="a few seconds each, to see that they run; not recorded")
    options = parser.parse_args(argv)
    unknown = sorted(set(options.names) - {*NAMES, REPORT})
    if unknown:
        parser.error(f"no benchmark {', '.join(unknown)}; there are {REPORT}, {', '.join(NAMES)}")
    if options.all and options.names:
        parser.error("--all runs every benchmark: leave the names out")
    # What needs an environment of its own runs by default only where that has been named.
    every = [name for name in NAMES if name != "aiconfigurator_check" or os.environ.get("WORKBOOK_AICONFIGURATOR")]
    names = every if options.all else [name for name in options.names if name != REPORT]
    if not options.names and not options.all:
        names = [name for name in NAMES if name in USUAL]
    print(_announced(names, options.quick), file=sys.stderr, flush=True)
    records, failed = [], False
    for name in names:
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
    if options.json and names:
        print(json.dumps(records, indent=2))
    if REPORT in options.names or not options.names:
        from benchmarks import report

        print(f"report: {' and '.join(map(str, report.write()))}", file=sys.stderr)
    return 1 if failed else 0


def _announced(names: Sequence[str], quick: bool) -> str:
    """What will run and how long that took when it was last recorded."""
    if not names:
        return "nothing to measure"
    if quick:
        return f"runs {', '.join(names)}, quickly; nothing is recorded"
    last = {name: seconds for name in names if (seconds := _recorded_seconds(name))}
    unknown = [name for name in names if name not in last]
    took = f"about {sum(last.values()) / 60:.0f} min when last recorded" if last else "never recorded here"
    more = f" (without {', '.join(unknown)}, never recorded)" if last and unknown else ""
    return f"runs {', '.join(names)}: {took}{more}; --all runs every one, a name just that one"


def _recorded_seconds(name: str) -> float:
    path = common.RESULTS / f"{name}.json"
    return float(json.loads(path.read_text(encoding="utf-8")).get("seconds", 0)) if path.exists() else 0.0


def show(record: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    machine = record["machine"]
    table = Table(title=f"{record['name']}: {record['question']}", title_justify="left")
    for column in ("target", "metric", "median", "quartiles", "unit", "rounds"):
        table.add_column(column, justify="right" if column in ("median", "quartiles", "rounds") else "left")
    for row in record["rows"]:
        quartiles = f"{row['p25']:g} - {row['p75']:g}" if "p25" in row else ""
        median = f"{row['median']:g}" if "median" in row else ""
        table.add_row(row["target"], row["metric"], median, quartiles, row["unit"], str(row.get("rounds", "")))
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
