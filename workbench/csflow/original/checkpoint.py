"""A file of `torch.save` and the tensors in it, read without running anything of the file.

The standard library's unpickler keeps the stack; whatever calls, imports or changes something is
taken out of it. Where the file wants something called there stands a `Made`: what by which name
from which arguments. A name that is not allowed, or an opcode that `torch.save` does not write,
ends the reading. The memory needed is bounded by the size of the file.
"""

import io
import pickle
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

import torch
from torch import Tensor

from workbench.errors import ArtifactError

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
OPCODES = (
    "PROTO FRAME STOP POP MARK NONE NEWTRUE NEWFALSE BININT BININT1 BININT2 LONG1 BINFLOAT "
    "BINUNICODE SHORT_BINUNICODE TUPLE EMPTY_TUPLE TUPLE1 TUPLE2 TUPLE3 EMPTY_LIST APPEND APPENDS "
    "EMPTY_SET SETITEM SETITEMS BINPUT LONG_BINPUT BINGET LONG_BINGET MEMOIZE GLOBAL STACK_GLOBAL "
    "BINPERSID"
)  # that put values together; those that would call or fill something are ours, below


@dataclass(frozen=True, slots=True)
class Name:
    """A class or function that the pickle names, e.g. "collections.OrderedDict"."""

    path: str


@dataclass(eq=False, slots=True)
class Made:
    """What the pickle wants made by calling `name` with `args`, and the state set on it."""

    name: str
    args: tuple[Any, ...]
    state: Any = None


@dataclass(frozen=True, slots=True)
class Storage:
    """The numbers behind a tensor, by the key under which the file holds them."""

    dtype: torch.dtype
    key: str
    count: int


class Table(dict):
    """A dict whose keys are words and numbers: the hash of nested tuples takes forever."""

    def __init__(self, items: Any = ()) -> None:  # noqa: ANN401
        super().__init__()
        for key, value in items:
            self[key] = value

    def __setitem__(self, key: Any, value: Any) -> None:  # noqa: ANN401
        if not isinstance(key, str | int):
            raise TypeError(f"a {type(key).__name__} as a key")
        super().__setitem__(key, value)


Names = Mapping[str, Callable[..., Any] | None]
NAMES: Names = {
    "collections.OrderedDict": Table,
    PARAMETER: lambda tensor, *_: tensor,
    TENSOR: None,
    **dict.fromkeys(DTYPES),
}


class Unpickler(pickle._Unpickler):
    """Reads one pickle of a stream.

    It is the variant in Python: that in C takes as much memory as the file says it needs.

    Args:
        names: What it may name, dotted; for some of them a harmless function of ours that gives
            the value at once, for the others None, which leaves a `Made`.

    Example:
        >>> Unpickler(io.BytesIO(pickle.dumps({"a": (1, [2.5])}, protocol=2)), {}).load()
        {'a': (1, [2.5])}
    """

    stack: list[Any]  # this and `append` are set by `load`
    append: Callable[[Any], None]

    def __init__(self, stream: BinaryIO, names: Names) -> None:
        super().__init__(stream)
        self._names = names

    def find_class(self, module: str, name: str) -> Name:
        """Take the name for itself, if it is allowed; nothing is imported."""
        path = f"{module}.{name}"
        if path not in self._names:
            raise ArtifactError(
                f"names {path}, which no checkpoint of CS-Flow needs; nothing of it was run"
            )
        return Name(path)

    def persistent_load(self, pid: Any) -> Storage:  # noqa: ANN401
        """Give the storage that torch points to."""
        match pid:
            case ("storage", Name(path), str(key), _, int(count)) if path in DTYPES:
                return Storage(DTYPES[path], key, count)
        raise ValueError("a persistent id that is no storage")

    def _call(self) -> None:
        arguments, name = self.stack.pop(), self.stack.pop()
        if not isinstance(name, Name) or not isinstance(arguments, tuple):
            raise TypeError(f"calls a {type(name).__name__}")
        stand_in = self._names[name.path]
        self.append(stand_in(*arguments) if stand_in else Made(name.path, arguments))

    def _build(self) -> None:
        state, target = self.stack.pop(), self.stack[-1]
        if isinstance(target, Made):
            target.state = state
        elif not isinstance(target, Table):  # that of a state dict is its versions: not needed
            raise TypeError(f"sets the state of a {type(target).__name__}")

    dispatch: ClassVar[dict[int, Callable[[Any], None]]] = {
        getattr(pickle, name)[0]: pickle._Unpickler.dispatch[getattr(pickle, name)[0]]
        for name in OPCODES.split()
    } | {
        pickle.REDUCE[0]: _call,
        pickle.NEWOBJ[0]: _call,
        pickle.BUILD[0]: _build,
        pickle.EMPTY_DICT[0]: lambda self: self.append(Table()),
    }


class TorchFile:
    """A file of `torch.save`, a zip since torch 1.6, which is older than CS-Flow.

    Args:
        names: What its pickle may name beside tensors, as `Unpickler` takes it.

    Raises:
        ArtifactError: No such file, a damaged one, or one that names anything else.
    """

    def __init__(self, path: Path | str, names: Names | None = None) -> None:
        path = Path(path)
        try:
            files = _members(path)
            self._bytes = {name.removeprefix("data/"): found for name, found in files.items()}
            self._left = sum(map(len, self._bytes.values()))
            pickled = io.BytesIO(files["data.pkl"])
            # what was saved, of dicts, lists, tuples, words, numbers, `Made` and `Name`
            self.tree = Unpickler(pickled, {**NAMES, **(names or {})}).load()
        except ArtifactError as error:
            raise ArtifactError(f"{path} {error}") from None
        except Exception as error:  # damaged bytes fail in every way
            reason = str(error) or type(error).__name__
            if isinstance(error, KeyError):
                reason = f"opcode {error}, which torch.save does not write"
            raise ArtifactError(
                f"{path} must be a whole checkpoint of torch.save, 1.6 or newer, got one that "
                f"cannot be read: {reason}"
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


def _members(path: Path) -> dict[str, bytes]:
    """The files in the zip, by their names below its folder."""
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        if (
            any(member.compress_type != zipfile.ZIP_STORED for member in members)
            or sum(member.file_size for member in members) > path.stat().st_size
        ):
            raise ValueError("its members claim more bytes than the file has")
        files = {member.filename.partition("/")[2]: archive.read(member) for member in members}
    if files.get("byteorder", b"little") != b"little":
        raise ValueError("big-endian numbers")
    if "data.pkl" not in files:
        raise ValueError("a zip without data.pkl")
    return files


def _sound(args: tuple[Any, ...]) -> bool:
    """Whether storage, offset, size and stride are what they should be."""
    match args:
        case (Storage(), int(offset), tuple(size), tuple(stride), *_):
            numbers = (offset, *size, *stride)
            return len(size) == len(stride) and all(isinstance(n, int) and n >= 0 for n in numbers)
    return False
