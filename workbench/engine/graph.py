"""An ONNX graph from a torch module: traced by `torch.export`, folded, written node by node.

The graph says what the module computes, for any batch size, with what never changes computed
beforehand: batch norms and gains are multiplied into the convolutions, paddings joined to them,
and what no output depends on (the log-determinant) is left out.
"""

import operator
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, fx, nn

OPSET = 18


class Value(NamedTuple):
    """A tensor that is only known when the graph runs; `node` is what computes it."""

    name: str
    node: onnx.NodeProto | None = None


def build(module: nn.Module, example: Tensor, outputs: Sequence[str]) -> bytes:
    """Write a module as a serialised ONNX model.

    Args:
        module: In evaluation mode; takes one tensor and returns a list of tensors.
        example: A batch of two or more of what the module takes, uint8 (B, C, H, W).
        outputs: Names of the returned tensors.

    Raises:
        NotImplementedError: The module uses an operation that has no translation here.

    Example:
        >>> conv = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)).eval()
        >>> class Net(nn.Module):
        ...     def forward(self, x):
        ...         return [conv(x.float())]
        >>> model = build(Net(), torch.zeros(2, 3, 8, 8, dtype=torch.uint8), ["y"])
        >>> [node.op_type for node in onnx.load_from_string(model).graph.node]
        ['Cast', 'Conv']
    """
    with torch.no_grad():
        program = torch.export.export(module, (example,), strict=False)
    return _Writer(program, example, list(outputs)).model()


class _Writer:
    """One translation: each traced node becomes a constant or nodes of the graph."""

    def __init__(self, program: Any, example: Tensor, outputs: list[str]) -> None:  # noqa: ANN401
        self.graph, self.example, self.outputs = program.graph, example, outputs
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[bytes, onnx.TensorProto] = {}
        held = {**program.state_dict, **program.constants}
        signature = program.graph_signature
        named = {**signature.inputs_to_parameters, **signature.inputs_to_buffers}
        named |= getattr(signature, "inputs_to_lifted_tensor_constants", {})
        self.known: dict[fx.Node, Any] = {
            node: held[named[node.name]].detach()
            for node in self.graph.nodes
            if node.op == "placeholder" and node.name in named
        }

    def model(self) -> bytes:
        """Translate what the outputs need, in the order of the trace."""
        needed = self._needed()
        for node in self.graph.nodes:
            if node.op == "placeholder" and node not in self.known:
                self.known[node] = Value("images")
            elif node.op == "call_function" and node in needed:
                self.known[node] = self._translate(node)
        (returned,) = next(node for node in self.graph.nodes if node.op == "output").args
        for name, node in zip(self.outputs, returned, strict=True):
            self.nodes.append(helper.make_node("Identity", [self._name(self.known[node])], [name]))
        return self._assembled(returned).SerializeToString()

    def _assembled(self, returned: Sequence[fx.Node]) -> onnx.ModelProto:
        def info(name: str, kind: int, shape: Sequence[int]) -> onnx.ValueInfoProto:
            return helper.make_tensor_value_info(name, kind, ["batch", *shape[1:]])

        graph = helper.make_graph(
            self._live(),
            "workbench",
            [info("images", TensorProto.UINT8, self.example.shape)],
            [
                info(name, TensorProto.FLOAT, node.meta["val"].shape)
                for name, node in zip(self.outputs, returned, strict=True)
            ],
        )
        used = {name for node in graph.node for name in node.input}
        graph.initializer.extend(t for t in self.constants.values() if t.name in used)
        opset = helper.make_opsetid("", OPSET)
        model = helper.make_model(graph, opset_imports=[opset], producer_name="workbench")
        model.ir_version = 9  # what every onnxruntime since 1.18 reads
        return model

    def _live(self) -> list[onnx.NodeProto]:
        """The nodes that an output depends on; folding leaves others behind."""
        wanted, live = set(self.outputs), []
        for node in reversed(self.nodes):
            if wanted & set(node.output):
                wanted |= set(node.input)
                live.append(node)
        return live[::-1]

    def _needed(self) -> set[fx.Node]:
        last = next(node for node in self.graph.nodes if node.op == "output")
        found, todo = set(), [last]
        while todo:
            for node in todo.pop().all_input_nodes:
                if node not in found:
                    found.add(node)
                    todo.append(node)
        return found

    def _translate(self, node: fx.Node) -> Any:  # noqa: ANN401
        args = fx.node.map_arg(node.args, self.known.__getitem__)
        kwargs = fx.node.map_arg(node.kwargs, self.known.__getitem__)
        flat = [*args, *kwargs.values()]
        runtime = [x for a in flat for x in (a if isinstance(a, list | tuple) else [a])]
        if not any(isinstance(x, Value) for x in [*runtime, *flat]):
            return node.target(*args, **kwargs)  # known already: computed once, here
        if node.target is operator.getitem:
            return args[0][args[1]]
        name = node.target.overloadpacket.__name__
        if name not in RULES:
            raise NotImplementedError(f"no ONNX translation for {node.target}")
        return RULES[name](self, node, *args, **kwargs)

    def emit(self, op: str, inputs: Sequence[Any], count: int = 0, **attributes: Any) -> Any:  # noqa: ANN401
        """Append a node; return its value, or a list where it gives `count` of them."""
        name = f"{op.lower()}_{len(self.nodes)}"
        names = [f"{name}_{i}" for i in range(count)] or [name]
        node = helper.make_node(op, [self._name(x) for x in inputs], names, name, **attributes)
        self.nodes.append(node)
        values = [Value(name, node) for name in names]
        return values if count else values[0]

    def alone(self, node: fx.Node, position: int = 0) -> Value:
        """An input's value, without what computes it where others read it too."""
        source = node.args[position]
        value = self.known[source]
        return value if len(source.users) == 1 else Value(value.name)

    def constant(self, name: str) -> NDArray:
        """The array behind an initialiser."""
        return numpy_helper.to_array(next(t for t in self.constants.values() if t.name == name))

    def _name(self, x: Any) -> str:  # noqa: ANN401
        if isinstance(x, Value):
            return x.name
        if x is None:
            return ""
        array = x.contiguous().numpy() if isinstance(x, Tensor) else np.asarray(x)
        if array.dtype == np.float64:
            array = array.astype(np.float32)
        # the same array once: three scales share one backbone
        key = str((array.dtype, array.shape)).encode() + array.tobytes()
        if key not in self.constants:
            name = f"constant_{len(self.constants)}"
            self.constants[key] = numpy_helper.from_array(np.ascontiguousarray(array), name)
        return self.constants[key].name


def _scaled(w: _Writer, value: Value, factor: NDArray, shift: NDArray) -> Value | None:
    """`factor * value + shift`, per output channel, inside the convolution that gives `value`."""
    if value.node is None or value.node.op_type != "Conv":
        return None
    data, weight, *bias = value.node.input
    weight = w.constant(weight).astype(np.float64)
    bias = w.constant(bias[0]).astype(np.float64) if bias else np.zeros(len(weight))
    weight = weight * np.reshape(np.broadcast_to(factor, len(weight)), (-1, 1, 1, 1))
    settings = {a.name: helper.get_attribute_value(a) for a in value.node.attribute}
    return w.emit("Conv", [Value(data), weight, factor * bias + shift], **settings)


def _conv(
    w: _Writer, node: fx.Node, x: Value, weight: Tensor, bias: Tensor | None = None,
    stride: Sequence[int] = (1, 1), padding: Sequence[int] = (0, 0),
    dilation: Sequence[int] = (1, 1), groups: int = 1,
) -> Value:  # fmt: skip
    top, left = bottom, right = tuple(padding)
    source = w.known[node.args[0]].node
    if source is not None and source.op_type == "Pad":  # uneven padding, which torch has apart
        x = Value(source.input[0])
        begin, end = np.split(w.constant(source.input[1]), 2)
        top, left, bottom, right = top + begin[2], left + begin[3], bottom + end[2], right + end[3]
    return w.emit(
        "Conv", [x, weight, *([] if bias is None else [bias])], strides=list(stride),
        pads=[int(p) for p in (top, left, bottom, right)], dilations=list(dilation), group=groups,
    )  # fmt: skip


def _batch_norm(
    w: _Writer, node: fx.Node, x: Value, weight: Tensor, bias: Tensor, mean: Tensor, var: Tensor,
    training: bool, momentum: float, eps: float, cudnn: bool,
) -> Value:  # fmt: skip
    factor = (weight.double() / (var.double() + eps).sqrt()).numpy()
    shift = bias.double().numpy() - factor * mean.double().numpy()
    if folded := _scaled(w, w.alone(node), factor, shift):
        return folded
    column = (-1, 1, 1)
    return w.emit("Add", [w.emit("Mul", [x, factor.reshape(column)]), shift.reshape(column)])


def _multiply(w: _Writer, node: fx.Node, a: Any, b: Any) -> Value:  # noqa: ANN401
    position = int(not isinstance(a, Value))
    value, factor = (a, b) if position == 0 else (b, a)
    if not isinstance(factor, Value) and np.size(factor) == 1:
        number = float(factor)
        if (folded := _gained(w, node.args[position], number)) is not None:
            return folded
        factor = np.float32(number)
    return w.emit("Mul", [value, factor])


def _gained(w: _Writer, source: fx.Node, factor: float) -> Value | None:
    """`factor` times a convolution, or a sum of convolutions, folded into their weights."""
    if len(source.users) > 1:
        return None
    if source.target is torch.ops.aten.add.Tensor:
        if len(source.args) == 2 and all(isinstance(a, fx.Node) for a in source.args):
            parts = [_gained(w, part, factor) for part in source.args]
            return None if None in parts else w.emit("Add", parts)
        return None
    value = w.known[source]
    return _scaled(w, value, factor, 0.0) if isinstance(value, Value) else None


def _divide(w: _Writer, node: fx.Node, a: Any, b: Any) -> Value:  # noqa: ANN401
    return w.emit("Div", [a, b if isinstance(b, Value | Tensor) else np.float32(b)])


def _sum(op: str) -> Callable[..., Value]:
    def rule(w: _Writer, node: fx.Node, a: Any, b: Any, *, alpha: float = 1) -> Value:  # noqa: ANN401
        if alpha != 1:
            b = w.emit("Mul", [b, np.float32(alpha)])
        pair = [x if isinstance(x, Value | Tensor) else np.float32(x) for x in (a, b)]
        return w.emit(op, pair)

    return rule


def _pad(
    w: _Writer, node: fx.Node, x: Value, sides: Sequence[int], mode: str = "constant",
    value: float = 0.0,
) -> Value:  # fmt: skip
    if mode != "constant" or value or len(sides) != 4:
        raise NotImplementedError(f"no ONNX translation for padding {mode} by {sides}")
    left, right, top, bottom = sides
    return w.emit("Pad", [x, np.array([0, 0, top, left, 0, 0, bottom, right])])


def _resize(
    w: _Writer, node: fx.Node, x: Value, size: Any, *more: Any,  # noqa: ANN401
) -> Value:  # fmt: skip
    before = node.args[0].meta["val"].shape[-2:]
    after = node.meta["val"].shape[-2:]
    if "nearest" in str(node.target):
        steps = [b // a for a, b in zip(after, before, strict=True)]
        if any(b != a * s for a, b, s in zip(after, before, steps, strict=True)):
            raise NotImplementedError("no ONNX translation for nearest but to whole fractions")
        return w.emit("Slice", [x, [0, 0], [2**31, 2**31], [2, 3], steps])
    scales = np.array([1, 1, *(a / b for a, b in zip(after, before, strict=True))], np.float32)
    align = bool(more[0]) if more else False
    mode = "align_corners" if align else "half_pixel"
    return w.emit("Resize", [x, None, scales], mode="linear", coordinate_transformation_mode=mode)


def _average(
    w: _Writer, node: fx.Node, x: Value, kernel: Sequence[int],
    stride: Sequence[int] = (), padding: Sequence[int] = (0, 0), *_: Any,  # noqa: ANN401
) -> Value:  # fmt: skip
    return w.emit(
        "AveragePool", [x], kernel_shape=list(kernel), strides=list(stride) or list(kernel),
        pads=[*padding, *padding], count_include_pad=1,
    )  # fmt: skip


def _adaptive(w: _Writer, node: fx.Node, x: Value, size: Sequence[int]) -> Value:
    if list(size) != [1, 1]:
        raise NotImplementedError(f"no ONNX translation for pooling to {size}")
    return w.emit("GlobalAveragePool", [x])


def _mean(w: _Writer, node: fx.Node, x: Value, axes: Sequence[int], keep: bool = False) -> Value:
    return w.emit("ReduceMean", [x, np.array(axes)], keepdims=int(keep))


def _parts(w: _Writer, node: fx.Node, x: Value, *_: Any) -> list[Value]:  # noqa: ANN401
    axis = node.args[2] if len(node.args) > 2 else 0
    sizes = [part.shape[axis] for part in node.meta["val"]]
    return w.emit("Split", [x, np.array(sizes)], count=len(sizes), axis=axis)


def _index(w: _Writer, node: fx.Node, x: Value, indices: Sequence[Tensor | None]) -> Value:
    axes = [axis for axis, index in enumerate(indices) if index is not None]
    if len(axes) != 1:
        raise NotImplementedError("no ONNX translation for an index along several axes")
    return w.emit("Gather", [x, indices[axes[0]]], axis=axes[0])


def _clip(w: _Writer, node: fx.Node, x: Value, low: float = 0.0, high: float | None = None) -> Value:
    return w.emit("Clip", [x, np.float32(low), None if high is None else np.float32(high)])


def _cast(w: _Writer, node: fx.Node, x: Value, *_: Any, **__: Any) -> Value:  # noqa: ANN401
    if node.meta["val"].dtype == node.args[0].meta["val"].dtype:
        return x
    if node.meta["val"].dtype != torch.float32:
        raise NotImplementedError(f"no ONNX translation for numbers of {node.meta['val'].dtype}")
    return w.emit("Cast", [x], to=TensorProto.FLOAT)


def _plain(op: str) -> Callable[..., Value]:
    return lambda w, node, x, *_: w.emit(op, [x])


def _silu(w: _Writer, node: fx.Node, x: Value) -> Value:
    return w.emit("Mul", [x, w.emit("Sigmoid", [x])])


def _leaky(w: _Writer, node: fx.Node, x: Value, slope: float = 0.01) -> Value:
    return w.emit("LeakyRelu", [x], alpha=slope)


def _join(w: _Writer, node: fx.Node, xs: Sequence[Any], axis: int = 0) -> Value:
    return w.emit("Concat", xs, axis=axis)


RULES: dict[str, Callable[..., Any]] = {
    "adaptive_avg_pool2d": _adaptive,
    "add": _sum("Add"),
    "atan": _plain("Atan"),
    "avg_pool2d": _average,
    "batch_norm": _batch_norm,
    "cat": _join,
    "chunk": _parts,
    "clamp": _clip,
    "contiguous": lambda w, node, x, **_: x,
    "conv2d": _conv,
    "div": _divide,
    "exp": _plain("Exp"),
    "hardtanh": _clip,
    "index": _index,
    "leaky_relu": _leaky,
    "mean": _mean,
    "mul": _multiply,
    "pad": _pad,
    "relu": _plain("Relu"),
    "sigmoid": _plain("Sigmoid"),
    "silu": _silu,
    "split": _parts,
    "split_with_sizes": _parts,
    "sqrt": _plain("Sqrt"),
    "sub": _sum("Sub"),
    "to": _cast,
    "upsample_bilinear2d": _resize,
    "upsample_nearest2d": _resize,
}
