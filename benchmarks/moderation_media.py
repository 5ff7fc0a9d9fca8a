"""Images and video on one core: decoding, PDQ, known pictures, classifier, QR codes; sampling, duplicate skipping."""

from __future__ import annotations

import io
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.common import Result, spread

SIZES = {"512x288": (288, 512), "720p": (720, 1280)}


def run(quick: bool = False) -> Result:
    import cv2
    import numpy as np

    from reference.moderation.images.check import Images
    from reference.moderation.images.classifier import SHIPPED, ImageClassifier
    from reference.moderation.images.decoding import decode
    from reference.moderation.images.hashes import KnownImages, pdq
    from reference.moderation.images.qr import read_qr
    from reference.moderation.images.synthetic import BLOCKED_HOSTS, make, scene
    from reference.moderation.types import Media

    cv2.setNumThreads(1)
    count, rounds, known_hashes = (8, 2, 20_000) if quick else (40, 7, 1_000_000)
    result = Result(
        "moderation_media",
        "How many images and clips per second does one core check, and which changes of a known picture are found?",
        {
            "images": f"{count} made pictures per size, JPEG quality 85",
            "known pictures": f"{known_hashes:,} random hashes, searched exactly",
            "threads": 1,
            "rounds": rounds,
        },
    )

    def row(target: str, metric: str, unit: str, values: list[float]) -> None:
        result.rows.append({"target": target, "metric": metric, "unit": unit, **spread(values)})

    def rate(call: Callable[[], Any], per_call: int) -> list[float]:
        call()
        rates = []
        for _ in range(rounds):
            begun = time.perf_counter()
            call()
            rates.append(per_call / (time.perf_counter() - begun))
        return rates

    rng = np.random.default_rng(1)
    classifier = ImageClassifier(SHIPPED)
    images = Images(classifier, blocked_hosts=BLOCKED_HOSTS)
    for name, (height, width) in SIZES.items():
        pictures = [cv2.resize(make(rng, "test").image, (width, height)) for _ in range(count)]
        files = [_jpeg(picture) for picture in pictures]
        frames = [decode(data).frames[0] for data in files]
        row(name, "decode", "images/s", rate(lambda files=files: [decode(data) for data in files], count))
        row(name, "PDQ, resized first", "images/s", rate(lambda some=frames: [pdq(frame) for frame in some], count))
        row(name, "PDQ of the whole", "images/s", rate(lambda some=pictures[:4]: _whole_pdq(some), 4))
        row(name, "classifier", "images/s", rate(lambda some=frames: classifier.probabilities(some), count))
        row(name, "QR reader", "images/s", rate(lambda some=frames[:8]: [read_qr(frame) for frame in some], 8))
        media = [Media(name, data) for data in files]
        row(name, "all checks", "images/s", rate(lambda media=media: images.check(media), count))

    store = KnownImages()
    for i in range(0, known_hashes, 1000):
        block = rng.integers(0, 256, (1000, 32), dtype=np.uint8)
        store.add_hashes(f"list-{i}", [one.tobytes().hex() for one in block], "random hashes")
    query = rng.integers(0, 2**63, (1, 4), dtype=np.uint64)
    row(f"{known_hashes:,} hashes", "search", "1/s", rate(lambda: store.search(query), 1))

    _recall(result, 20 if quick else 150, 100 if quick else 3000, scene)
    _video(result, row, images, 3 if quick else 20, rounds)
    return result


def _jpeg(picture: Any) -> bytes:
    from PIL import Image

    target = io.BytesIO()
    Image.fromarray(picture).save(target, "JPEG", quality=85)
    return target.getvalue()


def _whole_pdq(pictures: list[Any]) -> None:
    import pdqhash

    for picture in pictures:
        pdqhash.compute(picture)


def changes(rng: Any) -> dict[str, Callable[[Any], Any]]:
    """What people do to a picture, each a function from RGB to RGB."""
    import cv2
    import numpy as np

    def jpeg(image: Any) -> Any:
        return cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 30])[1], cv2.IMREAD_COLOR)

    def crop(share: float, centred: bool) -> Callable[[Any], Any]:
        def cut(image: Any) -> Any:
            height, width = image.shape[:2]
            x, y = (0.5, 0.5) if centred else rng.random(2)
            top, left = int(height * share * y), int(width * share * x)
            return image[top : top + int(height * (1 - share)), left : left + int(width * (1 - share))]

        return cut

    def overlay(image: Any) -> Any:
        size = image.shape[1] / 500
        return cv2.putText(image.copy(), "SEEN TODAY", (20, 60), cv2.FONT_HERSHEY_SIMPLEX, size, (255,) * 3, 2)

    found: dict[str, Callable[[Any], Any]] = {
        "JPEG quality 30": jpeg,
        "half the size": lambda image: cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA),
        "brightness +30 %": lambda image: np.clip(image * 1.3, 0, 255).astype(np.uint8),
        "mirror": lambda image: np.ascontiguousarray(image[:, ::-1]),
        "quarter turn": lambda image: np.ascontiguousarray(np.rot90(image)),
        "text over it": overlay,
        "border": lambda image: cv2.copyMakeBorder(image, 30, 30, 30, 30, cv2.BORDER_CONSTANT, value=(255, 255, 255)),
    }
    for share in (0.05, 0.1, 0.2):
        found[f"crop {share:.0%}, centred"] = crop(share, True)
        found[f"crop {share:.0%}, anywhere"] = crop(share, False)
    return found


def _recall(result: Result, known: int, others: int, scene: Callable[..., Any]) -> None:
    """Recall per change, with and without stored crops; matches among different pictures. Exact 95 % bounds."""
    import numpy as np

    from reference.moderation.images.hashes import KnownImages
    from reference.moderation.types import ModerationError

    rng = np.random.default_rng(2)
    kinds = ("shapes", "texture", "chart", "rings", "patchwork")
    for name, settings in (("stored crops", {}), ("no stored crops", {"crops": ()})):
        store, kept = KnownImages(**settings), {}
        for i in range(known):
            picture = scene(np.random.default_rng([3, i]), kinds[i % len(kinds)], 288, 512)
            try:
                store.add(str(i), picture, "made")
                kept[str(i)] = picture
            except ModerationError:
                continue  # too plain for PDQ
        for change, alter in changes(rng).items():
            matches = [(id_, store.find(alter(picture))) for id_, picture in kept.items()]
            hits = sum(match is not None and match.id == id_ for id_, match in matches)
            result.rows.append(
                {"target": name, "metric": f"found after {change}", "unit": "share", **_exact(hits, len(kept))}
            )
        wrong = 0
        for i in range(others):
            picture = scene(np.random.default_rng([4, i]), kinds[i % len(kinds)], 288, 512)
            wrong += store.find(picture) is not None
        result.rows.append(
            {"target": name, "metric": "other pictures matched", "unit": "share", **_exact(wrong, others)}
        )
        result.conditions[f"{name}: hashes per picture"] = round(store.hashes / max(len(store), 1), 1)


def _exact(hits: int, of: int) -> dict[str, Any]:
    """Clopper-Pearson, 95 %, two-sided."""
    from scipy.stats import beta

    low = float(beta.ppf(0.025, hits, of - hits + 1)) if hits else 0.0
    high = float(beta.ppf(0.975, hits + 1, of - hits)) if hits < of else 1.0
    return {"median": round(hits / of, 4), "low": round(low, 5), "high": round(high, 5), "n": of}


def _video(result: Result, row: Callable[..., None], images: Any, seconds: int, rounds: int) -> None:
    import importlib.util

    import cv2
    import numpy as np

    from reference.moderation.images.synthetic import scene
    from reference.moderation.types import Media
    from reference.moderation.video.check import Videos

    with tempfile.TemporaryDirectory(prefix="bench-video-") as folder:
        path = Path(folder) / "clip.mp4"
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 30, (1280, 720))
        for i in range(seconds * 30):
            if i % 150 == 0:
                picture = scene(np.random.default_rng(i), "texture", 720, 1280)
            writer.write(picture)
        writer.release()
        clip = Media("clip", path.read_bytes())
    result.conditions["video"] = f"{seconds} s, 720p30, mp4v, a new scene every 5 s, {len(clip.data) / 1e6:.1f} MB"
    modes: list[Any] = ["sampled", "thorough"]
    if importlib.util.find_spec("av"):
        modes.append("keyframes")
    for mode in modes:
        for skip in (True, False) if mode != "thorough" else (True,):
            videos = Videos(images, mode, skip_duplicates=skip)
            rates = []
            for _ in range(max(rounds // 2, 1)):
                begun = time.perf_counter()
                videos.check(clip)
                rates.append(1 / (time.perf_counter() - begun))
            row(f"video, {mode}", f"clips, duplicates {'skipped' if skip else 'kept'}", "1/s", rates)
