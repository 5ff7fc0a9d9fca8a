"""Frames of a video within limits: sampled or all by OpenCV (FFmpeg under LGPL), or keyframes by PyAV if installed.

The bytes lie in a memory file (Linux) or in a private temporary file while they are read. Only containers known by
their first bytes are opened: FFmpeg also reads playlists, which may name other files and hosts.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from reference.moderation.images.containers import UnreadableError
from reference.moderation.types import ModerationError


@dataclass(frozen=True, slots=True)
class VideoLimits:
    """Attributes:
    bytes: of the file.
    pixels: of one frame.
    interval: seconds between sampled frames.
    frames: looked at per video at most, after duplicates are skipped; more of them says so.
    decoded_frames: decoded per video at most; a longer one is sampled by seeking, or cut, and says so.
    side: longer side of the frames that are looked at.
    """

    bytes: int = 500 * 1024 * 1024
    pixels: int = 34_000_000
    interval: float = 1.0
    frames: int = 120
    decoded_frames: int = 20_000
    side: int = 1024


@dataclass(frozen=True, slots=True)
class Frame:
    """`rgb`: uint8 [h, w, 3]; `second`: where in the video."""

    rgb: Any
    second: float


@dataclass
class Reading:
    """What one pass over a video did; complete when its iterator is.

    Attributes:
        decoded: frames that the decoder produced.
        claimed: frames that the container claims; 0 if it says nothing usable.
        notes: why a part of the video was not looked at; any note leads to a person.
    """

    decoded: int = 0
    claimed: int = 0
    seconds: float = 0.0
    notes: list[str] | None = None

    def note(self, text: str) -> None:
        self.notes = [*(self.notes or []), text]


def refuse_foreign(data: bytes, limits: VideoLimits) -> None:
    """Raises UnreadableError unless `data` begins like MP4/MOV, Matroska/WebM or AVI and is within the limit."""
    if not data:
        raise UnreadableError("the file is empty")
    if len(data) > limits.bytes:
        raise UnreadableError(f"the file has {len(data):,} bytes; the limit is {limits.bytes:,}")
    mp4 = data[4:8] == b"ftyp"
    if not (mp4 or data.startswith(b"\x1aE\xdf\xa3") or (data.startswith(b"RIFF") and data[8:12] == b"AVI ")):
        raise UnreadableError("not an MP4, WebM, Matroska or AVI video")


@contextlib.contextmanager
def as_path(data: bytes) -> Iterator[str]:
    """A path under which `data` can be opened by this process only, gone afterwards."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("video")
        try:
            with open(descriptor, "wb", closefd=False) as file:
                file.write(data)
            yield f"/proc/self/fd/{descriptor}"
        finally:
            os.close(descriptor)
    else:
        with tempfile.TemporaryDirectory(prefix="video-") as folder:
            path = os.path.join(folder, "video")
            with open(path, "wb") as file:
                file.write(data)
            yield path


def opencv_frames(data: bytes, limits: VideoLimits, reading: Reading, every_frame: bool = False) -> Iterator[Frame]:
    """Frames `limits.interval` apart, or all. Raises UnreadableError: not openable, no frame, or too large."""
    import cv2

    refuse_foreign(data, limits)
    with as_path(data) as path:
        capture = cv2.VideoCapture(path, cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
        try:
            if not capture.isOpened():
                raise UnreadableError("no video stream can be opened: broken, truncated or an unknown codec")
            width, height = capture.get(cv2.CAP_PROP_FRAME_WIDTH), capture.get(cv2.CAP_PROP_FRAME_HEIGHT)
            if width * height > limits.pixels or width < 1 or height < 1:
                raise UnreadableError(
                    f"the video claims {width:.0f} x {height:.0f} pixels; the limit is {limits.pixels:,}"
                )
            rate = capture.get(cv2.CAP_PROP_FPS)
            rate = rate if 0.1 <= rate <= 1000 else 30.0
            count = capture.get(cv2.CAP_PROP_FRAME_COUNT)
            reading.claimed = int(count) if 0 < count < 1e9 else 0
            reading.seconds = reading.claimed / rate
            if reading.claimed > limits.decoded_frames and not every_frame:
                yield from _spread(capture, limits, reading, rate)
            else:
                yield from _in_order(capture, limits, reading, rate, every_frame)
        finally:
            capture.release()
    if not reading.decoded:
        raise UnreadableError("the video has no frame that can be decoded")


def _in_order(capture: Any, limits: VideoLimits, reading: Reading, rate: float, every_frame: bool) -> Iterator[Frame]:
    """grab() decodes; only frames that are kept are converted to RGB."""
    step = 1 if every_frame else max(round(rate * limits.interval), 1)
    while capture.grab():
        place = reading.decoded
        if place >= limits.decoded_frames:
            reading.note(f"only the first {place:,} frames were decoded")
            return
        reading.decoded += 1
        if place % step == 0:
            frame = _retrieved(capture, limits.side)
            if frame is not None:
                yield Frame(frame, place / rate)
    if reading.decoded < 0.95 * reading.claimed - 2:
        reading.note(f"truncated: {reading.decoded:,} of {reading.claimed:,} frames can be decoded")


def _spread(capture: Any, limits: VideoLimits, reading: Reading, rate: float) -> Iterator[Frame]:
    import cv2

    failed = 0
    for i in range(limits.frames):
        place = i * (reading.claimed - 1) // max(limits.frames - 1, 1)
        capture.set(cv2.CAP_PROP_POS_FRAMES, place)
        frame = _retrieved(capture, limits.side) if capture.grab() else None
        if frame is None:
            failed += 1
            continue
        reading.decoded += 1
        yield Frame(frame, place / rate)
    missing = f", {failed} of which could not be decoded" if failed else ""
    reading.note(f"{reading.seconds / 3600:.1f} hours long: {limits.frames} frames were sampled{missing}")


def _retrieved(capture: Any, side: int) -> Any | None:
    import cv2

    whole, image = capture.retrieve()
    if not whole or image is None:
        return None
    scale = side / max(image.shape[:2])
    if scale < 1:
        image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def keyframes(data: bytes, limits: VideoLimits, reading: Reading) -> Iterator[Frame]:
    """Keyframes only, by PyAV: several times cheaper, blind between them. ModerationError if PyAV is not installed."""
    try:
        import av
    except ImportError:
        raise ModerationError("keyframes need PyAV; install the extra `video`, or use mode 'sampled'") from None
    import io

    import cv2

    refuse_foreign(data, limits)
    try:
        with av.open(io.BytesIO(data), mode="r") as container:
            if not container.streams.video:
                raise UnreadableError("there is no video stream")
            stream = container.streams.video[0]
            if stream.width * stream.height > limits.pixels:
                raise UnreadableError(f"the video claims {stream.width} x {stream.height} pixels")
            stream.codec_context.skip_frame = "NONKEY"
            stream.codec_context.thread_count = 1
            reading.seconds = float((stream.duration or 0) * (stream.time_base or 0))
            for decoded in container.decode(stream):
                if reading.decoded >= limits.decoded_frames:
                    reading.note(f"only the first {reading.decoded:,} keyframes were decoded")
                    break
                reading.decoded += 1
                rgb: Any = decoded.to_ndarray(format="rgb24")
                scale = limits.side / max(rgb.shape[:2])
                if scale < 1:
                    rgb = cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
                yield Frame(rgb, float(decoded.time or 0.0))
    except UnreadableError:
        raise
    except (av.error.FFmpegError, ValueError, OSError) as error:
        if not reading.decoded:
            raise UnreadableError(f"broken or truncated video ({type(error).__name__})") from None
        reading.note(f"decoding stopped after {reading.decoded:,} keyframes ({type(error).__name__})")
    if not reading.decoded:
        raise UnreadableError("the video has no frame that can be decoded")


class Duplicates:
    """Says of each frame whether it shows something that no kept frame before it just showed.

    Compared is a 64 x 36 view with the last kept one: a change of `cell` levels of a colour in any cell, or of
    `mean` on average, is new. What is smaller or fainter than that in every cell is skipped: a limit, not a guarantee.
    """

    def __init__(self, cell: float = 10.0, mean: float = 1.5) -> None:
        self.cell, self.mean, self.skipped = cell, mean, 0
        self._last: Any = None

    def is_new(self, rgb: Any) -> bool:
        import cv2
        import numpy as np

        small = cv2.resize(rgb, (64, 36), interpolation=cv2.INTER_AREA).astype(np.int16)
        if self._last is not None:
            change = np.abs(small - self._last).max(axis=2)
            if change.max() < self.cell and change.mean() < self.mean:
                self.skipped += 1
                return False
        self._last = small
        return True


__all__ = ["Duplicates", "Frame", "Reading", "VideoLimits", "as_path", "keyframes", "opencv_frames", "refuse_foreign"]
