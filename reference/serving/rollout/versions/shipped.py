"""The adapters that ship with the project, as versions that a registry takes."""

from __future__ import annotations

import json
from pathlib import Path

from reference.serving.rollout.registry.base import check_digest, digest_of
from reference.serving.rollout.types import ModelVersion, RolloutError
from reference.serving.rollout.versions.task import ROUTER_MODEL

FOLDER = Path(__file__).parent / "adapters"
GOOD = ("v0.9", "v1.0", "v1.1")  # oldest first
WRONG = ("v1.2-worse", "v1.2-unsafe")  # each wrong on purpose: labels swapped; answers that repeat personal data


def shipped(version: str, folder: Path = FOLDER) -> ModelVersion:
    """One version with its lineage. Raises RolloutError if it is unknown, or its weights are not those of its card."""
    path = folder / version
    card_file = path / "card.json"
    if not card_file.is_file():
        known = ", ".join(sorted(one.parent.name for one in folder.glob("*/card.json"))) or "none"
        raise RolloutError(f"version: no adapter {version!r} in {folder}; there are: {known}")
    card = json.loads(card_file.read_text(encoding="utf-8"))
    recipe = card["recipe"]
    made = ModelVersion(
        name=ROUTER_MODEL,
        version=version,
        digest=card["weights_sha256"],
        path=str(path),
        served_as=f"{ROUTER_MODEL}-{version}",
        metrics={"loss_last": card["loss_last"], "train_s": card["seconds"]},
        parameters={name: json.dumps(value) for name, value in recipe.items()},
        lineage={
            "data_sha256": card["data_sha256"],
            "base": card["base"],
            "licence": card["licence"],
            "code": "reference/serving/rollout/versions/train.py",
            **{name: str(value) for name, value in card["versions"].items()},
        },
    )
    check_digest(made)
    return made


def from_folder(path: Path, version: str, name: str = ROUTER_MODEL) -> ModelVersion:
    """A version of one's own: any folder with adapter_model.safetensors. Raises RolloutError without the weights.

    The digest is taken now. A card.json with `licence` and `data_sha256` becomes the lineage; without them the artefact
    gate says what is missing.
    """
    lineage: dict[str, str] = {}
    if (path / "card.json").is_file():
        try:
            card = json.loads((path / "card.json").read_text(encoding="utf-8"))
            lineage = {key: str(card[key]) for key in ("licence", "data_sha256", "base") if key in card}
        except (ValueError, TypeError) as error:
            raise RolloutError(f"path: {path / 'card.json'} cannot be read ({error})") from None
    return ModelVersion(name, version, digest_of(path), str(path), f"{name}-{version}", lineage=lineage)
