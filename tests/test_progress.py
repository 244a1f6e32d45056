from tqdm.notebook import tqdm as widget_bar

from workbench import progress


def test_the_variable_silences_bars_in_notebooks_too(monkeypatch):
    monkeypatch.setattr("tqdm.auto.tqdm", widget_bar)
    monkeypatch.setenv("TQDM_DISABLE", "1")
    bar = progress.bar(range(3), progress=True)
    assert bar.disable and not hasattr(bar, "container")
    assert list(bar) == [0, 1, 2]


def test_bars_show_unless_told_otherwise(monkeypatch, capsys):
    for value in ("", "0"):
        monkeypatch.setenv("TQDM_DISABLE", value)
        assert list(progress.bar(range(2), desc="train", progress=True)) == [0, 1]
        assert "train" in capsys.readouterr().err
    list(progress.bar(range(2), desc="train", progress=False))
    assert not capsys.readouterr().err
