"""The ONNX graph against torch, when it is used and when it is not."""

import hashlib
import json
import shutil
import subprocess
import sys
import time
import warnings
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from math import prod
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import helper
from PIL import Image

from workbench import CSFlowConfig, CSFlowDetector, load, load_images, save
from workbench.cache import Cache
from workbench.csflow.batches import batches
from workbench.csflow.network import CSFlowNetwork
from workbench.csflow.onnx import int8, store
from workbench.csflow.onnx.engines import UncheckedGraphWarning, differences, probes, scores_of
from workbench.csflow.onnx.export import build, export
from workbench.csflow.onnx.int8 import BETWEEN, floats_again, quantise, to_int8
from workbench.csflow.onnx.runtime import OnnxEngine
from workbench.errors import ArtifactError

from .conftest import photo

# detectors that were trained on arrays, saved and loaded know no photos to check a graph on
UNCHECKED = "ignore:the ONNX graph was compared with torch on two drawn images only"
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings(UNCHECKED)]


def alive(config, weights=None):
    """A network whose every part matters: gains are not zero, statistics not trivial."""
    network = CSFlowNetwork(config, weights)
    rng = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d) and weights == "random":
                module.train().momentum = None  # random weights explode without statistics
        if weights == "random":
            network.pyramid(torch.from_numpy(probes(config.size)))
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.eval()
        squares = probes(config.size)
        network.standardise.fit(network.features(squares))
        for coupling in network.flow.couplings:
            for half in (coupling.given_a, coupling.given_b):
                half.gain.uniform_(0.1, 0.4, generator=rng)
    return network


CONFIGS = {
    "lite": (CSFlowConfig(image_size=128, hidden=8), None),
    "original": (
        CSFlowConfig.preset("simulator", image_size=128, hidden=8, backbone="efficientnet-b0",
                            block=10),
        "random",
    ),
    "two scales": (
        CSFlowConfig(image_size=128, hidden=8, kernels=(1, 5, 3), scales=2, finer=1), None,
    ),
    "not square": (CSFlowConfig(image_size=(64, 128), hidden=8), None),
}  # fmt: skip


@pytest.mark.parametrize("name", CONFIGS)
def test_the_graph_gives_the_latents_of_torch_for_any_batch(name):
    config, weights = CONFIGS[name]
    network = alive(config, weights)
    graph = OnnxEngine(export(network))
    drawn = probes(config.size)
    squares = np.concatenate([drawn, drawn[:1, :, ::-1]])
    for batch in (squares, squares[:1]):
        for got, expected in zip(graph(batch), network(batch), strict=True):
            assert got.shape == expected.shape and got.dtype == np.float32
            np.testing.assert_allclose(got, expected, rtol=1e-3, atol=1e-4 * expected.std())


def test_a_graph_is_built_without_computing_it():
    """Features of this module would take 300 GB."""

    class Wide(torch.nn.Sequential):
        def forward(self, images):
            return [super().forward(images.float())]

    huge = torch.empty(2, 3, 8192, 8192, dtype=torch.uint8)
    model = build(Wide(torch.nn.Conv2d(3, 512, 1), torch.nn.Sigmoid()), huge, ["y"])
    nodes = [node.op_type for node in onnx.load_from_string(model).graph.node]
    assert nodes == ["Cast", "Conv", "Sigmoid"]


def test_the_graph_is_folded():
    network = alive(CSFlowConfig(image_size=128, hidden=8))
    model = onnx.load_from_string(export(network))
    onnx.checker.check_model(model, full_check=True)
    kinds = [node.op_type for node in model.graph.node]
    assert not {"BatchNormalization", "Pad", "ReduceSum"} & set(kinds)  # no log-determinant
    scales, halves = 3, 4
    # per half and scale the products gain * (s, t), 1.908 * atan(s) and exp(s) * a
    assert kinds.count("Mul") == 3 * scales * halves
    sizes = [np.prod(tensor.dims) for tensor in model.graph.initializer]
    torch_sizes = sum(p.numel() for p in network.parameters())
    assert sum(sizes) < 1.05 * torch_sizes  # the backbone is there once, not once a scale
    assert __file__.encode() not in model.SerializeToString()  # nor where our code lies


class Odd(torch.nn.Module):
    def forward(self, images):
        return [torch.linalg.eigvals(images.float())]


def test_what_has_no_translation_is_said():
    with pytest.raises(torch.onnx.OnnxExporterError, match="linalg_eig"):
        build(Odd(), torch.zeros(2, 3, 4, 4, dtype=torch.uint8), ["y"])


@pytest.fixture(autouse=True)
def graphs(monkeypatch):
    """Detectors score through their graph, as they do where nothing else is said."""
    monkeypatch.setenv("WORKBENCH_ENGINE", "auto")


@pytest.fixture
def empty(monkeypatch, tmp_path):
    """A cache of graphs for this test alone."""
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def folder(fitted, tmp_path):
    return save(fitted, tmp_path / "disc")


def test_scores_agree_and_are_equal_bit_for_bit_in_one_engine(folder, photos, tmp_path):
    by_torch, by_graph = (load(folder, engine=kind) for kind in ("torch", "onnx"))
    expected, got = (d.score([*photos[0][:4], *photos[1]]) for d in (by_torch, by_graph))
    assert (by_torch.engine.name, by_graph.engine.name) == ("torch", "onnx")
    np.testing.assert_allclose(got, expected, rtol=1e-4)
    assert (got != expected).any()  # two programs, not one under two names
    one, other = (d.evaluate_one(photos[1][0]) for d in (by_torch, by_graph))
    np.testing.assert_allclose(other.heatmap, one.heatmap, rtol=1e-3, atol=1e-4)
    again = load(save(by_graph, tmp_path / "again"))
    np.testing.assert_array_equal(again.score([*photos[0][:4], *photos[1]]), got)
    np.testing.assert_array_equal(load(folder).score([*photos[0][:4], *photos[1]]), got)


def test_threads_that_ask_at_once_get_one_graph(folder, empty):
    detector = load(folder)
    with ThreadPoolExecutor(4) as pool:
        engines = list(pool.map(lambda _: detector.prepare(), range(4)))
    assert {engine.name for engine in engines} == {"onnx"} and len(set(map(id, engines))) == 1


def test_a_kept_graph_needs_no_torch(folder):
    load(folder).score([photo(1)])
    code = (
        "import sys, numpy as np, workbench as wb; "
        f"d = wb.load({str(folder)!r}); "
        "r = d.evaluate_one(np.full((96, 96, 3), 60, np.uint8)); r.overlay(); print(r.score); "
        "heavy = {'torch', 'torchvision', 'pandas', 'scipy', 'matplotlib', 'onnx', 'onnxscript'}; "
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_a_model_folder_holds_no_graph_and_one_in_it_is_not_read(folder, photos):
    """As it was kept once: a graph that finds nothing wrong with any part, and its ticket."""
    assert {path.name for path in folder.iterdir()} == {"detector.json", "weights.safetensors"}
    model = constant_graph()
    (folder / "engine.onnx").write_bytes(model)
    ticket = {"precision": "float32", "sha256": hashlib.sha256(model).hexdigest(), "probes": []}
    (folder / "engine.json").write_text(json.dumps(ticket))
    expected = load(folder, engine="torch").score(photos[1])
    np.testing.assert_allclose(load(folder).score(photos[1]), expected, rtol=1e-4)


def constant_graph(body=(), constants=()):
    """Latents of 0.01 for three looks at an image, as a model; `body` gives "nothing", added."""
    floats, info, shapes = onnx.TensorProto.FLOAT, helper.make_tensor_value_info, SHAPES
    values = [helper.make_tensor("", floats, (3, *x), [0.01] * 3 * prod(x)) for x in shapes]
    names = ["plain" if body else "z0", "z1", "z2"]
    pairs = zip(names, values, strict=True)
    nodes = [*body, *(helper.make_node("Constant", [], [x], value=value) for x, value in pairs)]
    if body:
        nodes.append(helper.make_node("Add", ["plain", "nothing"], ["z0"]))
    images = info("images", onnx.TensorProto.UINT8, ["batch", 3, 128, 128])
    outputs = [info(f"z{k}", floats, (3, *shape)) for k, shape in enumerate(shapes)]
    graph = helper.make_graph(nodes, "constant", [images], outputs, list(constants))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    return model.SerializeToString()


SHAPES = [(40, 16, 16), (112, 8, 8), (192, 4, 4)]
AS_FLOATS = helper.make_node("Cast", ["images"], ["floats"], to=onnx.TensorProto.FLOAT)
array = onnx.numpy_helper.from_array


def endless():
    """A graph with a loop that never ends, if it is let."""
    info, number = helper.make_tensor_value_info, onnx.TensorProto.FLOAT
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["on"], ["still"]),
            helper.make_node("Mul", ["x", "same"], ["y"]),
        ],
        "body",
        [info("i", 7, []), info("on", 9, []), info("x", number, [])],
        [info("still", 9, []), info("y", number, [])],
        [array(np.float32(0), "same")],
    )
    nodes = [
        AS_FLOATS,
        helper.make_node("ReduceMax", ["floats"], ["most"], keepdims=0),
        helper.make_node("Loop", ["", "true", "most"], ["nothing"], body=body),
    ]
    return constant_graph(nodes, [array(np.array(True), "true")])


def from_elsewhere():
    """A graph whose numbers lie in a file of the working folder."""
    numbers = array(np.ones((1, 3, 1, 1), np.float32), "numbers")
    numbers.ClearField("raw_data")
    numbers.data_location = onnx.TensorProto.EXTERNAL
    for key, value in (("location", "numbers.bin"), ("offset", "0"), ("length", "12")):
        numbers.external_data.add(key=key, value=value)
    nodes = [
        AS_FLOATS,
        helper.make_node("Conv", ["floats", "numbers"], ["mixed"]),
        helper.make_node("ReduceMax", ["mixed"], ["most"], keepdims=0),
        helper.make_node("Mul", ["most", "zero"], ["nothing"]),
    ]
    return constant_graph(nodes, [numbers, array(np.float32(0), "zero")])


def entry(about, model):
    return json.dumps(about).encode() + b"\n" + model


def entry_of(folder):
    """The kept entry of a model, as its two halves."""
    manifest = json.loads((folder / "detector.json").read_text("utf-8"))
    cache, key = Cache(store.folder(), store.LIMIT), store.key(manifest)
    about, _, model = cache.read(key).partition(b"\n")
    return cache, key, json.loads(about), model


@pytest.mark.parametrize("make", [endless, from_elsewhere])
def test_a_kept_graph_that_hangs_or_reads_other_files_is_not_used(
    make, folder, empty, monkeypatch, tmp_path
):
    monkeypatch.chdir(tmp_path)
    Path("numbers.bin").write_bytes(np.ones(3, np.float32).tobytes())
    monkeypatch.setattr("workbench.csflow.onnx.engines.SECONDS", 2.0)
    manifest = json.loads((folder / "detector.json").read_text("utf-8"))
    expected = scores_of(OnnxEngine(constant_graph()), probes(128), load(folder))
    content = entry({"precision": "float32", "scores": expected.tolist()}, make())
    Cache(store.folder(), store.LIMIT).write(store.key(manifest), content)
    start = time.monotonic()
    assert load(folder).engine is None
    assert time.monotonic() - start < 60


def test_a_damaged_or_malformed_entry_is_built_again(folder, empty, photos):
    expected = load(folder).score(photos[1])
    cache, key, about, model = entry_of(folder)
    whole = (store.folder() / key).read_bytes()
    for spoiled in (
        model,
        b"{\n" + model,
        b"[]\n" + model,
        entry(about | {"scores": [1.0, 2.0, 3.0]}, model),
        entry(about | {"scores": "many"}, model),
        entry(about | {"scores": [1.01 * score for score in about["scores"]]}, model),
        entry(about, model[: len(model) // 2]),
    ):
        cache.write(key, spoiled)
        assert load(folder).engine is None
    damaged = bytearray(whole)
    damaged[len(damaged) // 2] ^= 255
    (store.folder() / key).write_bytes(damaged)
    np.testing.assert_array_equal(load(folder).score(photos[1]), expected)
    assert load(folder).engine.name == "onnx"  # kept again


@pytest.mark.parametrize("change", ["config", "weights_sha256", "backbone"])
def test_a_graph_serves_the_weights_and_settings_that_it_was_built_from(folder, change):
    manifest = json.loads((folder / "detector.json").read_text("utf-8"))
    other = {
        "config": manifest["config"] | {"top_k": 11},
        "weights_sha256": "0" * 64,
        "backbone": manifest["backbone"] | {"sha256": "0" * 64},
    }
    assert store.key(manifest | {change: other[change]}) != store.key(manifest)


def test_training_again_drops_the_graph(photos, tiny_config):
    detector = CSFlowDetector(tiny_config, engine="onnx").fit(photos[0][:8], progress=False)
    before = detector.score(photos[1])
    assert detector.engine.name == "onnx"
    detector.fit(photos[0][8:], progress=False)
    expected = load_as_torch(detector).score(photos[1])
    np.testing.assert_allclose(detector.score(photos[1]), expected, rtol=1e-4)
    assert not np.allclose(before, expected, rtol=1e-3)


def load_as_torch(detector):
    return CSFlowDetector.from_state(*detector.state(), engine="torch")


def test_a_graph_that_disagrees_is_not_used(folder, empty, monkeypatch, photos):
    def wrong(network):
        model = onnx.load_from_string(export(network))
        bias = next(t for t in model.graph.initializer if len(t.dims) == 1 and t.dims[0] > 3)
        values = onnx.numpy_helper.to_array(bias) + 0.01
        bias.CopyFrom(onnx.numpy_helper.from_array(values.astype(np.float32), bias.name))
        return model.SerializeToString()

    monkeypatch.setattr("workbench.csflow.onnx.export.export", wrong)
    detector = load(folder)
    with pytest.warns(UserWarning, match="scoring with torch, the ONNX graph .* scores differ"):
        scores = detector.score(photos[1])
    assert detector.engine.name == "torch" and not empty.exists()
    np.testing.assert_array_equal(scores, load(folder, engine="torch").score(photos[1]))


@pytest.fixture
def full(monkeypatch, tmp_path):
    """A cache where nobody can write, root neither."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path / "file" / "cache"))


def test_where_no_graph_can_be_kept_it_is_said_and_scored_all_the_same(folder, full):
    with pytest.warns(UserWarning, match="nothing more is kept in .*: .*Not a directory"):
        assert load(folder).prepare().name == "onnx"


def test_integers_are_refused_before_any_work_where_they_cannot_be_kept(folder, full):
    with pytest.raises(ArtifactError, match=r"must be writable.*WORKBENCH_CACHE"):
        quantise(load(folder))


def test_a_graph_that_no_calibration_photo_could_check_says_so(folder, disc, empty):
    """The first was trained on a list of arrays, the second on a folder that is still there."""
    _, with_photos = disc
    load(with_photos).prepare()  # warnings are errors here
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UncheckedGraphWarning, match="the detector knows no folder of images"):
            load(folder).prepare()


def test_without_the_optional_folder_scores_stay_the_same(folder):
    code = (
        "import sys, numpy as np; sys.modules['workbench.csflow.onnx'] = None; "
        "import workbench as wb; square = np.full((96, 96, 3), 60, np.uint8); "
        f"both = [wb.load({str(folder)!r}, engine=e) for e in ('auto', 'torch')]; "
        "print(*(detector.score([square])[0] for detector in both))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    expected = load(folder).score([np.full((96, 96, 3), 60, np.uint8)])[0]
    found = [float(value) for value in done.stdout.split()]
    assert found[0] == found[1]
    np.testing.assert_allclose(found[0], expected, rtol=1e-4)


def test_differences_are_scores_or_verdicts():
    scores = np.array([1.0, 2.0, 3.0])
    assert differences(scores * (1 + 5e-5), scores, 2.5) == ""
    assert "differ by 2.0e-04, more than 1e-04" in differences(scores * 1.0002, scores, 2.5)
    assert "differ" in differences(scores * np.nan, scores, 2.5)
    near = 2.0 * (1 + 0.99e-4)
    assert differences(scores, scores, 2.0) == ""
    assert differences(np.array([near]), np.array([2.0]), near) == ""  # a tie within rounding


def test_engines_are_named(monkeypatch):
    with pytest.raises(ValueError, match="engine must be one of auto, torch, onnx, got 'fast'"):
        CSFlowDetector(engine="fast")
    monkeypatch.setenv("WORKBENCH_ENGINE", "torch")
    assert CSFlowDetector().wanted == "torch"
    assert CSFlowDetector(engine="onnx").wanted == "onnx"
    monkeypatch.setenv("WORKBENCH_ENGINE", "onxx")
    with pytest.raises(ValueError, match=r"\$WORKBENCH_ENGINE must be one of auto.*got 'onxx'"):
        CSFlowDetector()


@pytest.fixture(scope="module")
def disc_model(tmp_path_factory, photos, tiny_config):
    """A folder of photos, and a saved detector trained on it."""
    root = tmp_path_factory.mktemp("disc")
    for label, images in zip(("OK", "NG"), photos, strict=True):
        (root / label).mkdir()
        for i, image in enumerate(images):
            Image.fromarray(image).save(root / label / f"{i:02}.png")
    parts = load_images(root)
    detector = CSFlowDetector(tiny_config, engine="onnx").fit(parts, progress=False)
    return parts, save(detector, root.with_name("disc-model"))


@pytest.fixture
def disc(disc_model, tmp_path):
    parts, folder = disc_model
    return parts, shutil.copytree(folder, tmp_path / "disc-model")


def test_integers_are_refused_with_figures_where_a_verdict_changes(disc, empty, monkeypatch):
    parts, folder = disc
    detector = load(folder)
    before = detector.score(parts)
    # just above a held-out score: a small error changes its verdict
    detector.threshold = float(1.0002 * np.median(detector.score(parts.calibration)))
    decoded = []
    monkeypatch.setattr(int8, "batches", lambda *a, **k: decoded.append(a) or batches(*a, **k))
    tried = quantise(detector, parts.test)
    assert not tried[0].accepted and tried[0].flips
    assert [len(images) for images, *_ in decoded] == [len(parts.calibration), len(parts.test)]
    for attempt in tried:
        after = attempt.auroc_before - attempt.auroc_after
        assert attempt.accepted == (not attempt.flips and after <= 0.002 and attempt.gain > 1)
        assert attempt.n == len(parts.calibration)
        assert f"{attempt.flips} of {attempt.n} calibration verdicts change" in attempt.describe()
    if not tried[-1].accepted:
        np.testing.assert_array_equal(detector.score(parts), before)


def test_the_held_out_part_that_set_the_threshold_counts_too(disc, empty, monkeypatch):
    _, folder = disc
    detector = load(folder)
    detector.threshold, floats = 2.0, detector.prepare()
    scores = {floats: np.array([1.0, 2.0])}
    monkeypatch.setattr(
        "workbench.csflow.onnx.int8._found",
        lambda _, engine, *__: (scores.get(engine, np.array([1.0, 1.99])), 0.9),
    )
    monkeypatch.setattr("workbench.csflow.onnx.int8.to_int8", lambda model, *_: model)
    monkeypatch.setattr("workbench.csflow.onnx.int8._gain", lambda *_: 1.5)
    tried = quantise(detector)
    assert [(attempt.flips, attempt.accepted) for attempt in tried] == [(1, False)] * len(tried)
    assert detector.engine is floats


def test_integers_are_kept_where_no_verdict_changes(disc, empty, monkeypatch):
    parts, folder = disc
    detector = load(folder)
    floats = detector.score(parts.test)
    detector.threshold = 50 * float(np.median(floats))  # far from every held-out score
    monkeypatch.setattr("workbench.csflow.onnx.int8.LEAST_GAIN", 0.0)
    monkeypatch.setattr("workbench.csflow.onnx.int8.AUROC_LOSS", 1.0)
    (accepted,) = quantise(detector, parts.test)
    assert accepted.accepted and accepted.floats == 0 and accepted.flips == 0
    integers = detector.score(parts.test)
    assert np.max(np.abs(integers - floats) / floats) > 1e-4  # not the float graph again
    again = load(folder)
    np.testing.assert_array_equal(again.score(parts.test), integers)
    assert "int8" in again.engine.describe()
    with pytest.raises(ValueError, match="only a float graph can be quantised, got .*int8"):
        quantise(again)
    floats_again(again)
    np.testing.assert_allclose(again.score(parts.test), floats, rtol=1e-4)
    assert "float32" in load(folder).prepare().describe()


@pytest.mark.parametrize(
    "name, between",
    [("lite", {"Add"}), ("original", {"Sigmoid", "Mul", "Add", "GlobalAveragePool"})],
)
def test_integers_round_what_is_behind_the_share_of_floats(name, between):
    """The flow's convolutions always; the backbone from its end, with what is between them."""
    config, weights = CONFIGS[name]
    model, squares = export(alive(config, weights)), probes(config.size)
    expected = OnnxEngine(model)(squares)
    kinds, errors = [], []
    for share in (0.0, 0.5, 1.0):
        rounded = to_int8(model, squares, share)
        graph = onnx.load_from_string(rounded).graph
        inner = [n for n in graph.node if "Linear" not in n.op_type]
        results = {n.input[0] for n in graph.node if n.op_type == "QuantizeLinear"}
        plain = {name for node in inner for name in node.output}
        found = [n for n in inner if n.output[0] in results and not set(n.input) & plain]
        kinds.append(Counter(node.op_type for node in found))
        pairs = zip(OnnxEngine(rounded, "int8")(squares), expected, strict=True)
        errors.append(np.mean([np.square(a - b).mean() for a, b in pairs]))
    convolutions = [kind["Conv"] for kind in kinds]
    total = sum(node.op_type == "Conv" for node in onnx.load_from_string(model).graph.node)
    assert convolutions[0] == total > convolutions[1] > convolutions[2] > 0
    assert errors[0] > errors[1] > errors[2] > 0
    assert set(kinds[0]) >= between and not set(kinds[2]) & set(BETWEEN)
