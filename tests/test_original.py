"""Checkpoints of the original, read without running them; its numbers, from ours.

Three oracles: the sample that the original wrote, the original's arithmetic in NumPy and
float64 (below), and the original's class tree (`originals.py`).
"""

import functools
import io
import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.signal import correlate2d

from tests import originals
from workbench.csflow import cell_energy, nll, read_original, score
from workbench.csflow.original.checkpoint import TorchFile
from workbench.csflow.original.reader import read_checkpoint
from workbench.errors import ArtifactError

DATA = Path(__file__).parent / "data"


def saved(path, net, **how):
    torch.save(net, path, **how)
    return path


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """The bytes of a whole module."""
    folder = tmp_path_factory.mktemp("small")
    with originals.module() as freia:
        net = originals.perturbed(freia.ReversibleGraphNet(4, (3,), 2))
        return saved(folder / "net.pt", net).read_bytes()


# ---- the original's arithmetic, written out in NumPy, one sample at a time


def conv(x, weights, name, stride=1):
    w, b = weights[f"{name}.weight"], weights[f"{name}.bias"]
    pad = w.shape[-1] // 2
    padded = np.pad(x, ((0, 0), (pad, pad), (pad, pad)))
    out = [
        sum(correlate2d(c, k, "valid") for c, k in zip(padded, kernels, strict=True))
        for kernels in w
    ]
    return np.stack(out)[:, ::stride, ::stride] + b[:, None, None]


def doubled(x):
    """Bilinear, align_corners False: each new cell lies a quarter from its nearest old one."""
    for axis in (1, 2):
        before = np.concatenate([x.take([0], axis), x.take(range(x.shape[axis] - 1), axis)], axis)
        after = np.concatenate([x.take(range(1, x.shape[axis]), axis), x.take([-1], axis)], axis)
        pair = np.stack([0.75 * x + 0.25 * before, 0.75 * x + 0.25 * after], axis + 1)
        x = pair.reshape([n * (1 + (i == axis)) for i, n in enumerate(x.shape)])
    return x


def cross_convolutions(xs, weights, prefix):
    weights = {k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)}
    hs = [conv(x, weights, f"conv_scale{k}_0") for k, x in enumerate(xs)]
    hs = [np.where(h > 0, h, 0.1 * h) for h in hs]
    ys = [conv(h, weights, f"conv_scale{k}_1") for k, h in enumerate(hs)]
    for k in range(2):
        ys[k] = ys[k] + conv(doubled(hs[k + 1]), weights, f"up_conv{k + 1}{k}")
        ys[k + 1] = ys[k + 1] + conv(hs[k], weights, f"down_conv{k}{k + 1}", stride=2)
    return [weights[f"gamma{k}"] * y for k, y in enumerate(ys)]


def reference(net, xs):
    """Latents and log-determinant of one sample, xs three float64 arrays (C, H, W)."""
    weights = {name: value.double().numpy() for name, value in net.state_dict().items()}
    logdet = 0.0
    layers = [(n, m) for n, m in enumerate(net.module_list) if hasattr(m, "perm")]
    for n, permute in layers:
        clamp = net.module_list[n + 1].clamp
        xs = [x[perm.numpy()] for x, perm in zip(xs, permute.perm, strict=True)]
        half = len(xs[0]) // 2
        halves = [[x[:half] for x in xs], [x[half:] for x in xs]]
        for own, other, name in ((0, 1, "s2"), (1, 0, "s1")):
            rs = cross_convolutions(halves[other], weights, f"module_list.{n + 1}.{name}.")
            c = len(halves[own][0])
            s = [clamp * 0.636 * np.arctan(r[:c] / clamp) for r in rs]
            halves[own] = [
                np.exp(log) * x + r[c:] for log, x, r in zip(s, halves[own], rs, strict=True)
            ]
            logdet += sum(log.sum() for log in s)
        xs = [np.concatenate(ab).clip(-1e6, 1e6) for ab in zip(*halves, strict=True)]
    return xs, logdet


# ---- the numbers


def test_the_sample_gives_the_numbers_that_the_original_gave():
    flow = read_original(DATA / "original-small.pt")
    expected = np.load(DATA / "original-small.npz")
    assert (flow.channels, flow.hidden, flow.kernels, flow.clamp) == (8, 12, (5,), 3)
    with torch.no_grad():
        zs, logdet = flow([torch.from_numpy(expected[f"x{k}"]) for k in range(3)])
    found = {f"z{k}": z for k, z in enumerate(zs)} | {
        "logdet": logdet,
        "loss": nll(zs, logdet).mean(),
        "score_mean": score(zs, "mean"),
        "score_std": score(zs, "std"),
        "map0": 2 * cell_energy(zs)[0],  # ours halves z^2, as the scores do
    }
    for name, value in found.items():
        np.testing.assert_allclose(value, expected[name], rtol=1e-5, atol=1e-6, err_msg=name)


def test_in_float64_the_sample_agrees_with_the_arithmetic_written_out():
    expected = np.load(DATA / "original-small.npz")
    with originals.module():  # the sample is ours to trust: torch itself may unpickle it
        net = torch.load(DATA / "original-small.pt", weights_only=False)
    check_against_reference(
        net,
        read_original(DATA / "original-small.pt"),
        [expected[f"x{k}"].astype(np.float64) for k in range(3)],
    )


@pytest.mark.parametrize(
    "home, channels, kernels, hidden, clamp, how",
    [
        ("freia_funcs", 5, (3, 3, 3, 5), 3, 3, {}),
        ("cs_flow.freia_funcs", 7, (5,), 4, 1.5, {}),
        ("freia_funcs", 2, (1, 7), 1, 3.0, {"pickle_protocol": 4}),
    ],
    ids=["odd-4-blocks", "simulator", "least-protocol-4"],
)
def test_whole_modules_of_any_shape_in_float64(
    tmp_path, home, channels, kernels, hidden, clamp, how
):
    with originals.module(home) as freia:
        net = freia.ReversibleGraphNet(channels, kernels, hidden, clamp)
        originals.perturbed(net)
        for layer in net.module_list:  # of another origin than the seeds
            if hasattr(layer, "perm"):
                layer.perm = [perm.roll(1) for perm in layer.perm]
        flow = read_original(saved(tmp_path / "old.pt", net, **how))
    assert (flow.channels, flow.hidden) == (channels, hidden)
    assert (flow.kernels, flow.clamp) == (kernels, clamp)
    rng = np.random.default_rng(0)
    check_against_reference(
        net, flow, [rng.normal(size=(2, channels, 8 >> k, 8 >> k)) for k in range(3)]
    )


def check_against_reference(net, flow, xs):
    with torch.no_grad():
        tensors = [torch.from_numpy(x) for x in xs]
        zs, logdet = flow.double()(tensors)
        theirs, their_logdet = net.double()(tensors)
    assert max(abs(z - x).max() for z, x in zip(zs, tensors, strict=True)) > 0.1
    for b in range(len(xs[0])):
        expected, expected_logdet = reference(net, [x[b] for x in xs])
        energy = np.concatenate([z.ravel() for z in expected]) ** 2 / 2
        for kind, value in (("mean", energy.mean()), ("std", energy.std())):
            np.testing.assert_allclose(score(zs, kind)[b], value, rtol=1e-9)
        loss = (energy.sum() - expected_logdet) / energy.size
        np.testing.assert_allclose(nll(zs, logdet)[b], loss, rtol=1e-9)
        np.testing.assert_allclose(logdet[b], expected_logdet, rtol=1e-9)
        np.testing.assert_allclose(their_logdet[b], expected_logdet, rtol=1e-9)
        np.testing.assert_allclose(
            2 * cell_energy(zs)[0][b], (expected[0] ** 2).mean(0), rtol=1e-9
        )
        for z, their, value in zip(zs, theirs, expected, strict=True):
            np.testing.assert_allclose(z[b], value, rtol=1e-9, atol=1e-12)
            np.testing.assert_allclose(their[b], value, rtol=1e-9, atol=1e-12)


# ---- the forms


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: state,
        lambda state: {"epoch": 3, "state_dict": state, "loss": [0.5, 0.25]},
        lambda state: {f"module.{name}": value for name, value in state.items()},
        lambda state: {name: value.half().float() for name, value in state.items()},
    ],
    ids=["plain", "wrapped", "prefixed", "rounded"],
)
def test_state_dicts_take_the_permutations_that_the_original_draws(tmp_path, wrap):
    with originals.module() as freia:
        net = originals.perturbed(freia.ReversibleGraphNet(5, (3, 5), 3))
        state = net.state_dict()
        whole = read_original(saved(tmp_path / "whole.pt", net))
    flow = read_original(saved(tmp_path / "state.pt", wrap(state)))
    for name, value in whole.state_dict().items():
        torch.testing.assert_close(flow.state_dict()[name], value, rtol=1e-3, atol=1e-4)
    assert torch.equal(flow.couplings[1].order, whole.couplings[1].order)


def test_the_clamp_of_a_state_dict_is_the_papers_unless_given(tmp_path):
    with originals.module() as freia:
        path = saved(tmp_path / "s.pt", freia.ReversibleGraphNet(4, (3,), 2, 2).state_dict())
    assert (read_original(path).clamp, read_original(path, clamp=2).clamp) == (3, 2)


def test_a_whole_module_says_how_large_its_maps_were(tmp_path):
    with originals.module() as freia:
        net = freia.ReversibleGraphNet(4, (3,), 2, map_size=(16, 16))
        path, state = saved(tmp_path / "m.pt", net), saved(tmp_path / "s.pt", net.state_dict())
    assert (read_checkpoint(path).map_side, read_checkpoint(state).map_side) == (16, None)


def test_what_would_compute_other_numbers_is_refused(tmp_path):
    def slope(net):
        net.module_list[4].s1.lr.negative_slope = 0.2

    def padding(net):
        net.module_list[4].s2.up_conv10.padding_mode = "reflect"

    def unclamped(net):
        net.module_list[4].clamp = 0

    def order(net):
        net.module_list[3].perm[1][0] = net.module_list[3].perm[1][1]

    def shape(net):
        net.module_list[4].s1.conv_scale1_0 = torch.nn.Conv2d(2, 3, 3)

    def huge(net):
        net.module_list[4].clamp = 10**400

    def laughs(net):  # 2^60 words, if somebody writes them out
        net.module_list[4].s1.leaky_slope = LAUGHS

    def missing(net):
        del net.module_list[4].s2.down_conv12

    for number, (change, message) in enumerate(
        {
            slope: "negative_slope 0.1",
            padding: "padding_mode zeros",
            unclamped: "clamp",
            order: "shuffle 4 channels",
            shape: "size mismatch",
            huge: "must hold a CS-Flow",
            laughs: "leaky_slope 0.1",
            missing: "down_conv12",
        }.items()
    ):
        with originals.module() as freia:
            net = freia.ReversibleGraphNet(4, (3,), 2)
            change(net)
            path = saved(tmp_path / f"{number}.pt", net)
        with pytest.raises(ArtifactError, match=message):
            read_original(path)


# ---- hostile, damaged and foreign files


LAUGHS = functools.reduce(lambda inner, _: (inner, inner), range(60), ())


class Call:
    """Pickles as a call of a function, which unpickling would make."""

    def __init__(self, function, *args, state=None):
        self.reduced = (function, args) if state is None else (function, args, state)

    def __reduce__(self):
        return self.reduced


def hostile(kind, target):
    write = f"open({str(target)!r}, 'w').close()"
    return {
        "os.system": Call(os.system, f"touch {target}"),
        "builtins.eval": Call(eval, write),
        "builtins.exec": Call(exec, write),
        "builtins.open": Call(open, str(target), "w"),
        "builtins.getattr": Call(getattr, Call(__import__, "os"), "system"),
        "state": Call(list, state={"__setstate__": Call(open, str(target), "w")}),
    }[kind]


NAMED = {
    "os.system": "posix.system|nt.system",
    "builtins.eval": "builtin.*eval",
    "builtins.exec": "builtin.*exec",
    "builtins.open": "io.open",
    "builtins.getattr": "__import__",
    "state": "builtin.*list",
}


@pytest.mark.parametrize("kind", NAMED)
def test_a_pickle_that_would_write_a_file_writes_none_and_is_refused_by_name(tmp_path, kind):
    target = tmp_path / "written"
    evil = hostile(kind, target)
    with originals.module() as freia:
        net = freia.ReversibleGraphNet(4, (3,), 2)
        net.module_list[4].note = evil
        forms = {"module": net, "dict": {"state_dict": net.state_dict(), "note": evil}}
        paths = [saved(tmp_path / name, form) for name, form in forms.items()]
        for path in paths:
            with pytest.raises(ArtifactError, match=NAMED[kind]):
                read_original(path)
        assert not target.exists()
        if kind in ("os.system", "builtins.eval", "builtins.exec"):
            torch.load(paths[1], weights_only=False)  # the file is as hostile as it claims
            assert target.exists()


DEEP = b")" + b"q\x00h\x00\x86" * 60  # as LAUGHS: its hash takes forever


def pickled(body):
    """A zip as of torch.save around opcodes written by hand."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("x/data.pkl", b"\x80\x02" + body + b".")
        archive.writestr("x/data/0", b"\0" * 16)
    return file.getvalue()


@pytest.mark.parametrize(
    "body, message",
    [
        (b"c__builtin__\ngetattr\ncfreia_funcs\nOutputNode\nX\x08\0\0\0__init__\x86R", "__init__"),
        (b"c__builtin__\ngetattr\ncfreia_funcs\nNode\nX\x05\0\0\0dummy\x86R", "Node.dummy"),
        (b"c__builtin__\ngetattr\nX\x01\0\0\0aX\x05\0\0\0upper\x86R", "upper"),
        (b"c__builtin__\nset\n]K\x01a\x85R", "filled set"),
        (b"cfreia_funcs\nNode\n}b", "state of a Name"),
        (b"cfreia_funcs\nglobals\n)R", "freia_funcs.globals"),
        (b"cfreia_funcs.os\nsystem\n)R", "freia_funcs.os.system"),
        (b"\x80\x02cos\nsystem\n(S'true'\ntR", "os.system"),
        (b"(S'true'\nios\nsystem\n", "opcode 83"),
        (b"(ios\nsystem\n", "opcode 105"),
        (b"\x82\x01", "opcode 130"),
        (b"Pevil\n", "opcode 80"),
        (b"X\x01\0\0\0aQ", "persistent id"),
        (b"K\x01K\x02R", "calls a int"),
        (b"r\xff\xff\xff\x7f", "cannot be read"),
        (b"K\x01r\xff\xff\xff\x7f", "got an? int"),
        (b"}))s", "a tuple as a key"),
        (b"}" + DEEP + b"K\x01s", "a tuple as a key"),
        (b"ccollections\nOrderedDict\n](" + DEEP + b"K\x01ta\x85R", "a tuple as a key"),
        (b"\x8f(" + DEEP + b"\x90", "opcode 144"),
        (b"\x96" + (20 << 30).to_bytes(8, "little"), "opcode 150"),
        (b"h\x07", "cannot be read"),
        (b"u", "cannot be read"),
        (b"", "cannot be read"),
    ],
)
def test_opcodes_written_by_hand(tmp_path, body, message):
    path = tmp_path / "hand.pt"
    path.write_bytes(pickled(body))
    with pytest.raises(ArtifactError, match=message):
        read_original(path)


def test_a_truncated_file_is_refused_wherever_it_ends(tmp_path, small):
    path, whole = tmp_path / "cut.pt", small
    for end in [*range(0, 64, 7), *np.linspace(64, len(whole) - 1, 40).astype(int)]:
        path.write_bytes(whole[:end])
        with pytest.raises(ArtifactError, match=r"cut\.pt"):
            read_original(path)


def test_a_file_from_before_torch_1_6_is_refused(tmp_path):
    path = saved(tmp_path / "old.pt", {"w": torch.ones(3)}, _use_new_zipfile_serialization=False)
    with pytest.raises(ArtifactError, match=r"old\.pt must be a whole checkpoint"):
        TorchFile(path)


def test_damaged_bytes_are_refused_or_only_change_numbers(tmp_path, small):
    rng = np.random.default_rng(0)
    path, refused = tmp_path / "damaged.pt", 0
    for _ in range(150):
        damaged = bytearray(small)  # the pickle comes first
        damaged[rng.integers(0, 15_000)] = rng.integers(256)
        path.write_bytes(damaged)
        try:
            assert read_original(path).channels == 4
        except ArtifactError:
            refused += 1
    assert refused > 50


def test_foreign_files_are_refused(tmp_path):
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x/data.pkl", b"\0" * (50 << 20))
    foreign = {
        "text": b"weights\n",
        "empty": b"",
        "pickle": pickle.dumps({"a": 1}, protocol=2),
        "zip": pickled(b"}X\x04\0\0\0convK\x01s"),
        "bomb": bomb.getvalue(),
    }
    for name, content in foreign.items():
        (tmp_path / name).write_bytes(content)
    other = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.BatchNorm2d(8))
    saved(tmp_path / "state", other.state_dict())
    saved(tmp_path / "module", other)
    saved(tmp_path / "tensor", torch.zeros(3))
    (tmp_path / "folder").mkdir()
    messages = {
        "text": "whole checkpoint of torch.save", "empty": "whole checkpoint of torch.save",
        "pickle": "not a zip file", "zip": "keys like conv", "bomb": "more bytes than the file",
        "state": "keys like 0.weight", "module": "names torch.nn.modules.container.Sequential",
        "tensor": "ReversibleGraphNet", "folder": "cannot be read", "absent": "cannot be read",
    }  # fmt: skip
    for name, message in messages.items():
        with pytest.raises(ArtifactError, match=message):
            read_original(tmp_path / name)


def test_a_tensor_cannot_claim_more_than_the_file_holds(tmp_path):
    with originals.module() as freia:
        state = freia.ReversibleGraphNet(4, (3,), 2).state_dict()
    name = "module_list.4.s1.conv_scale0_0.weight"
    state[name] = torch.zeros(1).expand(1 << 20, 1 << 10, 3, 3)  # one number, 36 GB as a copy
    with pytest.raises(ArtifactError, match="numbers of a tensor of shape"):
        read_original(saved(tmp_path / "wide.pt", state))
    shared = torch.zeros(2000, 2, 3, 3)
    state = {key: shared for key in state}  # one storage behind 58 tensors
    with pytest.raises(ArtifactError, match="numbers of a tensor of shape"):
        read_original(saved(tmp_path / "shared.pt", state))
