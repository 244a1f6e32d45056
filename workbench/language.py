"""Korean or English, chosen by `$WORKBENCH_LANG` or an argument; English is the key.

Words of the line (OK, NG, the names of files) stay as they are in both.
"""

import json
import os
import re
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

LANGUAGES = ("en", "ko")
FONTS = (
    "NanumGothic", "Noto Sans CJK KR", "Noto Sans CJK JP", "Malgun Gothic", "AppleGothic",
)  # fmt: skip
"""Fonts with Korean letters, as matplotlib names them: a collection by its first face, and that of
Noto Sans CJK is Japanese. None comes with the workbench."""

FONT_FILES = (
    "NanumGothic.ttf", "NotoSansCJK-Regular.ttc", "NotoSansKR-Regular.otf", "malgun.ttf",
    "AppleGothic.ttf",
)  # fmt: skip

WORDS, ERRORS = (
    json.loads(Path(__file__).with_name(f"{name}.json").read_text("utf-8"))
    for name in ("korean", "korean_errors")
)
_CASES = {case(word): said for word, said in WORDS.items() for case in (str.upper, str.capitalize)}
KOREAN: dict[str, str] = _CASES | WORDS | ERRORS
"""From English to Korean, which knows no capitals; {0}, {1} are places that are filled. ERRORS are
those of exceptions."""


def current() -> str:
    """The language that `$WORKBENCH_LANG` names, "en" if it is not set; ValueError for another."""
    return _known(os.environ.get("WORKBENCH_LANG") or "en", "$WORKBENCH_LANG")


def speak(language: str) -> None:
    """Make this the language of the setting, for this process and those that it starts."""
    if language:
        os.environ["WORKBENCH_LANG"] = _known(language, "language")


def translator(language: str | None = None) -> Callable[..., str]:
    """A function from English to this language; places {0}, {1} are filled with what follows.

    Raises:
        ValueError: Another language.

    Example:
        >>> translator("ko")("threshold {0}", 2.5)
        '임계값 2.5'
    """
    words = KOREAN if _known(language or current(), "language") == "ko" else {}

    def translate(text: str, *values: object) -> str:
        text = words.get(text, text)
        return text.format(*values) if values else text

    return translate


def t(text: str, *values: object) -> str:
    """A text in the language of the setting; one letter, as it stands at every word that is shown.

    Example:
        >>> t("{0} of {1}", 2, 31)
        '2 of 31'
    """
    return translator()(text, *values)


def said_again(text: str, t: Callable[..., str]) -> str:
    """What an error says in English, in the language of `t` where we know the sentence."""
    for pattern, sentence in _errors():
        if found := pattern.fullmatch(text):
            return t(sentence, *found.groups())
    return text


@cache
def _errors() -> list[tuple[re.Pattern, str]]:
    """The sentences of ERRORS as patterns of what is raised."""
    filled = {e: re.sub(r"\\{\d\\}", "(.*)", re.escape(e)) for e in ERRORS}
    return [(re.compile(pattern, re.DOTALL), error) for error, pattern in filled.items()]


@cache
def font(size: int) -> "FreeTypeFont | None":
    """A font of this system with Korean letters, for drawing into images, or None.

    Warns once if there is none; what is drawn is then English.
    """
    from PIL import ImageFont

    for name in FONT_FILES:
        try:
            return ImageFont.truetype(name, size)
        except OSError:
            continue
    warn_without_font()
    return None


@cache
def warn_without_font() -> None:
    """Say once that figures and images stay English."""
    warnings.warn(
        "no font with Korean letters was found, so figures and exported images are in English; "
        "install NanumGothic or Noto Sans CJK (Debian: apt-get install fonts-nanum)",
        stacklevel=3,
    )


def _known(language: str, name: str) -> str:
    short = language.lower().partition("_")[0].partition("-")[0]
    if short not in LANGUAGES:
        raise ValueError(f"{name} must be one of {', '.join(LANGUAGES)}, got {language!r}")
    return short
