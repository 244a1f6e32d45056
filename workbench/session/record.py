"""What was judged and corrected: in memory, in the result file and in the relabels."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.data.relabels import read_relabels, relabels_path, write_relabel

from .results import ResultFile, Verdict

if TYPE_CHECKING:
    from workbench.data import ImageFolder


class Record:
    """Verdicts by file name, each on the disk before it counts here.

    Args:
        parts: The images, for their names and the folder's labels.
        results: The result file, or None to keep the verdicts in memory only.
        take_over: Become its writer even if another process is.

    Raises:
        DataError: `results` is a file of another kind.

    Attributes:
        verdicts: By file name, in the order of judging.
        note: What a user should know about the result file, or "".
        changes: A number that grows whenever a truth or a score becomes another.
    """

    def __init__(
        self, parts: "ImageFolder", results: Path | str | None, *, take_over: bool = False
    ) -> None:
        self.note, self.changes = "", 0
        self.verdicts: dict[str, Verdict] = {}
        self._parts, self._relabels_path = parts, relabels_path(parts.root)
        known = read_relabels(self._relabels_path)
        self._relabels = {name: "NG" if ng else "OK" for name, ng in known.items()}
        self._undo: list[Verdict] = []
        self.file = ResultFile(results)
        self._found = self.file.open(take_over=take_over)
        self._others: list[Verdict] = []

    def reopen(self) -> None:
        """Become the writer of the result file; `resume` takes up what is there."""
        self._found = self.file.open(take_over=True)

    def resume(self, is_ours: Callable[[Verdict], bool], threshold: float) -> None:
        """Go on with the rows that were found; those of another detector are set aside.

        Args:
            is_ours: Whether the present detector gives this row's score.
            threshold: What the verdicts are held against.
        """
        self.changes += 1
        labels = {name: self.label(index) for index, name in enumerate(self._parts.names)}
        ours = [row for row in self._found if row.name in labels]
        self._others = [row for row in self._found if row.name not in labels]
        if ours and not is_ours(ours[0]):
            self.note = "results of another detector found"
            if kept := self._writable and self.file.set_aside():
                self.note += f" and kept as {kept.name}"
            ours, self._others = [], []
        self.verdicts = {
            row.name: row._replace(label=labels[row.name], relabel=self._said(row)) for row in ours
        }
        if (
            self._writable and list(self.verdicts.values()) != ours
        ):  # labels were corrected elsewhere meanwhile
            self._write(self.verdicts)
        self.rejudge(threshold)

    @property
    def _writable(self) -> bool:
        return self.file.lock is None or self.file.lock.is_ours

    def _said(self, row: Verdict) -> str:
        """What a person says of an image: the relabel beside the data, or a confirmed label."""
        return self.relabel(row.name) or ("" if row.relabelled else row.relabel)

    def label(self, index: int) -> str:
        """The folder's label of an image: "OK", "NG" or ""."""
        labels = self._parts.folder_labels
        return "" if labels is None else ("NG" if labels[index] else "OK")

    def relabel(self, name: str) -> str:
        """The corrected label of an image, or ""."""
        return self._relabels.get(name, "")

    def truth(self, index: int) -> str:
        """The corrected label, else the folder's."""
        return self.relabel(self._parts.names[index]) or self.label(index)

    def add(self, verdict: Verdict) -> None:
        """Judge an image that has not been judged."""
        self.file.append(verdict)
        self.verdicts[verdict.name] = verdict

    def change(self, verdict: Verdict) -> Verdict:
        """Replace the relabel or the note of an image."""
        former = self._replace(verdict)
        if former != verdict:
            self._undo.append(former)
        return verdict

    def undo(self) -> Verdict | None:
        """Take back the latest change; the row as it is again, or None if nothing was changed."""
        if not self._undo:
            return None
        former = self._undo[-1]
        present = self.verdicts[former.name]
        restored = present._replace(relabel=former.relabel, note=former.note)
        self._replace(restored)
        self._undo.pop()
        return restored

    def rejudge(self, threshold: float) -> None:
        """Hold all scores against another threshold; former verdicts stay in a kept file."""
        judged = {v.name: v.at(threshold) for v in self.verdicts.values()}
        if not self._writable:
            self.verdicts = judged
        elif judged != self.verdicts:
            kept = self.file.set_aside()
            self._write(judged)
            self.verdicts = judged
            self.note = f"threshold moved; former verdicts kept as {kept.name}" if kept else ""

    def reset(self) -> Path | None:
        """Forget all verdicts; returns where the former file was kept."""
        kept = self.file.set_aside()
        self.verdicts, self._others, self._undo = {}, [], []
        self.changes += 1
        return kept

    def _replace(self, verdict: Verdict) -> Verdict:
        former = self.verdicts[verdict.name]
        self.changes += 1
        if verdict != former and self.file.lock:
            self.file.lock.check()
        if verdict.relabel != former.relabel:
            ng = verdict.relabel == "NG" if verdict.relabelled else None
            write_relabel(self._relabels_path, verdict.name, ng)
            self._relabels[verdict.name] = verdict.relabel if verdict.relabelled else ""
        if verdict != former:
            judged = self.verdicts | {verdict.name: verdict}
            self._write(judged)
            self.verdicts = judged
        return former

    def _write(self, judged: dict[str, Verdict]) -> None:
        self.file.write([*self._others, *judged.values()])
