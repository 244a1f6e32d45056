"""A pickle as a tree of plain values: its opcodes are read, never run.

`pickle.load` imports and calls whatever a file names. Here the opcodes are only parsed
(`pickletools.genops`), and where the file wants something called there stands a `Made`: what
by which name from which arguments. Nothing is imported or called, the memory needed is bounded
by the size of the file, and a name that is not allowed ends the reading.
"""

import pickletools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

from workbench.errors import ArtifactError

_MARK = object()
_LITERALS = {
    "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE",
}  # fmt: skip
_FIXED = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": (), "MARK": _MARK}
_FRESH = {"EMPTY_LIST": list, "EMPTY_DICT": dict, "EMPTY_SET": set}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


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


class Parser:
    """Reads pickles one after the other from a stream.

    Args:
        names: What they may name, dotted; for some of them a harmless function of ours that
            gives the value at once, for the others None, which leaves a `Made`.
        persistent: Gives the value of a persistent id, by which torch points to its storages.

    Example:
        >>> import io, pickle
        >>> Parser({}).parse(io.BytesIO(pickle.dumps({"a": (1, [2.5])}, protocol=2)))
        {'a': (1, [2.5])}
    """

    def __init__(
        self,
        names: Mapping[str, Callable[..., Any] | None],
        persistent: Callable[[Any], Any] | None = None,
    ) -> None:
        self._names, self._persistent = names, persistent
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}

    def parse(self, stream: BinaryIO) -> Any:  # noqa: ANN401
        """The next pickle of the stream, which then stands behind its end.

        Raises:
            ArtifactError: It names what is not allowed, which is then named.
            ValueError, LookupError, TypeError: It is damaged or no pickle.
        """
        self._stack, self._memo = [], {}
        for opcode, argument, _ in pickletools.genops(stream):
            self._step(opcode.name, argument)
        return self._stack.pop()

    def _step(self, op: str, argument: Any) -> None:  # noqa: ANN401
        stack = self._stack
        if op in _LITERALS:
            stack.append(argument)
        elif op in _FIXED:
            stack.append(_FIXED[op])
        elif op in _FRESH:
            stack.append(_FRESH[op]())
        elif op in _TUPLES:
            stack[-_TUPLES[op] :] = [tuple(stack[-_TUPLES[op] :])]
        elif op in ("BINPUT", "LONG_BINPUT"):
            self._memo[argument] = stack[-1]
        elif op == "MEMOIZE":
            self._memo[len(self._memo)] = stack[-1]
        elif op in ("BINGET", "LONG_BINGET"):
            stack.append(self._memo[argument])
        elif op in _STEPS:
            _STEPS[op](self, argument)
        elif op not in ("PROTO", "FRAME", "STOP"):
            raise ValueError(f"opcode {op}, which torch.save does not write")

    def _global(self, argument: str) -> None:
        self._name(*argument.split(" ", 1))

    def _stack_global(self, _: None) -> None:
        name, module = self._stack.pop(), self._stack.pop()
        self._name(module, name)

    def _name(self, module: str, name: str) -> None:
        path = f"{module}.{name}"
        if path not in self._names:
            raise ArtifactError(
                f"names {path}, which no checkpoint of CS-Flow needs; nothing of it was run"
            )
        self._stack.append(Name(path))

    def _call(self, _: None) -> None:
        arguments, name = self._stack.pop(), self._stack.pop()
        if not isinstance(name, Name) or not isinstance(arguments, tuple):
            raise TypeError(f"calls a {type(name).__name__}")
        stand_in = self._names.get(name.path)
        made = stand_in(*arguments) if stand_in else Made(name.path, arguments)
        self._stack.append(made)

    def _build(self, _: None) -> None:
        state, target = self._stack.pop(), self._stack[-1]
        if isinstance(target, Made):
            target.state = state
        elif not isinstance(target, dict):  # that of a state dict is its versions: not needed
            raise TypeError(f"sets the state of a {type(target).__name__}")

    def _persid(self, _: None) -> None:
        if not self._persistent:
            raise ValueError("a persistent id, which only torch.save writes")
        self._stack.append(self._persistent(self._stack.pop()))

    def _append(self, _: None) -> None:
        self._extend([self._stack.pop()])

    def _appends(self, _: None) -> None:
        self._extend(self._marked())

    def _extend(self, values: list[Any]) -> None:
        target = self._stack[-1]
        if not isinstance(target, list):
            raise TypeError(f"appends to a {type(target).__name__}")
        target.extend(values)

    def _setitem(self, _: None) -> None:
        value, key = self._stack.pop(), self._stack.pop()
        self._update([key, value])

    def _setitems(self, _: None) -> None:
        self._update(self._marked())

    def _update(self, items: list[Any]) -> None:
        target = self._stack[-1]
        if not isinstance(target, dict):
            raise TypeError(f"sets items of a {type(target).__name__}")
        for key, value in zip(items[::2], items[1::2], strict=True):
            if not isinstance(key, str | int):
                raise TypeError(f"a {type(key).__name__} as a key")
            target[key] = value

    def _tuple(self, _: None) -> None:
        self._stack.append(tuple(self._marked()))

    def _pop(self, _: None) -> None:
        self._stack.pop()

    def _marked(self) -> list[Any]:
        """What was pushed since the last mark."""
        start = len(self._stack) - 1
        while self._stack[start] is not _MARK:
            start -= 1
            if start < 0:
                raise ValueError("no mark")
        values = self._stack[start + 1 :]
        del self._stack[start:]
        return values


_STEPS = {
    "GLOBAL": Parser._global,
    "STACK_GLOBAL": Parser._stack_global,
    "REDUCE": Parser._call,
    "NEWOBJ": Parser._call,
    "BUILD": Parser._build,
    "BINPERSID": Parser._persid,
    "APPEND": Parser._append,
    "APPENDS": Parser._appends,
    "SETITEM": Parser._setitem,
    "SETITEMS": Parser._setitems,
    "TUPLE": Parser._tuple,
    "POP": Parser._pop,
}
