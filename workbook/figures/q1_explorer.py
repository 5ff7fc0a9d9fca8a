"""Question 1: sliders over the assumptions, with the design recomputed at every move."""

from __future__ import annotations

import dataclasses
import warnings
from typing import Any

from workbook.figures.q1_sizing import Html

# name of the assumption, label, unit, slider values: lowest, highest, step
SLIDERS = (
    ("daily_users", "users a day, thousands", "user", 1e3, (50, 5000, 50)),
    ("messages_per_user", "messages per user and day", "message/user/day", 1, (1, 50, 1)),
    ("prompt", "prompt, tokens", "token/request", 1, (600, 8000, 100)),
    ("output", "answer, tokens", "token/request", 1, (20, 1000, 20)),
    ("burst", "busiest minute over the hour's mean", None, 1, (1.0, 3.0, 0.1)),
    ("budget", "budget, thousand dollars a month", "USD", 1e3, (20, 2000, 20)),
)


def design_table(assumptions: Any) -> Html:
    """The corrected design as a table: the stated hardware, the cheapest that meets the targets, the small model."""
    from reference.sizing import Infeasible, magnitude, money, show
    from reference.sizing.claims.q1.design import corrected_design_q1

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            design = corrected_design_q1(assumptions)
        except (Infeasible, ValueError) as error:
            return Html(f"<p style='color:#c53030'>{error}</p>")
    columns = ("", "replicas x hardware", "GPUs", "one replica", "limited by", "month, autoscaled")
    head = "<tr>" + "".join(f"<th>{name}</th>" for name in columns) + "</tr>"
    rows = ""
    options = (("as stated", design.as_stated), ("cheapest 70B", design.best_large), ("cheapest 8B", design.best_small))
    for name, option in options:
        if option is None:
            rows += f"<tr><td>{name}</td><td colspan=5>nothing in the hardware table meets the targets</td></tr>"
            continue
        what = f"{magnitude(option.fleet.total, 'replica'):,.0f} x {option.name}"
        rows += (
            f"<tr><td>{name}</td><td style='text-align:left'>{what}</td>"
            f"<td>{magnitude(option.gpus, 'gpu'):,.0f}</td><td>{show(option.capacity.request_rate.to('rpm'))}</td>"
            f"<td>{option.capacity.binding}</td><td><b>{money(option.autoscaled)}</b></td></tr>"
        )
    met = "meets" if design.ttft_met else "cannot meet"
    share = "nothing" if design.large_share is None else f"{design.large_share:.0%} of the requests"
    lines = (
        f"<p>The stated instance {met} the first-token target of {show(assumptions.ttft_target)}. "
        f"Within {money(design.budget)} a month, a cascade can send <b>{share}</b> to the large model.</p>"
    )
    return Html(f"<table>{head}{rows}</table>{lines}")


def explorer(assumptions: Any) -> Any:
    """Sliders (ipywidgets) above the design table; the table alone is what `design_table` gives."""
    import ipywidgets as widgets
    from IPython.display import display

    from reference.sizing import Q, magnitude

    sliders: dict[str, Any] = {}
    for name, label, unit, scale, (low, high, step) in SLIDERS:
        value = getattr(assumptions, name)
        start = (magnitude(value, unit) if unit else float(value)) / scale
        sliders[name] = widgets.FloatSlider(
            value=min(max(start, low), high), min=low, max=high, step=step, description=label, continuous_update=False,
            style={"description_width": "230px"}, layout={"width": "560px"},
            readout_format=",.1f" if step < 1 else ",.0f",
        )  # fmt: skip
    output = widgets.Output()

    def redraw(*_: object) -> None:
        changes = {}
        for name, _label, unit, scale, _range in SLIDERS:
            number = sliders[name].value * scale
            changes[name] = Q(number, unit) if unit else number
        output.clear_output(wait=True)
        with output:
            display(design_table(dataclasses.replace(assumptions, **changes)))

    for slider in sliders.values():
        slider.observe(redraw, names="value")
    redraw()
    return widgets.VBox([*sliders.values(), output])
