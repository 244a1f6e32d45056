"""Cross-scale normalizing flow: features of three scales in, Gaussian latents out.

A pyramid is a list of K tensors, finest first; scale k has shape (B, C, H/2^k, W/2^k). The
flow f gives latents z = f(x) and the log-determinant of its Jacobian, one per sample, so that

    -log p(x) = sum z^2 / 2 - logdet + constant.

Every coupling block shuffles the channels of each scale, cuts them into halves a and b, and
transforms each half by what a cross-scale network reads from the other:

    a' = a * exp(s(b)) + t(b),    b' = b * exp(s(a')) + t(a').

Reference: Rudolph, Wehrbein, Rosenhahn, Wandt 2022, Fully Convolutional Cross-Scale-Flows for
Image-based Defect Detection, https://arxiv.org/abs/2110.02855.
"""

from collections.abc import Sequence
from functools import partial
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

Pyramid = list[Tensor]

SOFT_CLAMP = 0.636  # the original's rounding of 2 / pi; its checkpoints rely on it
LATENT_BOUND = 1e6  # keeps a diverging coupling finite, as in the original


class CrossConvolutions(nn.Module):
    """Two convolutions a scale; the second also reads the neighbouring scales.

    The gain of each scale starts at zero, so that a fresh flow is a mere shuffle.
    """

    def __init__(
        self, c_in: Sequence[int], c_out: Sequence[int], hidden: int, kernel: int
    ) -> None:
        super().__init__()
        conv = partial(nn.Conv2d, kernel_size=kernel, padding=kernel // 2)
        self.enter = nn.ModuleList(conv(c, hidden) for c in c_in)
        self.stay = nn.ModuleList(conv(hidden, c) for c in c_out)
        self.up = nn.ModuleList(conv(hidden, c) for c in c_out[:-1])
        self.down = nn.ModuleList(conv(hidden, c, stride=2) for c in c_out[1:])
        self.gain = nn.Parameter(torch.zeros(len(c_in)))

    def forward(self, xs: Pyramid) -> Pyramid:
        """Map (B, c_in[k], H/2^k, W/2^k) to (B, c_out[k], H/2^k, W/2^k)."""
        hs = [F.leaky_relu(enter(x), 0.1) for enter, x in zip(self.enter, xs, strict=True)]
        ys = [stay(h) for stay, h in zip(self.stay, hs, strict=True)]
        for k, (up, down) in enumerate(zip(self.up, self.down, strict=True)):
            finer = F.interpolate(hs[k + 1], scale_factor=2, mode="bilinear", align_corners=False)
            ys[k] = ys[k] + up(finer)
            ys[k + 1] = ys[k + 1] + down(hs[k])
        # gains of shape (1,): the products are float32 under autocast too
        return [self.gain[k : k + 1] * y for k, y in enumerate(ys)]


class Coupling(nn.Module):
    """Shuffle the channels, then transform each half given the other."""

    order: Tensor

    def __init__(
        self, channels: Sequence[int], hidden: int, kernel: int, clamp: float, seed: int
    ) -> None:
        super().__init__()
        self.clamp = clamp
        self.splits = [(c // 2, c - c // 2) for c in channels]
        a, b = zip(*self.splits, strict=True)
        self.given_b = CrossConvolutions(b, [2 * c for c in a], hidden, kernel)
        self.given_a = CrossConvolutions(a, [2 * c for c in b], hidden, kernel)
        # a buffer, so that the order is saved with the weights
        self.register_buffer("order", permutations(channels, len(channels), seed))

    def forward(self, xs: Pyramid) -> tuple[Pyramid, Tensor]:
        """Return the transformed pyramid and its log-determinant, shape (B,)."""
        orders = zip(xs, self.order, strict=True)
        a, b = self._halves([x[:, p[: x.shape[1]]] for x, p in orders])
        a, logdet_a = self._affine(a, self.given_b(b))
        b, logdet_b = self._affine(b, self.given_a(a))
        ys = [torch.cat(ab, 1).clamp(-LATENT_BOUND, LATENT_BOUND) for ab in zip(a, b, strict=True)]
        return ys, logdet_a + logdet_b

    def inverse(self, zs: Pyramid) -> Pyramid:
        """Undo `forward`, for latents within its bound."""
        a, b = self._halves(zs)
        b = self._affine_inverse(b, self.given_a(a))
        a = self._affine_inverse(a, self.given_b(b))
        ys = [torch.cat(ab, 1) for ab in zip(a, b, strict=True)]
        return [y[:, p[: y.shape[1]].argsort()] for y, p in zip(ys, self.order, strict=True)]

    def _halves(self, xs: Pyramid) -> tuple[Pyramid, Pyramid]:
        halves = (x.split(split, 1) for x, split in zip(xs, self.splits, strict=True))
        a, b = zip(*halves, strict=True)
        return list(a), list(b)

    def _scale_and_shift(self, r: Tensor) -> tuple[Tensor, Tensor]:
        s, t = r.chunk(2, 1)
        return self.clamp * SOFT_CLAMP * torch.atan(s / self.clamp), t

    def _affine(self, xs: Pyramid, rs: Pyramid) -> tuple[Pyramid, Tensor]:
        parts = [self._scale_and_shift(r) for r in rs]
        ys = [x * s.exp() + t for x, (s, t) in zip(xs, parts, strict=True)]
        return ys, cast("Tensor", sum(s.flatten(1).sum(1) for s, _ in parts))  # 0 of no scales

    def _affine_inverse(self, ys: Pyramid, rs: Pyramid) -> Pyramid:
        parts = [self._scale_and_shift(r) for r in rs]
        return [(y - t) * (-s).exp() for y, (s, t) in zip(ys, parts, strict=True)]


class CrossScaleFlow(nn.Module):
    """A chain of couplings across scales.

    Args:
        channels: C at every scale, or one number a scale, finest first; odd numbers are fine.
        kernels: Kernel size of each coupling block; their number is that of the blocks.
        hidden: Channels between the two convolutions of a coupling.
        clamp: Bound on the log scale of one coupling, in units of 0.636 pi / 2.

    Example:
        >>> flow = CrossScaleFlow(8, kernels=(3, 5), hidden=4)
        >>> zs, logdet = flow([torch.randn(2, 8, 8 >> k, 8 >> k) for k in range(3)])
        >>> [tuple(z.shape) for z in zs], tuple(logdet.shape)
        ([(2, 8, 8, 8), (2, 8, 4, 4), (2, 8, 2, 2)], (2,))
    """

    def __init__(
        self,
        channels: int | Sequence[int],
        *,
        kernels: Sequence[int] = (3, 3, 3, 5),
        hidden: int = 1024,
        scales: int = 3,
        clamp: float = 3.0,
    ) -> None:
        super().__init__()
        each = _each_scale(channels, scales)
        if min(each) < 2:
            raise ValueError(f"channels must be at least 2 to be halved, got {channels}")
        self.channels, self.scales = channels, scales
        self.kernels, self.hidden, self.clamp = tuple(kernels), hidden, clamp
        self.couplings = nn.ModuleList(
            Coupling(each, hidden, kernel, clamp, seed) for seed, kernel in enumerate(kernels)
        )

    def forward(self, xs: Pyramid) -> tuple[Pyramid, Tensor]:
        """Map features to latents.

        Args:
            xs: K tensors of shape (B, C, H/2^k, W/2^k), finest first.

        Returns:
            K latents of the same shapes, and the log-determinant, natural log, shape (B,).

        Raises:
            ValueError: Other scales, channels or sizes than these.
        """
        self._check(xs)
        logdet = xs[0].new_zeros(xs[0].shape[0])  # len() would fix the batch of a graph
        for coupling in self.couplings:
            xs, step = coupling(xs)
            logdet = logdet + step
        return xs, logdet

    def inverse(self, zs: Pyramid) -> Pyramid:
        """Map latents back to features; shapes as in `forward`."""
        self._check(zs)
        for coupling in reversed(self.couplings):
            assert isinstance(coupling, Coupling)  # which a ModuleList does not tell
            zs = coupling.inverse(zs)
        return zs

    def _check(self, xs: Pyramid) -> None:
        shapes = [tuple(x.shape) for x in xs]
        height, width = shapes[0][-2:] if shapes else (0, 0)
        each = _each_scale(self.channels, self.scales)
        expected = [(c, height >> k, width >> k) for k, c in enumerate(each)]
        step = 1 << (self.scales - 1)
        if [shape[1:] for shape in shapes] != expected or height % step or width % step:
            raise ValueError(
                f"expected {self.scales} tensors of shape (B, {self.channels}, H/2^k, W/2^k) "
                f"with H and W multiples of {step}, got {shapes}; "
                "was the flow fitted on another backbone or image size?"
            )


def permutations(channels: int | Sequence[int], scales: int, seed: int) -> Tensor:
    """Return one channel order per scale, shape (K, max C), as the original draws it for a block.

    The row of a scale with fewer channels than another goes on with its unused positions.
    """
    rng = np.random.RandomState(seed)  # noqa: NPY002 - the original's generator, for its numbers
    each = _each_scale(channels, scales)
    orders, most = [rng.permutation(c) for c in each], max(each)
    return torch.from_numpy(np.stack([np.r_[order, len(order) : most] for order in orders]))


def _each_scale(channels: int | Sequence[int], scales: int) -> tuple[int, ...]:
    each = (channels,) * scales if isinstance(channels, int) else tuple(channels)
    if len(each) != scales:
        raise ValueError(f"channels must be one number or {scales}, one a scale, got {each}")
    return each


def nll(zs: Pyramid, logdet: Tensor) -> Tensor:
    """Negative log-likelihood per sample and dimension, constant dropped; shape (B,)."""
    squares = sum(z.square().sum((1, 2, 3)) for z in zs)
    return (squares / 2 - logdet) / sum(z.shape[1:].numel() for z in zs)
