"""A/B experiments in layers: those of one layer never share a user, those of different layers are independent.

After "Overlapping Experiment Infrastructure" (Tang et al., KDD 2010). A layer has a salt of its own and splits its
users among its experiments; what is left over is the holdback that no experiment of the layer touches.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reference.serving.rollout.routing.hashing import bucket
from reference.serving.rollout.types import RolloutError


@dataclass(frozen=True)
class Experiment:
    """`share` of the layer's users take part; `versions`: arm -> version, the first arm is the control; equal parts."""

    name: str
    layer: str
    model: str
    share: float
    versions: tuple[tuple[str, str], ...]

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise RolloutError(f"share: of experiment {self.name!r} must lie in (0, 1], got {self.share}")
        arms = [arm for arm, _ in self.versions]
        if len(arms) < 2 or len(set(arms)) != len(arms):
            raise RolloutError(f"versions: experiment {self.name!r} needs two or more arms with names of their own")


@dataclass(frozen=True)
class Assignment:
    """What an experiment gives a user. `exposed`: False if every arm serves the same version, so nothing is learnt."""

    experiment: str
    arm: str
    version: str
    exposed: bool


class Experiments:
    """A checked set of experiments.

    Raises RolloutError for shares of a layer above 1, a name used twice, or one model in two layers (a user would get
    two versions of it).
    """

    def __init__(self, experiments: Sequence[Experiment], salt: str) -> None:
        names = [one.name for one in experiments]
        if len(set(names)) != len(names):
            raise RolloutError(f"name: used twice among {sorted(names)}")
        layers: dict[str, float] = {}
        for one in experiments:
            layers[one.layer] = layers.get(one.layer, 0.0) + one.share
        for layer, total in layers.items():
            if total > 1 + 1e-9:
                raise RolloutError(f"share: the experiments of layer {layer!r} add up to {total:g}, more than 1")
        for model in {one.model for one in experiments}:
            used = {one.layer for one in experiments if one.model == model}
            if len(used) > 1:
                raise RolloutError(f"layer: experiments on {model!r} are in {sorted(used)}; put them into one layer")
        self.experiments, self.salt = tuple(experiments), salt

    def assign(self, user: str, model: str) -> Assignment | None:
        """The experiment and arm of a user, None for those in none. The same user always gets the same."""
        low: dict[str, float] = {}
        for one in self.experiments:
            begin = low.get(one.layer, 0.0)
            low[one.layer] = begin + one.share
            if one.model != model or not begin <= bucket(user, f"{self.salt}:{one.layer}") < begin + one.share:
                continue
            # A salt of its own, so that the arm does not depend on where the experiment lies in its layer.
            place = bucket(user, f"{self.salt}:{one.layer}:{one.name}")
            arm, version = one.versions[int(place * len(one.versions))]
            return Assignment(one.name, arm, version, len({v for _, v in one.versions}) > 1)
        return None
