"""The security scan of an artefact: safetensors and JSON only, whole, finite, of a known licence, as registered.

It runs before the engine sees the files. A pickle is found by what it is, not by its name: loading one runs code.
"""

from __future__ import annotations

import json
import pickletools
import zipfile
from pathlib import Path

from reference.serving.rollout.gates.limits import GateLimits
from reference.serving.rollout.registry.base import WEIGHTS, digest_of
from reference.serving.rollout.types import GateResult, GateVerdict, ModelVersion, RolloutError

ALLOWED = (".safetensors", ".json", ".md", ".txt", ".jinja")
HEADER_MOST = 10_000_000  # bytes; a larger length is a damaged or hostile header


def pickle_inside(path: Path) -> str:
    """What makes a file a pickle ("" if it is none): its opcodes, also inside a zip as torch.save writes it."""
    with path.open("rb") as file:
        head = file.read(2)
    if head[:1] == b"\x80":
        return "it begins as a pickle of protocol 2 or later"
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                with archive.open(name) as member:
                    if member.read(1) == b"\x80" or name.endswith(".pkl"):
                        return f"it is a zip with the pickle {name}, as torch.save writes it"
        return "it is a zip archive"
    if path.stat().st_size < 1_000_000 and path.suffix not in (".json", ".md", ".txt", ".jinja"):
        # Protocol 0 is plain text: only reading it tells.
        try:
            codes = {code.name for code, _, _ in pickletools.genops(path.read_bytes())}
        except Exception:
            return ""
        return "it reads as a pickle of protocol 0 or 1" if "STOP" in codes else ""
    return ""


def weights_problem(path: Path) -> str:
    """What is wrong with a safetensors file, "" if it can be read whole and every value is finite."""
    size = path.stat().st_size
    if size < 8:
        return f"{path.name} holds {size} bytes: it was cut"
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
    if length > min(HEADER_MOST, size - 8):
        return f"{path.name} announces a header of {length} bytes in a file of {size}: it is corrupt or was cut"
    try:
        import torch
        from safetensors import safe_open

        with safe_open(path, framework="pt") as weights:
            names = list(weights.keys())
            if not names:
                return f"{path.name} holds no tensor"
            for name in names:
                if not bool(torch.isfinite(weights.get_tensor(name)).all()):
                    return f"{path.name}: the tensor {name} has values that are not finite"
    except Exception as error:  # safetensors raises its own type for each kind of damage
        return f"{path.name} cannot be read as safetensors: {str(error)[:200]}"
    return ""


class ArtefactGate:
    """`artefact`: every finding is a reason to refuse; it never needs the engine."""

    name = "artefact"

    def __init__(self, limits: GateLimits) -> None:
        self.limits = limits

    def check(self, candidate: ModelVersion, production: ModelVersion | None = None) -> GateResult:
        folder = Path(candidate.path)
        try:
            found = self._findings(candidate, folder)
        except OSError as error:
            found = [f"{error.filename} cannot be read ({error.strerror})"]
        files = sum(1 for _ in folder.rglob("*")) if folder.is_dir() else 0
        verdict = GateVerdict.FAIL if found else GateVerdict.PASS
        reason = "; ".join(found) or "safetensors and JSON only, digest as registered, all values finite, licence known"
        return GateResult(
            self.name, verdict, reason, float(len(found)), limit=0.0, unit="finding", n=files, evidence={"found": found}
        )

    def _findings(self, candidate: ModelVersion, folder: Path) -> list[str]:
        if not folder.is_dir():
            return [f"{folder} is no folder"]
        found, total = [], 0
        for path in sorted(folder.rglob("*")):
            shown = path.relative_to(folder)
            if path.is_symlink():
                found.append(f"{shown} is a link: what it points at is not part of the artefact")
                continue
            if not path.is_file():
                continue
            total += path.stat().st_size
            if path.suffix not in ALLOWED:
                found.append(f"{shown}: files of the kind {path.suffix or 'without ending'} are not allowed")
            if said := pickle_inside(path):
                found.append(f"{shown}: {said}")
            if path.suffix == ".json":
                try:
                    json.loads(path.read_text(encoding="utf-8"))
                except ValueError:
                    found.append(f"{shown} is not JSON")
        if total > self.limits.size_most:
            found.append(f"{total} bytes in all, more than {self.limits.size_most}")
        weights = folder / WEIGHTS
        if not weights.is_file() or weights.is_symlink():
            return [*found, f"{WEIGHTS} is missing"]
        if said := weights_problem(weights):
            found.append(said)
        try:
            if digest_of(folder) != candidate.digest:
                found.append(f"sha256 is not the registered {candidate.digest[:12]}: the weights were changed")
        except RolloutError as error:
            found.append(str(error))
        licence = candidate.lineage.get("licence", "")
        if licence not in self.limits.licences:
            found.append(f"licence {licence!r} is not among {', '.join(self.limits.licences)}")
        if not candidate.lineage.get("data_sha256"):
            found.append("the lineage names no data_sha256: nobody could say what it was trained on")
        return found
