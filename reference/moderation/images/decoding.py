"""Bytes of an image to RGB frames, within limits; whatever cannot be shown whole is said, never guessed."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

from .containers import Header, UnreadableError, read_header


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """Attributes:
    bytes: of the file.
    pixels: of one frame, as the header claims it; over it nothing is decoded.
    side: the longer side of what is looked at, in pixels; a larger image is reduced, JPEGs already while decoding.
    frames: of an animation that are looked at, spread over it.
    decoded_frames: of an animation that are decoded on the way (a GIF's frame needs all before it).
    decoded_pixels: of all frames of an animation together.
    """

    bytes: int = 20 * 1024 * 1024
    pixels: int = 50_000_000
    side: int = 1024
    frames: int = 32
    decoded_frames: int = 400
    decoded_pixels: int = 400_000_000


@dataclass(frozen=True, slots=True)
class DecodedImage:
    """Attributes:
    frames: uint8 arrays [height, width, 3], RGB, longer side at most `ImageLimits.side`; a transparent image once
        on white and once on black, since a picture may show on one of them only.
    header: of the file.
    unseen: frames of the file that are in no way among `frames`; more than 0 means that nobody checked them.
    """

    frames: tuple[Any, ...]
    header: Header
    unseen: int


def decode(data: bytes, limits: ImageLimits | None = None) -> DecodedImage:
    """Raises UnreadableError with the reason; no other error, whatever the bytes."""
    limits = limits or ImageLimits()
    if len(data) > limits.bytes:
        raise UnreadableError(f"the file has {len(data):,} bytes; the limit is {limits.bytes:,}")
    header = read_header(data)
    if header.width * header.height > limits.pixels:
        raise UnreadableError(
            f"the header claims {header.width} x {header.height} pixels; the limit is {limits.pixels:,} in all"
        )
    frames: list[Any] = []
    seen = 0
    try:
        for start, end in header.parts[: limits.frames]:
            part = data[start:end] if len(header.parts) > 1 else data
            some, count = _decode_part(part, header, limits)
            frames.extend(some)
            seen += count
    except UnreadableError:
        raise
    except MemoryError:
        raise UnreadableError("decoding it needs more memory than there is") from None
    except Exception as error:
        # Pillow's decoders raise a dozen types (OSError, SyntaxError, ValueError, struct.error...) for broken files.
        raise UnreadableError(f"broken or truncated {header.format} ({type(error).__name__})") from None
    return DecodedImage(tuple(frames), header, max(header.frames - seen, 0))


def _decode_part(data: bytes, header: Header, limits: ImageLimits) -> tuple[list[Any], int]:
    """(arrays, how many frames of the file they stand for)."""
    from PIL import Image

    with Image.open(io.BytesIO(data), formats=[header.format]) as image:
        if image.width * image.height > limits.pixels:
            raise UnreadableError("the image is larger than its header claims")
        if len(header.parts) > 1 or header.frames == 1:
            image.draft("RGB", (limits.side, limits.side))
            return _views(image, limits.side), 1
        pixels = max(header.width * header.height, 1)
        reachable = max(min(header.frames, limits.decoded_frames, limits.decoded_pixels // pixels), 1)
        count = min(reachable, limits.frames)
        # First and last are always among them; APNG and GIF are decoded in order, so the positions ascend.
        wanted = sorted({round(i * (reachable - 1) / max(count - 1, 1)) for i in range(count)})
        arrays: list[Any] = []
        for position in wanted:
            image.seek(position)
            arrays.extend(_views(image, limits.side))
        return arrays, len(wanted)


def _views(image: Any, side: int) -> list[Any]:
    """The current frame as RGB: turned as EXIF says, on white and on black where it is transparent."""
    import numpy as np
    from PIL import Image, ImageOps

    image.load()
    frame = image.copy() if getattr(image, "is_animated", False) else image
    if frame.mode in ("I", "I;16", "I;16B", "I;16L", "F"):  # converting these clips instead of scaling
        values = np.asarray(frame, dtype=np.float32)
        low, high = float(values.min()), float(values.max())
        frame = Image.fromarray(((values - low) * (255.0 / max(high - low, 1e-9))).astype(np.uint8))
    transparent = "A" in frame.getbands() or "transparency" in frame.info
    frame = frame.convert("RGBA" if transparent else "RGB")
    if max(frame.size) > side:
        frame.thumbnail((side, side), Image.Resampling.BILINEAR, reducing_gap=2.0)
    frame = ImageOps.exif_transpose(frame) if image.getexif().get(0x0112, 1) != 1 else frame
    if not transparent:
        return [np.array(frame)]
    if frame.getchannel("A").getextrema()[0] == 255:
        return [np.array(frame.convert("RGB"))]
    views = []
    for colour in ("white", "black"):
        ground = Image.new("RGBA", frame.size, colour)
        views.append(np.array(Image.alpha_composite(ground, frame).convert("RGB")))
    return views


__all__ = ["DecodedImage", "ImageLimits", "UnreadableError", "decode"]
