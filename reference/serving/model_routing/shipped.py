"""The small models and routers that come with the project. `python -m benchmarks.model_routing --train` makes them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reference.serving.model_routing import router, sealed, small_model
from reference.serving.model_routing.evaluation import CrossFitted, judged_of
from reference.serving.model_routing.recording import FEW, HEADS, MANY, SOME, Recording, shipped_recording
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


SCORES = "scores.json"


def save_scores(found: Mapping[tuple[Kind, str], CrossFitted], recording: Recording, folder: Path = FOLDER) -> str:
    """Keeps what the four routers of a `cross_fit` said, in the order of the recording; returns the version."""
    import numpy as np

    content: dict[str, Any] = {"questions": len(recording.rows), "recording": digest_of(recording)}
    for (kind, weak), one in found.items():
        order = np.argsort(one.rows)
        content[f"{kind} to {weak}"] = {
            "scores": [round(float(v), 4) for v in one.scores[order]],
            "to_small": "".join("01"[int(v)] for v in one.to_small[order]),
        }
    return sealed.save(folder / SCORES, "scores", content)


def shipped_scores(kind: Kind = "cascade", weak: str = SOME, folder: Path = FOLDER) -> CrossFitted:
    """`cross_fit` as it was when the routers were trained: a curve without vectors, in a moment.

    Raises RoutingError for a pair that was not kept, or if the shipped recording has other answers than it had then.
    """
    import numpy as np

    content, _ = sealed.load(folder / SCORES, "scores")
    recording = shipped_recording()
    if content["recording"] != digest_of(recording):
        raise RoutingError(
            f"{folder / SCORES} belongs to another recording; run python -m benchmarks.model_routing --train"
        )
    kept = content.get(f"{kind} to {weak}")
    if kept is None:
        raise RoutingError(f"weak: no scores of {kind!r} to {weak!r}; there are the heads {', '.join(HEADS)}")
    sent = np.array([letter == "1" for letter in kept["to_small"]])
    rows = np.arange(content["questions"])
    return CrossFitted(judged_of(recording, weak, kind=kind), np.array(kept["scores"]), sent, rows)


def digest_of(recording: Recording) -> str:
    """sha256 over questions and who was right; seconds may differ."""
    told = [(row.question.text, [one.correct for one in row.outcomes.values()]) for row in recording.rows]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()
