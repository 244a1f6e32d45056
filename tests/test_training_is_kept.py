"""What can be refused is refused before the first epoch, and a trained model is never lost."""

import errno
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from workbench import artifacts, load, workspace
from workbench.csflow.feature_cache import allocate
from workbench.csflow.resume import Checkpoint
from workbench.errors import ArtifactError
from workbench.metrics import Threshold

BAD_NAMES = ["", " ", "a\nb", "../../x", ".hidden", "a/b", "a\\b", "x" * 300, "가" * 60, "a\x00b"]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_name_that_is_no_plain_folder_is_refused_everywhere(name):
    with pytest.raises(ArtifactError, match="name must"):
        workspace.model(name)


def test_plain_names_pass():
    for name in ("lens", "렌즈 3", "v1.2", "a-b_c"):
        assert workspace.model(name).name == name


@pytest.mark.parametrize("what", ["file", "folder of photos", "parent is a file", "too long"])
def test_a_place_that_cannot_be_written_is_refused_beforehand(tmp_path, what):
    place = tmp_path / "models" / ("y" * 300 if what == "too long" else "lens")
    if what == "parent is a file":
        (tmp_path / "models").write_text("")
    elif what != "too long":
        place.parent.mkdir()
        place.write_text("mine") if what == "file" else (place / "OK").mkdir(parents=True)
    with pytest.raises(ArtifactError, match="choose another"):
        artifacts.require_place(place)
    assert not list((tmp_path / "models").glob(".*"))


def test_a_trained_model_goes_elsewhere_where_its_place_is_taken_meanwhile(fitted, tmp_path):
    place = tmp_path / "models" / "disc"
    place.mkdir(parents=True)
    (place / "somebody's").write_text("mine")
    with pytest.warns(UserWarning) as told:
        kept = artifacts.save_somewhere(fitted, place)
    assert load(kept).threshold == fitted.threshold and kept.parent == place.parent
    assert f"the model lies in {kept}" in str(told[-1].message)
    assert [path.name for path in place.iterdir()] == ["somebody's"]


def test_a_model_that_can_be_saved_nowhere_says_why(fitted, tmp_path, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setattr(artifacts, "gettempdir", lambda: str(blocked))
    monkeypatch.setenv("HOME", str(blocked))
    with pytest.warns(UserWarning, match="cannot be saved"), pytest.raises(ArtifactError):
        artifacts.save_somewhere(fitted, blocked / "disc")


def test_a_checkpoint_that_cannot_be_written_stops_no_training(tmp_path):
    (tmp_path / "checkpoints").write_text("")
    checkpoint = Checkpoint(tmp_path / "checkpoints" / "lens.pt", every=0)
    with pytest.warns(UserWarning, match="training goes on"):
        checkpoint.write({}, {})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_threshold_is_a_finite_number(value):
    with pytest.raises(ValueError, match="finite number, got"):
        Threshold(value)


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="the system cannot reserve space")
def test_features_that_find_no_room_say_so_before_they_are_computed(tmp_path, monkeypatch):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, before[1]))
    try:
        with pytest.raises(OSError, match="features need .* GB in .*TMPDIR") as found:
            allocate(100, [(8, 64, 64)], in_memory=0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert found.value.errno in (errno.EFBIG, errno.ENOSPC) and not list(tmp_path.iterdir())


KILLED = """
import os, sys
from pathlib import Path
from workbench import workspace
with workspace.staged(Path(sys.argv[1]) / "report") as part, \\
     workspace.written(Path(sys.argv[1]) / "note.csv") as file:
    file.write(b"half")
    os.kill(os.getpid(), 9)
"""
SWEEPS = """
import sys
from pathlib import Path
from workbench import workspace
with workspace.written(Path(sys.argv[1]) / "other.txt") as file:
    file.write(b"whole")
"""


@pytest.mark.slow
def test_leftovers_go_at_the_next_start_when_their_writer_is_gone(tmp_path):
    mine = tmp_path / ".letter.part"  # not of ours
    mine.write_text("")
    os.utime(mine, (1000, 1000))
    repository = Path(__file__).parents[1]
    for code in (KILLED, SWEEPS):
        with workspace.written(tmp_path / "alive.csv"):  # a writer that lives keeps its part
            subprocess.run([sys.executable, "-c", code, tmp_path], cwd=repository, timeout=60)
            left = sorted(path.name for path in tmp_path.iterdir())
            assert len(left) == 4, left
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        ".letter.part",
        "alive.csv",
        "other.txt",
    ]
