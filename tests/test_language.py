"""Korean and English: every word that is shown has both, and Korean letters are really drawn."""

import ast
import io
import json
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from workbench import language, metrics
from workbench.plots import figure as plots
from workbench.plots import histogram
from workbench.reports import wording
from workbench.ui import events, gestures, part_filter, part_html, part_view, policies, saving

PACKAGE = Path(__file__).parents[1] / "workbench"
MAKERS = {"button", "_button", "toggle", "dropdown", "slider", "field", "fill", "control"}  # ui
COMPARED = {"OK", "NG", "", "-", "new"}  # with the data, and never shown


def said():
    """Every literal that the views hand to the translator, with the place."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                makers = MAKERS if path.parent.name == "ui" else set()
                if name in {"t"} | makers and node.args:
                    for part in ast.walk(node.args[name == "control"]):
                        if isinstance(part, ast.Constant) and isinstance(part.value, str):
                            yield part.value, path.name


def templates():
    """Every literal that the templates hand to the translator, with the place."""
    for path in sorted(PACKAGE.glob("*/templates/*")):
        for _, text in re.findall(
            r"""\bt\((["'])((?:(?!\1).)*)\1(?! ~)""", path.read_text("utf-8")
        ):
            yield text, path.name


@pytest.mark.parametrize("name", ["korean", "korean_errors"])
def test_no_word_is_translated_twice(name):
    said_of = json.loads(
        (PACKAGE / f"{name}.json").read_text("utf-8"), object_pairs_hook=lambda pairs: pairs
    )
    words = [word for word, _ in said_of]
    assert sorted(words) == sorted(set(words))


def test_reports_say_in_korean_what_a_threshold_aims_at(monkeypatch):
    monkeypatch.setenv("WORKBENCH_LANG", "ko")
    limit = metrics.threshold([1, 1.1, 1.2, 1.3, 1.5], policy="normal", aim=0.05, most=0.2)
    made = wording.say("origins", {}, [("threshold", f"1.08, {limit.origin()}")])
    assert "| 1.08, 과검 5 % 목표, 95 % 확신으로 20 % 이하, 점수 5개 기준, " in made
    assert limit.source not in made


def test_every_word_that_is_shown_has_a_korean_one():
    found = [*said(), *templates()]
    words = {text: place for text, place in found if text not in COMPARED}
    assert len(words) > 80
    pieces = {"score {0} ", " threshold {1}", "score {{0}} "}
    missing = {t: p for t, p in words.items() if t not in language.KOREAN and t not in pieces}
    assert not missing
    shown = {*part_filter.FILTERS, *part_filter.ORDERS, *part_filter.NONE_PASSES.values()}
    shown |= {said for _, said in gestures.ACTIONS.values()}
    shown |= {said for sign in part_html.SIGNS.values() for said in sign[1:3]}
    shown |= {said for o in policies.OFFERS.values() for said in (o.words, o.sentence)}
    shown |= {text for text, *_ in policies.FIELDS.values()}
    shown |= {
        "kappa {0} ({1} to {2}): you differ on {3} of {4} parts",
        *saving.PARTS,
        *saving.ROWS,
        *(word for text, *_, tip in events.BUTTONS for word in (text, tip)),
        *part_view.CAPTIONS,
    }
    assert not {text for text in shown if text not in language.KOREAN} - COMPARED


def test_translations_keep_the_places_to_be_filled():
    for english, korean in language.KOREAN.items():
        places = re.findall(r"{\d}", english)
        said = re.findall(r"{\d}", korean)
        if english in language.ERRORS:  # a remedy that is code is left out
            assert set(said) <= set(places), english
        else:
            assert sorted(said) == sorted(places), english


def test_the_language_is_a_setting_and_an_argument(monkeypatch):
    monkeypatch.delenv("WORKBENCH_LANG", raising=False)
    assert language.current() == "en" and language.translator()("Next") == "Next"
    monkeypatch.setenv("WORKBENCH_LANG", "ko_KR.UTF-8")
    assert language.translator()("Next") == "다음"
    assert language.translator("en")("Next") == "Next"
    with pytest.raises(ValueError, match="language must be one of en, ko, got 'fr'"):
        language.translator("fr")
    monkeypatch.setenv("WORKBENCH_LANG", "de")
    with pytest.raises(ValueError, match="WORKBENCH_LANG must be one of en, ko, got 'de'"):
        language.current()


def drawn(font, text):
    image = Image.new("L", (200, 40))
    ImageDraw.Draw(image).text((2, 2), text, 255, font)
    return np.asarray(image)


def test_korean_letters_are_drawn_into_images_as_themselves():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of there being none
        font = language.font(20)
    if font is None:
        pytest.skip("a font with Korean letters is needed: apt-get install fonts-nanum")
    missing = drawn(font, "\U000f1234" * 2)  # what a font draws for a letter that it lacks
    words = [drawn(font, word) for word in ("양품", "불량", "과검")]
    assert all(word.any() and (word != missing).any() for word in words)
    assert (words[0] != words[1]).any() and (words[1] != words[2]).any()


def test_figures_speak_korean_with_a_font_that_has_it(monkeypatch):
    plots.fonts.cache_clear()
    monkeypatch.setenv("WORKBENCH_LANG", "ko")
    if len(plots.fonts()) == 1:
        pytest.skip("a font with Korean letters is needed: apt-get install fonts-nanum")
    ax = histogram([1.0, 2.0, 3.0], [False, False, True], 2.5, bins=3)
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    assert ax.get_xlabel() == "이상 점수" and "임계값 2.5" in legend
    ax.figure.savefig(io.BytesIO())  # a letter that the font lacks would warn


def test_figures_stay_english_without_a_font_and_say_it_once(monkeypatch):
    monkeypatch.setenv("WORKBENCH_LANG", "ko")
    monkeypatch.setattr(language, "FONTS", ("no such font",))
    plots.fonts.cache_clear()
    language.warn_without_font.cache_clear()
    try:
        with pytest.warns(UserWarning, match="figures and exported images are in English"):
            assert histogram([1.0, 2.0], bins=2).get_xlabel() == "anomaly score"
        histogram([1.0, 2.0], bins=2)
    finally:
        plots.fonts.cache_clear()
        language.warn_without_font.cache_clear()


def test_without_a_font_images_are_in_english_and_it_is_said_once(monkeypatch):
    monkeypatch.setattr(language, "FONT_FILES", ("no-such-font.ttf",))
    language.font.cache_clear()
    language.warn_without_font.cache_clear()
    try:
        with pytest.warns(UserWarning, match="no font with Korean letters .* install NanumGothic"):
            assert language.font(20) is None
        assert language.font(21) is None  # a second warning would be an error here
    finally:
        language.font.cache_clear()
        language.warn_without_font.cache_clear()


def raised():
    """Every sentence of an exception or an assumption, with {0} for what is put in."""
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            name = getattr(getattr(node, "func", None), "id", "")
            if isinstance(node, ast.Raise | ast.Yield | ast.List) or name.endswith("Error"):
                for part in ast.walk(node):
                    if isinstance(part, ast.Constant) and isinstance(part.value, str):
                        yield part.value
                    elif isinstance(part, ast.JoinedStr):
                        numbers = iter(range(99))
                        yield "".join(
                            p.value if isinstance(p, ast.Constant) else f"{{{next(numbers)}}}"
                            for p in part.values
                        )


def test_what_is_raised_is_said_in_korean():
    sentences = {error for error in language.ERRORS if " " in error}
    assert len(sentences) > 20 and sentences <= set(raised())
    korean = language.translator("ko")
    said = language.said_again("models/x holds no detector; train one or check the name", korean)
    assert said == "models/x에 모델이 없습니다. 학습하거나 이름을 확인하세요"
    damaged = "x is damaged: odd; copy the folder again, or train again"
    in_korean = "x이(가) 손상되었습니다: odd. 폴더를 다시 복사하거나 다시 학습하세요"
    assert language.said_again(damaged, korean) == in_korean
    english = language.translator("en")
    assert language.said_again(damaged, english) == damaged


def pieces_of_the_sources():
    """Every literal of the code, the templates and the reports' notebooks."""
    for path in PACKAGE.rglob("*"):
        if path.suffix == ".py":
            tree = ast.walk(ast.parse(path.read_text("utf-8")))
            yield from (x.value for x in tree if isinstance(getattr(x, "value", x), str))
        elif path.suffix in (".j2", ".html"):
            yield from re.findall(r'"([^"]*)"', path.read_text("utf-8"))
            yield from re.findall(r'\bt\("([^"]*)"', path.read_text("utf-8"))
    for path in (PACKAGE.parent / "notebooks").glob("*.ipynb"):
        for cell in json.loads(path.read_text("utf-8"))["cells"]:
            yield from (block.lstrip("# ") for block in "".join(cell["source"]).split("\n\n"))


def joined_from(text, pieces, most=9):
    """Whether a text is a few of the pieces in a row."""
    fewest = {0: 0}
    for start in range(len(text)):
        for end in range(start + 1, len(text) + 1) if start in fewest else ():
            if text[start:end] in pieces:
                fewest[end] = min(fewest.get(end, most + 1), fewest[start] + 1)
    return fewest.get(len(text), most + 1) <= most


def test_no_translation_is_left_of_what_nobody_says_any_more():
    pieces = list(pieces_of_the_sources())
    whole = {*pieces, *(" ".join(piece.split()) for piece in pieces)}
    words = {piece for piece in whole if len(piece) > 2} | {"OK", "NG", "s", " ", "{0} "}
    english = language.WORDS.keys()
    assert {e for e in english if e not in whole and not joined_from(e, words)} == set()
    assert not joined_from("The parts are red today.", words)
