from types import SimpleNamespace

import numpy as np
import pytest
import torch

from workbench.csflow import feature_cache
from workbench.csflow.backbones import NAMES, block_channels, load_backbone
from workbench.csflow.batches import to_square
from workbench.csflow.features import Backbone, FeaturePyramid, Standardise
from workbench.csflow.weights import find_weights


@pytest.fixture(scope="module")
def lite0():
    return load_backbone("efficientnet-lite0", 14)


def test_backbone_is_the_package_network_cut_after_its_block(lite0):
    from efficientnet_lite_pytorch import EfficientNet

    net = EfficientNet.from_name("efficientnet-lite0").eval()
    net.load_state_dict(torch.load(find_weights("efficientnet-lite0"), weights_only=True))
    seen = []
    net._blocks[14].register_forward_hook(lambda _m, _i, out: seen.append(out))
    images = torch.rand(2, 3, 128, 128, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        net.extract_features((images - 127 / 255) / (128 / 255))
        torch.testing.assert_close(lite0(images), seen[0])


def test_the_imagenet_weights_know_images(lite0):
    """Random weights would pass every shape test: trained filters of the stem are smooth."""
    random = load_backbone("efficientnet-lite0", 14, weights="random")
    assert lite0.weights_hash != random.weights_hash == "random"
    roughness = [
        (w.diff(dim=-1).square().mean() / w.square().mean()).item()
        for w in (lite0.stem[0].weight, random.stem[0].weight)
    ]
    assert roughness[0] < 0.7 * roughness[1]


def test_backbone_stays_frozen(lite0):
    lite0.train()
    assert not lite0.training
    assert not any(p.requires_grad for p in lite0.parameters())


def test_scale_k_sees_the_image_at_half_size_k_times(lite0):
    pyramid = FeaturePyramid(lite0, 256)
    images = torch.randint(0, 256, (1, 3, 256, 256), dtype=torch.uint8)
    with torch.no_grad():
        xs = pyramid(images)
        half = torch.nn.functional.avg_pool2d(images / 255, 2)
        torch.testing.assert_close(xs[1], lite0(half))
    assert [tuple(x.shape[1:]) for x in xs] == pyramid.shapes


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.slow
def test_every_block_of_every_backbone_gives_the_channels_and_cells_it_says(name):
    channels = block_channels(name)
    whole = load_backbone(name, len(channels) - 1, weights="random")
    shapes = []
    for block in whole.blocks:
        block.register_forward_hook(lambda _m, _i, out: shapes.append(tuple(out.shape[1:])))
    whole(torch.zeros(1, 3, 96, 96))
    for index, shape in enumerate(shapes):
        cut = Backbone(whole_net(whole), name, index, "random")
        side = 96 // cut.stride
        assert shape == (cut.channels, side, side) == (channels[index], side, side)


def whole_net(backbone):
    """A backbone in the form in which its package builds it."""
    return SimpleNamespace(
        _blocks=backbone.blocks,
        **dict(zip(("_conv_stem", "_bn0", "_swish"), backbone.stem, strict=True)),
    )


def test_image_size_that_does_not_fit_names_the_next_that_do(lite0):
    with pytest.raises(ValueError, match="multiple of 128 .* got 300; take 256 or 384"):
        FeaturePyramid(lite0, 300)
    with pytest.raises(ValueError, match="got 64; take 128"):
        FeaturePyramid(lite0, 64)


def test_unknown_names_and_blocks_are_refused():
    with pytest.raises(ValueError, match="backbone must be one of efficientnet-b0"):
        load_backbone("resnet18", 3)
    with pytest.raises(ValueError, match=r"block of efficientnet-lite0 must be in 0..15, got 99"):
        load_backbone("efficientnet-lite0", 99)


def test_standardise_gives_mean_zero_and_deviation_one():
    rng = torch.Generator().manual_seed(0)
    xs = [3 + 5 * torch.randn(300, 4, s, s, generator=rng) for s in (4, 2)]
    xs[0][:, 1] = 7.0  # a channel that never moves
    xs[1] = xs[1][:, :3]
    for k, x in enumerate(Standardise([4, 3]).fit(xs)(xs)):
        alive = [0, 2, 3] if k == 0 else [0, 1, 2]
        torch.testing.assert_close(x.mean((0, 2, 3)), torch.zeros(4 - k), atol=1e-3, rtol=0)
        std = x.std((0, 2, 3), correction=0)[alive]
        torch.testing.assert_close(std, torch.ones(len(alive)), atol=1e-3, rtol=0)


def test_a_finer_scale_is_the_last_block_of_half_the_stride(lite0):
    pyramid = FeaturePyramid(lite0, 128, scales=3, finer=1)
    images = torch.randint(0, 256, (1, 3, 128, 128), dtype=torch.uint8)
    with torch.no_grad():
        finer, *others = pyramid(images)
        torch.testing.assert_close(finer, load_backbone("efficientnet-lite0", 10)(images / 255))
        for x, plain in zip(others, FeaturePyramid(lite0, 128, scales=2)(images), strict=True):
            torch.testing.assert_close(x, plain)
    assert pyramid.shapes == [(112, 8, 8), (192, 4, 4), (192, 2, 2)]
    with pytest.raises(ValueError, match="block 0 of efficientnet-lite0 has none"):
        FeaturePyramid(load_backbone("efficientnet-lite0", 0), 128, finer=1)
    with pytest.raises(ValueError, match="finer=1 needs at least 2 scales, got 1"):
        FeaturePyramid(lite0, 128, scales=1, finer=1)


def test_a_natural_pyramid_is_what_one_pass_gives_on_the_way(lite0):
    pyramid = FeaturePyramid(lite0, (128, 192), scales=4, finer=2)
    images = torch.randint(0, 256, (1, 3, 128, 192), dtype=torch.uint8)
    with torch.no_grad():
        xs = pyramid(images)
        for block, x in zip((4, 10, 14), xs, strict=False):
            expected = load_backbone("efficientnet-lite0", block)(images / 255)
            torch.testing.assert_close(x, expected)
    assert [tuple(x.shape[1:]) for x in xs] == pyramid.shapes
    assert pyramid.shapes == [(40, 16, 24), (112, 8, 12), (192, 4, 6), (192, 2, 3)]
    with pytest.raises(ValueError, match="finer=9 needs a block of stride 0"):
        FeaturePyramid(lite0, 128, scales=10, finer=9)


def test_to_square_stretches_without_aliasing():
    stripes = np.zeros((40, 80, 3), np.uint8)
    stripes[:, ::2] = 200
    square = to_square(stripes, 20)
    assert square.shape == (1, 3, 20, 20) and square.dtype == np.uint8
    assert square[..., 1:-1].std() < 12  # picking every fourth column would keep 0 or 200


def test_squares_are_those_of_the_original_pipeline():
    from PIL import Image
    from torchvision import transforms

    image = np.random.default_rng(0).integers(0, 256, (70, 110, 3), np.uint8)
    original = transforms.Compose([transforms.Resize((64, 64)), transforms.ToTensor()])
    expected = original(Image.fromarray(image))
    square = torch.from_numpy(to_square(image, 64))[0] / 255
    torch.testing.assert_close(square, expected, rtol=0, atol=0)


def test_large_feature_tables_live_in_a_mapped_file():
    tables = feature_cache.allocate(10, [(3, 2, 2), (3, 1, 1)], in_memory=100)
    tables[0][7] = 5.0
    assert tables[0][7].eq(5).all() and tables[1].shape == (10, 3, 1, 1)
