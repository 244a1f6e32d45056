"""The original's class tree, for writing checkpoints as its users have them.

Written from the arithmetic in the README of the sample checkpoints, in the original's own form
(three scales by name, no lists), so that it is an oracle for ours and not a copy of it. It is
imported under the name that the checkpoint shall know it by, see `module`.
"""

import importlib.util
import sys
import types
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn


class dummy_data:  # noqa: N801
    def __init__(self, *dims):
        self.dims = dims


class CrossConvolutions(nn.Module):
    def __init__(self, c_in, c_out, hidden, kernel):
        super().__init__()
        self.leaky_slope = 0.1
        conv = {"kernel_size": kernel, "padding": kernel // 2}
        for k in range(3):
            setattr(self, f"gamma{k}", nn.Parameter(torch.zeros(1)))
            setattr(self, f"conv_scale{k}_0", nn.Conv2d(c_in, hidden, **conv))
            setattr(self, f"conv_scale{k}_1", nn.Conv2d(hidden, c_out, **conv))
        self.upsample = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)
        self.up_conv10 = nn.Conv2d(hidden, c_out, **conv)
        self.up_conv21 = nn.Conv2d(hidden, c_out, **conv)
        self.down_conv01 = nn.Conv2d(hidden, c_out, **conv, stride=2)
        self.down_conv12 = nn.Conv2d(hidden, c_out, **conv, stride=2)
        self.lr = nn.LeakyReLU(self.leaky_slope)

    def forward(self, x0, x1, x2):
        y0 = self.lr(self.conv_scale0_0(x0))
        y1 = self.lr(self.conv_scale1_0(x1))
        y2 = self.lr(self.conv_scale2_0(x2))
        out0 = self.conv_scale0_1(y0) + self.up_conv10(self.upsample(y1))
        out1 = self.conv_scale1_1(y1) + self.up_conv21(self.upsample(y2)) + self.down_conv01(y0)
        out2 = self.conv_scale2_1(y2) + self.down_conv12(y1)
        return out0 * self.gamma0, out1 * self.gamma1, out2 * self.gamma2


class ParallelPermute(nn.Module):
    def __init__(self, channels, seed):
        super().__init__()
        rng = np.random.RandomState(seed)  # noqa: NPY002
        perms = [rng.permutation(channels) for _ in range(3)]
        self.in_channels = [channels] * 3
        self.perm = [torch.LongTensor(p) for p in perms]
        self.perm_inv = [torch.LongTensor(np.argsort(p)) for p in perms]

    def forward(self, xs):
        return [x[:, perm] for x, perm in zip(xs, self.perm, strict=True)]


class parallel_glow_coupling_layer(nn.Module):  # noqa: N801
    def __init__(self, channels, hidden, kernel, clamp):
        super().__init__()
        self.split_len1, self.split_len2 = channels // 2, channels - channels // 2
        self.clamp = clamp
        self.s1 = CrossConvolutions(self.split_len1, 2 * self.split_len2, hidden, kernel)
        self.s2 = CrossConvolutions(self.split_len2, 2 * self.split_len1, hidden, kernel)

    def forward(self, xs):
        a, b = [x[:, : self.split_len1] for x in xs], [x[:, self.split_len1 :] for x in xs]
        a, s_a = self.affine(a, self.s2(*b))
        b, s_b = self.affine(b, self.s1(*a))
        ys = [torch.cat(ab, 1).clamp(-1e6, 1e6) for ab in zip(a, b, strict=True)]
        return ys, sum(s.sum((1, 2, 3)) for s in s_a + s_b)

    def affine(self, xs, rs):
        c = xs[0].shape[1]
        s = [self.clamp * 0.636 * torch.atan(r[:, :c] / self.clamp) for r in rs]
        t = [r[:, c:] for r in rs]
        return [s_.exp() * x + t_ for x, s_, t_ in zip(xs, s, t, strict=True)], s


class Node:
    def __init__(self, name, module_args):
        self.name, self.module_args, self.inputs = name, module_args, []


class InputNode(Node):
    def __init__(self, *dims, name):
        self.name, self.data, self.inputs = name, dummy_data(*dims), []


class OutputNode(Node):
    class dummy(nn.Module):  # noqa: N801
        pass


class ReversibleGraphNet(nn.Module):
    def __init__(self, channels, kernels, hidden, clamp=3, map_size=(8, 8)):
        super().__init__()
        height, width = map_size
        self.node_list = [
            InputNode(channels, height >> k, width >> k, name=f"input{k}") for k in range(3)
        ]
        layers = [None, None, None]
        for k, kernel in enumerate(kernels):
            layers.append(ParallelPermute(channels, k))
            layers.append(parallel_glow_coupling_layer(channels, hidden, kernel, clamp))
            self.node_list.append(Node(f"permute_{k}", {"F_class": CrossConvolutions}))
        layers += [OutputNode.dummy(), OutputNode.dummy(), OutputNode.dummy()]
        for node, after in zip(self.node_list, self.node_list[1:], strict=False):
            after.inputs.append((node, 0))
            node.outputs = [(after, 0)]  # the graph is cyclic, as the original's
        self.module_list = nn.ModuleList(layers)

    def forward(self, xs):
        logdet = 0
        for layer in self.module_list:
            if isinstance(layer, ParallelPermute):
                xs = layer(xs)
            elif isinstance(layer, parallel_glow_coupling_layer):
                xs, step = layer(xs)
                logdet = logdet + step
        return xs, logdet


def perturbed(net, seed=0):
    """The net away from its start, where it only shuffles."""
    rng = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=rng))
    return net.eval()


@contextmanager
def module(name="freia_funcs"):
    """This file as a module of another name, which is gone afterwards."""
    spec = importlib.util.spec_from_file_location(name, __file__)
    made = importlib.util.module_from_spec(spec)
    package = name.rpartition(".")[0]
    put = {package: types.ModuleType(package), name: made} if package else {name: made}
    sys.modules.update(put)
    try:
        spec.loader.exec_module(made)
        yield made
    finally:
        for each in put:
            del sys.modules[each]
