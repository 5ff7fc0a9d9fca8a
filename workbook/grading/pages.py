"""What the pages share: one style, one policy against scripts and outside resources, text that is escaped."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exercises.model import Kind, Part
from workbook.grading.csv_files import points
from workbook.grading.text import clean

if TYPE_CHECKING:
    from jinja2 import Environment


def render(template: str, **fields: Any) -> str:
    """A page of templates/; every text in `fields` is escaped."""
    return _environment().get_template(template).render(**fields)


@functools.cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters.update(points=points, clean=clean, percent=lambda share: f"{share:.0%}")
    return environment


def part_words(part: Part, kind: Kind) -> str:
    """The name of a part as a reader knows it: a variable in code's letters is told apart by the template."""
    return part.name if kind is not Kind.DESIGN or part.name != "text" else "your answer"
