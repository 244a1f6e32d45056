"""The Open Inference Protocol, version 2, over REST.

Source: the `open-inference/open-inference-protocol` specification (KServe, Triton, MLServer).
Photos are a BYTES tensor `image` of encoded pictures in base64, rows an FP64 tensor `rows`.
"""

import base64
import binascii
from importlib.metadata import version
from typing import Any

import numpy as np
from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from .photos import judged
from .problems import BadRequest
from .registry import PHOTOS, TURNS, Model
from .settings import Settings
from .shared import Counters, Limits, Models, encoded

# its clients name no content type
router = APIRouter(prefix="/v2", tags=["Open Inference Protocol"], strict_content_type=False)
NUMBERS = {"FP16", "FP32", "FP64", "INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32"}


class Tensor(BaseModel):
    """An input of a request."""

    name: str
    shape: list[int]
    datatype: str
    data: list[Any]
    parameters: dict[str, Any] = Field(default_factory=dict)


class Wanted(BaseModel):
    """An output that is asked for."""

    name: str
    parameters: dict[str, Any] = Field(default_factory=dict)


class InferRequest(BaseModel):
    """What `infer` is sent."""

    id: str = ""
    inputs: list[Tensor] = Field(min_length=1)
    outputs: list[Wanted] = Field(default_factory=list)
    parameters: dict[str, Any] = Field(default_factory=dict)


@router.get("")
def server() -> dict[str, Any]:
    """What this server is."""
    return {"name": "workbench", "version": version("workbench"), "extensions": []}


@router.get("/health/live")
async def live() -> dict[str, bool]:
    """Whether the service answers."""
    return {"live": True}


@router.get("/health/ready", responses={400: {"description": "There is no model"}})
def ready(models: Models, response: Response) -> dict[str, bool]:
    """Whether there is a model to ask."""
    found = bool(models.names())
    response.status_code = 200 if found else 400
    return {"ready": found}


@router.get("/models/{name}/versions/{number}")
@router.get("/models/{name}")
def model(name: str, models: Models, number: str = "1") -> dict[str, Any]:
    """Inputs and outputs of a model."""
    found = models.get(name)
    photos = found.kind == PHOTOS
    columns = 0 if photos else len(found.detector.columns)
    takes = (
        {"name": "image", "datatype": "BYTES", "shape": [-1]}
        if photos
        else {"name": "rows", "datatype": "FP64", "shape": [-1, columns]}
    )
    return {
        "name": found.name,
        "versions": ["1"],
        "platform": f"workbench_{found.kind}",
        "inputs": [takes],
        "outputs": [
            {"name": "score", "datatype": "FP64", "shape": [-1]},
            {"name": "is_anomaly", "datatype": "BOOL", "shape": [-1]},
            {"name": "threshold", "datatype": "FP64", "shape": [1]},
            {"name": "overlay", "datatype": "BYTES", "shape": [-1]}
            if photos
            else {"name": "blame", "datatype": "FP64", "shape": [-1, columns]},
        ],
    }


@router.get("/models/{name}/versions/{number}/ready")
@router.get("/models/{name}/ready")
def model_ready(name: str, models: Models, number: str = "1") -> dict[str, Any]:
    """Whether a model can be asked; loads it."""
    return {"name": models.get(name).name, "ready": True}


@router.post("/models/{name}/versions/{number}/infer")
@router.post("/models/{name}/infer")
def infer(
    name: str,
    request: InferRequest,
    models: Models,
    settings: Limits,
    monitor: Counters,
    number: str = "1",
) -> dict[str, Any]:
    """Judge photos or rows, in the order they were sent."""
    found = models.get(name)
    tensor = _only(request.inputs)
    wanted = {output.name for output in request.outputs}
    judge = _photos if found.kind == PHOTOS else _rows
    outputs = judge(found, tensor, settings, wanted)
    if unknown := wanted - outputs.keys():
        raise BadRequest(f"outputs must be of {', '.join(outputs)}, got {', '.join(unknown)}")
    monitor.judged(found, outputs["score"]["data"])
    chosen = [
        {"name": key, **value}
        for key, value in outputs.items()
        if key in wanted or not (wanted or key in ("overlay", "blame"))
    ]
    answer = {"model_name": found.name, "model_version": "1", "outputs": chosen}
    return answer | ({"id": request.id} if request.id else {})


def _only(inputs: list[Tensor]) -> Tensor:
    if len(inputs) != 1:
        raise BadRequest(f"one input is needed, got {len(inputs)}")
    return inputs[0]


def _photos(
    found: Model, tensor: Tensor, settings: Settings, wanted: set[str]
) -> dict[str, dict[str, Any]]:
    if tensor.datatype != "BYTES":
        raise BadRequest(f"photos must be BYTES (base64), got {tensor.datatype}")
    _check_count(len(tensor.data), settings)
    if tensor.shape[:1] != [len(tensor.data)]:
        raise BadRequest(f"shape must be [{len(tensor.data)}], the photos, got {tensor.shape}")
    scores, overlays = [], []
    for text in tensor.data:
        result = judged(found, _decoded(text), settings)
        scores.append(float(result.score))
        overlays.append(encoded(result.overlay()) if "overlay" in wanted else "")
    return _scored(scores, float(found.detector.threshold)) | {
        "overlay": {"datatype": "BYTES", "shape": [len(scores)], "data": overlays}
    }


def _rows(
    found: Model, tensor: Tensor, settings: Settings, _wanted: set[str]
) -> dict[str, dict[str, Any]]:
    columns = found.detector.columns
    if tensor.datatype not in NUMBERS:
        raise BadRequest(f"rows must be numbers, FP64 for example, got {tensor.datatype}")
    try:
        flat = np.array(tensor.data, np.float64).reshape(-1)
        rows = flat.reshape(tensor.shape)
    except (ValueError, TypeError, OverflowError) as error:
        raise BadRequest(f"data must be numbers of shape {tensor.shape}") from error
    if rows.ndim != 2 or rows.shape[1] != len(columns) or not np.isfinite(rows).all():
        raise BadRequest(
            f"rows must be finite numbers of shape (N, {len(columns)}) for "
            f"{', '.join(columns)}, got {tuple(rows.shape)}"
        )
    _check_count(len(rows), settings)
    with TURNS, np.errstate(over="ignore", invalid="ignore"):
        scores, blame = found.detector.score(rows), found.detector.blame(rows)
    if not np.isfinite(scores).all():
        raise BadRequest("the values are too large to be judged")
    return _scored(scores.tolist(), float(found.detector.threshold)) | {
        "blame": {"datatype": "FP64", "shape": list(blame.shape), "data": blame.ravel().tolist()}
    }


def _scored(scores: list[float], threshold: float) -> dict[str, dict[str, Any]]:
    shape = [len(scores)]
    verdicts = [score >= threshold for score in scores]
    return {
        "score": {"datatype": "FP64", "shape": shape, "data": scores},
        "is_anomaly": {"datatype": "BOOL", "shape": shape, "data": verdicts},
        "threshold": {"datatype": "FP64", "shape": [1], "data": [threshold]},
    }


def _check_count(count: int, settings: Settings) -> None:
    if not 0 < count <= settings.rows:
        raise BadRequest(f"1 to {settings.rows} photos or rows a request, got {count}")


def _decoded(text: Any) -> bytes:  # noqa: ANN401 - whatever JSON holds
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, TypeError, ValueError) as error:
        raise BadRequest("photos must be encoded in base64") from error
