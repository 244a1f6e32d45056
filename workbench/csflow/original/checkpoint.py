"""A file of `torch.save` and the tensors in it, read without running anything of the file."""

import io
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from workbench.errors import ArtifactError

from .pickles import Made, Name, Parser

DTYPES = {
    "torch.FloatStorage": torch.float32,
    "torch.DoubleStorage": torch.float64,
    "torch.HalfStorage": torch.float16,
    "torch.BFloat16Storage": torch.bfloat16,
    "torch.LongStorage": torch.int64,
    "torch.IntStorage": torch.int32,
    "torch.ByteStorage": torch.uint8,
    "torch.BoolStorage": torch.bool,
}
TENSOR, PARAMETER = "torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_parameter"
NAMES: dict[str, Callable[..., Any] | None] = {
    "collections.OrderedDict": dict,
    PARAMETER: lambda tensor, *_: tensor,
    TENSOR: None,
    **dict.fromkeys(DTYPES),
}
STREAM_MAGIC = 0x1950A86A20F9469CFC6C  # the first value in a file from before torch 1.6


@dataclass(frozen=True, slots=True)
class Storage:
    """The numbers behind a tensor, by the key under which the file holds them."""

    dtype: torch.dtype
    key: str
    count: int


class Checkpoint:
    """A file of `torch.save`: a zip, or the stream that torch wrote before 1.6.

    Args:
        path: The file.
        names: What its pickle may name beside tensors, as `Parser` takes it.

    Attributes:
        tree: What was saved, of dicts, lists, tuples, words, numbers, `Made` and `Name`.

    Raises:
        ArtifactError: No such file, a damaged one, or one that names anything else.
    """

    def __init__(
        self, path: Path | str, names: Mapping[str, Callable[..., Any] | None] | None = None
    ) -> None:
        path = Path(path)
        self._parser = Parser(NAMES | dict(names or {}), self._point)
        self._storages: dict[str, Storage] = {}
        self._bytes: dict[str, bytes] = {}
        try:
            with path.open("rb") as file:
                read = self._read_zip if zipfile.is_zipfile(file) else self._read_stream
                file.seek(0)
                self.tree = read(file, path.stat().st_size)
            self._left = sum(map(len, self._bytes.values()))
        except ArtifactError as error:
            raise ArtifactError(f"{path} {error}") from None
        except (
            OSError, ValueError, LookupError, TypeError, EOFError, RuntimeError,
            MemoryError, zipfile.BadZipFile,
        ) as error:  # fmt: skip
            reason = str(error) or type(error).__name__
            raise ArtifactError(
                f"{path} must be a whole checkpoint of torch.save, got one that cannot be "
                f"read: {reason}"
            ) from error

    def tensor(self, made: Any) -> Tensor:  # noqa: ANN401
        """What stands in the tree for a tensor, as one on the CPU.

        Raises:
            ArtifactError: It is none, or larger than what the file holds for it.
        """
        match made:
            case Made(name=name, args=args) if name == TENSOR and _sound(args):
                storage, offset, size, stride, *_ = args
            case _:
                raise ArtifactError(f"must hold a tensor there, got a {type(made).__name__}")
        flat = self._flat(storage)
        self._left -= prod(size) * storage.dtype.itemsize  # one storage behind many tensors
        last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
        if 0 in size or prod(size) > len(flat) or last >= len(flat) or self._left < 0:
            raise ArtifactError(
                f"must hold the numbers of a tensor of shape {size}, got {len(flat)} for it"
            )
        return flat.as_strided(size, stride, offset).clone()

    def _flat(self, storage: Storage) -> Tensor:
        raw = self._bytes.get(storage.key, b"")
        if not raw or len(raw) != storage.count * storage.dtype.itemsize:
            raise ArtifactError(
                f"must hold {storage.count} numbers as storage {storage.key}, "
                f"got {len(raw)} bytes; is the file whole?"
            )
        return torch.frombuffer(bytearray(raw), dtype=storage.dtype)

    def _point(self, identity: Any) -> Any:  # noqa: ANN401
        match identity:
            case ("storage", Name(path), str(key), _, int(count), *rest) if (
                path in DTYPES and not any(rest)
            ):
                self._storages[key] = Storage(DTYPES[path], key, count)
                return self._storages[key]
            case ("module", Name() as name, *_):  # the stream holds a class with its source text
                return name
        raise ValueError("a persistent id that is no storage")

    def _read_zip(self, file: BinaryIO, size: int) -> Any:  # noqa: ANN401
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            if (
                any(member.compress_type != zipfile.ZIP_STORED for member in members)
                or sum(member.file_size for member in members) > size
            ):
                raise ValueError("its members claim more bytes than the file has")
            files = {member.filename.partition("/")[2]: archive.read(member) for member in members}
        if files.get("byteorder", b"little") != b"little":
            raise ValueError("big-endian numbers")
        if "data.pkl" not in files:
            raise ValueError("a zip without data.pkl")
        self._bytes = {name.removeprefix("data/"): content for name, content in files.items()}
        return self._parser.parse(io.BytesIO(files["data.pkl"]))

    def _read_stream(self, file: BinaryIO, size: int) -> Any:  # noqa: ANN401
        if self._parser.parse(file) != STREAM_MAGIC:
            raise ValueError("a pickle of something else")
        self._parser.parse(file)  # the protocol's version
        self._parser.parse(file)  # facts about the machine that wrote it
        tree = self._parser.parse(file)
        for key in self._parser.parse(file):
            wanted = int.from_bytes(file.read(8), "little") * self._storages[key].dtype.itemsize
            self._bytes[key] = file.read(min(wanted, size))
            if len(self._bytes[key]) != wanted:  # also where nobody asks for these numbers
                raise EOFError(f"it ends within storage {key}; is the file whole?")
        return tree


def _sound(args: tuple[Any, ...]) -> bool:
    """Whether storage, offset, size and stride are what they should be."""
    match args:
        case (Storage(), int(offset), tuple(size), tuple(stride), *_):
            numbers = (offset, *size, *stride)
            return len(size) == len(stride) and all(isinstance(n, int) and n >= 0 for n in numbers)
    return False
