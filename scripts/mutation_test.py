"""Mutation tests of a room: does a test fail when one operator, number, comparison or condition of the code is another?

    uv run --no-project --python .venv/bin/python --with cosmic-ray==8.7.0 \
        python scripts/mutation_test.py sizing --count 250 --seed 1

`make mutants` does that for both rooms. Works in clones of the last commit, never in this folder. Mutants are drawn
from cosmic-ray's operators, of every module in proportion to its size and at least one. Each meets the test files named
for its module and those that import it, the closest first, until a test fails or those that passed have used twelve
seconds of CPU. A mutant in a function is put into the functions of a fork that has imported everything, a tenth of the
time; one elsewhere is written to the file and imported anew. Slow unit tests come last,
slow ones of parts together not at all. No mutant meets tests/integration/grading/hostile.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import random
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from mutation.choose import Imports
from mutation.draw import Mutant, draw
from mutation.meet import Job, living, on_disk

ROOT = Path(__file__).resolve().parents[1]
GRADING = ("marking", "reading", "recognise", "stamps", "manual", "csv_files", "batch", "one_student")
ROOMS = {
    "sizing": (["reference/sizing/**/*.py"], ["tests/unit/sizing", "tests/unit/rollout"]),
    "grading": (
        [
            *(f"workbook/grading/{name}.py" for name in GRADING),
            *(f"workbook/grading/sandbox/{name}.py" for name in ("cells", "lines", "view")),
            *(f"exercises/{name}.py" for name in ("checking", "numbers", "drawing", "steps")),
            "exercises/slips/*.py",
        ],
        ["tests/unit/grading", "tests/unit/exercises", "tests/integration/grading/test_sandbox.py"],
    ),
}
HEAVY = ("numpy", "scipy.stats", "scipy.optimize", "pint", "hypothesis", "numba", "pydantic", "pytest", "genai_prices")
FIELDS = ("path", "operator", "occurrence", "line")


def summary(results: list[dict[str, Any]]) -> Iterator[str]:
    """Per module and for all: killed of tried, and the bounds of the share (Wilson, 95 %)."""
    sys.path.insert(0, str(ROOT))
    from reference.sizing.intervals import wilson

    by_module = defaultdict(list)
    for one in results:
        for name in (one["path"], "all"):
            by_module[name].append(one["outcome"] in ("killed", "timeout"))
    for name, killed in sorted(by_module.items()):
        low, high = wilson(sum(killed), len(killed))
        yield f"{sum(killed):4} of {len(killed):4}  {sum(killed) / len(killed):4.0%} ({low:.0%} to {high:.0%})  {name}"


def each(jobs: list[Job], copies: list[Path], work: Callable[[list[Job], Path, Path], None]) -> list[dict[str, Any]]:
    """The jobs dealt out to a fork per copy; what they wrote."""
    forks = []
    for index, copy in enumerate(copies):
        child = os.fork()
        if child == 0:
            status = 1
            try:
                work(jobs[index :: len(copies)], copy, copy.with_suffix(".jsonl"))
                status = 0
            finally:
                os._exit(status)
        forks.append(child)
    for child in forks:
        os.waitpid(child, 0)
    files = [copy.with_suffix(".jsonl") for copy in copies]
    return [json.loads(line) for file in files if file.exists() for line in file.read_text().splitlines()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("room", choices=ROOMS)
    parser.add_argument("--count", type=int, default=250, help="mutants to draw")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", default="*", help="modules, as a pattern of their path")
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "mutants")
    given = parser.parse_args()
    patterns, tests = ROOMS[given.room]
    given.out.mkdir(parents=True, exist_ok=True)
    out = given.out.resolve()
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        copies = [Path(folder) / f"copy{index}" for index in range(given.workers)]
        for copy in copies:
            subprocess.run(["git", "clone", "--quiet", str(ROOT), str(copy)], check=True)
        os.environ["NUMBA_CACHE_DIR"] = str(Path(folder) / "numba")
        for name in HEAVY:
            importlib.import_module(name)
        drawn = [one for one in draw(copies[0], patterns, given.count, given.seed) if fnmatch(one.path, given.only)]
        random.Random(given.seed).shuffle(drawn)  # so that a run that is stopped is a sample too
        imports = Imports(copies[0], tests)
        jobs = {one: Job(one, imports.test_files(one.path)) for one in drawn}
        kept = out / f"{given.room}-{given.seed}.json"
        results = each(list(jobs.values()), copies, living)
        kept.write_text(json.dumps(results, indent=1) + "\n")
        again = [jobs[Mutant(*(one[field] for field in FIELDS))] for one in results if one["outcome"] == "on disk"]
        results = [one for one in results if one["outcome"] != "on disk"] + each(again, copies, on_disk)
        kept.write_text(json.dumps(results, indent=1) + "\n")
    for one in results:
        if one["outcome"] in ("survived", "untested"):
            print(f"{one['outcome']}  {one['path']}:{one['line']}", *one["change"], sep="\n  ")
    print(*summary(results), sep="\n")


if __name__ == "__main__":
    main()
