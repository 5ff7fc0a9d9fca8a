"""The parts of the index notebook that stand there before anything was run: `python -m workbook.study.front --write`.

Outputs are never committed, so a reader who opens the index for the first time sees its text only: the questions, what
runs in each, and the way to every section must be text. A test compares, so they do not drift.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from workbook.errors import ListingError
from workbook.paths import notebooks_dir
from workbook.runner.listing import load
from workbook.study.paths import notebook_of
from workbook.study.structure import SECTIONS

# By question: what really runs, and in which section.
RUNS: dict[int, tuple[tuple[str, str], ...]] = {
    1: (
        ("vLLM under load up to its knee", "4.3"),
        ("its prefix cache", "4.4"),
        ("a gateway on Redis", "4.6"),
        ("a day of a million users, simulated to the token", "5.2"),
    ),
    2: (
        ("an ingestion that is killed and goes on", "4.4"),
        ("search and reranking, stage by stage", "4.5"),
        ("answers whose sentences are checked", "4.7"),
        ("stages that fail or are late", "4.8"),
    ),
    3: (
        ("vLLM that swaps adapters while it serves", "4.2"),
        ("gates on real versions", "4.3"),
        ("a bad release that goes back by itself", "4.6"),
        ("a controller that dies", "4.8"),
    ),
    4: (
        ("rules against disguises", "4.2"),
        ("images and video", "4.3"),
        ("calibrated classifiers", "4.4"),
        ("a Redis stream whose workers are killed", "4.8"),
    ),
    5: (
        ("a bill from the gateway's counters", "4.1"),
        ("a router", "4.2"),
        ("a semantic cache in Qdrant", "4.3"),
        ("six strategies on the same requests", "4.8"),
    ),
    6: (
        ("five specialists side by side", "4.2"),
        ("faults put into real releases, found or missed", "4.5"),
        ("hostile pull requests", "4.6"),
        ("a budget that stops", "4.8"),
    ),
    7: (
        ("the same requests through four modes", "4.2"),
        ("a stream that breaks and goes on", "4.6"),
        ("signed webhooks", "4.8"),
        ("workers under `kill -9`", "4.10"),
    ),
}
MARK = "# <!-- {name}: written by python -m workbook.study.front --write -->"


def questions() -> str:
    """The table of questions: title with link, what really runs in it with links to the sections."""
    rows = ["| | question | what really runs in it |", "|:--|:--|:--|"]
    for one in load(notebooks_dir()):
        if one.question:
            shape = notebook_of(f"q{one.question}")
            runs = " · ".join(f"[{what}]({shape.link(section)})" for what, section in RUNS[one.question])
            rows.append(f"| {one.question} | [**{one.title}**]({one.path.name}) | {runs} |")
    return "\n".join(rows)


def sections() -> str:
    """A table with one row per section and a link for every question."""
    shapes = [notebook_of(f"q{question}") for question in RUNS]
    rows = [f"| section | {' | '.join(f'Q{question}' for question in RUNS)} |", f"|:--|{':--|' * len(shapes)}"]
    for heading in SECTIONS:
        number, name = heading.split(". ", 1)
        links = " | ".join(f"[{number}]({shape.link(number)})" for shape in shapes)
        rows.append(f"| {number}. {name} | {links} |")
    return "\n".join(rows)


def others() -> str:
    """A line for every notebook that answers no question and is not the index itself."""
    found = [one for one in load(notebooks_dir()) if one.question is None and one.name != "index"]
    return "\n".join(f"- [{one.title}]({one.path.name})" for one in found)


BLOCKS = {"questions": questions, "sections": sections, "others": others}


def replaced(text: str) -> str:
    """The index's py:percent text with every block written anew. Raises ListingError if a block's mark is missing."""
    for name, made in BLOCKS.items():
        mark = MARK.format(name=name)
        if text.count(mark) != 1:
            raise ListingError(f"index.py has not one block {name!r}", f"put this line where it belongs: {mark}")
        block = "".join(f"# {line}\n" for line in made().splitlines())
        found = re.search(rf"{re.escape(mark)}\n#\n((?:# [|-][^\n]*\n)+)", text)
        if not found:
            raise ListingError(f"index.py: no table or list follows {mark}", "put the line `# -` two lines below it")
        text = text[: found.start(1)] + block + text[found.end(1) :]
    return text


def main(arguments: list[str]) -> int:
    index = notebooks_dir() / "index.py"
    text = replaced(index.read_text(encoding="utf-8"))
    if "--write" in arguments:
        Path(index).write_text(text, encoding="utf-8")
    else:
        print(text, end="")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
