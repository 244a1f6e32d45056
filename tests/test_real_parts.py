"""Floors on real photos and real sensor runs; skipped where the data is not there."""

import pytest

import workbench as wb

pytestmark = pytest.mark.slow


@pytest.mark.filterwarnings("ignore:.*groups.csv")  # groups of photos, not their labels
def test_magnetic_tiles_are_told_apart(real_data):
    with pytest.warns(UserWarning, match="left out 3 bad files: masks/"):  # they mark nothing
        parts = wb.load_images(real_data / "mtd")
    # the default size and epochs give more, and take longer
    config = wb.CSFlowConfig.preset("lite", image_size=256, epochs=2)
    detector = wb.CSFlowDetector(config).fit(parts, progress=False)
    test = parts.test
    result = wb.metrics.evaluate(detector.score(test), test.labels, detector.threshold)
    assert (result.n_ok, result.n_ng) == (114, 194)
    assert result.auroc > 0.9
    assert result.overkill_rate < 0.1
    one = detector.evaluate_one(test.ng[0])
    assert one.heatmap.shape == test.ng.image(0).shape[:2]


def test_a_pump_run_is_learned_before_its_fault_and_scored_after(real_data):
    rows = wb.load_rows(real_data / "skab" / "valve2" / "1.csv")
    detector = wb.AutoEncoderDetector().fit(rows, progress=False)
    test = rows.test
    assert rows.columns == detector.columns and len(rows.columns) == 8
    result = wb.metrics.evaluate(detector.score(test), test.labels, detector.threshold)
    assert result.auroc > 0.65  # 0.78 when this was written; drift after the fault limits it
