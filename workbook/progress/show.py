"""The table and the figure of `workbook progress`, for a notebook."""

from __future__ import annotations

import base64
import html
import io
from typing import TYPE_CHECKING, Any

from workbook.progress import words

if TYPE_CHECKING:
    from exercises.progress import Summary


class Progress:
    """Tables as HTML with the figure below them; plain lines in a terminal."""

    def __init__(self, found: Summary, figure: Any) -> None:
        self.summary, self.figure = found, figure

    def __repr__(self) -> str:
        return "\n".join(
            [
                *(" | ".join(row) for row in [words.COLUMNS, *words.rows(self.summary)]),
                *words.slips(self.summary),
                *words.next_steps(self.summary),
            ]
        )

    def _repr_html_(self) -> str:
        head = "".join(f"<th scope='col'>{html.escape(name)}</th>" for name in words.COLUMNS)
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>"
            for row in words.rows(self.summary)
        )
        parts = [f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"]
        for title, lines in (("Your slips", words.slips(self.summary)), ("Next", words.next_steps(self.summary))):
            if lines:
                items = "".join(f"<li>{html.escape(line)}</li>" for line in lines)
                parts.append(f"<p><b>{title}</b></p><ul>{items}</ul>")
        if self.figure is not None:
            image = io.BytesIO()
            self.figure.savefig(image, format="png")
            data = base64.b64encode(image.getvalue()).decode()
            alt = html.escape(words.described(self.summary), quote=True)
            parts.append(f"<img alt='{alt}' src='data:image/png;base64,{data}'>")
        return "\n".join(parts)


def show() -> Progress:
    """Where you stand: by question, your slips, what to do next, and how it went over time.

    Raises exercises.progress.ProgressError if the file cannot be read.
    """
    from exercises.progress import summary
    from workbook.figures import progress as figures

    found = summary()
    return Progress(found, figures.over_time(found) if figures.drawable(found) else None)
