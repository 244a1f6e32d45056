"""One photo in, verdict and reasons out; used by /evaluate and by the inference protocol."""

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, File, Query, UploadFile

from workbench.data.decode import header
from workbench.errors import DataError

from .problems import BadRequest
from .registry import PHOTOS, TURNS, Model
from .settings import Settings
from .shared import Counters, Limits, Models, encoded

if TYPE_CHECKING:
    from workbench.csflow import Evaluation

router = APIRouter(tags=["Photos"])


@router.post("/evaluate")
def evaluate(
    models: Models,
    settings: Limits,
    monitor: Counters,
    file: Annotated[UploadFile, File(description="The photo")],
    model: Annotated[str, Query(description="Needed where there are several")] = "",
    overlay: bool = False,
) -> dict[str, Any]:
    """Score and explain one uploaded photo."""
    found = models.get(models.chosen(PHOTOS, model), PHOTOS)
    result = judged(found, file.file.read(), settings)
    monitor.judged(found, [result.score])
    answer = {
        "model": found.name,
        "score": float(result.score),
        "threshold": float(result.threshold),
        "is_anomaly": bool(result.is_anomaly),
        "verdict": result.verdict,
        "regions": [region._asdict() for region in result.regions],
        "size": [result.image.shape[1], result.image.shape[0]],
        "milliseconds": 1000 * float(result.timing["total"]),
    }
    return answer | ({"overlay": encoded(result.overlay())} if overlay else {})


def judged(model: Model, content: bytes, settings: Settings) -> "Evaluation":
    """The evaluation of an encoded photo; BadRequest where it is none, or too large."""
    try:
        about = header(content)
        if about.width * about.height > settings.pixels:
            raise BadRequest(
                f"a photo may have {settings.pixels:,} pixels, got {about.width} x "
                f"{about.height}; send a smaller one"
            )
        with TURNS:
            return model.detector.evaluate_one(content)
    except (DataError, ValueError) as error:
        raise BadRequest(str(error)) from error
