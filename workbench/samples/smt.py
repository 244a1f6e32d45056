"""A populated board: solder pads, chip parts, ICs with legs, silkscreen."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from .chips import BOARD, LEG_PITCH, LEG_REACH, LEGS, SILK, SIZES, sprite_of
from .photo import Defect, Rgb, blob, filled, points, texture, tint, to_picture

DEFECTS = ("missing", "shifted", "bridge", "tombstone", "polarity")

_MASK: Rgb = (18, 84, 48)
_TRACK: Rgb = (30, 106, 60)
_SOLDER: Rgb = (172, 176, 182)
_GOLD: Rgb = (196, 168, 96)


class Part(NamedTuple):
    """A component: kind, centre in shares of the canvas, degrees anticlockwise, marking."""

    kind: str
    x: float
    y: float
    angle: float
    text: str = ""


PARTS = tuple(Part(*row) for row in BOARD["parts"])
_CHIPS = [i for i, part in enumerate(PARTS) if part.kind not in ("so14", "so8", "can")]
_POLAR = [i for i, part in enumerate(PARTS) if part.kind in ("diode", "led", "can", "so8", "so14")]


def draw(side: int, rng: np.random.Generator, defect: Defect | None = None) -> Image.Image:
    """One board on a canvas of `side` pixels; placement, solder and grain differ each time."""
    board = _grain(_bare_board(side), rng)
    _shine(board, rng)
    placed = [_jitter(part, rng) for part in PARTS]
    if defect is not None and defect.kind == "bridge":
        board = _bridge(board, defect)
    elif defect is not None:
        _misplace(placed, defect)
    for part in placed:
        brightness = rng.uniform(0.92, 1.08)
        if part is not None:
            _place(board, part, brightness)
    return board


def _jitter(part: Part, rng: np.random.Generator) -> Part:
    """Placement within tolerance."""
    dx, dy = rng.normal(0, 0.0018, 2)
    turn = rng.normal(0, 0.5 if part.kind in LEGS else 1.0)
    return part._replace(x=part.x + dx, y=part.y + dy, angle=part.angle + turn)


def _misplace(placed: list[Part | None], defect: Defect) -> None:
    """Leave a part out, or change one in place."""
    rng, severity = defect.rng, defect.severity
    i = rng.choice(_POLAR if defect.kind == "polarity" else _CHIPS)
    part, turn = placed[i], 180.0
    x, y, kind = part.x, part.y, part.kind
    if defect.kind == "shifted":  # off its pads, from just out of tolerance to fallen off
        heading, far = rng.uniform(0, 2 * np.pi), 0.010 + 0.030 * severity
        turn = rng.choice([-1, 1]) * (6 + 30 * severity * rng.uniform(0.3, 1))
        x, y = x + far * np.cos(heading), y + far * np.sin(heading)
    elif defect.kind == "tombstone":  # it stands on one pad, looks short and shows its end
        far, along = rng.choice([-1, 1]) * SIZES[kind][2] * 0.9, np.deg2rad(part.angle)
        x, y, kind = x + far * np.cos(along), y - far * np.sin(along), f"{kind} up"
        turn = rng.normal(0, 4 + 8 * severity)
    moved = part._replace(kind=kind, x=x, y=y, angle=part.angle + turn)
    placed[i] = None if defect.kind == "missing" else moved


def _bridge(board: Image.Image, defect: Defect) -> Image.Image:
    """Solder from one leg of an IC to the next."""
    part = PARTS[defect.rng.integers(2)]
    k, row = defect.rng.integers(LEGS[part.kind] - 1), defect.rng.choice([-1, 1])
    along = (k - (LEGS[part.kind] - 2) / 2) * LEG_PITCH
    x, y = _turned(part, along, row * (LEG_REACH + defect.rng.uniform(-0.004, 0.006)))
    thick = 0.0035 + 0.009 * defect.severity
    shape = blob(defect.rng, (0, 0), 1, 0.12) * (LEG_PITCH * 0.62, thick)
    shape = shape[:, ::-1] if part.angle == 90 else shape
    shine = filled(board.width, shape * 0.5 + (x - 0.002, y - 0.002), 0.001)
    body = tint(board, filled(board.width, shape + (x, y)), _SOLDER)
    return tint(body, shine, (238, 240, 243), 0.8)


def _place(board: Image.Image, part: Part, brightness: float) -> None:
    sprite = sprite_of(part.kind, part.text, board.width)
    sprite = sprite.rotate(part.angle, Image.Resampling.BICUBIC, expand=True)
    alpha = sprite.getchannel("A")
    x, y = round(part.x * board.width - sprite.width / 2), round(
        part.y * board.width - sprite.height / 2)  # fmt: skip
    drop = round(board.width * (0.010 if part.kind.endswith("up") else 0.005))
    shadow = alpha.filter(ImageFilter.GaussianBlur(board.width / 250)).point(lambda a: a * 0.5)
    board.paste((4, 14, 8), (x + drop, y + drop), shadow)
    lit = sprite.convert("RGB").point([min(255, round(v * brightness)) for v in range(256)] * 3)
    board.paste(lit, (x, y), alpha)


def _grain(board: Image.Image, rng: np.random.Generator) -> Image.Image:
    side = board.width
    grain = 1 + 0.035 * texture(rng, side, side // 3) + 0.03 * texture(rng, side, 10)
    return to_picture(np.asarray(board, np.float32) / 255 * grain[..., None])


def _shine(board: Image.Image, rng: np.random.Generator) -> None:
    """Solder freezes a little differently on every pad."""
    pen, s = ImageDraw.Draw(board), board.width
    for x, y, w, h in _pads():
        dx, dy = rng.normal(0, 0.12, 2)
        level = int(rng.integers(205, 250))
        cx, cy = (x + dx * w) * s, (y + dy * h) * s
        rx, ry = w * s * rng.uniform(0.14, 0.24), h * s * rng.uniform(0.14, 0.24)
        pen.ellipse([cx - rx, cy - ry, cx + rx, cy + ry], (level, level, level))


def _turned(part: Part, along: float, across: float) -> tuple[float, float]:
    """A place given in the part's own directions, on the canvas."""
    upright = part.angle == 90
    return (part.x + across, part.y - along) if upright else (part.x + along, part.y + across)


def _pads() -> list[tuple[float, float, float, float]]:
    """Centre, width and height of every pad."""
    pads = []
    for part in PARTS:
        legs = LEGS.get(part.kind, 0)
        middles = [((k - (legs - 1) / 2) * LEG_PITCH, row * LEG_REACH, 0.020, 0.036)
                   for k in range(legs) for row in (-1, 1)]  # fmt: skip
        _, width, reach = SIZES[part.kind]
        tall = 0.05 if part.kind == "can" else width * 1.08
        middles = middles or [(way * reach, 0, width * 0.85, tall) for way in (-1, 1)]
        if part.kind == "can":
            middles = [(way * 0.066, 0, 0.05, 0.04) for way in (-1, 1)]
        for along, across, w, h in middles:
            pads.append((*_turned(part, along, across), *((h, w) if part.angle == 90 else (w, h))))
    return pads


@lru_cache(maxsize=2)
def _bare_board(side: int) -> Image.Image:
    """Tracks, vias, silkscreen and soldered pads, drawn large and reduced."""
    large = Image.new("RGB", (2 * side, 2 * side), _MASK)
    pen = ImageDraw.Draw(large)
    _tracks(pen, 2 * side)
    _silkscreen(pen, 2 * side)
    for x, y, w, h in _pads():
        for grow, colour in ((1.16, (12, 62, 36)), (1.0, (128, 132, 138)), (0.8, _SOLDER)):
            half = np.array([w, h]) * grow / 2
            pen.rounded_rectangle(_box(x, y, half, 2 * side), min(half) * side * 0.8, colour)
    return large.reduce(2)


def _box(x: float, y: float, half: np.ndarray, scale: int) -> list[float]:
    middle = np.array([x, y])
    return [*((middle - half) * scale), *((middle + half) * scale)]


def _tracks(pen: ImageDraw.ImageDraw, s: int) -> None:
    """The same tangle in every board: right-angled nets between pads, with vias."""
    rng = np.random.default_rng(7)
    pads = _pads()
    for x, y, *_ in pads[::3]:
        to = np.array(pads[rng.integers(len(pads))][:2])
        knee = (x + np.sign(to[0] - x) * abs(to[1] - y) * 0.5, (y + to[1]) / 2)
        stop = (to[0] * 0.4 + knee[0] * 0.6, knee[1])
        pen.line(points([(x, y), knee, stop], s), _TRACK, round(0.009 * s), "curve")
        for radius, colour in ((0.011, _GOLD), (0.005, (24, 26, 24))):
            pen.circle((stop[0] * s, stop[1] * s), radius * s, colour)


def _silkscreen(pen: ImageDraw.ImageDraw, s: int) -> None:
    font, line = ImageFont.load_default(0.026 * s), round(0.004 * s)
    counts: dict[str, int] = {}
    for part in PARTS:
        letter = {"r": "R", "s": "C", "c": "C", "d": "D", "l": "D"}[part.kind[0]]
        letter = "U" if part.kind in LEGS else letter
        counts[letter] = counts.get(letter, 0) + 1
        length, width, reach = SIZES[part.kind]
        half = np.array([length / 2 + 0.3 * reach + 0.012, width / 2 + 0.010])
        half = half[::-1] if part.angle == 90 else half
        if part.kind not in LEGS:
            pen.rounded_rectangle(_box(part.x, part.y, half, s), 0.008 * s, None, SILK, line)
        at = (part.x * s, (part.y - half[1] - (0.075 if part.kind in LEGS else 0.004)) * s)
        pen.text(at, f"{letter}{counts[letter]}", SILK, font, "mb")
    pen.text((0.10 * s, 0.92 * s), "CTRL-2 REV C", SILK, font, "ls")
