"""Known pictures found again by PDQ, Meta's 256-bit perceptual hash, compared by Hamming distance.

Every picture is stretched to 128 x 128 before it is hashed (PDQ works on 64 x 64 inside): 40 times faster than hashing
720p, and about 10 bits away from the hash of the full picture, so lists of hashes made elsewhere match a little less
far. PDQ does not survive crops, mirrors and quarter turns: the store keeps a hash of each of these for every known
picture, and a query stays one hash (two where it has a plain border).
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reference.moderation.types import ModerationError

THRESHOLD = 31  # bits of 256; distances measured per perturbation are in benchmarks/results/moderation_media.json
MIN_QUALITY = 50  # PDQ's own figure, 0 to 100; flat pictures have hashes that match each other by chance
SIDE = 128
BLOCK = 65_536

Window = tuple[float, float, float, float]  # left, top, right, bottom as shares of width and height


def crop_windows(kept: Sequence[float] = (0.95, 0.9, 0.85, 0.8), steps: int = 3) -> tuple[Window, ...]:
    """Windows that keep `kept` of each side, at steps x steps positions from corner to corner."""
    windows: list[Window] = []
    for share in kept:
        offsets = [(1 - share) * i / (steps - 1) for i in range(steps)]
        windows.extend((x, y, x + share, y + share) for x in offsets for y in offsets)
    return tuple(windows)


CROPS = crop_windows()


def pdq(rgb: Any) -> tuple[Any, int]:
    """(uint64 array [4], quality 0 to 100) of an RGB uint8 array [h, w, 3]."""
    import pdqhash

    bits, quality = pdqhash.compute(_small(rgb))
    return _packed([bits])[0], int(quality)


def pdq_dihedral(rgb: Any) -> tuple[Any, int]:
    """(uint64 array [8, 4], quality): the picture's four quarter turns and their mirrors.

    Each is turned and hashed: pdqhash.compute_dihedral derives them from one transform, but its filter does not treat
    the directions alike, and a third of the mirrored pictures of finely drawn scenes lay over the threshold.
    """
    import numpy as np
    import pdqhash

    small = _small(rgb)
    bits, quality = [], 0
    for turns in range(4):
        turned = np.rot90(small, turns)
        for view in (turned, turned[:, ::-1]):
            one, found = pdqhash.compute(np.ascontiguousarray(view))
            bits.append(one)
            quality = quality if bits[1:] else int(found)
    return _packed(bits), quality


def _small(rgb: Any) -> Any:
    import cv2
    import numpy as np

    area = rgb.shape[0] >= SIDE and rgb.shape[1] >= SIDE
    mode = cv2.INTER_AREA if area else cv2.INTER_LINEAR
    return np.ascontiguousarray(cv2.resize(rgb, (SIDE, SIDE), interpolation=mode))


def _packed(bits: Sequence[Any]) -> Any:
    import numpy as np

    return np.packbits(np.asarray(bits, dtype=np.uint8), axis=1).view(np.uint64)


def to_hex(hash_: Any) -> str:
    """The hash as 64 hexadecimal digits."""
    return str(hash_.tobytes().hex())


def from_hex(text: str) -> Any:
    """uint64 array [4]; ModerationError if `text` is not 64 hexadecimal digits."""
    import numpy as np

    try:
        raw = bytes.fromhex(text)
    except (ValueError, TypeError):
        raw = b""
    if len(raw) != 32:
        raise ModerationError(f"a PDQ hash has 64 hexadecimal digits, this one is {str(text)[:80]!r}")
    return np.frombuffer(raw, dtype=np.uint64)


def trimmed(rgb: Any, tolerance: int = 12) -> Any | None:
    """The picture without a plain border; None where it has none, or where nothing would be left."""
    import numpy as np

    differs = (np.abs(rgb.astype(np.int16) - rgb[0, 0].astype(np.int16)) > tolerance).any(axis=2)
    # JPEG rings into the border: a line belongs to the picture when 2 % of it differ.
    rows = np.flatnonzero(differs.mean(axis=1) > 0.02)
    columns = np.flatnonzero(differs.mean(axis=0) > 0.02)
    if not len(rows) or not len(columns):
        return None
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    height, width = rgb.shape[:2]
    if bottom - top < 16 or right - left < 16 or (bottom - top >= height - 1 and right - left >= width - 1):
        return None
    return rgb[top:bottom, left:right]


def query_hashes(rgb: Any, min_quality: int = MIN_QUALITY) -> Any:
    """uint64 array [0 to 2, 4]: of the picture and, where it has a plain border, of what is inside it."""
    import numpy as np

    found = []
    for view in (rgb, trimmed(rgb)):
        if view is not None:
            hash_, quality = pdq(view)
            if quality >= min_quality:
                found.append(hash_)
    return np.array(found, dtype=np.uint64).reshape(-1, 4)


@dataclass(frozen=True, slots=True)
class Match:
    id: str
    reason: str
    distance: int


@dataclass
class _Entry:
    reason: str
    hashes: list[str] = field(default_factory=list)


class KnownImages:
    """Pictures that may not be posted again.

    Search is exact and brute: half of each hash is compared first, the rest only where that half is within the
    threshold. Attributes: threshold: the largest Hamming distance that is a match. crops: windows hashed per picture
    beside the whole; each costs eight hashes.
    """

    def __init__(
        self, threshold: int = THRESHOLD, min_quality: int = MIN_QUALITY, crops: Sequence[Window] = CROPS
    ) -> None:
        if not 0 <= threshold <= 64:
            raise ModerationError(
                f"threshold is {threshold}; use 0 to 64 (31 is usual; different pictures lie near 128)"
            )
        self.threshold, self.min_quality, self.crops = threshold, min_quality, tuple(crops)
        self._entries: dict[str, _Entry] = {}
        self._arrays: tuple[Any, list[str]] | None = None

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, id_: str) -> bool:
        return id_ in self._entries

    @property
    def hashes(self) -> int:
        return sum(len(entry.hashes) for entry in self._entries.values())

    @property
    def version(self) -> str:
        digest = hashlib.sha256(str(self.threshold).encode())
        for id_ in sorted(self._entries):
            digest.update(repr((id_, self._entries[id_].hashes)).encode())
        return digest.hexdigest()[:12]

    def add(self, id_: str, rgb: Any, reason: str) -> int:
        """How many hashes were kept for it; ModerationError where the picture is too plain to be told apart."""
        height, width = rgb.shape[:2]
        views = [rgb]
        inside = trimmed(rgb)
        if inside is not None:
            views.append(inside)
        for left, top, right, bottom in self.crops:
            view = rgb[round(top * height) : round(bottom * height), round(left * width) : round(right * width)]
            if min(view.shape[:2]) >= 16:
                views.append(view)
        hashes: list[str] = []
        for place, view in enumerate(views):
            found, quality = pdq_dihedral(view)
            if quality >= self.min_quality:
                hashes.extend(to_hex(one) for one in found)
            elif place == 0:
                raise ModerationError(
                    f"image {id_!r}: PDQ quality {quality} is below {self.min_quality}; "
                    "so plain a picture would match others, use a more detailed one"
                )
        return self._put(id_, reason, hashes)

    def add_hashes(self, id_: str, hashes: Iterable[str], reason: str) -> int:
        """Hashes made elsewhere, 64 hexadecimal digits each; they find no crops or mirrors beyond those given."""
        checked = [to_hex(from_hex(one)) for one in hashes]
        if not checked:
            raise ModerationError(f"image {id_!r} has no hash; give at least one")
        return self._put(id_, reason, checked)

    def _put(self, id_: str, reason: str, hashes: list[str]) -> int:
        if not id_ or not reason:
            raise ModerationError(f"image {id_!r}: id and reason must be given, statements of reasons quote them")
        self._entries[id_] = _Entry(reason, list(dict.fromkeys(hashes)))
        self._arrays = None
        return len(self._entries[id_].hashes)

    def remove(self, id_: str) -> bool:
        self._arrays = None
        return self._entries.pop(id_, None) is not None

    def search(self, hashes: Any) -> list[Match | None]:
        """Per query hash (uint64 [q, 4]) the nearest known picture within the threshold."""
        import numpy as np

        columns, owners = self._columns()
        best: list[Match | None] = [None] * len(hashes)
        limit = self.threshold
        for start in range(0, len(owners), BLOCK):
            block = columns[:, start : start + BLOCK]
            for place, hash_ in enumerate(hashes):
                half = np.bitwise_count(block[0] ^ hash_[0]) + np.bitwise_count(block[1] ^ hash_[1])
                near = np.flatnonzero(half <= limit)
                if not len(near):
                    continue
                rest = np.bitwise_count(block[2:, near] ^ hash_[2:, None]).sum(axis=0, dtype=np.int64) + half[near]
                least = int(rest.argmin())
                distance, known = int(rest[least]), best[place]
                if distance <= limit and (known is None or distance < known.distance):
                    id_ = owners[start + int(near[least])]
                    best[place] = Match(id_, self._entries[id_].reason, distance)
        return best

    def find(self, rgb: Any) -> Match | None:
        """The nearest known picture to this one, borders aside."""
        found = [match for match in self.search(query_hashes(rgb, self.min_quality)) if match]
        return min(found, key=lambda match: match.distance, default=None)

    def _columns(self) -> tuple[Any, list[str]]:
        """(uint64 [4, n], owner of each); built when first needed after a change, swapped in at once."""
        import numpy as np

        arrays = self._arrays
        if arrays is None:
            raw = bytes.fromhex("".join(one for entry in self._entries.values() for one in entry.hashes))
            owners = [id_ for id_, entry in self._entries.items() for _ in entry.hashes]
            table = np.frombuffer(raw, dtype=np.uint64).reshape(-1, 4)
            arrays = self._arrays = (np.ascontiguousarray(table.T), owners)
        return arrays

    def save(self, path: Path) -> None:
        """JSON lines {"id", "reason", "hashes"}; complete or not at all."""
        with tempfile.NamedTemporaryFile("w", dir=path.parent, suffix=".tmp", delete=False, encoding="utf-8") as file:
            for id_, entry in self._entries.items():
                file.write(json.dumps({"id": id_, "reason": entry.reason, "hashes": entry.hashes}) + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(file.name, path)

    @classmethod
    def load(cls, path: Path, **settings: Any) -> KnownImages:
        """Raises ModerationError that names file and line; a broken list is refused whole."""
        known = cls(**settings)
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise ModerationError(f"known images: cannot read {path}: {error}") from None
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
                if not isinstance(row, dict) or set(row) != {"id", "reason", "hashes"}:
                    raise ModerationError("each line is an object with exactly id, reason and hashes")
                if not (
                    isinstance(row["id"], str) and isinstance(row["reason"], str) and isinstance(row["hashes"], list)
                ):
                    raise ModerationError("id and reason are strings, hashes is a list")
                if row["id"] in known:
                    raise ModerationError(f"id {row['id']!r} is there twice")
                known.add_hashes(row["id"], row["hashes"], row["reason"])
            except (ModerationError, json.JSONDecodeError) as error:
                raise ModerationError(f"{path}, line {number}: {error}") from None
        return known


__all__ = ["CROPS", "KnownImages", "Match", "crop_windows", "from_hex", "pdq", "query_hashes", "to_hex", "trimmed"]
