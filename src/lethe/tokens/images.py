"""What an image costs, by the formulas that the vendors publish."""

import math
from typing import TypeAlias

from msgspec import Struct

from lethe.tokens.sizes import Size


class Patches(Struct, frozen=True, kw_only=True):
    """A token, or `factor` of one, a square of `side` pixels, after the image is scaled down to both limits."""

    side: int
    longest: int | None = None  # pixels of the longer edge
    most: int | None = None  # patches
    factor: float = 1.0
    whole: bool = False  # scaled so that one edge is a whole number of patches (OpenAI), not as large as fits

    def tokens(self, size: Size) -> int:
        width, height = (edge / self.side for edge in _within(size, self.longest))
        if self.most is not None and _cells(width, height) > self.most:
            scale = _whole(width, height, self.most) if self.whole else _fitting(width, height, self.most)
            return math.ceil(min(self.most, _cells(width * scale, height * scale)) * self.factor)
        return math.ceil(_cells(width, height) * self.factor)


class Tiles(Struct, frozen=True, kw_only=True):
    """`start` tokens and `each` a tile of 512 pixels, of an image scaled to 2048 and its shorter edge to 768."""

    start: int
    each: int

    def tokens(self, size: Size) -> int:
        width, height = _within(size, 2048)
        scale = min(1.0, 768 / min(width, height))
        return self.start + self.each * _cells(width * scale / 512, height * scale / 512)


class Crops(Struct, frozen=True, kw_only=True):
    """`each` token a crop: one up to `small` pixels, else as many as it takes of two thirds of the shorter edge."""

    each: int
    small: int
    least: int
    most: int

    def tokens(self, size: Size) -> int:
        if max(size) <= self.small:
            return self.each
        side = min(self.most, max(self.least, math.floor(min(size) / 1.5)))
        return self.each * _cells(size[0] / side, size[1] / side)


class Flat(Struct, frozen=True):
    """The same whatever the size."""

    each: int

    def tokens(self, size: Size) -> int:
        del size
        return self.each


Formula: TypeAlias = Patches | Tiles | Crops | Flat


def _within(size: Size, longest: int | None) -> tuple[float, float]:
    scale = 1.0 if longest is None else min(1.0, longest / max(size))
    return size[0] * scale, size[1] * scale


def _cells(width: float, height: float) -> int:
    """How many squares cover so many in width and height; a hair more than a whole number is rounding."""
    return math.ceil(round(width, 6)) * math.ceil(round(height, 6))


def _whole(width: float, height: float, most: int) -> float:
    scale = math.sqrt(most / (width * height))
    edges = width * scale, height * scale
    return scale * min(max(1, math.floor(edge)) / edge for edge in edges)


def _fitting(width: float, height: float, most: int) -> float:
    """The largest scale that needs no more: there one edge is whole, as beyond it a row or column is added."""
    scales = (cells / edge for edge in (width, height) for cells in range(1, min(most, math.ceil(edge)) + 1))
    return max(s for s in scales if _cells(width * s, height * s) <= most or s * max(width, height) <= 1)
