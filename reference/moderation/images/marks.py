"""What is drawn on made pictures: the forbidden symbol, the logo stand-in, and decoys that share their parts.

Each is a function (rng, image, at, thick, ink, ground) that draws into `image`, uint8 [h, w, 3]; `at` maps points of
the unit square around 0 to sixteenths of a pixel, ink and ground are RGB.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Draw = Callable[[Any, Any, Any, int, Any, Any], None]


def _lines(image: Any, at: Any, lines: Any, thick: int, ink: Any, closed: bool = False) -> None:
    import cv2

    for line in lines:
        cv2.polylines(image, [at(line)], closed, ink, thick, cv2.LINE_AA, 4)


def _circle(radius: float, count: int = 40) -> Any:
    import numpy as np

    angles = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return np.stack([np.cos(angles), np.sin(angles)], 1) * radius


def _arms(count: int) -> list[Any]:
    """Spokes from the middle."""
    import numpy as np

    angles = [2 * np.pi * i / count for i in range(count)]
    return [[(0.0, 0.0), (float(np.cos(a)), float(np.sin(a)))] for a in angles]


_DIAMOND = [(0.0, -0.66), (0.66, 0.0), (0.0, 0.66), (-0.66, 0.0)]
_BAR = [(-0.3, 0.0), (0.3, 0.0)]


def symbol(rng: Any, image: Any, at: Any, thick: int, ink: Any, ground: Any) -> None:
    """The forbidden symbol: a ring around a diamond around a bar. It means nothing outside this repository."""
    _lines(image, at, [_circle(1.0), _DIAMOND], thick, ink, closed=True)
    _lines(image, at, [_BAR], thick, ink)


def logo(rng: Any, image: Any, at: Any, thick: int, ink: Any, ground: Any) -> None:
    """The logo stand-in: a filled square with two chevrons and a bar left out of it."""
    import cv2

    cv2.fillPoly(image, [at([(-0.7, -0.7), (0.7, -0.7), (0.7, 0.7), (-0.7, 0.7)])], ink, cv2.LINE_AA, 4)
    for shift in (-0.45, -0.05):
        _lines(image, at, [[(-0.45, shift + 0.28), (0.0, shift), (0.45, shift + 0.28)]], thick, ground)
    _lines(image, at, [[(-0.45, 0.5), (0.45, 0.5)]], thick, ground)


def _decoy(rings: int = 0, arms: int = 0, diamond: bool = False, bar: bool = False, corners: int = 0) -> Draw:
    """Parts of the symbol in other arrangements."""

    def draw(rng: Any, image: Any, at: Any, thick: int, ink: Any, ground: Any) -> None:
        for i in range(rings):
            _lines(image, at, [_circle(1.0 - 0.4 * i)], thick, ink, closed=True)
        if diamond:
            _lines(image, at, [_DIAMOND], thick, ink, closed=True)
        if corners:
            _lines(image, at, [_circle(0.62, corners)], thick, ink, closed=True)
        if bar:
            _lines(image, at, [_BAR], thick, ink)
        _lines(image, at, _arms(arms), thick, ink)

    return draw


def _square_decoy(rng: Any, image: Any, at: Any, thick: int, ink: Any, ground: Any) -> None:
    import cv2

    cv2.fillPoly(image, [at([(-0.7, -0.7), (0.7, -0.7), (0.7, 0.7), (-0.7, 0.7)])], ink, cv2.LINE_AA, 4)
    if rng.random() < 0.7:
        _lines(image, at, [[(-0.45, 0.3 * i), (0.45, 0.3 * i)] for i in (-1, 0, 1)], thick, ground)


def _chevron_decoy(rng: Any, image: Any, at: Any, thick: int, ink: Any, ground: Any) -> None:
    _lines(image, at, [[(-0.5, s + 0.3), (0.0, s), (0.5, s + 0.3)] for s in (-0.5, 0.0)], thick, ink)


def _checker_decoy(rng: Any, image: Any, at: Any, thick: int, ink: Any, ground: Any) -> None:
    """A board of squares, or the bars of a barcode: near to a QR code, but without its three finders."""
    import cv2
    import numpy as np

    cells = int(rng.integers(5, 10))
    on = (np.indices((cells, cells)).sum(0) % 2).astype(bool) if rng.random() < 0.5 else rng.random((1, cells)) < 0.5
    for row in range(cells):
        for column in range(cells):
            if on[row % len(on), column]:
                x, y, s = -0.8 + 1.6 * column / cells, -0.8 + 1.6 * row / cells, 1.6 / cells
                cv2.fillPoly(image, [at([(x, y), (x + s, y), (x + s, y + s), (x, y + s)])], ink, cv2.LINE_AA, 4)


DECOYS: tuple[Draw, ...] = (
    _decoy(rings=1),
    _decoy(rings=2),
    _decoy(rings=1, arms=3),
    _decoy(rings=1, bar=True),
    _decoy(rings=1, arms=2),
    _decoy(rings=1, corners=3, bar=True),
    _decoy(diamond=True, bar=True),
    _decoy(arms=4),
    _square_decoy,
    _chevron_decoy,
    _checker_decoy,
)
