import os
import random
import subprocess
import sys
import time

import pytest

from workbench import workspace


def test_the_workspace_is_named_or_found_upwards(tmp_path, monkeypatch):
    monkeypatch.delenv("WORKBENCH_HOME", raising=False)
    for name in ("notebooks", "models", "parts/deep"):
        (tmp_path / "line" / name).mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "line" / "parts" / "deep")
    assert workspace.root() == tmp_path / "line"
    monkeypatch.chdir(tmp_path)
    assert workspace.root() == tmp_path
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path / "line"))
    assert workspace.model("lens") == tmp_path / "line" / "models" / "lens"


def test_paths_near_the_workspace_move_with_it(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path / "a" / "home"))
    assert workspace.portable(tmp_path / "a" / "home" / "data" / "x") == "data/x"
    assert workspace.portable(tmp_path / "a" / "parts") == "../parts"
    assert workspace.portable("/somewhere/else") == "/somewhere/else"
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path / "b" / "home"))
    assert workspace.resolve("../parts") == tmp_path / "b" / "parts"


def test_staged_replaces_as_a_whole_or_not_at_all(tmp_path):
    folder = tmp_path / "report"
    with workspace.staged(folder) as part:
        (part / "page").write_text("first")
    assert (folder / "page").read_text() == "first"
    with pytest.raises(KeyboardInterrupt), workspace.staged(folder) as part:
        (part / "page").write_text("second")
        raise KeyboardInterrupt
    assert (folder / "page").read_text() == "first"
    assert [path.name for path in tmp_path.iterdir()] == ["report"]


def test_the_former_folder_comes_back_when_the_new_one_cannot_take_its_place(
    tmp_path, monkeypatch
):
    folder = tmp_path / "report"
    folder.mkdir()
    (folder / "page").write_text("first")
    rename = type(folder).rename

    def fail_for_new(self, target):
        if self.name.endswith(".part"):
            raise OSError("disk trouble")
        return rename(self, target)

    monkeypatch.setattr(workspace, "_swapped", lambda *_: False)  # as on some file systems
    monkeypatch.setattr(type(folder), "rename", fail_for_new)
    with pytest.raises(OSError, match="disk trouble"), workspace.staged(folder):
        pass
    assert (folder / "page").read_text() == "first"


def test_folders_are_replaced_where_names_cannot_be_swapped(tmp_path, monkeypatch):
    monkeypatch.setattr(workspace, "_swapped", lambda *_: False)
    for text in ("first", "second"):
        with workspace.staged(tmp_path / "report") as part:
            (part / "page").write_text(text)
    assert (tmp_path / "report" / "page").read_text() == "second"
    assert [path.name for path in tmp_path.iterdir()] == ["report"]


WRITER = """
import sys
from itertools import count
from pathlib import Path
from workbench import workspace
for i in count():
    with workspace.staged(Path(sys.argv[1])) as part:
        for name in ("facts", "weights"):
            (part / name).write_text(str(i) * 10000)
    print(i, flush=True)
"""


@pytest.mark.skipif(not sys.platform.startswith(("linux", "darwin")), reason="cannot swap names")
@pytest.mark.slow
def test_a_writer_that_is_killed_leaves_the_former_or_the_new_folder(tmp_path):
    folder = tmp_path / "model"
    rng = random.Random(0)
    for _ in range(8):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, folder], stdout=subprocess.PIPE)
        writer.stdout.readline()
        end = time.monotonic() + rng.uniform(0, 0.1)
        while time.monotonic() < end:
            assert folder.is_dir()  # at no moment is the name free
        writer.kill()
        writer.communicate()
        facts, weights = ((folder / name).read_text() for name in ("facts", "weights"))
        assert facts and facts == weights


def test_what_a_killed_writer_left_goes_after_a_day(tmp_path):
    old, fresh = tmp_path / ".report.1.part", tmp_path / ".report.2.part"
    for left in (old, fresh):
        left.mkdir()
    os.utime(old, (1000, 1000))
    with workspace.staged(tmp_path / "report"):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == [".report.2.part", "report"]
