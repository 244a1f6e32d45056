"""Checkpoints of the original CS-Flow code and of the simulator, as flows of ours.

They are whole modules (`torch.save(model)`) whose classes live in a module `freia_funcs` or
`cs_flow.freia_funcs`, or plain state dicts, as such or inside a dict. No code of the file runs
and none of its classes is needed. Reference: https://github.com/marco-rudolph/cs-flow.
"""

import re
import reprlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from workbench.csflow.flow import CrossScaleFlow, permutations
from workbench.errors import ArtifactError

from .checkpoint import Made, Name, TorchFile

SCALES = 3  # the original knows no other number
CLAMP = 3.0  # the original's; a state dict does not hold it

_CLASSES = {
    f"{home}.{name}": None
    for home in ("freia_funcs", "cs_flow.freia_funcs")
    for name in (
        "ReversibleGraphNet", "Node", "InputNode", "OutputNode", "OutputNode.dummy",
        "ParallelPermute", "parallel_glow_coupling_layer", "CrossConvolutions", "dummy_data",
    )
}  # fmt: skip
# what of torch's own modules would give other numbers than ours if it were otherwise
_ARITHMETIC: dict[str, dict[str, Any]] = {
    "torch.nn.modules.container.ModuleList": {},
    "torch.nn.modules.conv.Conv2d": {"padding_mode": "zeros", "dilation": (1, 1), "groups": 1},
    "torch.nn.modules.activation.LeakyReLU": {"negative_slope": 0.1},
    "torch.nn.modules.upsampling.Upsample": {
        "mode": "bilinear", "align_corners": False, "scale_factor": 2,
    },
}  # fmt: skip
_BLOCK_KEY = re.compile(r"(?:.*\.)?module_list\.(\d+)\.(s[12]\..+)")
# names of ours and of the original inside one pair of cross convolutions
_CONVOLUTIONS = (
    {f"enter.{k}": f"conv_scale{k}_0" for k in range(SCALES)}
    | {f"stay.{k}": f"conv_scale{k}_1" for k in range(SCALES)}
    | {f"up.{k}": f"up_conv{k + 1}{k}" for k in range(SCALES - 1)}
    | {f"down.{k}": f"down_conv{k}{k + 1}" for k in range(SCALES - 1)}
)
_HALVES = {"given_a": "s1", "given_b": "s2"}
_GAMMAS = [f"gamma{k}" for k in range(SCALES)]

Block = dict[str, Any]  # "s1.conv_scale0_0.weight" and so on to what the tree holds for it


@dataclass(frozen=True, slots=True)
class Original:
    """What a checkpoint holds."""

    flow: CrossScaleFlow  # with its weights and permutations, float32, on the CPU
    map_side: int | None  # cells a side of the finest scale in training; None of a state dict


def read_original(path: Path | str, *, clamp: float = CLAMP) -> CrossScaleFlow:
    """Read a checkpoint of the original CS-Flow or of the simulator, without running it.

    Channels, width, kernels, blocks and permutations are those of the file. A plain state dict
    holds no permutations: those that the original draws for each block are taken then.

    Args:
        clamp: For a state dict only, which does not hold it either.

    Returns:
        The flow, float32, on the CPU, in evaluation mode.

    Raises:
        ArtifactError: Missing, damaged, something else, or a pickle that names anything that
            no such checkpoint needs.
    """
    return read_checkpoint(path, clamp=clamp).flow


def read_checkpoint(path: Path | str, *, clamp: float = CLAMP) -> Original:
    """As `read_original`, with what else the file says."""
    names = _CLASSES | dict.fromkeys(_ARITHMETIC)
    for builtins in ("__builtin__", "builtins"):  # as Python 2 and 3 call the module
        names |= {f"{builtins}.getattr": _nested, f"{builtins}.set": _empty_set}
    file = TorchFile(path, names)
    try:
        found = _find(file.tree)
        if isinstance(found, dict):
            return Original(_flow(file, _blocks_of_keys(found), None, clamp), None)
        couplings, orders = _couplings(found)
        clamps = {float(_of(coupling, "clamp")) for coupling in couplings}
        if len(clamps) != 1:
            raise ArtifactError(f"must have one clamp for all blocks, got {sorted(clamps)}")
        blocks = [_block_of_module(coupling) for coupling in couplings]
        order = [torch.stack([file.tensor(perm) for perm in perms]) for perms in orders]
        return Original(_flow(file, blocks, order, clamps.pop()), _map_side(found))
    except ArtifactError as error:
        raise ArtifactError(f"{path} {error}") from None
    except Exception as error:  # a tree that another program made fails in every way
        raise ArtifactError(f"{path} must hold a CS-Flow of the original: {error}") from error


def _nested(owner: Any = None, name: Any = None, *_: Any) -> Name:  # noqa: ANN401
    """`getattr`, for the class that the original nests in its `OutputNode`."""
    what = f"{owner.path if isinstance(owner, Name) else 'a value'}.{name}"
    if what.endswith("freia_funcs.OutputNode.dummy"):
        return Name(what)
    raise ArtifactError(f"names builtins.getattr for {what}; it is served for OutputNode.dummy")


def _empty_set(*args: Any) -> set:  # noqa: ANN401
    """`set`, for the empty ones that every module holds."""
    if args not in ((), ([],), ((),)):
        raise ArtifactError("names builtins.set for a filled set; it is served for empty ones")
    return set()


def _find(tree: Any) -> Made | Block:  # noqa: ANN401
    """The module or the state dict, as such or one level down in a dict."""
    for part in (tree, *(tree.values() if isinstance(tree, dict) else ())):
        if isinstance(part, Made) and part.name.endswith("freia_funcs.ReversibleGraphNet"):
            return part
        if isinstance(part, dict) and any(_BLOCK_KEY.fullmatch(str(key)) for key in part):
            return part
    what = f"keys like {', '.join(map(str, list(tree)[:3]))}" if isinstance(tree, dict) else tree
    raise ArtifactError(
        "must hold a CS-Flow of the original code, a ReversibleGraphNet or its state dict with "
        f"keys like module_list.4.s1.gamma0, got {_named(what)}"
    )


def _couplings(graph: Made) -> tuple[list[Made], list[list[Any]]]:
    """Coupling layers and the permutations before them, in the order in which they run."""
    layers = _modules(_modules(graph)["module_list"])
    chain = [layers[number] for number in sorted(layers, key=int)]
    chain = [x for x in chain if isinstance(x, Made) and not x.name.endswith(".dummy")]
    kinds = [layer.name.rpartition(".")[2] for layer in chain]
    if kinds != ["ParallelPermute", "parallel_glow_coupling_layer"] * (len(kinds) // 2):
        raise ArtifactError(f"must chain permutations and couplings, got {', '.join(kinds)}")
    return chain[1::2], [_of(layer, "perm") for layer in chain[::2]]


def _block_of_module(coupling: Made) -> Block:
    block = {}
    for half in _HALVES.values():
        cross = _modules(coupling)[half]
        _check_arithmetic(cross, {"leaky_slope": 0.1, "use_gamma": True})
        layers = _modules(cross)
        for name in layers.keys() & {*_CONVOLUTIONS.values(), "lr", "upsample"}:
            _check_arithmetic(layers[name], _ARITHMETIC[layers[name].name])
        for name in _GAMMAS:
            block[f"{half}.{name}"] = _of(cross, "_parameters")[name]
        for name in _CONVOLUTIONS.values():
            for kind in ("weight", "bias"):
                block[f"{half}.{name}.{kind}"] = _of(layers[name], "_parameters")[kind]
    return block


def _blocks_of_keys(state: dict[Any, Any]) -> list[Block]:
    blocks: dict[int, Block] = {}
    for key, value in state.items():
        if match := _BLOCK_KEY.fullmatch(str(key)):
            blocks.setdefault(int(match[1]), {})[match[2]] = value
    return [blocks[number] for number in sorted(blocks)]


def _flow(
    file: TorchFile, blocks: list[Block], orders: list[Tensor] | None, clamp: float
) -> CrossScaleFlow:
    if not blocks:
        raise ArtifactError("must have at least one coupling block, got none")
    if not clamp > 0:
        raise ArtifactError(f"must clamp its scales as the paper does, got clamp {clamp}")
    states = [_renamed(file, block) for block in blocks]
    enter = [state["given_b.enter.0.weight"].shape for state in states]
    hidden, channels = enter[0][0], enter[0][1] + states[0]["given_a.enter.0.weight"].shape[1]
    orders = orders or [permutations(channels, SCALES, seed) for seed in range(len(blocks))]
    for order in orders:
        if order.shape != (SCALES, channels) or any(
            row.sort().values.ne(torch.arange(channels)).any() for row in order
        ):
            raise ArtifactError(f"must shuffle {channels} channels at each scale, got {order}")
    kernels = [shape[-1] for shape in enter]
    with torch.device("meta"):  # claims what it likes, allocates nothing
        flow = CrossScaleFlow(channels, kernels=kernels, hidden=hidden, scales=SCALES, clamp=clamp)
    flow.load_state_dict(
        {
            f"couplings.{k}.{name}": value
            for k, (state, order) in enumerate(zip(states, orders, strict=True))
            for name, value in (state | {"order": order}).items()
        },
        assign=True,
    )
    return flow.eval()


def _renamed(file: TorchFile, block: Block) -> dict[str, Tensor]:
    """The weights of one block under the names of ours, float32."""
    sources = {
        f"{half}.{ours}.{kind}": [f"{theirs_half}.{theirs}.{kind}"]
        for half, theirs_half in _HALVES.items()
        for ours, theirs in _CONVOLUTIONS.items()
        for kind in ("weight", "bias")
    } | {f"{half}.gain": [f"{s}.{gamma}" for gamma in _GAMMAS] for half, s in _HALVES.items()}
    expected = {name for names in sources.values() for name in names}
    if wrong := sorted(expected ^ set(block)):
        verb = "lacks" if wrong[0] in expected else "also holds"
        raise ArtifactError(f"must hold the weights of {SCALES} scales; a block {verb} {wrong[0]}")
    state = {
        ours: torch.cat([file.tensor(block[name]) for name in names]).float()
        for ours, names in sources.items()
    }
    for name, value in state.items():
        if name.endswith(".weight") and value.dim() != 4:
            raise ArtifactError(f"must hold convolutions, got {name} of shape {value.shape}")
    return state


def _map_side(graph: Made) -> int | None:
    """The larger side of the input that its first node was made for, where it says so."""
    match _of(graph, "node_list"):
        case [Made(state={"data": Made(state={"dims": (_, int(height), int(width))})}), *_]:
            return max(height, width)
    return None


def _check_arithmetic(layer: Any, expected: dict[str, Any]) -> None:  # noqa: ANN401
    _of(layer, "_modules")  # it is a module
    for name, value in expected.items():
        if (got := layer.state.get(name, value)) != value:
            got = reprlib.repr(got)  # of a nested list that names itself twice a level, too
            raise ArtifactError(f"must have {name} {value} as in the paper, got {got}")


def _modules(made: Any) -> dict[str, Any]:  # noqa: ANN401
    return _of(made, "_modules")


def _of(made: Any, attribute: str) -> Any:  # noqa: ANN401
    if not isinstance(made, Made) or not isinstance(made.state, dict):
        raise ArtifactError(f"must hold a module with {attribute}, got {_named(made)}")
    return made.state[attribute]


def _named(value: Any) -> str:  # noqa: ANN401
    if isinstance(value, str):
        return value
    return value.name if isinstance(value, Made) else f"a {type(value).__name__}"
