"""Korean or English, chosen by `$WORKBENCH_LANG` or an argument; English is the key.

Words of the line (OK, NG, the names of files) stay as they are in both.
"""

import os
import warnings
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

LANGUAGES = ("en", "ko")
FONTS = ("NanumGothic", "Noto Sans CJK KR", "Malgun Gothic", "AppleGothic")
"""Fonts with Korean letters, as matplotlib names them; none comes with the workbench."""

_FILES = (
    "NanumGothic.ttf", "NotoSansCJK-Regular.ttc", "NotoSansKR-Regular.otf", "malgun.ttf",
    "AppleGothic.ttf",
)  # fmt: skip

KOREAN = {
    # what a part is, and what is said of it
    "Miss rate 미검율": "미검율",
    "Overkill rate 과검율": "과검율",
    "good": "양품",
    "defective": "불량",
    "missed": "미검",
    "overkill": "과검",
    "correct": "정답",
    "no label": "라벨 없음",
    "not judged": "판정 없음",
    "True label": "실제 라벨",
    "relabelled": "라벨 수정됨",
    "Outcome": "결과",
    "Score / threshold": "점수 / 임계값",
    "Judged": "판정한 수",
    "Time": "시간",
    "95 % interval": "95 % 구간",
    "{0} of {1}": "{1}개 중 {0}개",
    "{0} to {1} %": "{0} ~ {1} %",
    "scored {0} ms, shown {1} ms": "채점 {0} ms, 표시 {1} ms",
    "score {0} below threshold {1}": "점수 {0}, 임계값 {1} 미만",
    "score {0} at or above threshold {1}": "점수 {0}, 임계값 {1} 이상",
    "threshold": "임계값",
    "threshold {0}": "임계값 {0}",
    "score": "점수",
    "parts": "개수",
    "parts, log": "개수 (로그)",
    # figures
    "anomaly score": "이상 점수",
    "chance": "우연",
    "overkill rate": "과검율",
    "miss rate": "미검율",
    "share of NG caught": "불량 검출 비율",
    "verdict": "판정",
    "true label": "실제 라벨",
    "caught": "검출",
    "epoch": "에폭",
    "loss": "손실",
    "train nll": "학습 NLL",
    "held out nll": "검증 NLL",
    # the histogram
    "Histogram": "히스토그램",
    "histogram of scores": "점수 히스토그램",
    "NG from {0}": "{0} 이상 NG",
    "score, log": "점수 (로그)",
    "Scores": "점수",
    "{0} scores": "점수 {0}개",
    ", {0} without a score left out": ", 점수 없는 {0}개 제외",
    "Threshold": "임계값",
    "Log counts": "개수 로그",
    "Log scores": "점수 로그",
    "Detector's own": "저장된 임계값",
    "As given": "주어진 임계값",
    "Percentile": "백분위",
    "Conformal": "컨포멀",
    "Zero miss": "미검 0",
    "Limit misses": "미검율 상한",
    "Limit overkill": "과검율 상한",
    "Lowest cost": "최소 비용",
    "Best F1": "최고 F1",
    "Percentile of OK": "양품 백분위",
    "Conformal overkill %": "컨포멀 과검율 %",
    "Misses at most %": "미검율 최대 %",
    "Overkill at most %": "과검율 최대 %",
    "NG made %": "실제 불량률 %",
    "Cost of a miss": "미검 1건 비용",
    "Cost of overkill": "과검 1건 비용",
    "OK parts": "양품",
    "NG parts": "불량",
    "Share called NG": "NG 판정 비율",
    "Escapes per million made": "백만 개당 유출",
    "Cost per 1000 parts": "1000개당 비용",
    "Parts": "부품",
    "Parts scored": "점수 구간",
    "Open in the simulator": "시뮬레이터에서 열기",
    "Save to detector": "모델에 저장",
    "memory only": "메모리에만",
    "saved to {0}: the detector cuts at {1}": "{0}에 저장했습니다. 임계값 {1}",
    # comparison and label audit
    "Comparison": "비교",
    "scores of {0} against those of {1}": "{0}와(과) {1}의 점수",
    "changed verdicts": "판정이 바뀐 부품",
    "put right, made wrong": "바로잡음, 틀리게 됨",
    "chance of that by luck (McNemar)": "우연일 확률 (McNemar)",
    "no part changed its verdict": "판정이 바뀐 부품이 없습니다",
    "label confirmed": "라벨 확인됨",
    "Keep label": "라벨 유지",
    "Turn label round": "라벨 바꾸기",
    "that was the last suspicious label": "마지막 의심 라벨이었습니다",
    "Further out than": "더 벗어난 비율",
    "{0} % of the parts labelled {1}": "라벨 {1} 부품의 {0} %",
    "{0}, at first {1}": "{0}, 처음 {1}",
    "Label audit": "라벨 점검",
    "loading the model {0} ...": "모델 {0}을(를) 불러오는 중 ...",
    # the simulator
    "Simulator": "시뮬레이터",
    "Photo": "사진",
    "Heat map overlay": "히트맵 겹쳐 보기",
    "Heat": "이상도",
    "same for<br>all parts": "모든 부품<br>공통",
    "this part<br>alone": "이 부품<br>기준",
    "colour scale of the heat map": "히트맵 색상 눈금",
    "Previous": "이전",
    "Next": "다음",
    "Play": "재생",
    "Pause": "일시정지",
    "It is OK": "양품(OK)",
    "It is NG": "불량(NG)",
    "Undo": "되돌리기",
    "Reset": "초기화",
    "Export": "내보내기",
    "Image": "이미지",
    "Opacity": "불투명도",
    "Zoom": "확대",
    "Look at": "위치",
    "Scale": "눈금",
    "Show": "보기",
    "Order": "순서",
    "Note": "메모",
    "Outline": "실제 결함 윤곽",
    "the same for all parts": "모든 부품 공통",
    "each part its own": "부품마다",
    "whole photo": "전체 사진",
    "region {0}": "영역 {0}",
    "all parts": "모든 부품",
    "labelled OK": "라벨 OK",
    "labelled NG": "라벨 NG",
    "called OK": "판정 OK",
    "called NG": "판정 NG",
    "random": "무작위",
    "name": "이름순",
    "worst": "점수 높은 순",
    "closest": "임계값에 가까운 순",
    "Why": "판정 근거",
    "finest": "가장 세밀함",
    "coarsest": "가장 거침",
    "no place stands out": "두드러진 곳 없음",
    "region {0}: {1} x {2} px at {3}, {4}; peak {5}": (
        "영역 {0}: {1} x {2} px, 위치 {3}, {4}; 최고 {5}"
    ),
    "share of the scales": "스케일별 비중",
    "scoring what has not been scored yet ...": "아직 채점하지 않은 부품을 채점하는 중 ...",
    "results in {0}": "결과 파일 {0}",
    "results are not written": "결과를 저장하지 않음",
    "started anew; the former results are kept in {0}": (
        "새로 시작했습니다. 이전 결과는 {0}에 있습니다"
    ),
    "nothing to undo": "되돌릴 것이 없습니다",
    "taken back: {0}": "되돌림: {0}",
    "{0} is now labelled {1}": "{0}의 라벨을 {1}(으)로 바꿨습니다",
    "exported to {0}": "{0}에 내보냈습니다",
    "download": "내려받기",
    "Start a new result file; the old one is kept": (
        "새 결과 파일을 시작합니다. 이전 파일은 남습니다"
    ),
    "keys: left and right step, space plays, o and n relabel, u takes back": (
        "키: 왼쪽/오른쪽 이동, 스페이스 재생, o/n 라벨 수정, u 되돌리기"
    ),
}


def current() -> str:
    """The language that `$WORKBENCH_LANG` names, "en" if it is not set.

    Raises:
        ValueError: It names another one.

    Example:
        >>> current() in LANGUAGES
        True
    """
    return _known(os.environ.get("WORKBENCH_LANG") or "en", "$WORKBENCH_LANG")


def translator(language: str | None = None) -> Callable[..., str]:
    """A function from English to this language; places {0}, {1} are filled with what follows.

    Args:
        language: "en" or "ko"; that of the setting if None.

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


@cache
def font(size: int) -> "FreeTypeFont | None":
    """A font of this system with Korean letters, for drawing into images, or None.

    Warns once if there is none; what is drawn is then English.
    """
    from PIL import ImageFont

    for name in _FILES:
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
