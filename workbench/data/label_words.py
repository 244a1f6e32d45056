"""The words by which people sort parts: which folder or cell says good, and which NG.

A word that is not known here is unknown: it is named to the user and never taken for NG.
"""

import re
import unicodedata
from collections.abc import Mapping
from typing import NamedTuple


def _listed(text: str) -> frozenset[str]:
    return frozenset(" ".join(word.split()) for word in text.split(","))


GOOD = _listed(
    """ok, okay, good, goods, normal, pass, passed, conforming, accepted, io, i o, gut, good part,
    good parts, goodparts, ok part, ok parts, no defect, no defects,
    defect free, non defective, mt free,
    양품, 정상, 정상품, 합격, 합격품, 良品, 正常, 合格"""
)
BAD = _listed(
    """ng, nok, bad, defect, defects, defective, def, fail, failed, failure, faulty, ko, reject,
    rejected, rejects, abnormal, anomaly, anomalies, anomalous, scrap, nio, n i o,
    not ok, not good, no good, bad part, bad parts, ng part, ng parts, defect parts,
    non conforming, mt blowhole, mt break, mt crack, mt fray, mt uneven,
    불량, 불량품, 비정상, 불합격, 불합격품, 不良, 不良品, 異常, 不合格"""
)
MASKS = _listed("mask, masks, ground truth, groundtruth, gt")
SPLIT_WORDS = {
    "train": "train", "training": "train", "test": "test", "testing": "test",
    "val": "calibration", "valid": "calibration", "validation": "calibration",
    "calibration": "calibration",
}  # fmt: skip
# what may stand beside a label without changing it: which machine, when, which picture
_CLEAR = _listed(
    """a, b, c, d, e, line, lines, lot, lots, batch, cam, camera, station, machine, shift, day,
    night, week, month, jig, tool, cavity, side, top, bottom, left, right, front, back, rear,
    upper, lower, part, parts, image, images, img, imgs, photo, photos, picture, pictures, data,
    set,
    호기, 라인, 차, 조, 일, 월, 년, 번, 호, 주간, 야간, 설비, 카메라, 사진, 이미지, 로트,
    号機, 号, ライン, 年, 月, 日"""
)
# kinds of defect that may stand beside NG
_DEFECTS = _listed(
    """scratch, scratches, dent, dents, crack, cracks, hole, holes, blowhole, break, fray, uneven,
    stain, stains, dust, burr, chip, chips, chipping, void, voids, particle, foreign, missing,
    bent, broken, cut, contamination, color, colour, bubble, bubbles, pinhole, short, open, spur,
    mousebite, copper, bridge, lift, misalign, 스크래치, 찍힘, 크랙, 이물, 기포, 얼룩, 오염, 파손,
    깨짐, 휨, 누락, 긁힘, 찢어짐"""
)
# folders that nobody has sorted yet, whatever lies beside them
_UNSORTED = _listed(
    """unknown, unsorted, todo, review, rework, retest, recheck, check, other, others, misc,
    miscellaneous, temp, tmp, backup, old, new, mixed, mix, raw, unlabeled, unlabelled, unsure,
    uncertain, maybe, pending, hold, doubtful, borderline, grey, gray, untitled, all, ignore, skip,
    미분류, 보류, 기타, 재검, 재작업, 확인, 대기, 새, 미확인, 未分類, 保留, その他"""
)


class Word(NamedTuple):
    """What a folder name says: `ng` is None where it says nothing; `kind` of defect, or ""."""

    ng: bool | None
    kind: str = ""


def tokens(name: str) -> list[str]:
    """Words of a name in lower case, without separators; digits stand by themselves.

    Example:
        >>> tokens("OK_2호기"), tokens("GoodParts")
        (['ok', '2', '호기'], ['good', 'parts'])
    """
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", unicodedata.normalize("NFC", name))
    return re.findall(r"[^\W\d_]+|\d+", name.casefold())


def phrase(name: str) -> str:
    """The tokens with single spaces, to be looked up."""
    return " ".join(tokens(name))


def word(name: str, known: Mapping[str, bool | None] | None = None) -> Word:
    """Whether a folder name or cell says good or NG.

    Args:
        name: One component of a path.
        known: The user's own words, as from `own_words`; they go first.

    Example:
        >>> word("양품").ng, word("NG").ng, word("OK_2호기").ng, word("NG_scratch")
        (False, True, False, Word(ng=True, kind='scratch'))
        >>> word("NG_rework").ng is word("monday").ng is None
        True
    """
    if known and (key := folded(name)) in known:
        return Word(known[key])
    all_ = tokens(name)
    for length in range(len(all_), 0, -1):
        for start in (0, len(all_) - length):
            said = " ".join(all_[start : start + length])
            if said in GOOD or said in BAD:
                return _with_rest(said in BAD, [*all_[:start], *all_[start + length :]])
    return Word(None)


def says_nothing(name: str) -> bool:
    """Whether a name cannot be that of a defect: a machine, a number, or photos yet to be sorted.

    Example:
        >>> says_nothing("cam 2"), says_nothing("새 폴더"), says_nothing("broken_large")
        (True, True, False)
    """
    all_ = tokens(name)
    unsorted = not _UNSORTED.isdisjoint(all_)
    return unsorted or all(token.isdigit() or token in _CLEAR for token in all_)


def folded(name: str) -> str:
    """A name as it is compared: composed letters, lower case."""
    return unicodedata.normalize("NFC", name).casefold()


def _with_rest(ng: bool, rest: list[str]) -> Word:
    kinds = [token for token in rest if ng and token in _DEFECTS]
    clear = all(token.isdigit() or token in _CLEAR or token in kinds for token in rest)
    return Word(ng, " ".join(kinds)) if clear else Word(None)
