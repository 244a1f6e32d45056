"""An ONNX graph from a torch module: run once under a tape, folded, written node by node.

The graph says what the module computes, for any batch size, with what never changes computed
beforehand: batch norms and gains are multiplied into the convolutions, paddings joined to them,
and what no output depends on (the log-determinant) is left out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

OPSET = 18
IR_VERSION = 9  # what every onnxruntime since 1.18 reads


@dataclass(eq=False)
class Ref:
    """A tensor that depends on the images; `op` made it, `name` is its name in the graph."""

    shape: tuple[int, ...]
    dtype: torch.dtype
    op: "Op | None" = field(default=None, repr=False)
    users: int = 0
    name: str = ""
    node: onnx.NodeProto | None = None


@dataclass(eq=False)
class Op:
    """One operation on the tape; constants in its arguments are tensors and numbers."""

    kind: str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    results: list[Ref] = field(default_factory=list)

    @property
    def inputs(self) -> list[Ref]:
        """What it reads of what depends on the images."""
        return [x for x in tree_leaves((self.args, dict(self.kwargs))) if isinstance(x, Ref)]


class Tape(TorchDispatchMode):
    """Records what is done with a tensor, and with all that comes from it.

    All these are on torch's device "meta", which knows shapes and computes nothing: the features
    of a large image, all kept, would fill the memory. What is constant is computed as ever.
    """

    def __init__(self, source: Tensor) -> None:
        super().__init__()
        self.source = Ref(tuple(source.shape), source.dtype, name="images")
        self.ops: list[Op] = []
        self._refs = {id(source): self.source}
        self._alive: list[Tensor] = []  # so that no id is given twice

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # else torch imports its compiler to be told so, which takes seconds

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # noqa: ANN001, ANN204
        kwargs = kwargs or {}
        op = Op(func.overloadpacket.__name__, *tree_map(self.ref, (args, kwargs)))
        if not op.inputs:
            return func(*args, **kwargs)
        args, kwargs = tree_map(_shape, (args, kwargs))
        result = func(*args, **kwargs)
        self.ops.append(op)
        for tensor in [x for x in tree_leaves(result) if isinstance(x, Tensor)]:
            ref = Ref(tuple(tensor.shape), tensor.dtype, op)
            op.results.append(ref)
            self._refs[id(tensor)] = ref
            self._alive.append(tensor)
        return result

    def ref(self, x: Any) -> Any:  # noqa: ANN401
        """The record of a tensor, or the thing itself."""
        return self._refs.get(id(x), x) if isinstance(x, Tensor) else x


def build(module: nn.Module, example: Tensor, outputs: Sequence[str]) -> bytes:
    """Write a module as a serialised ONNX model.

    Args:
        module: In evaluation mode; takes one tensor and returns a list of tensors.
        example: A batch of two or more of what the module takes, uint8 (B, C, H, W).
        outputs: Names of the returned tensors.

    Raises:
        NotImplementedError: The module uses an operation that has no translation here.

    Example:
        >>> class Net(nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.body = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))
        ...     def forward(self, x):
        ...         return [self.body(x.float())]
        >>> model = build(Net().eval(), torch.zeros(2, 3, 8, 8, dtype=torch.uint8), ["y"])
        >>> [node.op_type for node in onnx.load_from_string(model).graph.node]
        ['Cast', 'Conv', 'Identity']
    """
    from .rules import RULES

    example = example.to("meta")
    tape = Tape(example)
    with torch.no_grad(), tape:
        returned = module(example)
    refs = [tape.ref(tensor) for tensor in returned]
    writer = Writer()
    for op in _needed(tape.ops, refs):
        if op.kind not in RULES:
            raise NotImplementedError(f"no ONNX translation for {op.kind}")
        values = RULES[op.kind](writer, op, *op.args, **op.kwargs)
        values = values if isinstance(values, list) else [values]
        for ref, value in zip(
            op.results, values, strict=False
        ):  # batch norms also give statistics
            ref.name, ref.node = value.name, value.node
    return writer.model(tape.source, refs, outputs).SerializeToString()


def _shape(x: Any) -> Any:  # noqa: ANN401
    """A tensor without its numbers, or the thing itself."""
    return x.to("meta") if isinstance(x, Tensor) else x


def _needed(ops: Sequence[Op], refs: Sequence[Ref]) -> list[Op]:
    """The operations that an output depends on, in order, their uses counted."""
    wanted, needed = set(refs), []
    for ref in refs:
        ref.users += 1
    for op in reversed(ops):
        if wanted & set(op.results):
            needed.append(op)
            wanted |= set(op.inputs)
            for ref in op.inputs:
                ref.users += 1
    return needed[::-1]


class Writer:
    """The nodes and constants of a graph that is being written."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self._names: dict[bytes, str] = {}
        self._arrays: dict[str, NDArray] = {}

    def emit(self, op: str, inputs: Sequence[Any], count: int = 0, **attributes: Any) -> Any:  # noqa: ANN401
        """Append a node; return its value, or a list where it gives `count` of them."""
        name = f"{op.lower()}_{len(self.nodes)}"
        names = [f"{name}_{i}" for i in range(count)] or [name]
        node = helper.make_node(op, [self._name(x) for x in inputs], names, name, **attributes)
        self.nodes.append(node)
        values = [Ref((), torch.float32, name=name, node=node) for name in names]
        return values if count else values[0]

    def constant(self, name: str) -> NDArray:
        """The array behind a name."""
        return self._arrays[name]

    def model(self, source: Ref, refs: Sequence[Ref], outputs: Sequence[str]) -> onnx.ModelProto:
        """What was written, as a model; nodes that folding left behind are dropped."""
        for name, ref in zip(outputs, refs, strict=True):
            self.nodes.append(helper.make_node("Identity", [ref.name], [name]))
        wanted, nodes = set(outputs), []
        for node in reversed(self.nodes):
            if wanted & set(node.output):
                wanted |= set(node.input)
                nodes.append(node)
        graph = helper.make_graph(
            nodes[::-1],
            "workbench",
            [_info("images", TensorProto.UINT8, source)],
            [_info(name, TensorProto.FLOAT, r) for name, r in zip(outputs, refs, strict=True)],
            [numpy_helper.from_array(x, n) for n, x in self._arrays.items() if n in wanted],
        )
        opset = helper.make_opsetid("", OPSET)
        model = helper.make_model(graph, opset_imports=[opset], producer_name="workbench")
        model.ir_version = IR_VERSION
        return model

    def _name(self, x: Any) -> str:  # noqa: ANN401
        if isinstance(x, Ref):
            return x.name
        if x is None:
            return ""
        array = x.detach().cpu().contiguous().numpy() if isinstance(x, Tensor) else np.asarray(x)
        if array.dtype == np.float64:
            array = array.astype(np.float32)
        # each array once: the scales share one backbone
        key = f"{array.dtype}{array.shape}".encode() + array.tobytes()
        name = self._names.setdefault(key, f"constant_{len(self._names)}")
        self._arrays.setdefault(name, np.ascontiguousarray(array).reshape(array.shape))
        return name


def _info(name: str, kind: int, ref: Ref) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, ["batch", *ref.shape[1:]])
