"""What the text models share: linear heads over margins, calibrated, saved as numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from reference.moderation.corpus import CATEGORIES
from reference.moderation.models import heads, storage
from reference.moderation.models.calibration import Calibrator


class CalibratedModel:
    """A TextModel whose `margins` a subclass computes. `kind`: its name in files and versions."""

    kind: ClassVar[str]
    categories = CATEGORIES

    def __init__(
        self,
        coefficients: Any,
        intercepts: Any,
        calibrators: tuple[Calibrator, ...] = (),
        languages: frozenset[str] = frozenset(),
        version: str = "unsaved",
    ) -> None:
        self._coefficients, self._intercepts = coefficients, intercepts
        self.calibrators, self.languages, self.version = calibrators, languages, version

    def margins(self, texts: Sequence[str]) -> Any:
        """float32 [texts, categories]: log odds before calibration."""
        raise NotImplementedError

    def score(self, texts: Sequence[str]) -> Any:
        return heads.calibrated(self.margins(texts), self.calibrators)

    def _save(self, folder: Path, tensors: Mapping[str, Any] | None = None, **document: Any) -> None:
        """Heads, calibration and languages, and what a subclass adds; the version follows from the files."""
        everything = {"coefficients": self._coefficients, "intercepts": self._intercepts, **(tensors or {})}
        told = {
            "kind": self.kind,
            "calibrators": heads.to_numbers(self.calibrators),
            "languages": sorted(self.languages),
            "categories": list(CATEGORIES),
            **document,
        }
        self.version = f"{self.kind}-{storage.save(folder, everything, told)}"

    @classmethod
    def _loaded(cls, folder: Path) -> tuple[dict[str, Any], dict[str, Any], tuple[Any, ...]]:
        """(tensors, document, the arguments of `__init__` above). ModerationError for a missing or changed file."""
        tensors, document, version = storage.load(folder, cls.kind)
        return (
            tensors,
            document,
            (
                tensors["coefficients"],
                tensors["intercepts"],
                heads.from_numbers(document["calibrators"]),
                frozenset(document["languages"]),
                f"{cls.kind}-{version}",
            ),
        )
