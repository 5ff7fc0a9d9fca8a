"""Images: whatever the bytes, frames within limits or a reason."""

from __future__ import annotations

import contextlib
import io
import struct
import zipfile
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from reference.moderation.images.containers import read_header
from reference.moderation.images.decoding import ImageLimits, UnreadableError, decode
from reference.moderation.types import ModerationError


def picture(width: int = 64, height: int = 48, mode: str = "RGB", seed: int = 0) -> Image.Image:
    noise = np.random.default_rng(seed).integers(0, 255, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(noise).convert(mode)


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    target = io.BytesIO()
    image.save(target, kind, **options)
    return target.getvalue()


def zipped() -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as file:
        file.writestr("zorgle.txt", "zorgle")
    return target.getvalue()


def coloured_frames(count: int) -> list[Image.Image]:
    return [Image.new("RGB", (20, 20), (i * 251 % 256, i * 83 % 256, 255 - i % 256)) for i in range(count)]


KINDS = ("JPEG", "PNG", "GIF", "WEBP", "BMP")


@pytest.mark.parametrize("kind", KINDS)
def test_a_still_image_gives_one_rgb_frame_of_its_size(kind: str) -> None:
    decoded = decode(encoded(picture(), kind))
    assert [frame.shape for frame in decoded.frames] == [(48, 64, 3)]
    assert decoded.frames[0].dtype == np.uint8
    assert (decoded.header.width, decoded.header.height, decoded.unseen) == (64, 48, 0)


@pytest.mark.parametrize("kind", KINDS)
def test_a_truncated_image_is_unreadable_at_every_cut(kind: str) -> None:
    data = encoded(picture(), kind)
    for cut in np.linspace(3, len(data) - 3, 25).astype(int):
        with pytest.raises(UnreadableError):
            decode(data[:cut])


def test_an_empty_or_foreign_file_is_unreadable() -> None:
    for data, reason in ((b"", "empty"), (b"hello", "not a JPEG"), (zipped(), "not a JPEG"), (b"RIFF", "truncated")):
        with pytest.raises(UnreadableError, match=reason):
            decode(data)
    assert issubclass(UnreadableError, ModerationError)


def test_a_bomb_is_refused_by_its_header_before_it_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
    gif = bytearray(encoded(picture(), "GIF"))
    gif[6:10] = struct.pack("<HH", 65_535, 65_535)
    jpeg = encoded(picture(), "JPEG")
    at = jpeg.index(b"\xff\xc0") + 5
    jpeg = jpeg[:at] + struct.pack(">HH", 65_000, 65_000) + jpeg[at + 4 :]
    monkeypatch.setattr(Image, "open", lambda *_, **__: pytest.fail("the decoder was reached"))
    for data in (png, bytes(gif), jpeg):
        with pytest.raises(UnreadableError, match="pixels; the limit"):
            decode(data)


def test_a_frame_larger_than_its_screen_counts_in_a_gif() -> None:
    gif = bytearray(encoded(picture(), "GIF"))
    at = gif.index(b"\x2c\0\0\0\0")
    gif[at + 5 : at + 9] = struct.pack("<HH", 60_000, 60_000)
    with pytest.raises(UnreadableError, match="60000 x 60000"):
        decode(bytes(gif))


def test_too_many_bytes_are_refused() -> None:
    with pytest.raises(UnreadableError, match="bytes; the limit is 100"):
        decode(encoded(picture()), ImageLimits(bytes=100))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("tail", "reason"),
    [(zipped(), "zip"), (b"<html><script>1</script>", "page or script"), (b"%PDF-1.7", "PDF"), (b"zorgle", "follow")],
)
def test_a_polyglot_is_unreadable(kind: str, tail: bytes, reason: str) -> None:
    with pytest.raises(UnreadableError, match=reason):
        decode(encoded(picture(), kind) + tail)


def test_a_zip_in_a_jpeg_comment_is_found() -> None:
    jpeg, archive = encoded(picture(), "JPEG"), zipped()
    comment = b"\xff\xfe" + struct.pack(">H", len(archive) + 2) + archive
    with pytest.raises(UnreadableError, match="zip archive as well"):
        decode(jpeg[:2] + comment + jpeg[2:])


def test_script_in_a_jpeg_comment_is_found() -> None:
    with pytest.raises(UnreadableError, match="page or script"):
        decode(encoded(picture(), "JPEG", comment=b"<script>zorgle()</script>"))


def test_padding_behind_an_image_is_no_polyglot() -> None:
    assert decode(encoded(picture(), "JPEG") + b"\0\0\r\n").frames


def test_a_second_jpeg_behind_the_first_is_looked_at_too() -> None:
    both = encoded(picture(seed=1), "JPEG") + encoded(picture(32, 32, seed=2), "JPEG")
    assert [frame.shape for frame in decode(both).frames] == [(48, 64, 3), (32, 32, 3)]


def test_a_jpeg_of_endless_scans_is_refused() -> None:
    data = encoded(picture(), "JPEG", progressive=True)
    at = data.rindex(b"\xff\xda")
    scan, end = data[at:-2], data[-2:]
    assert decode(data).frames
    with pytest.raises(UnreadableError, match="scans"):
        decode(data[:at] + scan * 100 + end)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_every_frame_of_a_short_animation_is_looked_at(kind: str) -> None:
    first, *rest = coloured_frames(5)
    decoded = decode(encoded(first, kind, save_all=True, append_images=rest, duration=50, lossless=True))
    assert (len(decoded.frames), decoded.unseen) == (5, 0)
    assert len({tuple(frame[10, 10]) for frame in decoded.frames}) == 5


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_a_long_animation_says_how_many_frames_nobody_saw(kind: str) -> None:
    first, *rest = coloured_frames(50)
    data = encoded(first, kind, save_all=True, append_images=rest, duration=50, lossless=True)
    decoded = decode(data, ImageLimits(frames=8))
    assert (len(decoded.frames), decoded.unseen) == (8, 42)
    last = np.asarray(rest[-1])[10, 10].astype(int)
    assert np.abs(decoded.frames[-1][10, 10] - last).max() <= 8


def test_exif_rotation_is_applied() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    half = picture(64, 32)
    half.paste((255, 0, 0), (0, 0, 32, 32))
    half.paste((0, 0, 255), (32, 0, 64, 32))
    frame = decode(encoded(half, "JPEG", exif=exif, quality=95)).frames[0]
    assert frame.shape == (64, 32, 3)
    assert frame[5, 16, 0] > 200  # what was left is now on top
    assert frame[60, 16, 2] > 200


@pytest.mark.parametrize(
    ("mode", "kind"), [("P", "PNG"), ("L", "PNG"), ("1", "PNG"), ("CMYK", "JPEG"), ("LA", "PNG"), ("P", "GIF")]
)
def test_every_pixel_mode_becomes_rgb(mode: str, kind: str) -> None:
    image = Image.new("RGB", (30, 20), (255, 255, 255)).convert(mode)
    frame = decode(encoded(image, kind)).frames[0]
    assert frame.shape == (20, 30, 3)
    assert frame.min() > 240


def test_sixteen_bit_grey_is_scaled_and_not_clipped() -> None:
    values = np.linspace(0, 65_535, 64 * 64).reshape(64, 64).astype(np.uint16)
    frame = decode(encoded(Image.fromarray(values))).frames[0]
    assert 100 < frame[32, 32, 0] < 155


def test_a_transparent_picture_is_seen_on_white_and_on_black() -> None:
    image = Image.new("RGBA", (40, 40), (255, 255, 255, 0))
    image.paste((255, 255, 255, 255), (10, 10, 30, 30))  # invisible on white
    on_white, on_black = decode(encoded(image)).frames
    assert on_white.std() == 0
    assert on_black[20, 20, 0] == 255
    assert on_black[0, 0, 0] == 0


@pytest.mark.slow
def test_a_large_image_is_reduced_to_the_working_side() -> None:
    for kind in KINDS:
        frame = decode(encoded(picture(1500, 300), kind), ImageLimits(side=500)).frames[0]
        assert frame.shape == (100, 500, 3)


SAMPLES = [encoded(picture(), kind) for kind in KINDS]
SAMPLES += [
    encoded(coloured_frames(3)[0], kind, save_all=True, append_images=coloured_frames(3)[1:])
    for kind in ("GIF", "WEBP", "PNG")
]


@pytest.mark.slow
@settings(max_examples=400, deadline=None)
@given(st.data())
def test_no_mutated_file_raises_anything_but_unreadable(data: st.DataObject) -> None:
    raw = bytearray(data.draw(st.sampled_from(SAMPLES)))
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, len(raw) - 1))
        match data.draw(st.sampled_from(["set", "cut", "insert"])):
            case "set":
                raw[at] = data.draw(st.integers(0, 255))
            case "cut":
                del raw[at : at + data.draw(st.integers(1, 20))]
                raw = raw or bytearray(b"\0")
            case "insert":
                raw[at:at] = data.draw(st.binary(max_size=20))
    limits = ImageLimits(pixels=1_000_000)
    try:
        decoded = decode(bytes(raw), limits)
    except UnreadableError:
        return
    assert decoded.frames
    assert all(frame.shape[2] == 3 and max(frame.shape[:2]) <= limits.side for frame in decoded.frames)


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from([b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF", b"BM", b""]), st.binary(max_size=300)
)
def test_no_bytes_behind_a_magic_number_crash_the_header_reader(magic: bytes, rest: bytes) -> None:
    with contextlib.suppress(UnreadableError):
        assert read_header(magic + rest).width > 0
