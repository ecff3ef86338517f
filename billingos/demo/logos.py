"""A logo for a demo merchant: white bars on a rounded square. Drawn here, so that no picture lies in the repository."""

import struct
import zlib
from collections.abc import Sequence

SIDE, ROUND = 160, 36  # pixels
GAP, FOOT = 10, 32


def logo(colour: str, bars: Sequence[int]) -> bytes:
    """A PNG with transparent corners; `colour` is #rrggbb, `bars` are heights in percent."""
    ground = bytes.fromhex(colour[1:]) + b"\xff"
    rows = b"".join(b"\x00" + b"".join(_pixel(x, y, ground, bars) for x in range(SIDE)) for y in range(SIDE))
    header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 6, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, content) for kind, content in chunks)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _pixel(x: int, y: int, ground: bytes, bars: Sequence[int]) -> bytes:
    if _is_corner(x, y):
        return b"\x00\x00\x00\x00"
    return b"\xff\xff\xff\xff" if _is_bar(x, y, bars) else ground


def _is_corner(x: int, y: int) -> bool:
    inner_x, inner_y = min(max(x, ROUND), SIDE - 1 - ROUND), min(max(y, ROUND), SIDE - 1 - ROUND)
    return (x - inner_x) ** 2 + (y - inner_y) ** 2 > ROUND**2


def _is_bar(x: int, y: int, bars: Sequence[int]) -> bool:
    room = SIDE - 2 * FOOT
    width = (room + GAP) // len(bars)
    index, within = divmod(x - FOOT, width)
    if not 0 <= index < len(bars) or within >= width - GAP:
        return False
    return SIDE - FOOT - room * bars[index] // 100 <= y < SIDE - FOOT
