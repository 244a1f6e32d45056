"""Whatever comes from outside: read, or refused in one line; never another error, never a hang."""

import io
import json
import multiprocessing
import random
import re
import shutil
import time
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.conftest import photo
from tests.file_kinds import KINDS
from workbench import artifacts
from workbench.csflow.batches import decoded
from workbench.data import load_rows, read_image, read_relabels
from workbench.data.decode import header
from workbench.session.result_tables import read_results
from workbench.session.results import result_table

from .conftest import FULL

pytestmark = [pytest.mark.faults, pytest.mark.slow]
SECONDS = 10.0  # of computing; longer is a hang
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "JPEG2000", "AVIF", "MPO")
ALPHABET = [
    b"\0",
    b"\xff",
    b"\n",
    b'"',
    b",",
    b";",
    b"1e999",
    b"\xed\x95",
    b"-",
    b"\xff\xfe",
    b"=1+1",
]


def mutated(content: bytes, rng: random.Random) -> bytes:
    """A few random changes: bits, cuts, repeats, and what parsers stumble over."""
    found = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        at, until = sorted(rng.randrange(len(found) + 1) for _ in range(2))
        until = min(until, at + rng.choice((1, 4, 64)))
        match rng.randrange(6):
            case 0:
                found[at:until] = rng.randbytes(until - at)
            case 1:
                del found[at:until]
            case 2:
                found[at:at] = rng.choice(ALPHABET) * rng.choice((1, 1, 1, 200))
            case 3:
                found[at:at] = found[at:until]
            case 4:
                del found[at:]
            case 5 if at < len(found):
                found[at] ^= 1 << rng.randrange(8)
    return bytes(found)


def outcome(work) -> str:
    """What came of it: "read" or "refused"; any other error is one of ours."""
    start = time.process_time()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            work()
        return "read"
    except ValueError as error:  # DataError and ArtifactError are such
        if isinstance(error, UnicodeError):
            raise
        assert str(error) and len(str(error)) < 2000
        return "refused"
    finally:
        assert time.process_time() - start < SECONDS


def pictures() -> list[bytes]:
    found, rng = [], np.random.default_rng(0)
    modes = (Image.fromarray(photo(1, size=24)), Image.fromarray(photo(2, size=24)).convert("P"),
             Image.fromarray(rng.integers(0, 65535, (9, 11), np.uint16)),
             Image.fromarray(photo(3, size=24)).convert("CMYK"))  # fmt: skip
    for image in modes:
        for name in FORMATS:
            file = io.BytesIO()
            try:
                image.save(file, name, **({"exif": b"Exif\0\0MM\0*"} if name == "JPEG" else {}))
            except (OSError, KeyError, ValueError):  # a mode that the format does not know
                continue
            found.append(file.getvalue())
    assert len(found) > 15
    return found


def test_pictures(many, tally):
    rng, seeds, ends = random.Random(1), pictures(), Counter()
    for _ in range(many(400, 10_000)):
        content = mutated(rng.choice(seeds), rng)
        ends[outcome(lambda content=content: (header(content), read_image(content)))] += 1
    assert ends["read"] and ends["refused"]
    tally("fuzzed pictures", ends.total(), f"{ends['read']:,} read, {ends['refused']:,} refused")


def test_rows(tmp_path, many, tally):
    rng, ends = random.Random(2), Counter()
    for number in range(many(120, 2_500)):
        kind = rng.choice(KINDS)
        text = kind.text.encode(kind.encoding, "replace")
        path = tmp_path / f"{number}.csv"
        path.write_bytes(mutated(text * rng.choice((1, 1, 9)), rng))
        ends[outcome(lambda path=path: load_rows(path))] += 1
        path.unlink()
    assert ends["read"] and ends["refused"]
    tally(
        "fuzzed sensor CSVs", ends.total(), f"{ends['read']:,} read, {ends['refused']:,} refused"
    )


def test_tables_of_ours(tmp_path, many, tally):
    rng, ends = random.Random(3), Counter()
    lines = ["file name,label,prediction,anomaly score,relabel,note"]
    lines += [f"OK/부품 {i}.png,OK,NG,{i / 7},{'NG' * (i % 3 == 0)},rim {i}" for i in range(9)]
    texts = ["".join(f"{line}{end}" for line in lines) for end in ("\n", "\r\n")]
    texts.append(texts[0].replace(",", ";"))
    codes = ("utf-8-sig", "cp949", "utf-16")
    seeds = [text.encode(code) for text in texts for code in codes]
    for number in range(many(180, 2_500)):
        folder = tmp_path / str(number)
        folder.mkdir()
        path = folder / "r.csv"
        path.write_bytes(content := mutated(rng.choice(seeds), rng))
        ends[end := outcome(lambda path=path: opened_twice(path))] += 1
        if end == "refused":
            assert path.read_bytes() == content
        for read in (read_results, read_relabels):
            outcome(lambda read=read, path=path: read(path))
        shutil.rmtree(folder)
    assert ends["read"] and ends["refused"]
    tally(
        "fuzzed result CSVs", ends.total(), f"{ends['read']:,} opened, {ends['refused']:,} refused"
    )


def opened_twice(path: Path) -> None:
    """What could not be used lies beside; a second look finds the same and nothing to mend."""
    table = result_table(path)
    rows = table.open()
    table.lock.release()
    unread, cut = table.unread, path.with_name("r.csv.cut")
    assert not unread or cut.exists()
    again = result_table(path)
    assert again.open() == rows and again.unread == 0
    again.lock.release()


ODD = [10**9, -1, 0, "../../x", "random", 1e308, [[]], {"value": None}]
NUMBERS = st.integers(-(2**70), 2**70) | st.floats()
LEAVES = st.none() | st.booleans() | NUMBERS | st.text(max_size=9) | st.sampled_from(ODD)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=8,
)


def places(value, here=()):
    """Every place of a manifest, as a path of keys."""
    yield here
    items = value.items() if isinstance(value, dict) else ()
    for key, inner in items:
        yield from places(inner, (*here, key))


@pytest.fixture(scope="module")
def models(tmp_path_factory, fitted):
    from .files import rows_detector

    root = tmp_path_factory.mktemp("models")
    return [artifacts.save(fitted, root / "disc"), artifacts.save(rows_detector(), root / "rows")]


def test_manifests(models, tmp_path, many, tally):
    ends, sound = Counter(), [artifacts.read_manifest(folder) for folder in models]
    folders = [Path(shutil.copytree(folder, tmp_path / folder.name)) for folder in models]

    @settings(max_examples=many(60, 1_600), suppress_health_check=list(HealthCheck), database=None)
    @given(st.data())
    def attack(data):
        which = data.draw(st.integers(0, 1))
        manifest = json.loads(json.dumps(sound[which]))
        for _ in range(data.draw(st.integers(1, 3))):
            *above, last = data.draw(st.sampled_from([p for p in places(manifest) if p]))
            inner = manifest
            for key in above:
                inner = inner[key]
            if data.draw(st.booleans()):
                inner[last] = data.draw(JSON)
            else:
                del inner[last]
            if not manifest:
                break
        (folders[which] / artifacts.MANIFEST).write_text(json.dumps(manifest))
        ends[outcome(lambda: used(folders[which]))] += 1

    attack()
    rng = random.Random(4)
    for _ in range(many(40, 400)):
        which = rng.randrange(2)
        content = mutated(json.dumps(sound[which]).encode(), rng)
        (folders[which] / artifacts.MANIFEST).write_bytes(content)
        ends[outcome(lambda which=which: used(folders[which]))] += 1
    assert ends["read"] and ends["refused"]
    tally(
        "fuzzed detector.json", ends.total(), f"{ends['read']:,} load, {ends['refused']:,} refused"
    )


def used(folder):
    detector = artifacts.load(folder)
    photos = detector.kind == "csflow"
    _ = detector.evaluate_one(photo(1)) if photos else detector.score(np.zeros((2, 3)))
    str(detector.threshold.describe())


def bombs(folder, sizes):
    """Pictures of one colour: a few KB that become gigabytes."""
    formats = (("PNG", "L"), ("WEBP", "RGB"), ("TIFF", "RGB"), ("GIF", "P"), ("JPEG", "RGB"),
               ("BMP", "1"))  # fmt: skip
    for side in sizes:
        for name, mode in formats if FULL else formats[:3]:
            image = Image.new(mode, (side, side))
            image.save(folder / f"{side}.{name.lower()}", name,
                       **({"compression": "tiff_deflate"} if name == "TIFF" else {}))  # fmt: skip


def unpack(folder, to):
    before = memory("VmRSS")
    squares = [s for batch in decoded(sorted(folder.iterdir()), 64, 4) for s in batch]
    peak = memory("VmHWM") - before
    to.send((len(squares), [s.error for s in squares if s.error], peak))


def memory(name):
    """Bytes of this process; what getrusage says begins with those of the one that started it."""
    return 1024 * int(re.search(rf"{name}:\s+(\d+)", Path("/proc/self/status").read_text())[1])


def test_bombs(tmp_path, many, tally):
    """Each process has the memory of its largest moment only: one makes them, another opens."""
    sizes = many((9_300, 12_000), (4_000, 6_500, 9_300, 9_500, 12_000))
    context = multiprocessing.get_context("spawn")
    maker = context.Process(target=bombs, args=(tmp_path, sizes))
    maker.start()
    maker.join(900)
    ours, theirs = context.Pipe()
    opener = context.Process(target=unpack, args=(tmp_path, theirs))
    opener.start()
    assert ours.poll(900), "hangs"
    count, refused, peak = ours.recv()
    opener.join()
    assert count == len(sizes) * (6 if FULL else 3) and peak < 2e9, peak
    assert len(refused) >= count * 2 // 5 and all("pixels" in error for error in refused)
    outcome_ = f"{count - len(refused)} read, {len(refused)} refused, {peak / 1e9:.2f} GB at most"
    tally("bombs", count, outcome_)
