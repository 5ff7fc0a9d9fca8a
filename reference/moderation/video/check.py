"""Videos of a post: their frames looked at as images.

Modes: "sampled" decodes in order and looks once a second; a flash between two samples is missed. "keyframes" (PyAV)
looks at what the encoder chose and misses flashes as well. "thorough" looks at every frame that differs from the last
one looked at: it finds a one-frame flash, and costs a whole decode.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

from reference.moderation.images.check import Images, strongest
from reference.moderation.images.containers import UnreadableError
from reference.moderation.types import UNAVAILABLE, UNREADABLE, Finding, Media, ModerationError, Tier

from .frames import Duplicates, Frame, Reading, VideoLimits, keyframes, opencv_frames

Mode = Literal["sampled", "keyframes", "thorough"]
BATCH = 16


class Videos:
    """VideoCheck. Raises ModerationError for an unknown mode, or for keyframes without PyAV."""

    def __init__(
        self, images: Images, mode: Mode = "sampled", limits: VideoLimits | None = None, skip_duplicates: bool = True
    ) -> None:
        if mode not in ("sampled", "keyframes", "thorough"):
            raise ModerationError(f"video mode is {mode!r}; use sampled, keyframes or thorough")
        if mode == "keyframes":
            try:
                import av  # noqa: F401
            except ImportError:
                raise ModerationError("video mode keyframes needs PyAV; install the extra `video`") from None
        self.images, self.mode, self.limits = images, mode, limits or VideoLimits()
        self.skip_duplicates = skip_duplicates

    @property
    def version(self) -> str:
        parts = (self.images.version, self.mode, self.limits, self.skip_duplicates)
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:12]

    def check(self, video: Media) -> tuple[Finding, ...]:
        """Never raises for a video; what was not looked at is UNREADABLE, and a person looks."""
        reading, found = Reading(), list[Finding]()
        duplicates = Duplicates()
        batch: list[Frame] = []
        looked = left = 0
        try:
            for frame in self._frames(video.data, reading):
                if self.skip_duplicates and not duplicates.is_new(frame.rgb):
                    continue
                if looked >= self.limits.frames:
                    left += 1
                    continue
                looked += 1
                batch.append(frame)
                if len(batch) == BATCH:
                    found.extend(self._look(batch))
                    batch.clear()
        except UnreadableError as reason:
            found.append(_unreadable(f"Video not readable: {reason}."))
        except Exception as error:  # a decoder's error of any type must not lose the post
            found.append(_unreadable(f"Video not readable: the decoder failed ({type(error).__name__})."))
        found.extend(self._look(batch))
        if left:
            found.append(_unreadable(f"{left} more frames differ than the {looked} that were looked at."))
        notes = reading.notes or []
        if notes:
            found.append(_unreadable(f"Not all of the video was looked at: {'; '.join(notes)}."))
        return strongest(found)

    def _frames(self, data: bytes, reading: Reading) -> Iterator[Frame]:
        if self.mode == "keyframes":
            return keyframes(data, self.limits, reading)
        return opencv_frames(data, self.limits, reading, every_frame=self.mode == "thorough")

    def _look(self, frames: list[Frame]) -> list[Finding]:
        found = []
        results = self.images.check_frames([frame.rgb for frame in frames])
        for frame, findings in zip(frames, results, strict=True):
            for one in findings:
                detail = f"At {frame.second:.1f} s: {one.detail}"
                detector = one.detector if one.category in (UNREADABLE, UNAVAILABLE) else "video"
                found.append(replace(one, detector=detector, detail=detail))
        return found


def _unreadable(detail: str) -> Finding:
    return Finding(UNREADABLE, 1.0, Tier.RULES, "video", detail)


__all__ = ["Mode", "Videos"]
