"""Sliders over what is asked of a fleet, with the plan simulated anew at every move."""

from __future__ import annotations

import dataclasses
from typing import Any

from workbook.figures.q1_sizing import Html

# field, label, scale of the slider, (lowest, highest, step)
SLIDERS = (
    ("users", "users a day, thousands", 1e3, (10, 5000, 10)),
    ("messages_per_user", "messages per user and day", 1, (1, 50, 1)),
    ("ttft_ms", "first token, ms", 1, (100, 3000, 50)),
    ("budget_usd", "budget, thousand dollars a month (0: none)", 1e3, (0, 3000, 50)),
)


def plan_table(requirements: Any, **how: Any) -> Html:
    """The plan as a table, in quick mode without whole days; needs no kernel once it is on a page.

    how: passed on to `plan`, such as seed, engine_for and simulate.
    """
    from reference.sizing.fleet.plan.make import plan
    from reference.sizing.fleet.plan.size import QUICK
    from workbook.plan.page import table_html

    how.setdefault("effort", dataclasses.replace(QUICK, days=0))
    return Html(table_html(plan(requirements, **how)))


def explorer(requirements: Any, **how: Any) -> Any:
    """Sliders and a list of GPU kinds (ipywidgets) above the table; the table alone is what `plan_table` gives."""
    import ipywidgets as widgets
    from IPython.display import display

    from reference.sizing.hardware import accelerator_keys

    sliders: dict[str, Any] = {}
    for name, label, scale, (low, high, step) in SLIDERS:
        start = (getattr(requirements, name) or 0) / scale
        sliders[name] = widgets.FloatSlider(
            value=min(max(start, low), high), min=low, max=high, step=step, description=label, continuous_update=False,
            style={"description_width": "270px"}, layout={"width": "600px"}, readout_format=",.0f",
        )  # fmt: skip
    kinds = widgets.SelectMultiple(
        options=accelerator_keys(), value=tuple(requirements.gpus), description="GPUs allowed",
        style={"description_width": "270px"}, layout={"width": "450px"},
    )  # fmt: skip
    output = widgets.Output()

    def redraw(*_: object) -> None:
        changes: dict[str, Any] = {name: sliders[name].value * scale for name, _, scale, _ in SLIDERS}
        changes["budget_usd"] = changes["budget_usd"] or None
        changes["gpus"] = tuple(kinds.value)
        output.clear_output(wait=True)
        with output:
            try:
                display(plan_table(dataclasses.replace(requirements, **changes), **how))
            except ValueError as error:
                from html import escape

                display(Html(f"<p style='color:#c53030'>{escape(str(error))}</p>"))

    for control in (*sliders.values(), kinds):
        control.observe(redraw, names="value")
    redraw()
    return widgets.VBox([*sliders.values(), kinds, output])
