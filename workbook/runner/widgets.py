"""Sliders on a static page: the settings they had and what they showed, since nothing there can move them."""

from __future__ import annotations

import html
from collections.abc import Iterator
from typing import Any

VIEW = "application/vnd.jupyter.widget-view+json"
STATE = "application/vnd.jupyter.widget-state+json"


def freeze(notebook: Any) -> None:
    """Replace every widget of an executed notebook (an nbformat node, changed in place) by a note and its outputs."""
    state = notebook.metadata.get("widgets", {}).get(STATE, {}).get("state", {})
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [frozen for output in cell.outputs for frozen in _freeze_output(output, state)]
    notebook.metadata.pop("widgets", None)


def _freeze_output(output: Any, state: dict[str, Any]) -> list[Any]:
    import nbformat.v4

    view = output.get("data", {}).get(VIEW)
    if view is None:
        return [output]
    controls: list[str] = []
    shown: list[Any] = []
    for model in _models(view.get("model_id", ""), state, set()):
        if "outputs" in model:
            shown += [nbformat.from_dict(item) for item in model["outputs"]]
        elif "value" in model and model.get("description"):
            controls.append(f"{html.escape(str(model['description']))} = {html.escape(_text(model['value']))}")
    settings = f" at {', '.join(controls)}" if controls else ""
    note = f'<p class="wb-control">Interactive{settings}. Open the notebook to change it.</p>'
    return [nbformat.v4.new_output("display_data", data={"text/html": note}), *shown]


def _models(model_id: str, state: dict[str, Any], seen: set[str]) -> Iterator[dict[str, Any]]:
    """The widget and everything inside it, in the order of display."""
    if model_id in seen or model_id not in state:
        return
    seen.add(model_id)
    model = state[model_id].get("state", {})
    yield model
    for child in model.get("children", []):
        yield from _models(str(child).removeprefix("IPY_MODEL_"), state, seen)


def _text(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
