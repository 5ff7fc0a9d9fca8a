"""Harmless made pictures: scenes, an invented forbidden symbol, a logo stand-in, QR codes, and look-alikes of each.

Scenes are split by generator (SCENES): a score on held-out pictures is of backgrounds that training never drew.
Everything follows from the numpy Generator that is passed in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .marks import DECOYS, Draw, logo, symbol

LABELS = ("forbidden_symbol", "banned_logo", "qr_code")
SCENES = {
    "train": ("gradient", "shapes", "chart", "blobs", "stripes", "plain"),
    "calibrate": ("rings", "patchwork"),
    "test": ("text", "texture"),
}
BLOCKED_HOSTS = ("free-coins.example", "prize-claim.example", "double-wallet.example")
BENIGN_HOSTS = ("menu.cafe.example", "museum.example", "timetable.example")


@dataclass(frozen=True, slots=True)
class Sample:
    """`image`: uint8 [h, w, 3] RGB; `labels`: those of LABELS that are in it; `payload`: of its QR code, or empty."""

    image: Any
    labels: frozenset[str]
    payload: str
    scene: str


def make(rng: Any, split: str, labels: frozenset[str] | None = None, payload: str = "") -> Sample:
    """One picture; `labels` None draws them: each label in 30 % of the pictures, 41 % clean, decoys in most."""
    if labels is None:
        labels = frozenset(label for label in LABELS if rng.random() < 0.4) if rng.random() < 0.75 else frozenset()
    kind = str(rng.choice(SCENES[split]))
    height, width = int(rng.integers(180, 320)), int(rng.integers(180, 420))
    image = scene(rng, kind, height, width)
    for _ in range(int(rng.integers(0, 4))):
        decoy = DECOYS[int(rng.integers(len(DECOYS)))]
        _place(rng, image, decoy)
    if "qr_code" in labels and not payload:
        host = str(rng.choice(BLOCKED_HOSTS + BENIGN_HOSTS))
        payload = f"https://{host}/{rng.integers(10**6)}"
    # What is looked for is drawn last, so that nothing covers it.
    taken: list[tuple[int, int, int, int]] = []
    for label in LABELS:
        if label in labels:
            draw = {"forbidden_symbol": symbol, "banned_logo": logo}.get(label)
            if draw is None:
                _place_qr(rng, image, payload, taken)
            else:
                _place(rng, image, draw, taken)
    return Sample(_worn(rng, image), labels, payload if "qr_code" in labels else "", kind)


def scene(rng: Any, kind: str, height: int, width: int) -> Any:
    """A benign background of one generator, uint8 [height, width, 3]."""
    import cv2
    import numpy as np

    def colour() -> tuple[int, int, int]:
        red, green, blue = rng.integers(0, 256, 3)
        return int(red), int(green), int(blue)

    image = np.full((height, width, 3), colour(), np.uint8)
    if kind in ("gradient", "shapes", "stripes", "rings"):
        ends = np.array([colour(), colour()], np.float32)
        angle = rng.uniform(0, 2 * np.pi)
        y, x = np.mgrid[0:height, 0:width]
        along = x / width * np.cos(angle) + y / height * np.sin(angle)
        along = (along - along.min()) / max(float(np.ptp(along)), 1e-6)
        image = (ends[0] + along[..., None] * (ends[1] - ends[0])).astype(np.uint8)
    if kind == "shapes":
        for _ in range(int(rng.integers(4, 14))):
            at = (int(rng.integers(width)), int(rng.integers(height)))
            size = int(rng.integers(8, 70))
            if rng.random() < 0.5:
                cv2.circle(image, at, size, colour(), -1 if rng.random() < 0.6 else 3, cv2.LINE_AA)
            else:
                points = (np.array(at) + rng.integers(-size, size, (int(rng.integers(3, 6)), 2))).astype(np.int32)
                cv2.fillPoly(image, [points], colour(), cv2.LINE_AA)
    elif kind == "chart":
        image[:] = 250 - int(rng.integers(0, 25))
        bars = int(rng.integers(4, 12))
        for i in range(bars):
            top = int(height * rng.uniform(0.1, 0.9))
            left = int(width * (0.08 + 0.88 * i / bars))
            cv2.rectangle(image, (left, top), (left + width // (2 * bars), int(height * 0.93)), colour(), -1)
        points = np.stack([np.linspace(0, width, 12), rng.uniform(0.2, 0.8, 12) * height], 1).astype(np.int32)
        cv2.polylines(image, [points], False, colour(), 2, cv2.LINE_AA)
    elif kind in ("blobs", "texture"):
        octaves = (8, 3) if kind == "blobs" else (40, 14, 5)
        total: Any = np.zeros((height, width, 3), np.float32)
        for cells in octaves:
            coarse = rng.normal(size=(cells, cells, 3)).astype(np.float32)
            total += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC) / (1 + cells / 10)
        image = ((total - total.min()) * (255 / np.ptp(total))).astype(np.uint8)
    elif kind == "stripes":
        gap = int(rng.integers(8, 40))
        for start in range(-height, width, gap):
            cv2.line(image, (start, height), (start + height, 0), colour(), max(gap // 3, 1), cv2.LINE_AA)
    elif kind == "rings":
        for _ in range(int(rng.integers(3, 9))):
            at = (int(rng.integers(width)), int(rng.integers(height)))
            cv2.circle(image, at, int(rng.integers(10, 90)), colour(), int(rng.integers(2, 8)), cv2.LINE_AA)
    elif kind == "patchwork":
        cells = rng.integers(0, 256, (int(rng.integers(3, 9)), int(rng.integers(3, 9)), 3)).astype(np.uint8)
        image = cv2.resize(cells, (width, height), interpolation=cv2.INTER_NEAREST)
    elif kind == "text":
        image[:] = int(rng.integers(225, 256))
        ink = tuple(int(v) for v in rng.integers(0, 90, 3))
        scale = float(rng.uniform(0.35, 0.8))
        for y in range(int(24 * scale) + 4, height, int(34 * scale)):
            words = " ".join("abcdefghijklmnopqrstuvwxyz"[: int(rng.integers(2, 26))][-6:] for _ in range(9))
            cv2.putText(image, words, (8, y), cv2.FONT_HERSHEY_SIMPLEX, scale, ink, 1, cv2.LINE_AA)
    return np.ascontiguousarray(image)


def _place(rng: Any, image: Any, draw: Draw, taken: list[tuple[int, int, int, int]] | None = None) -> None:
    """Draws at a random free place, scale (30 to 55 % of the shorter side), rotation and colour of good contrast."""
    import numpy as np

    height, width = image.shape[:2]
    size = int(min(height, width) * rng.uniform(0.3, 0.55))
    left, top = _free(rng, height, width, size, taken)
    if taken is not None:
        taken.append((left, top, size, size))
    ground = image[top : top + size, left : left + size].reshape(-1, 3).mean(axis=0)
    while True:
        ink = rng.integers(0, 256, 3)
        if np.abs(ink - ground).max() > 90:
            break
    angle = rng.uniform(0, 2 * np.pi)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    centre = np.array([left + size / 2, top + size / 2])

    def at(points: Any) -> Any:
        """Unit square around 0 to the image, in sixteenths of a pixel."""
        return np.round(((np.asarray(points) @ turn.T) * size * 0.47 + centre) * 16).astype(np.int32)

    thick = max(int(size * rng.uniform(0.07, 0.11)), 2)
    draw(rng, image, at, thick, tuple(int(v) for v in ink), tuple(int(v) for v in ground))


def _free(
    rng: Any, height: int, width: int, size: int, taken: list[tuple[int, int, int, int]] | None
) -> tuple[int, int]:
    for _ in range(40):
        left, top = int(rng.integers(0, width - size + 1)), int(rng.integers(0, height - size + 1))
        if all(left + size <= x or x + w <= left or top + size <= y or y + h <= top for x, y, w, h in taken or ()):
            break
    return left, top


def qr_matrix(payload: str) -> Any:
    """uint8 [n, n], 0 dark and 255 light, with the quiet zone of four modules."""
    import numpy as np
    import segno

    rows = segno.make(payload, micro=False).matrix
    dark = np.array([[bool(cell) for cell in row] for row in rows])
    return np.pad(np.where(dark, 0, 255).astype(np.uint8), 4, constant_values=255)


def _place_qr(rng: Any, image: Any, payload: str, taken: list[tuple[int, int, int, int]]) -> None:
    import cv2
    import numpy as np

    matrix = qr_matrix(payload)
    height, width = image.shape[:2]
    module = max(int(min(height, width) * rng.uniform(0.45, 0.75) / len(matrix)), 3)
    size = min(module * len(matrix), height - 1, width - 1)
    left, top = _free(rng, height, width, size, taken)
    taken.append((left, top, size, size))
    code = cv2.resize(matrix, (size, size), interpolation=cv2.INTER_NEAREST)
    turn: Any = cv2.getRotationMatrix2D((size / 2, size / 2), float(rng.uniform(-12, 12)), 1.0)
    turn[:, 2] += (left, top)
    drawn = cv2.warpAffine(code, turn, (width, height), flags=cv2.INTER_LINEAR)
    mask = cv2.warpAffine(np.full_like(code, 255), turn, (width, height), flags=cv2.INTER_NEAREST)
    image[mask > 127] = drawn[mask > 127][:, None]


def _worn(rng: Any, image: Any) -> Any:
    """Sensor noise, brightness and JPEG as uploads have them."""
    import cv2
    import numpy as np

    worn = (
        image.astype(np.float32) * rng.uniform(0.8, 1.15) + rng.normal(0, rng.uniform(0, 6), image.shape[:2])[..., None]
    )
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(45, 96))]
    _, jpeg = cv2.imencode(".jpg", np.clip(worn, 0, 255).astype(np.uint8), quality)
    return cv2.imdecode(jpeg, cv2.IMREAD_COLOR)


__all__ = ["BENIGN_HOSTS", "BLOCKED_HOSTS", "LABELS", "SCENES", "Sample", "make", "qr_matrix", "scene"]
