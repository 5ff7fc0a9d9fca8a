"""Known pictures: found again after what people do to them, and no others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.moderation.images.hashes import KnownImages, from_hex, pdq, query_hashes, to_hex, trimmed
from reference.moderation.images.synthetic import scene
from reference.moderation.types import ModerationError


def drawing(seed: int, kind: str = "texture") -> Any:
    return scene(np.random.default_rng(seed), kind, 288, 512)


def jpeg(image: Any, quality: int) -> Any:
    return cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR)


def cropped(image: Any, share: float) -> Any:
    height, width = image.shape[:2]
    top, left = round(height * share / 2), round(width * share / 2)
    return image[top : height - top, left : width - left]


CHANGES = {
    "jpeg": lambda image: jpeg(image, 30),
    "half the size": lambda image: cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA),
    "brighter": lambda image: np.clip(image * 1.2 + 10, 0, 255).astype(np.uint8),
    "mirror": lambda image: np.ascontiguousarray(image[:, ::-1]),
    "quarter turn": lambda image: np.ascontiguousarray(np.rot90(image)),
    "crop 5 %": lambda image: cropped(image, 0.05),
    "crop 10 %": lambda image: cropped(image, 0.10),
    "crop 20 %": lambda image: cropped(image, 0.20),
    "border": lambda image: cv2.copyMakeBorder(image, 30, 30, 30, 30, cv2.BORDER_CONSTANT, value=(250, 250, 250)),
}


@pytest.fixture(scope="module")
def known() -> KnownImages:
    store = KnownImages()
    for seed in range(5):
        store.add(f"image-{seed}", drawing(seed), "made for a test")
    return store


@pytest.mark.parametrize("change", CHANGES)
def test_a_known_picture_is_found_after(change: str, known: KnownImages) -> None:
    for seed in range(5):
        match = known.find(CHANGES[change](drawing(seed)))
        assert match is not None
        assert match.id == f"image-{seed}"
        assert match.distance <= known.threshold


def test_without_stored_crops_and_turns_a_crop_is_missed_so_they_are_what_finds_it() -> None:
    bare = KnownImages(crops=())
    bare.add("one", drawing(0), "made")
    assert bare.find(drawing(0)) is not None
    assert bare.find(CHANGES["crop 10 %"](drawing(0))) is None


@pytest.mark.slow
def test_other_pictures_are_not_found(known: KnownImages) -> None:
    assert all(known.find(drawing(seed)) is None for seed in range(100, 160))


def test_a_plain_picture_is_neither_stored_nor_matched(known: KnownImages) -> None:
    plain = np.full((100, 100, 3), 200, np.uint8)
    with pytest.raises(ModerationError, match="quality"):
        KnownImages().add("plain", plain, "made")
    assert len(query_hashes(plain)) == 0
    assert known.find(plain) is None


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 60))
def test_search_agrees_with_counting_every_bit(seed: int, flips: int) -> None:
    rng = np.random.default_rng(seed)
    table = rng.integers(0, 256, (70, 32), dtype=np.uint8)
    store = KnownImages()
    for i, row in enumerate(table):
        store.add_hashes(str(i), [row.tobytes().hex()], "made")
    bits = np.unpackbits(table[int(rng.integers(70))])
    bits[rng.choice(256, flips, replace=False)] ^= 1
    query = np.packbits(bits)
    distances = np.bitwise_count(table ^ query).sum(axis=1)
    (found,) = store.search(query.view(np.uint64).reshape(1, 4))
    if distances.min() > store.threshold:
        assert found is None
    else:
        assert found is not None
        assert found.distance == distances.min() == distances[int(found.id)]


def test_a_removed_picture_is_found_no_more(known: KnownImages) -> None:
    store = KnownImages()
    store.add("one", drawing(0), "made")
    before = store.version
    assert store.remove("one")
    assert store.find(drawing(0)) is None
    assert store.version != before
    assert not store.remove("one")


def test_a_saved_store_is_the_same_when_loaded(known: KnownImages, tmp_path: Path) -> None:
    known.save(tmp_path / "known.jsonl")
    again = KnownImages.load(tmp_path / "known.jsonl")
    assert (again.version, len(again), again.hashes) == (known.version, 5, known.hashes)
    assert again.find(drawing(3)) == known.find(drawing(3))
    assert [path.name for path in tmp_path.iterdir()] == ["known.jsonl"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "line 1"),
        ("[]", "exactly id"),
        ('{"id": "a", "reason": "b"}', "exactly id"),
        ('{"id": "a", "reason": "b", "hashes": ["zz"]}', "64 hexadecimal"),
        ('{"id": "a", "reason": "b", "hashes": []}', "no hash"),
        ('{"id": "", "reason": "b", "hashes": ["%s"]}' % ("0" * 64), "must be given"),
    ],
)
def test_a_broken_store_is_refused_with_file_and_line(line: str, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "known.jsonl"
    path.write_text(line + "\n")
    with pytest.raises(ModerationError, match=reason) as error:
        KnownImages.load(path)
    assert str(path) in str(error.value)
    with pytest.raises(ModerationError, match="cannot read"):
        KnownImages.load(tmp_path / "none.jsonl")


def test_a_threshold_that_matches_everything_is_refused() -> None:
    with pytest.raises(ModerationError, match="threshold"):
        KnownImages(threshold=128)


def test_hex_and_back_is_the_same_hash() -> None:
    hash_, quality = pdq(drawing(1))
    assert (from_hex(to_hex(hash_)) == hash_).all()
    assert 50 <= quality <= 100


def test_a_plain_border_is_cut_off_and_nothing_else() -> None:
    framed = cv2.copyMakeBorder(drawing(1), 20, 20, 20, 20, cv2.BORDER_CONSTANT, value=(255, 255, 255))
    inside = trimmed(framed)
    assert inside is not None
    assert abs(inside.shape[0] - 288) <= 2
    assert trimmed(drawing(1)) is None
