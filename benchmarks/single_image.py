"""How long does one image take, and against what?

`lite` from the file to the encoded overlay; and at the simulator's setting, our engines against
the path that the simulator takes for each request: networks built and weights loaded again, no
`no_grad`, log-determinant and all, three figures drawn by matplotlib. The peer is anomalib's
CS-Flow, where `benchmarks.peer` could install it: its own network, torch, the same size. It gives
a score and a map, so what is compared with it does not draw either.
"""

import io
import statistics
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from benchmarks import measure, models, peer
from workbench import CSFlowConfig
from workbench.csflow import CrossScaleFlow, score
from workbench.csflow.backbones import load_backbone
from workbench.csflow.batches import to_square
from workbench.csflow.onnx.int8 import to_int8
from workbench.csflow.onnx.runtime import OnnxEngine
from workbench.data import read_image


def main():
    where = measure.machine()
    parts = models.photos(16, size=512)
    path = parts[0]
    tables = {
        "lite at 256 px, three looks: file to encoded overlay": lite(parts, path, 256),
        "lite at 512 px, three looks: file to encoded overlay": lite(parts, path, 512),
        "the simulator's setting, 512 px": simulator(parts, path),
    }
    notes = [
        "integers are timed whether or not they would be accepted; `workbench quantise` decides",
        "EfficientNet-B5 has random weights with calibrated statistics where none are installed",
    ]
    question = __doc__.partition("\n")[0]
    measure.report("single_image", question, tables, where, notes)


def shown(detector, path):
    """What an inspector waits for: verdict, heat map, overlay, encoded for the browser."""
    buffer = io.BytesIO()
    detector.evaluate_one(path).overlay().save(buffer, "JPEG", quality=88)
    return buffer


def lite(parts, path, size):
    config = CSFlowConfig.preset("lite", image_size=size)
    torch_ = models.detector(config, parts.paths)
    graph = models.as_engine(torch_, "onnx")
    once = models.as_engine(models.detector(replace(config, looks=1), parts.paths), "onnx")
    assert graph.engine.name == once.engine.name == "onnx"
    works = {
        "torch": lambda: shown(torch_, path),
        "onnx": lambda: shown(graph, path),
        "int8": lambda: shown(integers(graph), path),
        "onnx, one look": lambda: shown(once, path),
    }
    return measure.versus(measure.in_turn(works, runs=30, warm_up=5), "torch") + stages(
        graph, path
    )


_INTEGERS = {}


def integers(detector):
    """The detector in integers, made once."""
    if id(detector) not in _INTEGERS:
        made = models.as_engine(detector, "onnx")
        paths, size = detector.calibration, detector.config.image_size
        squares = np.concatenate([to_square(read_image(path), size) for path in paths])
        model = to_int8(detector.engine.model, squares)
        made.engine = OnnxEngine(model, "int8")
        _INTEGERS[id(detector)] = made
    return _INTEGERS[id(detector)]


def stages(detector, path):
    timings = [detector.evaluate_one(path).timing for _ in range(30)]
    return [
        measure.row(f"onnx, {stage}", [timing[stage] for timing in timings])
        for stage in timings[0]
    ]


def simulator(parts, path):
    config = models.simulator()
    ours = models.detector(config, parts.paths)
    graph = models.as_engine(ours, "onnx")
    assert graph.engine.name == "onnx"
    with tempfile.TemporaryDirectory() as folder:
        files = Path(folder, "flow.pt"), Path(folder, "b5.pth")
        torch.save(ours.network.flow.state_dict(), files[0])
        torch.save(backbone_weights(config), files[1])
        works = {
            "its own path": lambda: request(config, files, path, folder),
            "ours, torch": lambda: shown(ours, path),
            "ours, onnx": lambda: shown(graph, path),
            "ours, int8": lambda: shown(integers(graph), path),
            "ours, onnx, not drawn": lambda: graph.evaluate_one(path),
            "ours, int8, not drawn": lambda: integers(graph).evaluate_one(path),
        }
        if them := peer.csflow(config, path):
            works["anomalib, torch"] = lambda: them(path)
        times = measure.in_turn(works, runs=10, warm_up=1)
    rows = measure.versus(times, "its own path")
    if "anomalib, torch" in times:
        base = statistics.median(times["anomalib, torch"])
        for row, (name, seconds) in zip(rows, times.items(), strict=True):
            if "not drawn" in name or name.startswith("anomalib"):
                row["x anomalib"] = round(base / statistics.median(seconds), 2)
    return rows


def backbone_weights(config):
    from efficientnet_pytorch import EfficientNet

    torch.manual_seed(0)
    return EfficientNet.from_name(config.backbone).state_dict()


def request(config, files, path, folder):
    """One request as the simulator serves it, from what is known of it; our own code."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot
    from torchvision import transforms

    flow = CrossScaleFlow(
        304, kernels=config.kernels, hidden=config.hidden, scales=3, clamp=config.clamp
    )
    flow.load_state_dict(torch.load(files[0], weights_only=True))
    backbone = load_backbone(config.backbone, config.block, files[1])
    prepare = transforms.Compose(
        [transforms.Resize((config.image_size, config.image_size)), transforms.ToTensor()]
    )
    image = prepare(Image.open(path))[None].requires_grad_()  # no no_grad: everything is recorded
    features = [
        backbone(torch.nn.functional.interpolate(image, size=(config.image_size >> k,) * 2))
        for k in range(3)
    ]
    zs, _ = flow(features)
    value = score([z.detach().numpy() for z in zs], "std")
    heat = (zs[0] ** 2).mean(1, keepdim=True)
    heat = torch.nn.functional.interpolate(heat, image.shape[-2:], mode="bilinear")[0, 0]
    photo = read_image(path)
    for name, layers in {
        "photo.jpg": [(photo, {})],
        "heat.jpg": [(heat.detach().numpy(), {"cmap": "viridis"})],
        "overlay.jpg": [(photo, {}), (heat.detach().numpy(), {"cmap": "viridis", "alpha": 0.5})],
    }.items():
        figure = pyplot.figure()
        for layer, style in layers:
            pyplot.imshow(layer, extent=(0, 1, 0, 1), **style)
        pyplot.axis("off")
        figure.savefig(Path(folder, name))
        pyplot.close(figure)
    return float(value[0])


if __name__ == "__main__":
    main()
