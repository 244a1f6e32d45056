"""The protocol of the sensor service: /anomaly, POST /predict, /health, /version."""

import math
import warnings
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from fastapi import APIRouter, Body, Depends, Query
from pydantic import BaseModel, Field, FiniteFloat
from starlette.concurrency import run_in_threadpool

from .problems import BadRequest, validation
from .registry import ROWS, Model
from .shared import Counters, Models

if TYPE_CHECKING:
    from workbench.autoencoder.explanation import RowEvaluation

# as their clients were answered, who need not name a content type
router = APIRouter(tags=["Anomaly Detection"], strict_content_type=False)
system = APIRouter(tags=["System"])
Name = Annotated[str, Query(description="Needed where there are several models of rows")]
FEW = 64  # sensors of which a row is judged before others would have noticed


class Values(BaseModel):
    """A row in the order of the model's columns."""

    values: list[FiniteFloat] = Field(min_length=1)


async def asked(models: Models, model: Name = "") -> Model:
    """The model that a request means."""
    name = models.chosen(ROWS, model)
    known = name in models
    return models.get(name, ROWS) if known else await run_in_threadpool(models.get, name, ROWS)


Asked = Annotated[Model, Depends(asked)]


@router.post("/anomaly", operation_id="detect_anomaly")
async def detect_anomaly(row: Values, found: Asked, monitor: Counters) -> dict[str, Any]:
    """Whether a row, given in the order of training, is normal."""
    columns = found.detector.columns
    if len(row.values) != len(columns):
        raise BadRequest(
            f"Input dimension mismatch. Expected {len(columns)}, got {len(row.values)}"
        )
    return await _judged(found, row.values, monitor)


@router.post("/predict", operation_id="predict_sensor")
async def predict_sensor(
    body: Annotated[dict[str, Any], Body()], found: Asked, monitor: Counters
) -> Any:  # noqa: ANN401 - an answer or the 422 of this service
    """The same for named sensors; the names are those of the model.

    Of a sensor that is `null` the row is judged without it, and `missing` says so; an answer is
    422 where more are missing than the model allows.
    """
    columns = found.detector.columns
    problems, row = [], {}
    gone = [column for column in columns if body.get(column, 0) is None]
    gone = gone if len(gone) <= found.detector.config.missing_of(len(columns)) else []
    for column in columns:
        value = body.get(column)
        if column in gone:
            row[column] = None
        elif value is None:
            problems.append({"field": column, "message": "Field required"})
        elif (number := _number(value)) is None:
            problems.append({"field": column, "message": "Input should be a valid number"})
        else:
            row[column] = number
    if problems:
        return validation(problems)
    stamp = {"model_version": _model_version(found), "timestamp": _now(), "input": row}
    values = [math.nan if value is None else value for value in row.values()]
    return await _judged(found, values, monitor) | stamp | ({"missing": gone} if gone else {})


@system.get("/health", operation_id="health_check")
async def health_check() -> dict[str, str]:
    """Whether the service answers."""
    return {"status": "ok", "timestamp": _now()}


@system.get("/version", operation_id="version_info")
def version_info(models: Models) -> dict[str, str]:
    """Of the interface, of the program, and of the model where there is one."""
    stamps = [_model_version(models.get(name)) for name in models.names()]
    return {
        "api_version": "1.0.0",
        "workbench": version("workbench"),
        "model_version": stamps[0] if len(stamps) == 1 else ", ".join(stamps),
        "timestamp": _now(),
    }


async def _judged(model: Model, values: list[float], monitor: Counters) -> dict[str, Any]:
    if len(values) <= FEW:
        result = _evaluated(model, values)
    else:
        result = await run_in_threadpool(_evaluated, model, values)
    if not math.isfinite(result.score):
        raise BadRequest("the values are too large to be judged")
    monitor.judged(model, [result.score])
    return {
        "anomaly_score": float(result.score),
        "score": float(result.score),
        "threshold": float(result.threshold),
        "status": "abnormal" if result.is_anomaly else "normal",
        "blame": {name: float(share) for name, share in result.blame.items()},
    }


def _evaluated(model: Model, values: list[float]) -> "RowEvaluation":
    with np.errstate(over="ignore", invalid="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is missing the answer says
        return model.detector.evaluate_one(values)


def _number(value: Any) -> float | None:  # noqa: ANN401
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) and not isinstance(value, bool) else None


def _model_version(model: Model) -> str:
    return f"{model.name} {model.manifest.get('saved', '')}".strip()


def _now() -> str:
    return datetime.now(UTC).astimezone().isoformat()
