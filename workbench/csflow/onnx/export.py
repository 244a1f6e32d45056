"""An ONNX graph of a torch module, by torch's own exporter.

Against an exporter of our own, in turn on a busy machine: a photo by `lite` 32.6 against 33.1 ms,
by B5 at 512 px 545 against 538, in integers 322 against 362; building `paper` takes 6.7 against
10.5 GB. Building `lite` takes 11 against 3 s of processor time, once a model and machine.
"""

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

if TYPE_CHECKING:
    from workbench.csflow.network import CSFlowNetwork

OPSET = 18


def export(network: "CSFlowNetwork") -> bytes:
    """The graph of a network, serialised, for any batch size."""
    size, scales = network.pyramid.size, network.pyramid.scales
    example = torch.zeros(2, 3, *size, dtype=torch.uint8)
    return build(_Latents(network), example, [f"z{k}" for k in range(scales)])


def build(module: nn.Module, example: Tensor, outputs: Sequence[str]) -> bytes:
    """Write a module as a serialised ONNX model, for any batch size.

    Batch norms are multiplied into the convolutions before them, which integers need: ONNX
    Runtime itself does so for floats alone. The module computes nothing and stays as it is.

    Args:
        module: Takes one tensor and returns a list of tensors; exported in evaluation mode.
        example: A batch of two or more of what the module takes, uint8 (B, C, H, W).
        outputs: Names of the returned tensors.

    Raises:
        torch.onnx.OnnxExporterError: The module does what has no translation.

    Example:
        >>> import onnx
        >>> class Net(nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.body = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))
        ...     def forward(self, x):
        ...         return [self.body(x.float())]
        >>> model = build(Net().eval(), torch.zeros(2, 3, 8, 8, dtype=torch.uint8), ["y"])
        >>> [node.op_type for node in onnx.load_from_string(model).graph.node]
        ['Cast', 'Conv']
    """
    # a copy in the plain order in memory: another would be written into the graph
    module = copy.deepcopy(module).cpu().to(memory_format=torch.contiguous_format)
    _fold(module.eval().requires_grad_(False))
    program = torch.onnx.export(
        module,
        (example,),
        dynamo=True,
        opset_version=OPSET,
        input_names=["images"],
        output_names=list(outputs),
        dynamic_shapes=({0: torch.export.Dim("batch")},),
        verbose=False,
    )
    assert program is not None  # as with dynamo=False
    model = program.model_proto
    for node in model.graph.node:
        del node.metadata_props[:]  # lines of our code, with the folders that it lies in
    return model.SerializeToString()


def _fold(module: nn.Module) -> None:
    """Multiply each batch norm into the convolution that the module lists before it."""
    before, layer = "", None
    for name, child in list(module.named_children()):
        if isinstance(child, nn.BatchNorm2d) and isinstance(layer, nn.Conv2d):
            setattr(module, before, fuse_conv_bn_eval(layer, child))
            setattr(module, name, nn.Identity())
        _fold(child)
        before, layer = name, child


class _Latents(nn.Module):
    """A network as tensors in, tensors out, not in inference mode."""

    def __init__(self, network: "CSFlowNetwork") -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> list[Tensor]:
        network = self.network
        return network.flow(network.standardise(network.pyramid(images)))[0]
