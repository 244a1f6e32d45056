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

    monkeypatch.setattr(type(folder), "rename", fail_for_new)
    with pytest.raises(OSError, match="disk trouble"), workspace.staged(folder):
        pass
    assert (folder / "page").read_text() == "first"
