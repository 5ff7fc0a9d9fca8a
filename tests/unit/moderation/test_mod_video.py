"""Videos: what each mode finds and misses, and what is said of those that cannot be looked at whole."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.moderation.images.check import Images
from reference.moderation.images.classifier import SHIPPED, ImageClassifier
from reference.moderation.images.hashes import KnownImages
from reference.moderation.images.synthetic import make, scene
from reference.moderation.types import UNREADABLE, Finding, Media, ModerationError
from reference.moderation.video.check import Videos
from reference.moderation.video.frames import Duplicates, Reading, VideoLimits, opencv_frames

FLASH = make(np.random.default_rng(5), "test", frozenset({"forbidden_symbol"})).image
FLASH = cv2.resize(FLASH, (320, 180))
CALM = scene(np.random.default_rng(1), "gradient", 180, 320)


def clip(folder: Path, frames: Sequence[Any], kind: str = "mp4v", suffix: str = ".mp4", rate: float = 30.0) -> bytes:
    path = folder / f"clip{suffix}"
    height, width = frames[0].shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*kind), rate, (width, height))
    assert writer.isOpened()
    for frame in frames:
        writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
    writer.release()
    return path.read_bytes()


@pytest.fixture(scope="module")
def images() -> Images:
    known = KnownImages(crops=())
    known.add("flash", FLASH, "made")
    return Images(ImageClassifier(SHIPPED), known)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("video")


@pytest.fixture(scope="module")
def flashing(folder: Path) -> bytes:
    frames = [CALM] * 90
    frames[44] = FLASH  # one frame of three seconds, between the samples at 0, 1 and 2 s
    return clip(folder, frames)


def categories(found: tuple[Finding, ...]) -> set[str]:
    return {one.category for one in found}


def unreadable(found: tuple[Finding, ...]) -> str:
    return " ".join(one.detail for one in found if one.category == UNREADABLE)


def test_thorough_finds_a_one_frame_flash_and_sampling_misses_it(images: Images, flashing: bytes) -> None:
    found = Videos(images, "thorough").check(Media("a", flashing))
    flash = next(one for one in found if one.category == "known_image")
    assert (flash.rule, flash.detector) == ("flash", "video")
    assert flash.detail.startswith("At 1.5 s")
    assert "known_image" not in categories(Videos(images, "sampled").check(Media("a", flashing)))


@pytest.mark.parametrize(("kind", "suffix"), [("mp4v", ".mp4"), ("MJPG", ".avi")])
def test_a_scene_of_a_second_is_found_by_sampling(images: Images, folder: Path, kind: str, suffix: str) -> None:
    data = clip(folder, [CALM] * 40 + [FLASH] * 40, kind, suffix)
    found = Videos(images).check(Media("a", data))
    assert "known_image" in categories(found)
    assert not unreadable(found)


def test_sampling_keeps_one_frame_a_second_and_counts_all(folder: Path) -> None:
    data, reading = clip(folder, [CALM] * 75), Reading()
    frames = list(opencv_frames(data, VideoLimits(), reading))
    assert [frame.second for frame in frames] == [0.0, 1.0, 2.0]
    assert (reading.decoded, reading.claimed, reading.notes) == (75, 75, None)
    assert frames[0].rgb.shape == (180, 320, 3)
    assert np.abs(frames[0].rgb.astype(int) - CALM).mean() < 6  # RGB, not BGR


def test_duplicates_are_skipped_and_changes_kept() -> None:
    same = Duplicates()
    noisy = np.clip(CALM.astype(int) + np.random.default_rng(0).integers(-3, 4, CALM.shape), 0, 255).astype(np.uint8)
    marked = CALM.copy()
    marked[20:60, 20:60] = 255 - marked[20:60, 20:60]
    assert [same.is_new(frame) for frame in (CALM, noisy, CALM, marked, marked, CALM)] == [
        True, False, False, True, False, True,
    ]  # fmt: skip
    assert same.skipped == 3


def test_a_small_mark_in_a_corner_is_no_duplicate() -> None:
    marked = CALM.copy()
    marked[5:15, 5:15] = 255 - marked[5:15, 5:15]  # 0.2 % of the picture: its mean hardly moves
    duplicates = Duplicates()
    assert [duplicates.is_new(frame) for frame in (CALM, marked)] == [True, True]


@pytest.mark.slow
def test_skipping_duplicates_does_not_change_what_is_found(images: Images, flashing: bytes) -> None:
    with_skips = Videos(images, "thorough").check(Media("a", flashing))
    limits = VideoLimits(frames=200)
    without = Videos(images, "thorough", limits, skip_duplicates=False).check(Media("a", flashing))
    assert "known_image" in categories(with_skips) & categories(without)


def test_foreign_empty_and_playlist_files_are_unreadable(images: Images) -> None:
    playlist = b"#EXTM3U\n#EXTINF:1,\nhttp://private.invalid/a.ts\n"
    for data in (b"", b"zorgle", playlist, b"ffconcat version 1.0\nfile /etc/hostname\n", FLASH.tobytes()[:5000]):
        assert unreadable(Videos(images).check(Media("a", data)))


@pytest.mark.slow
def test_a_truncated_video_is_unreadable_or_said_to_be_cut(images: Images, folder: Path) -> None:
    for kind, suffix in (("mp4v", ".mp4"), ("MJPG", ".avi")):
        data = clip(folder, [scene(np.random.default_rng(i), "blobs", 180, 320) for i in range(40)], kind, suffix)
        assert not unreadable(Videos(images, "thorough").check(Media("a", data)))
        for share in (0.1, 0.5, 0.8):
            assert unreadable(Videos(images, "thorough").check(Media("a", data[: int(len(data) * share)])))


def test_a_video_without_frames_is_unreadable(images: Images, folder: Path) -> None:
    data = clip(folder, [CALM] * 3)
    at = data.index(b"stsz") + 12
    empty = data[:at] + struct.pack(">I", 0) + data[at + 4 :]
    assert unreadable(Videos(images).check(Media("a", empty)))


def test_too_many_pixels_or_bytes_are_refused(images: Images, flashing: bytes) -> None:
    assert "320 x 180" in unreadable(Videos(images, limits=VideoLimits(pixels=1000)).check(Media("a", flashing)))
    assert "bytes" in unreadable(Videos(images, limits=VideoLimits(bytes=1000)).check(Media("a", flashing)))


def test_a_video_over_the_budget_is_sampled_over_its_length_and_says_so(images: Images, folder: Path) -> None:
    data = clip(folder, [CALM] * 100 + [FLASH] * 100)
    limits = VideoLimits(decoded_frames=50, frames=6)
    found = Videos(images, limits=limits).check(Media("a", data))
    assert "6 frames were sampled" in unreadable(found)
    assert "known_image" in categories(found)  # its end was reached
    assert "first 50 frames" in unreadable(Videos(images, "thorough", limits).check(Media("a", data)))


def test_ten_hours_are_not_decoded(images: Images, folder: Path) -> None:
    data = clip(folder, [cv2.resize(CALM, (64, 36))] * 360, rate=0.01)  # a frame in 100 s: ten hours
    reading = Reading()
    taken = list(opencv_frames(data, VideoLimits(decoded_frames=100, frames=10), reading))
    assert len(taken) == reading.decoded == 10
    assert reading.notes
    assert "10 frames were sampled" in reading.notes[0]


def test_more_changes_than_the_budget_of_frames_go_to_a_person(images: Images, folder: Path) -> None:
    data = clip(folder, [scene(np.random.default_rng(i), "blobs", 180, 320) for i in range(12)])
    found = Videos(images, "thorough", VideoLimits(frames=5)).check(Media("a", data))
    assert "7 more frames differ" in unreadable(found)


def test_an_unknown_mode_is_refused(images: Images) -> None:
    with pytest.raises(ModerationError, match="use sampled"):
        Videos(images, "fast")  # type: ignore[arg-type]


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_no_mutated_video_raises(images: Images, flashing: bytes, data: st.DataObject) -> None:
    raw = bytearray(flashing)
    for _ in range(data.draw(st.integers(1, 10))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    for one in Videos(images).check(Media("a", bytes(raw))):
        assert one.detail
