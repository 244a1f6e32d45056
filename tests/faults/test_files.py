"""Kills, full disks and second writers against every kind of file."""

import random
import shutil
from collections import Counter

import pytest

from .attack import FULL, REFUSED, Writer, small_disk
from .files import KINDS

pytestmark = [pytest.mark.faults, pytest.mark.slow]
EACH = pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))


@pytest.fixture
def outside(tmp_path):
    folder = tmp_path / "outside"
    folder.mkdir()
    return folder


@EACH
def test_a_kill_loses_only_what_is_under_way(kind, tmp_path, outside, many, tally):
    rng, folder = random.Random(kind.name), tmp_path / "inside"
    fresh(kind, folder)
    whole = Writer(kind.name, folder, outside)
    assert whole.end() == 0, "undisturbed"
    lines, kills, ends, missed = whole.lines, many(8, 64), Counter(), False
    for number in range(3 * kills):
        if ends[-9] == kills:
            break
        if missed or number % 4 == 0:  # from nothing, else from what the last one left
            fresh(kind, folder)
        by_line = missed or number % 3 != 2  # after one that was too fast, one that is sure to hit
        for left in outside.iterdir():
            left.unlink()
        writer = Writer(kind.name, folder, outside, line=rng.randint(1, lines) if by_line else 0)
        end = writer.end(None if by_line else rng.uniform(0, 0.05))
        ends[end] += 1
        missed = end == 0
        assert kind.lost(folder, writer.said) == []
    assert ends[-9] == kills
    assert set(ends) <= {0, -9}
    again = Writer(kind.name, folder, outside, "again")
    assert again.end() == 0 and kind.lost(folder, again.said) == []
    assert leftovers(folder) == []
    tally(f"kills: {kind.name}", ends[-9], "nothing lost")


@EACH
def test_a_full_disk_loses_only_what_is_under_way(kind, tmp_path, outside, many, tally):
    rng, folder = random.Random(kind.name), tmp_path / "inside"
    points, ends, reached = many(4, 26), Counter(), 0
    for number in range(points):
        for left in outside.iterdir():
            left.unlink()
        with small_disk(folder, 2_000_000) as mounted:
            clear(folder)
            kind.prepare(folder)
            if first := number % 2:
                assert Writer(kind.name, folder, outside, "before").end() == 0
            if quota := number % 4 > 1 or not mounted:  # it ends within a row
                writer = Writer(kind.name, folder, outside, limit=rng.randint(520, 1800))
            else:
                ballast = fill(folder, rng.randint(0, 6000 if first else 3000))
                writer = Writer(kind.name, folder, outside)
            ends[writer.end()] += 1
            if not quota:
                ballast.unlink()
            assert kind.lost(folder, writer.said) == []
            again = Writer(kind.name, folder, outside, "again")
            assert again.end() == 0 and kind.lost(folder, [*writer.said, *again.said]) == []
            reached += 1
        clear(folder)
    assert set(ends) <= {0, FULL}
    tally(f"full disk: {kind.name}", reached, f"nothing lost; {ends[FULL]} stopped")


@EACH
def test_two_writers_lose_nothing(kind, tmp_path, outside, many, tally):
    folder, races, ends = tmp_path / "inside", many(3, 26), Counter()
    for _ in range(races):
        fresh(kind, folder)
        for left in outside.iterdir():
            left.unlink()
        writers = [Writer(kind.name, folder, outside, who) for who in ("first", "second")]
        codes = [writer.end() for writer in writers]
        ends.update(codes)
        assert 0 in codes and set(codes) <= ({0} if kind.shared else {0, REFUSED})
        last_stands = kind.name in ("saved detector", "checkpoint")
        for writer in () if last_stands else writers:
            assert kind.lost(folder, writer.said) == []
        assert kind.lost(folder, []) == []
        assert leftovers(folder) == []
    tally(f"two writers: {kind.name}", races, f"nothing lost; {ends[REFUSED]} refused")


def fresh(kind, folder):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    kind.prepare(folder)


def clear(folder):
    for left in folder.iterdir():
        shutil.rmtree(left) if left.is_dir() else left.unlink()


def fill(folder, spare):
    """Take all room but so many bytes."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (100_000, 4096, 1):
            try:
                while file.write(b"x" * size) == size:
                    pass
            except OSError:
                pass
        file.truncate(max(0, file.tell() - spare))
    return ballast


def leftovers(folder):
    """Parts and locks that nobody uses any more."""
    return [p.name for p in folder.rglob("*") if p.name.endswith((".part", ".lock", ".old"))]
