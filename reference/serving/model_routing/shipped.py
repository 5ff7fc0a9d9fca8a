"""The small models and routers that come with the project. `python -m benchmarks.model_routing --train` makes them."""

from __future__ import annotations

from pathlib import Path

from reference.serving.model_routing import router, small_model
from reference.serving.model_routing.recording import FEW, MANY, SOME
from reference.serving.model_routing.router import Kind, ModelChooser, Router
from reference.serving.model_routing.sealed import RoutingError
from reference.serving.model_routing.small_model import Embed, SmallModel

FOLDER = Path(__file__).parent / "trained"
_FILES = {FEW: "small-16.json", SOME: "small-64.json", MANY: "small-1600.json"}


def file_of(name: str, folder: Path = FOLDER) -> Path:
    """Where the small model of that name lies. Raises RoutingError for an unknown one."""
    if name not in _FILES:
        raise RoutingError(f"name: no small model {name!r}; there are: {', '.join(_FILES)}")
    return folder / _FILES[name]


def shipped_small(name: str = SOME, embedder: str = "", folder: Path = FOLDER) -> SmallModel:
    """The head trained on 16, 64 or 1,600 labels. `embedder`: the name of yours, refused if it is another one."""
    return small_model.load(file_of(name, folder), embedder)


def shipped_router(kind: Kind = "cascade", weak: str = SOME, embedder: str = "", folder: Path = FOLDER) -> Router:
    """The router or the cascade between the strong model and the head `weak`, with its threshold."""
    return router.load(router_file(kind, weak, folder), kind, embedder)


def router_file(kind: Kind, weak: str, folder: Path = FOLDER) -> Path:
    """Where the router to the small model of that name lies."""
    return folder / file_of(weak).name.replace("small", kind)


def shipped_chooser(
    embed: Embed,
    kind: Kind = "cascade",
    weak: str = SOME,
    embedder: str = "",
    threshold: float | None = None,
    folder: Path = FOLDER,
) -> ModelChooser:
    """For the gateway's `chooser`. `threshold`: another than the one that came out of the calibration split."""
    found = shipped_router(kind, weak, embedder, folder)
    small = shipped_small(weak, embedder, folder) if kind == "cascade" else None
    return ModelChooser(found if threshold is None else found.at(threshold), embed, small)
