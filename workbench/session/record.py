"""What was judged and corrected: in memory, in the result file and in the relabels."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from workbench.data import ImageFolder
from workbench.data.relabels import read_relabels, relabels_path, write_relabels

from .results import Verdict, result_table


class Record:
    """Verdicts by file name, each on the disk before it counts here.

    Attributes:
        verdicts: By file name, in the order of judging.
        note: What a user should know about the result file, or "".
        changes: A number that grows whenever a truth or a score becomes another.
        table: The result file, or None.
    """

    def __init__(self, parts: ImageFolder, results: Path | str | None) -> None:
        self.note, self.changes = "", 0
        self.verdicts: dict[str, Verdict] = {}
        self._parts, self._relabels_path = parts, relabels_path(parts.root)
        self._undo: list[Verdict] = []
        self._others: list[Verdict] = []
        self._relabels: dict[str, str] = {}
        self.table = None if results is None else result_table(results)
        self.open()

    def open(self, *, by_force: bool = False) -> None:
        """Become the writer of the result file, if possible; `resume` takes up what is there."""
        known = read_relabels(self._relabels_path)
        self._relabels = {name: "NG" if ng else "OK" for name, ng in known.items()}
        self._found, self.note = [], ""
        if self.table:
            rows = self.table.open(by_force=by_force)
            self._found = list({row.name: row for row in rows}.values())  # the last word on each
            if unread := self.table.unread:
                self.note = f"{unread} rows of {self.table.path.name} could not be used"
                self.note += " and are kept beside it as .cut" if self.writable else ""
            if len(rows) > len(self._found) and self.writable:
                self.table.write(self._found)

    def resume(self, are_ours: Callable[[list[Verdict]], bool], threshold: float) -> None:
        """Go on with the rows that were found; those of another detector go to another file."""
        self.changes += 1
        labels = {name: self.label(index) for index, name in enumerate(self._parts.names)}
        ours = [row for row in self._found if row.name in labels]
        self._others = [row for row in self._found if row.name not in labels]
        if ours and not are_ours(ours):
            self.note = "results of another detector found"
            if kept := self.writable and self.table.set_aside():
                self.note += f" and kept as {kept.name}"
            ours, self._others = [], []
        if not self._relabels_path.exists():
            self._restore(row for row in ours if row.relabelled)
        found = {
            row.name: row._replace(label=labels[row.name], relabel=self._said(row)) for row in ours
        }
        if list(found.values()) != ours:  # labels were corrected elsewhere meanwhile
            self._write(found)
        self.verdicts = found
        self.rejudge(threshold)

    @property
    def writable(self) -> bool:
        """Whether there is a result file, and it is ours to write."""
        return self.table is not None and self.table.lock.is_ours

    @property
    def place(self) -> str:
        """Name of the image that the writer of the file last stood at, or ""."""
        with suppress(OSError):
            return self._place.read_text("utf-8") if self.table else ""
        return ""

    def remember(self, name: str) -> None:
        """Keep the place for a later session, if this one is the writer."""
        if self.writable:
            with suppress(OSError):  # a full disk, say; it costs a look for the place
                self._place.write_text(name, "utf-8")

    @property
    def _place(self) -> Path:
        return self.table.path.with_name(f".{self.table.path.name}.place")

    def _restore(self, rows: Iterable[Verdict]) -> None:
        """Take relabels back from the result file where those beside the data were lost."""
        self._relabels = {row.name: row.relabel for row in rows}
        if self._relabels and self.writable:
            labels = {name: word == "NG" for name, word in self._relabels.items()}
            write_relabels(self._relabels_path, labels)

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
        if self.table:
            self.table.append(verdict)
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
        if judged != self.verdicts:
            kept = self._write(judged, keep=True)
            self.verdicts = judged
            self.note = f"threshold moved; former verdicts kept as {kept.name}" if kept else ""

    def reset(self) -> Path | None:
        """Forget all verdicts; returns where the former file was kept."""
        kept = self.table.set_aside() if self.table else None
        self.verdicts, self._others, self._undo = {}, [], []
        self.changes += 1
        return kept

    def _replace(self, verdict: Verdict) -> Verdict:
        former = self.verdicts[verdict.name]
        self.changes += 1
        if verdict == former:
            return former
        if self.table:
            self.table.lock.check()
        if verdict.relabel != former.relabel:
            ng = verdict.relabel == "NG" if verdict.relabelled else None
            write_relabels(self._relabels_path, {verdict.name: ng})
            self._relabels[verdict.name] = verdict.relabel if verdict.relabelled else ""
        judged = self.verdicts | {verdict.name: verdict}
        if self.table:
            self.table.write(self._rows(judged))
        self.verdicts = judged
        return former

    def _write(self, judged: dict[str, Verdict], *, keep: bool = False) -> Path | None:
        """Replace the rows of the file, where it is ours."""
        return self.table.write(self._rows(judged), keep=keep) if self.writable else None

    def _rows(self, judged: dict[str, Verdict]) -> list[Verdict]:
        return [*self._others, *judged.values()]
