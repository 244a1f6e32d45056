"""How each operation of torch is said in ONNX; what can be folded into a convolution is.

A rule gets the writer, the operation as it was recorded, and the operation's own arguments, in
which a `Ref` stands for what depends on the images and all else is constant.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper
from torch import Tensor

from .graph import Op, Ref, Writer


def _scaled(w: Writer, ref: Ref, factor: NDArray | float, shift: NDArray | float) -> Ref | None:
    """`factor * x + shift` per channel, inside the convolution that gives x and nothing else."""
    if ref.users > 1 or ref.node is None or ref.node.op_type != "Conv":
        return None
    data, name, *more = ref.node.input
    weight = w.constant(name).astype(np.float64)
    bias = w.constant(more[0]).astype(np.float64) if more else np.zeros(len(weight))
    weight = weight * np.broadcast_to(factor, len(weight)).reshape(-1, 1, 1, 1)
    settings = {a.name: helper.get_attribute_value(a) for a in ref.node.attribute}
    inputs = [Ref((), torch.float32, name=data), weight, factor * bias + shift]
    return w.emit("Conv", inputs, **settings)


def _gained(w: Writer, ref: Ref, factor: float) -> Ref | None:
    """`factor` times a convolution, or a sum of convolutions, inside their weights."""
    if ref.users == 1 and ref.op and ref.op.kind == "add" and len(ref.op.inputs) == 2:
        parts = [_gained(w, part, factor) for part in ref.op.inputs]
        return None if None in parts else w.emit("Add", parts)
    return _scaled(w, ref, factor, 0.0)


def _conv(
    w: Writer, op: Op, x: Ref, weight: Tensor, bias: Tensor | None, stride: Sequence[int],
    padding: Sequence[int], dilation: Sequence[int], transposed: bool, _: Any, groups: int,  # noqa: ANN401
) -> Ref:  # fmt: skip
    if transposed:
        raise NotImplementedError("no ONNX translation for a transposed convolution")
    pads = np.array([*padding, *padding])
    if x.node is not None and x.node.op_type == "Pad":  # uneven, which torch has apart
        sides = w.constant(x.node.input[1])
        pads, x = pads + sides[[2, 3, 6, 7]], Ref((), x.dtype, name=x.node.input[0])
    return w.emit(
        "Conv", [x, weight] if bias is None else [x, weight, bias], strides=list(stride),
        pads=pads.tolist(), dilations=list(dilation), group=groups,
    )  # fmt: skip


def _batch_norm(
    w: Writer, op: Op, x: Ref, weight: Tensor, bias: Tensor, mean: Tensor, var: Tensor,
    *more: Any,  # noqa: ANN401
) -> list[Ref]:  # fmt: skip
    # (training, momentum, eps), or without the first where the name says "no_training"
    if len(more) > 2 and more[0]:
        raise NotImplementedError("no ONNX translation for a batch norm in training")
    factor = (weight.double() / (var.double() + more[-1]).sqrt()).numpy()
    shift = bias.double().numpy() - factor * mean.double().numpy()
    folded = _scaled(w, x, factor, shift)
    if folded is None:
        column = (-1, 1, 1)
        folded = w.emit("Mul", [x, factor.reshape(column)])
        folded = w.emit("Add", [folded, shift.reshape(column)])
    return [folded]


def _multiply(w: Writer, op: Op, a: Any, b: Any) -> Ref:  # noqa: ANN401
    x, factor = (a, b) if isinstance(a, Ref) else (b, a)
    if not isinstance(factor, Ref) and torch.as_tensor(factor).numel() == 1:
        factor = float(torch.as_tensor(factor).detach())
        if (folded := _gained(w, x, factor)) is not None:
            return folded
        factor = np.float32(factor)
    return w.emit("Mul", [x, factor])


def _binary(name: str) -> Callable[..., Ref]:
    def rule(w: Writer, op: Op, a: Any, b: Any, alpha: float = 1) -> Ref:  # noqa: ANN401
        if alpha != 1:
            raise NotImplementedError(f"no ONNX translation for {op.kind} with alpha")
        return w.emit(name, [_float(a), _float(b)])

    return rule


def _float(x: Any) -> Any:  # noqa: ANN401
    return np.float32(x) if isinstance(x, int | float) else x


def _pad(w: Writer, op: Op, x: Ref, sides: Sequence[int], value: float = 0.0) -> Ref:
    if value or len(sides) != 4:
        raise NotImplementedError(f"no ONNX translation for padding by {sides} with {value}")
    left, right, top, bottom = sides
    return w.emit("Pad", [x, np.array([0, 0, top, left, 0, 0, bottom, right])])


def _nearest(w: Writer, op: Op, x: Ref, *_: Any) -> Ref:  # noqa: ANN401
    before, after = x.shape[-2:], op.results[0].shape[-2:]
    steps = [b // a for a, b in zip(after, before, strict=True)]
    if any(b != a * s for a, b, s in zip(after, before, steps, strict=True)):
        raise NotImplementedError("no ONNX translation for nearest but to whole fractions")
    limits = [(0, 0), before, (2, 3), steps]
    return w.emit("Slice", [x, *map(np.array, limits)])


def _bilinear(w: Writer, op: Op, x: Ref, size: Any, align: bool, *_: Any) -> Ref:  # noqa: ANN401
    after, before = op.results[0].shape[-2:], x.shape[-2:]
    scales = np.array([1, 1, *(a / b for a, b in zip(after, before, strict=True))], np.float32)
    mode = "align_corners" if align else "half_pixel"
    return w.emit("Resize", [x, None, scales], mode="linear", coordinate_transformation_mode=mode)


def _average(
    w: Writer, op: Op, x: Ref, kernel: Sequence[int], stride: Sequence[int] = (),
    padding: Sequence[int] = (0, 0), *_: Any,  # noqa: ANN401
) -> Ref:  # fmt: skip
    pads = [*padding, *padding] if len(padding) == 2 else list(padding) * 4
    return w.emit(
        "AveragePool", [x], kernel_shape=list(kernel), strides=list(stride) or list(kernel),
        pads=pads, count_include_pad=1,
    )  # fmt: skip


def _mean(w: Writer, op: Op, x: Ref, axes: Sequence[int], keep: bool = False) -> Ref:
    axes = [axis % len(x.shape) for axis in axes]
    if keep and sorted(axes) == [2, 3]:
        return w.emit("GlobalAveragePool", [x])
    return w.emit("ReduceMean", [x, np.array(axes)], keepdims=int(keep))


def _split(w: Writer, op: Op, x: Ref, *_: Any) -> list[Ref]:  # noqa: ANN401
    axis = op.args[2] if len(op.args) > 2 else op.kwargs.get("dim", 0)
    sizes = [part.shape[axis] for part in op.results]
    return w.emit("Split", [x, np.array(sizes)], count=len(sizes), axis=axis)


def _index(w: Writer, op: Op, x: Ref, indices: Sequence[Tensor | None]) -> Ref:
    axes = [axis for axis, index in enumerate(indices) if index is not None]
    if len(axes) != 1 or isinstance(indices[axes[0]], Ref):
        raise NotImplementedError("no ONNX translation for an index but by constants on one axis")
    return w.emit("Gather", [x, indices[axes[0]]], axis=axes[0])


def _slice(
    w: Writer, op: Op, x: Ref, axis: int = 0, start: int | None = None, end: int | None = None,
    step: int = 1,
) -> Ref:  # fmt: skip
    if op.results[0].shape == x.shape:
        return x
    limits = [start or 0, 2**31 if end is None else end, axis, step]
    return w.emit("Slice", [x, *(np.array([n]) for n in limits)])


def _clip(w: Writer, op: Op, x: Ref, low: float | None = None, high: float | None = None) -> Ref:
    return w.emit("Clip", [x, *(None if end is None else np.float32(end) for end in (low, high))])


def _cast(w: Writer, op: Op, x: Ref, *_: Any, **__: Any) -> Ref:  # noqa: ANN401
    kinds = {torch.float32: TensorProto.FLOAT, torch.float64: TensorProto.DOUBLE}
    kind = op.results[0].dtype
    if kind == x.dtype:
        return x
    if kind not in kinds:
        raise NotImplementedError(f"no ONNX translation for numbers of {kind}")
    return w.emit("Cast", [x], to=kinds[kind])


def _plain(name: str) -> Callable[..., Ref]:
    return lambda w, op, x, *_: w.emit(name, [x])


def _same(w: Writer, op: Op, x: Ref, *_: Any, **__: Any) -> Ref:  # noqa: ANN401
    return x


def _as_strided(w: Writer, op: Op, x: Ref, size: Sequence[int], *_: Any) -> Ref:  # noqa: ANN401
    if tuple(size) != x.shape:
        raise NotImplementedError("no ONNX translation for another view of the same memory")
    return x  # another order in memory, which ONNX does not know


def _silu(w: Writer, op: Op, x: Ref) -> Ref:
    return w.emit("Mul", [x, w.emit("Sigmoid", [x])])


def _leaky(w: Writer, op: Op, x: Ref, slope: float = 0.01) -> Ref:
    return w.emit("LeakyRelu", [x], alpha=slope)


def _join(w: Writer, op: Op, xs: Sequence[Any], axis: int = 0) -> Ref:
    return w.emit("Concat", xs, axis=axis)


RULES: dict[str, Callable[..., Any]] = {
    "_native_batch_norm_legit_no_training": _batch_norm,
    "_to_copy": _cast,
    "abs": _plain("Abs"),
    "add": _binary("Add"),
    "alias": _same,
    "as_strided_": _as_strided,
    "atan": _plain("Atan"),
    "avg_pool2d": _average,
    "cat": _join,
    "clamp": _clip,
    "clone": _same,
    "constant_pad_nd": _pad,
    "convolution": _conv,
    "detach": _same,
    "div": _binary("Div"),
    "exp": _plain("Exp"),
    "hardtanh": _clip,
    "hardtanh_": _clip,
    "index": _index,
    "leaky_relu": _leaky,
    "mean": _mean,
    "mul": _multiply,
    "native_batch_norm": _batch_norm,
    "relu": _plain("Relu"),
    "relu_": _plain("Relu"),
    "sigmoid": _plain("Sigmoid"),
    "silu": _silu,
    "slice": _slice,
    "split": _split,
    "split_with_sizes": _split,
    "sqrt": _plain("Sqrt"),
    "sub": _binary("Sub"),
    "tanh": _plain("Tanh"),
    "upsample_bilinear2d": _bilinear,
    "upsample_nearest2d": _nearest,
}
