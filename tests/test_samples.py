"""The generated datasets: repeatable, honest about themselves, defects where the masks say."""

import json

import numpy as np
import pytest
from PIL import Image

from workbench.data import load_images, load_rows
from workbench.errors import DataError
from workbench.samples import NOTE, PRODUCTS, kind_of, make_samples, photograph

SIZE = 96


@pytest.mark.parametrize("name", PRODUCTS)
def test_the_defect_is_inside_its_mask_and_nowhere_else(name):
    for index in range(2 * len(PRODUCTS[name].DEFECTS)):
        photo = photograph(name, index, ng=True, size=SIZE)
        change = np.abs(photo.image.astype(int) - photo.clean).max(axis=2)
        kind = kind_of(name, index)
        assert photo.mask.any(), kind
        assert photo.mask.mean() < 0.2, kind
        # 7 exposed levels at most, plus the noise that a brighter pixel gains, plus rounding
        assert change[~photo.mask].max() <= 9, kind
        assert change[photo.mask].max() > 7, kind


@pytest.mark.parametrize("name", PRODUCTS)
def test_good_parts_differ_from_one_another_but_are_the_same_product(name):
    a, b = (photograph(name, index, size=SIZE) for index in range(2))
    assert not a.mask.any()
    np.testing.assert_array_equal(a.image, a.clean)
    difference = np.abs(a.image.astype(int) - b.image)
    assert 2 < difference.mean() < 60
    assert np.corrcoef(a.image.ravel(), b.image.ravel())[0, 1] > 0.3


@pytest.mark.parametrize("name", PRODUCTS)
def test_severities_take_turns(name):
    kinds = PRODUCTS[name].DEFECTS
    first_kind = [photograph(name, k * len(kinds), ng=True, size=SIZE) for k in range(6)]
    areas = [photo.mask.sum() for photo in first_kind]
    assert len(set(areas)) > 1
    assert [kind_of(name, i) for i in range(len(kinds) + 1)] == [*kinds, kinds[0]]


def test_a_picture_depends_on_seed_and_index_alone(tmp_path):
    few = load_images(make_samples("lens", tmp_path / "few", ok=2, ng=1, size=64))
    many = load_images(make_samples("lens", tmp_path / "many", ok=4, ng=2, size=64))
    np.testing.assert_array_equal(few.ok.image(1), many.ok.image(1))
    assert few.ng[0].read_bytes() == (many.root / few.ng.names[0]).read_bytes()
    other = load_images(make_samples("lens", tmp_path / "other", ok=2, ng=1, size=64, seed=1))
    assert not np.array_equal(few.ok.image(1), other.ok.image(1))


def test_a_dataset_says_what_it_is(tmp_path):
    folder = make_samples("smt", tmp_path / "SMT", ok=3, ng=11, size=64)
    parts = load_images(folder)
    assert parts.note == NOTE == "generated sample data, for demo and tests only"
    assert NOTE in (folder / "README.md").read_text()
    assert NOTE in repr(parts)
    marker = json.loads((folder / "sample.json").read_text())
    assert marker["kind"] == "SMT"
    assert (marker["ok"], marker["ng"], marker["seed"]) == (3, 11, 0)
    assert set(parts.ng.kinds) == set(PRODUCTS["SMT"].DEFECTS) or set(parts.ng.kinds) == {"defect"}
    assert all(mask is not None for mask in parts.ng.masks)
    assert parts.image(0).shape == (64, 64, 3)


def test_kinds_are_found_in_a_default_sized_dataset(tmp_path):
    parts = load_images(make_samples("flex", tmp_path / "flex", ok=1, ng=10, size=64))
    assert set(parts.ng.kinds) == set(PRODUCTS["flex"].DEFECTS)


def test_all_writes_four_datasets(tmp_path):
    make_samples("all", tmp_path, ok=1, ng=1, size=64)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["SMT", "flex", "lens", "pump.csv"]


def test_sample_goes_to_the_workspace(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path))
    assert make_samples("flex", ok=1, ng=0, size=64) == tmp_path / "data" / "flex"
    assert make_samples("pump") == tmp_path / "data" / "pump.csv"


def test_what_is_there_is_kept_or_refused_but_never_lost(tmp_path):
    settings = {"ok": 1, "ng": 1, "size": 64}
    folder = make_samples("flex", tmp_path / "flex", **settings)
    photo = next((folder / "OK").iterdir())
    photo.write_bytes(b"touched")
    make_samples("flex", folder, **settings)
    assert photo.read_bytes() == b"touched"  # same settings: left as it is
    with pytest.raises(DataError, match="other settings; remove it or choose"):
        make_samples("flex", folder, seed=1, **settings)
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "precious.txt").touch()
    with pytest.raises(DataError, match="no generated sample; choose another folder"):
        make_samples("flex", mine, **settings)
    (tmp_path / "mine.csv").write_text("a\n1\n")
    with pytest.raises(DataError, match="no generated sample"):
        make_samples("pump", tmp_path / "mine.csv")


def test_an_interrupted_run_leaves_nothing(tmp_path, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(Image.Image, "save", stop)
    with pytest.raises(KeyboardInterrupt):
        make_samples("flex", tmp_path / "flex", ok=1, ng=1, size=64)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "settings"), [("gear", {}), ("lens", {"ok": 0, "ng": 0}), ("lens", {"size": 8})]
)
def test_wrong_requests(tmp_path, name, settings):
    with pytest.raises(ValueError, match="must"):
        make_samples(name, tmp_path / "x", **settings)


@pytest.fixture(scope="module")
def pump(tmp_path_factory):
    return load_rows(make_samples("pump", tmp_path_factory.mktemp("pump") / "pump.csv"))


def test_pump_is_labelled_and_says_what_it_is(pump):
    assert pump.note == NOTE
    assert pump.columns == ("temperature", "vibration", "pressure", "current", "flow")
    assert len(pump) == 6000
    assert 0.1 < pump.labels.mean() < 0.3
    assert not pump.labels[:3000].any()
    assert not pump.bad
    starts = np.flatnonzero(np.diff(pump.labels.astype(int)) == 1)
    assert len(starts) == 8


def test_pump_channels_are_correlated_and_faults_break_that(pump):
    correlation = np.corrcoef(pump.ok.values.T)
    assert np.abs(correlation[np.triu_indices(5, 1)]).min() > 0.6
    normal, faulty = pump.train.values, pump.ng.values
    inside = (faulty >= normal.min(0)) & (faulty <= normal.max(0))
    assert inside.mean() > 0.9  # no fault is given away by a limit alone
    assert _auroc(_residual(normal, faulty), _residual(normal, pump.test.ok.values)) > 0.85


def _residual(normal, rows, latent=2):
    """Distance from the plane that holds most of the normal rows, in standardised units."""
    mean, std = normal.mean(0), normal.std(0)
    axes = np.linalg.svd((normal - mean) / std, full_matrices=False)[2][latent:]
    return np.linalg.norm((rows - mean) / std @ axes.T, axis=1)


def _auroc(faulty, normal):
    return (faulty[:, None] > normal).mean()
