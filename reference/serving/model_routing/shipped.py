"""The small models and routers that come with the project. `python -m benchmarks.model_routing --train` makes them."""

from __future__ import annotations

from pathlib import Path

from reference.serving.model_routing import router, small_model
from reference.serving.model_routing.recording import FEW, MANY
from reference.serving.model_routing.router import Kind, ModelChooser, Router
from reference.serving.model_routing.sealed import RoutingError
from reference.serving.model_routing.small_model import Embed, SmallModel

FOLDER = Path(__file__).parent / "trained"
_FILES = {FEW: "small-few.json", MANY: "small-many.json"}


def file_of(name: str, folder: Path = FOLDER) -> Path:
    """Where the small model of that name lies. Raises RoutingError for an unknown one."""
    if name not in _FILES:
        raise RoutingError(f"name: no small model {name!r}; there are: {', '.join(_FILES)}")
    return folder / _FILES[name]


def shipped_small(name: str = FEW, embedder: str = "", folder: Path = FOLDER) -> SmallModel:
    """The head trained on few labels, or on many. `embedder`: the name of yours, refused if it is another one."""
    return small_model.load(file_of(name, folder), embedder)


def shipped_router(kind: Kind = "router", embedder: str = "", folder: Path = FOLDER) -> Router:
    """The router or the cascade between the strong model and the head of few labels, with its threshold."""
    return router.load(folder / f"{kind}.json", kind, embedder)


def shipped_chooser(
    embed: Embed, kind: Kind = "router", embedder: str = "", threshold: float | None = None, folder: Path = FOLDER
) -> ModelChooser:
    """For the gateway's `chooser`. `threshold`: another than the one that came out of the calibration split."""
    found = shipped_router(kind, embedder, folder)
    if threshold is not None:
        found = found.at(threshold)
    return ModelChooser(found, embed, shipped_small(FEW, embedder, folder) if kind == "cascade" else None)
