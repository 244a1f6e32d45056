"""New parts without a terminal: drop photos or a CSV, or name a folder, and see what is NG."""

import csv
import io
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from threading import Event, RLock, Thread
from typing import Any, NamedTuple

import ipywidgets as widgets

from workbench import workspace
from workbench.data import load_images, load_rows
from workbench.session import COLUMNS
from workbench.session.prefetch import lock_of

from .controls import button, row
from .pictures import DisplaySettings, crop, draw
from .thumbs import SHOWN, thumbs
from .view import View, html, styled

IMAGES = ".png,.jpg,.jpeg,.bmp,.tif,.tiff,.webp"


class Found(NamedTuple):
    """What the detector says of one part or row."""

    name: str
    prediction: str
    score: float
    error: str = ""


class CheckView(View):
    """Scores what is uploaded or lies in a folder; the worst come first.

    Args:
        detector: Of photos or of sensors.
        name: Of the model; findings go to `reports/NAME/check`.
        language: "en" or "ko"; that of `$WORKBENCH_LANG` if None.

    Attributes:
        found: What was scored, in that order.
        worker: The thread that scores.

    Example:
        >>> CheckView(detector, "lens")  # doctest: +SKIP
    """

    def __init__(self, detector: Any, name: str, *, language: str | None = None) -> None:  # noqa: ANN401
        super().__init__((name, id(detector)), RLock(), language)
        t = self._t
        self._detector, self._photos = detector, detector.kind == "csflow"
        self._folder = workspace.report(name) / "check"
        self._paths: list[Path] = []
        self.found: list[Found] = []
        self._stopped, self.worker = Event(), None
        self.upload = styled(
            widgets.FileUpload(
                accept=IMAGES if self._photos else ".csv,.txt", multiple=self._photos,
                description=t("Choose or drop photos") if self._photos else t("Choose a CSV"),
            ),
            "wb-upload",
        )  # fmt: skip
        self.upload.layout.width = "auto"
        self.path = styled(widgets.Text(description=t("or a folder or file")), "wb-path")
        self.path.style.description_width, self.path.layout.width = "initial", "420px"
        self.start = button(t("Check"), "play", "wb-start", style="primary")
        self.cancel = button(t("Cancel"), "times", "wb-cancel")
        self.table = button(t("Download CSV"), "download", "wb-csv")
        self.all = button(t("Download findings (ZIP)"), "download", "wb-zip")
        self.review = button(t("Add to the review folder"), "folder-open", "wb-review")
        self.progress = widgets.IntProgress(min=0, max=1, layout={"width": "240px"})
        self._said, self._grid = html("wb-progress"), html("wb-grid-box")
        self._photo, self._overlay = (
            styled(widgets.Image(format="jpeg"), "wb-image", name)
            for name in ("wb-photo", "wb-overlay")
        )
        self._pictures = styled(widgets.Box([self._photo, self._overlay]), "wb-two")
        self._pictures.layout.display = "none"
        self.upload.observe(self.guard(lambda _: self._take_uploads()), "value")
        self.start.on_click(self.guard(lambda _: self._take_folder()))
        self.cancel.on_click(self.guard(lambda _: self._stopped.set()))
        self.table.on_click(self.guard(lambda _: self._hand_out_table()))
        self.all.on_click(self.guard(lambda _: self._hand_out_all()))
        self.review.on_click(self.guard(lambda _: self._add_to_review()))
        self._after = row(self.table, self.all, self.review)
        self._after.layout.display = "none"
        for control in (self.all, self.review):
            control.layout.display = None if self._photos else "none"
        self.fill(
            row(self.upload, self.path, self.start, self.cancel, self.progress, self._said),
            self._after, self._pictures, self._grid,
            gestures=self.listen(self.on_message, t("Check")),
        )  # fmt: skip
        self.say(t("nothing leaves this machine; findings are kept in {0}",
                   workspace.portable(self._folder)))  # fmt: skip

    def on_message(self, message: dict) -> None:
        """A click on a part opens it."""
        what, _, which = message.get("open", "").partition(" ")
        if what == "part":
            self.guard(self._open)(int(which))

    def close(self) -> None:
        """Stop scoring and close all widgets."""
        if hasattr(self, "_stopped"):
            self._stopped.set()
        super().close()

    def table_text(self) -> str:
        """The findings as a CSV with the columns of a result file, and errors."""
        text = io.StringIO()
        rows = [[f.name, "", f.prediction, "" if f.error else f.score, f.error]
                for f in self.found]  # fmt: skip
        csv.writer(text, lineterminator="\n").writerows([[*COLUMNS, "error"], *rows])
        return text.getvalue()

    def _take_uploads(self) -> None:
        if not self.upload.value:
            return
        folder = self._folder / time.strftime("%Y%m%d-%H%M%S")
        folder.mkdir(parents=True, exist_ok=True)
        paths = []
        for file in self.upload.value:
            path = folder / Path(file["name"]).name  # never a path that a browser sends
            with workspace.written(path) as target:
                target.write(bytes(file["content"]))
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
        self._pictures.layout.display, self._after.layout.display = "none", None
        score = self._score_photos if self._photos else self._score_rows
        action = self.guard(lambda: score(paths, root), locked=False)
        self.worker = Thread(target=action, daemon=True)
        self.worker.start()

    def _score_photos(self, paths: list[Path], root: Path) -> None:
        began, stopped, shown = time.monotonic(), self._stopped, 0.0
        for number, path in enumerate(paths, 1):
            if stopped.is_set():
                self._said.value = self._t("stopped after {0} of {1}", number - 1, len(paths))
                break
            name = path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name
            try:
                with lock_of(self._detector):
                    seen = self._detector.evaluate_one(path)
                self.found.append(Found(name, seen.verdict, float(seen.score)))
            except (OSError, ValueError) as error:
                self.found.append(Found(name, "", float("nan"), str(error)))
            if time.monotonic() - shown > 0.5 or number == len(paths):
                shown = time.monotonic()
                self._show_progress(number, len(paths), shown - began)
        self._show_found()

    def _score_rows(self, paths: list[Path], root: Path) -> None:  # noqa: ARG002
        options = {k: v for k, v in self._detector.data["options"].items() if k != "split"}
        rows = load_rows(paths[0], **options)
        scores = self._detector.score(rows)
        limit = float(self._detector.threshold)
        self.found = [
            Found(f"row {i}", "NG" if s >= limit else "OK", float(s)) for i, s in enumerate(scores)
        ]
        self.progress.value = self.progress.max
        self._show_found()

    def _show_progress(self, done: int, n: int, seconds: float) -> None:
        ng, rate = sum(f.prediction == "NG" for f in self.found), done / max(seconds, 1e-9)
        self.progress.value = done
        self._said.value = self._t(
            "{0} of {1}, {2} NG, {3} a second, {4} s left",
            done, n, ng, f"{rate:.1f}", f"{(n - done) / rate:.0f}",
        )  # fmt: skip
        if self._photos:
            self._grid.value = self._thumbs()

    def _show_found(self) -> None:
        t, bad = self._t, [f for f in self.found if f.error]
        ng = sum(f.prediction == "NG" for f in self.found)
        if self._photos:
            self._grid.value = self._thumbs()
        else:
            worst = [self.found[i] for i in self._worst()[:SHOWN]]
            self._grid.value = _rows_table(worst, t)
        self.say(t("{0} checked: {1} NG, {2} could not be read", len(self.found), ng, len(bad)))

    def _worst(self) -> list[int]:
        """Indices by falling score; what could not be read comes first."""
        key: Callable[[int], tuple] = lambda i: (not self.found[i].error, -self.found[i].score)  # noqa: E731
        return sorted(range(len(self.found)), key=key)

    def _thumbs(self) -> str:
        return thumbs(self._worst(), tuple(self._paths), self._describe)

    def _describe(self, index: int) -> dict[str, str]:
        found = self.found[index]
        return {
            "name": found.name, "score": found.error or f"{found.score:.4g}", "outcome": "",
            "prediction": found.prediction,
        }  # fmt: skip

    def _frame(self, index: int) -> Any:  # noqa: ANN401
        with lock_of(self._detector):
            seen = self._detector.evaluate_one(self._paths[index])
        settings = DisplaySettings()
        regions = seen.regions[:3] if seen.is_anomaly else ()
        return draw(crop(seen, None, settings), settings, seen.heat_range, regions)

    def _open(self, index: int) -> None:
        frame, found = self._frame(index), self.found[index]
        self._photo.value, self._overlay.value = frame.photo, frame.overlay
        self._pictures.layout.display = None
        self.say(f"{found.name}: {found.prediction} {found.score:.4g}")

    def _hand_out_table(self) -> None:
        self.hand_out(self._folder / "check.csv", self.table_text().encode(), "text/csv")

    def _hand_out_all(self) -> None:
        """The table and the two pictures of every NG part in one file."""
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("check.csv", self.table_text())
            for index, found in enumerate(self.found):
                if found.prediction == "NG":
                    frame, stem = self._frame(index), found.name.replace("/", "_")
                    archive.writestr(f"{stem}.photo.jpg", frame.photo)
                    archive.writestr(f"{stem}.heat.jpg", frame.overlay)
        self.hand_out(self._folder / "check.zip", buffer.getvalue(), "application/zip")

    def _add_to_review(self) -> None:
        """Copy what is NG or could not be read to where somebody sorts it later."""
        folder = self._folder.with_name("review")
        folder.mkdir(parents=True, exist_ok=True)
        chosen = [p for p, f in zip(self._paths, self.found, strict=False) if f.prediction != "OK"]
        for path in chosen:
            with workspace.written(folder / path.name) as target:
                target.write(path.read_bytes())
        self.say(self._t("{0} photos copied to {1}", len(chosen), workspace.portable(folder)))


def _rows_table(found: list[Found], t: Callable[..., str]) -> str:
    from .markup import render

    rows = {f.name: [f.prediction, f"{f.score:.4g}"] for f in found}
    return render("tables.grid", head=[t("Verdict"), t("score")], rows=rows)
