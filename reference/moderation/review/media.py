"""Pictures for reviewers: decoded within limits, reduced and encoded anew, blurred and grey unless asked otherwise.

What reaches the browser is never the author's file: a polyglot, an oversized picture or a hidden payload ends here.
"""

from __future__ import annotations

import io
import tempfile
from typing import TYPE_CHECKING, Any

from reference.moderation.types import Media

from .types import ReviewError

if TYPE_CHECKING:
    from PIL.Image import Image

_SIDE = 900
_FRAMES = 9  # of a video, on one sheet of 3 x 3


def preview(media: Media, kind: str, *, clear: bool = False) -> bytes:
    """A JPEG of at most 900 pixels a side. A video becomes a sheet of nine frames spread over it.

    Args:
        clear: False (default): grey and blurred so that shapes stay and detail does not.
    Raises:
        ReviewError: it cannot be decoded; the message says why.
    """
    from PIL import Image, ImageFilter

    frames = _video_frames(media) if kind == "video" else _image_frames(media)
    picture = Image.fromarray(frames[0]) if len(frames) == 1 else _sheet([Image.fromarray(one) for one in frames])
    picture.thumbnail((_SIDE, _SIDE))
    if not clear:
        picture = picture.convert("L").filter(ImageFilter.GaussianBlur(max(6, max(picture.size) / 40)))
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=80)
    return out.getvalue()


def _image_frames(media: Media) -> list[Any]:
    from reference.moderation.images.decoding import decode
    from reference.moderation.types import ModerationError

    try:
        return list(decode(media.data).frames)[:_FRAMES]
    except ModerationError as error:
        raise ReviewError(f"{media.name}: cannot be shown: {error}") from error


def _video_frames(media: Media) -> list[Any]:
    import cv2

    with tempfile.NamedTemporaryFile(suffix=".video") as file:
        file.write(media.data)
        file.flush()
        video = cv2.VideoCapture(file.name, cv2.CAP_FFMPEG)
        try:
            total = int(video.get(cv2.CAP_PROP_FRAME_COUNT)) if video.isOpened() else 0
            frames = []
            for place in range(_FRAMES if 0 < total < 10**7 else 0):
                video.set(cv2.CAP_PROP_POS_FRAMES, place * total // _FRAMES)
                read, frame = video.read()
                if read and frame.shape[0] * frame.shape[1] <= 4096 * 4096:
                    scale = min(1.0, _SIDE / 3 / max(frame.shape[:2]))
                    small = cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
                    frames.append(cv2.cvtColor(small, cv2.COLOR_BGR2RGB))
        finally:
            video.release()
    if not frames:
        raise ReviewError(f"{media.name}: no frame of the video can be decoded; escalate if it matters")
    return frames


def _sheet(pictures: list[Image]) -> Image:
    from PIL import Image as Images

    side = _SIDE // 3
    sheet = Images.new("RGB", (_SIDE, side * -(-len(pictures) // 3)), (32, 32, 32))
    for index, picture in enumerate(pictures):
        picture.thumbnail((side, side))
        sheet.paste(picture, (index % 3 * side, index // 3 * side))
    return sheet
