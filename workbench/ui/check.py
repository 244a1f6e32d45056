"""New parts without a terminal: drop photos or a CSV, or name a folder, and see what is NG."""

import io
import time
import warnings
from itertools import islice
from pathlib import Path
from threading import Event, RLock
from typing import TYPE_CHECKING, Any, NamedTuple

import ipywidgets as widgets

from workbench import workspace
from workbench.data import load_images
from workbench.data.csv import BOM, csv_text
from workbench.data.opening import SUFFIXES
from workbench.language import t, translator
from workbench.session import COLUMNS
from workbench.session.background import lock_of

from . import part_html
from .markup import render
from .part_view import PhotoPair
from .pictures import SHOWN, DisplaySettings, Frame, crop, draw, sheet, thumbs
from .view import View, html, row, styled, visible

if TYPE_CHECKING:
    from workbench.csflow.evaluation import Evaluation

MOST = 200  # findings in a file for download: more than anybody turns pages


class Found(NamedTuple):
    """What the detector says of one part or row."""

    name: str
    prediction: str
    score: float
    error: str = ""

    @property
    def shown(self) -> str:
        """The score as it is written, or why there is none."""
        return self.error or f"{self.score:.4g}"

    def line(self, seen: "Evaluation", t: part_html.Words) -> str:
        """Name, verdict and score in a line."""
        said = part_html.sentence(self.score, float(seen.threshold), t)
        return f"{self.name}: {self.prediction}, {said}"


class CheckView(View):
    """Scores uploads or a folder, the worst first; findings go to `reports/NAME/check`."""

    def __init__(self, detector: Any, name: str) -> None:  # noqa: ANN401
        super().__init__((name, id(detector)), RLock())
        self._detector, self._photos = detector, detector.kind == "csflow"
        self._folder = workspace.report(name) / "check"
        self._paths: list[Path] = []
        self.found: list[Found] = []  # what was scored, in that order
        self._stopped, self.worker = Event(), None
        self._make_widgets()
        told = workspace.portable(self._folder)
        self.say(t("nothing leaves this machine; findings are kept in {0}", told))

    def _make_widgets(self) -> None:
        photos = self._photos
        kinds = ",".join(sorted(SUFFIXES)) if photos else ".csv,.txt"
        words = ("Choose or drop photos", "or a folder on this machine") if photos else (
            "Choose a CSV", "or a file on this machine"
        )  # fmt: skip
        upload = widgets.FileUpload(accept=kinds, multiple=photos)
        self.upload = self.control(upload, words[0], "wb-upload", lambda _: self._take_uploads())
        self.path = self.field(words[1], "wb-path", width=460)
        self.start = self.button("Check", "play", "wb-start", self._take_folder, style="primary")
        self.cancel = self.button("Cancel", "times", "wb-cancel", lambda: self._stopped.set())
        self.progress = widgets.IntProgress(min=0, max=1, layout={"width": "200px"})
        self.table = self.button("Download CSV", "download", "wb-csv", self._hand_out_table)
        self.pdf = self.button("Findings as PDF", "file-pdf-o", "wb-pdf", self._hand_out_pdf)
        self.review = self.button(
            "Add to the review folder", "folder-open", "wb-review", self._add_to_review
        )
        self._said, self._grid, self._sign = (
            html(n) for n in ("wb-progress", "wb-grid-box", "wb-one")
        )
        self._pair = PhotoPair()
        self._running = row(self.progress, self.cancel)
        self._after = row(self.table, self.pdf, self.review)
        side = styled(widgets.VBox([self._sign]), "wb-side")
        self._opened = styled(widgets.Box([self._pair.box, side]), "wb-stage")
        for part in (self._running, self._after, self._opened):
            visible(part, False)
        for control in (self.pdf, self.review):
            visible(control, photos)
        top = row(self.upload, self.path, self.start, self._running, self._said)
        self.fill("Check", top, self._after, self._opened, self._grid)

    def close(self) -> None:
        """Stop scoring and close all widgets."""
        if hasattr(self, "_stopped"):
            self._stopped.set()
        super().close()

    def table_text(self) -> str:
        """The findings as a CSV with the columns of a result file, and errors."""
        rows = [
            (f.name, "", f.prediction, "" if f.error else f.score, f.error) for f in self.found
        ]
        return csv_text([(*COLUMNS, "error"), *rows])

    def _take_uploads(self) -> None:
        if not self.upload.value:
            return
        folder = self._folder / time.strftime("%Y%m%d-%H%M%S")
        folder.mkdir(parents=True, exist_ok=True)
        paths = []
        for file in self.upload.value:
            path = folder / Path(file["name"]).name  # never a path that a browser sends
            workspace.write(path, bytes(file["content"]))
            paths.append(path)
        self.upload.value = ()
        self._begin(paths, folder)

    def _take_folder(self) -> None:
        if not self.path.value.strip():
            raise ValueError("name a folder of photos, or choose files" if self._photos
                             else "name a CSV file, or choose one")  # fmt: skip
        path = workspace.resolve(self.path.value.strip())
        if self._photos:
            parts = load_images(path, check=False)
            self._begin(list(parts.paths), parts.root)
        else:
            self._begin([path], path.parent)

    def _begin(self, paths: list[Path], root: Path) -> None:
        self._stopped.set()
        if self.worker:
            self.worker.join()
        self._stopped, self.found, self._paths = Event(), [], paths
        self.progress.max, self.progress.value = max(len(paths), 1), 0
        visible(self._opened, False)
        visible(self._after, False)
        visible(self._running, True)
        self.worker = self.background(lambda: self._score(root))

    def _score(self, root: Path) -> None:
        try:
            said = self._score_photos(root) if self._photos else self._score_rows()
            self._show_found()
            if said:
                self.say(said)
            visible(self._after, True)
        finally:
            visible(self._running, False)

    def _score_photos(self, root: Path) -> str:
        began, stopped, shown, n = time.monotonic(), self._stopped, 0.0, len(self._paths)
        for done, path in enumerate(self._paths, 1):
            if stopped.is_set():
                break
            name = path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name
            try:
                seen = self._evaluate(path)
                self.found.append(Found(name, seen.verdict, float(seen.score)))
            except (OSError, ValueError) as error:
                self.found.append(Found(name, "", float("nan"), str(error)))
            if (seconds := time.monotonic() - began) - shown > 0.5:
                shown, rate = seconds, done / seconds
                rest = f"{rate:.1f}", f"{(n - done) / rate:.0f}"
                said = t("{0} of {1}, {2} NG, {3} a second, {4} s left", done, n, self._ng, *rest)
                self.progress.value, self._said.value = done, said
                self._grid.value = self._thumbs()
        return ""

    def _score_rows(self) -> str:
        from workbench.data.rows import load_like  # brings pandas, which photos do without

        detector, limit = self._detector, float(self._detector.threshold)
        gaps = detector.config.missing_of(len(detector.columns))
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            rows = load_like(self._paths[0], detector.data, detector.columns, gaps)
            scores = detector.score(rows)
        self.found = [
            Found(t("row {0}", f"{i:,}"), "NG" if s >= limit else "OK", float(s))
            for i, s in enumerate(scores)
        ]
        return "; ".join(str(each.message) for each in said)

    @property
    def _ng(self) -> int:
        return sum(found.prediction == "NG" for found in self.found)

    def _show_found(self) -> None:
        done, n, bad = len(self.found), len(self._paths), sum(bool(f.error) for f in self.found)
        if self._photos:
            self.progress.value, self._grid.value = done, self._thumbs()
        else:
            worst = [self.found[i] for i in self._worst()[:SHOWN]]
            rows = {f.name: [f.prediction, f.shown] for f in worst}
            self._grid.value = render("tables.grid", head=[t("Verdict"), t("score")], rows=rows)
        said = t("{0} checked: {1} NG, {2} could not be read", f"{done:,}", self._ng, bad)
        if self._photos and done < n:
            said = f"{t('stopped after {0} of {1}', done, n)}; {said}"
        self._said.value = said
        self.say(said)

    def _worst(self) -> list[int]:
        """Indices by falling score; what could not be read comes first."""
        found = self.found
        return sorted(range(len(found)), key=lambda i: (not found[i].error, -found[i].score))

    def _thumbs(self) -> str:
        def describe(i: int) -> dict[str, str]:
            found = self.found[i]
            words = {"name": found.name, "prediction": found.prediction}
            return words | {"score": found.shown, "outcome": ""}

        return thumbs(self._worst(), tuple(self._paths), describe)

    def _evaluate(self, path: Path) -> "Evaluation":
        with lock_of(self._detector):
            return self._detector.evaluate_one(path)

    def _frame(self, index: int) -> tuple["Evaluation", Frame]:
        seen, settings = self._evaluate(self._paths[index]), DisplaySettings()
        seen_now = crop(seen, None, settings)
        return seen, draw(seen_now, settings, seen.heat_range, part_html.regions(seen))

    def open_part(self, which: str) -> None:
        """Show the part whose small picture was clicked."""
        found = self.found[int(which)]
        if found.error:
            self.say(f"{found.name}: {found.error}", error=True)
            return
        seen, frame = self._frame(int(which))
        self._pair.show(frame, True)
        icon = part_html.SIGNS["", found.prediction][3]
        self._sign.value = render(
            "part.sign", kind=found.prediction.lower(), word=found.prediction, said=found.name,
            icon=icon,
        ) + part_html.why(seen)  # fmt: skip
        visible(self._opened, True)
        self.say(found.line(seen, t))

    def _hand_out_table(self) -> None:
        content = BOM + self.table_text().encode()
        self.hand_out(self._folder / "check.csv", content, "text/csv")

    def _hand_out_pdf(self) -> None:
        """A page for each NG part, the worst first."""
        pages, ng = [], (i for i in self._worst() if self.found[i].prediction == "NG")
        for index in islice(ng, MOST):
            seen, frame = self._frame(index)
            words = (self.found[index].line(seen, each) for each in (translator("en"), t))
            pages.append(sheet(frame, *words))
        if not pages:
            raise ValueError("no part was called NG, so there is nothing to print")
        buffer = io.BytesIO()
        pages[0].save(buffer, "PDF", save_all=True, append_images=pages[1:], resolution=120)
        self.hand_out(self._folder / "check.pdf", buffer.getvalue(), "application/pdf")

    def _add_to_review(self) -> None:
        """Copy what is NG or could not be read to where somebody sorts it later."""
        folder = self._folder.with_name("review")
        folder.mkdir(parents=True, exist_ok=True)
        chosen = [p for p, f in zip(self._paths, self.found, strict=False) if f.prediction != "OK"]
        for path in chosen:
            workspace.write(folder / path.name, path.read_bytes())
        self.say(t("{0} photos copied to {1}", len(chosen), workspace.portable(folder)))
