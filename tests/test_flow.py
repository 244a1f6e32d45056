"""The mathematics of the flow, in float64 and away from the start, where it is a mere shuffle."""

import copy

import pytest
import torch

from workbench.csflow import CrossScaleFlow, CSFlowConfig, cell_energy, nll, score


def pyramid(batch, channels, side, scales, seed=0):
    rng = torch.Generator().manual_seed(seed)
    each = (channels,) * scales if isinstance(channels, int) else channels
    shapes = [(batch, c, side >> k, side >> k) for k, c in enumerate(each)]
    return [torch.randn(shape, generator=rng, dtype=torch.float64) for shape in shapes]


def perturbed_flow(channels=5, kernels=(3, 5), hidden=4, scales=3):
    torch.manual_seed(0)
    flow = CrossScaleFlow(channels, kernels=kernels, hidden=hidden, scales=scales).double()
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return flow


@pytest.fixture(
    params=[(5, 3), (4, 2), (3, 1), ((3, 6, 5), 3)], ids=["C5-K3", "C4-K2", "C3-K1", "C365-K3"]
)
def case(request):
    channels, scales = request.param
    return perturbed_flow(channels, scales=scales), pyramid(3, channels, 4, scales)


def test_inverse_undoes_forward(case):
    flow, xs = case
    zs, _ = flow(xs)
    assert max((z - x).abs().max() for z, x in zip(zs, xs, strict=True)) > 0.1
    for back, x in zip(flow.inverse(zs), xs, strict=True):
        torch.testing.assert_close(back, x, rtol=0, atol=1e-10)


def test_logdet_is_that_of_the_autograd_jacobian(case):
    flow, xs = case
    for b in range(3):
        sample = [x[b : b + 1] for x in xs]
        sizes = [x.numel() for x in sample]

        def flat(v, shapes=[x.shape for x in sample], sizes=sizes):  # noqa: B006
            parts = [p.view(s) for p, s in zip(v.split(sizes), shapes, strict=True)]
            return torch.cat([z.flatten() for z in flow(parts)[0]])

        jacobian = torch.autograd.functional.jacobian(
            flat, torch.cat([x.flatten() for x in sample])
        )
        _, logdet = flow(sample)
        torch.testing.assert_close(logdet, torch.linalg.slogdet(jacobian).logabsdet[None])


def test_logdet_is_per_sample_not_summed_over_the_batch(case):
    flow, xs = case
    _, logdet = flow(xs)
    assert logdet.shape == (3,)
    alone = torch.cat([flow([x[b : b + 1] for x in xs])[1] for b in range(3)])
    assert alone.std() > 0.01 * alone.abs().max()  # they differ, so a mix-up would show
    torch.testing.assert_close(logdet, alone)


def test_latents_do_not_depend_on_the_rest_of_the_batch(case):
    flow, xs = case
    zs, _ = flow(xs)
    back = flow.inverse(zs)
    for rows in ([1], [2, 0], [1, 1, 1, 2]):
        some, _ = flow([x[rows] for x in xs])
        for z, few in zip(zs, some, strict=True):
            torch.testing.assert_close(z[rows], few)
        for x, few in zip(back, flow.inverse(some), strict=True):
            torch.testing.assert_close(x[rows], few)


def test_scales_and_shifts_are_float32_where_convolutions_are_not(case):
    """A log-determinant is a sum of thousands of log scales, which bfloat16 cannot hold."""
    flow, xs = case
    coupling = flow.float().couplings[0]
    _, b = coupling._halves([x.float() for x in xs])
    with torch.autocast("cpu", torch.bfloat16):
        assert coupling.given_b.enter[0](b[0]).dtype == torch.bfloat16
        assert {r.dtype for r in coupling.given_b(b)} == {torch.float32}


def test_permutations_are_saved_with_the_weights():
    flow, xs = perturbed_flow(), pyramid(2, 5, 4, 3)
    fresh = perturbed_flow()
    for coupling in fresh.couplings:  # as if another seed rule had drawn them
        coupling.order.copy_(coupling.order.flip(1))
    fresh.load_state_dict(copy.deepcopy(flow.state_dict()))
    torch.testing.assert_close(fresh(xs)[1], flow(xs)[1], rtol=0, atol=0)
    torch.testing.assert_close(fresh(xs)[0][0], flow(xs)[0][0], rtol=0, atol=0)


def test_a_fresh_flow_only_shuffles_each_scale():
    xs = pyramid(1, 6, 4, 3)
    zs, logdet = CrossScaleFlow(6, kernels=(3,), hidden=2).double()(xs)
    assert logdet.item() == 0
    for x, z in zip(xs, zs, strict=True):
        torch.testing.assert_close(x.sort(1).values, z.sort(1).values, rtol=0, atol=0)


def test_scores_by_hand():
    zs = [torch.tensor([[[[1.0, 3.0]], [[1.0, 1.0]]]]), torch.tensor([[[[2.0]], [[0.0]]]])]
    # z^2 / 2 is 0.5, 4.5, 0.5, 0.5 and 2, 0: mean 8 / 6; squares 0.25 * 3 + 20.25 + 4 = 25
    assert score(zs, "mean").item() == pytest.approx(8 / 6)
    assert score(zs, "std").item() == pytest.approx((25 / 6 - (8 / 6) ** 2) ** 0.5)
    assert score(zs, "max").item() == pytest.approx(2.5)  # (4.5 + 0.5) / 2
    assert cell_energy(zs)[0].tolist() == [[[0.5, 2.5]]]
    assert nll(zs, torch.tensor([2.0])).item() == pytest.approx((8 - 2) / 6)


@pytest.mark.parametrize("side, channels, scales", [(6, 5, 3), (4, 4, 3), (4, 5, 2)])
def test_another_pyramid_is_refused(side, channels, scales):
    with pytest.raises(ValueError, match=r"expected 3 tensors of shape \(B, 5, H/2\^k, W/2\^k\)"):
        perturbed_flow()(pyramid(1, channels, side, scales))


def test_one_number_of_channels_a_scale_is_needed():
    with pytest.raises(ValueError, match=r"one number or 3, one a scale, got \(5, 4\)"):
        perturbed_flow((5, 4), scales=3)


def test_a_config_that_names_its_resizing_is_read_where_that_is_the_one_there_is():
    config = CSFlowConfig(scales=3)
    assert CSFlowConfig.from_dict(config.to_dict()) == config
    assert CSFlowConfig.from_dict(config.to_dict() | {"resize": "pil"}) == config
    with pytest.raises(ValueError, match="resize must be pil, got 'tensor'; train"):
        CSFlowConfig.from_dict({"resize": "tensor"})


def test_config_survives_json_and_refuses_nonsense():
    import json

    config = CSFlowConfig.preset("paper", epochs=3)
    assert CSFlowConfig(**json.loads(json.dumps(config.to_dict()))) == config
    with pytest.raises(ValueError, match="preset must be one of lite, simulator, paper"):
        CSFlowConfig.preset("big")
    for bad in (
        {"kernels": (2,)},
        {"score": "median"},
        {"heat": "sum"},
        {"top_k": 0},
        {"noise": -1},
        {"epochs": 0},
        {"percentile": 100},
    ):
        with pytest.raises(ValueError, match=next(iter(bad))):
            CSFlowConfig(**bad)
    with pytest.raises(TypeError, match="hiden"):
        CSFlowConfig(hiden=3)


def test_paper_and_simulator_presets_are_those_of_the_paper_and_the_simulator():
    paper, simulator = CSFlowConfig.preset("paper"), CSFlowConfig.preset("simulator")
    assert (paper.backbone, paper.block, paper.image_size) == ("efficientnet-b5", 35, 768)
    assert (paper.kernels, paper.hidden, paper.score) == ((3, 3, 3, 5), 1024, "mean")
    assert (paper.lr, paper.adam_eps, paper.weight_decay) == (2e-4, 1e-4, 1e-5)
    assert (paper.epochs, paper.batch, paper.grad_norm, paper.clamp) == (240, 16, 1, 3)
    assert (simulator.image_size, simulator.kernels, simulator.hidden) == (512, (5,), 512)
    assert simulator.score == "std"
    for original in (paper, simulator):
        assert (original.scales, original.finer, original.noise) == (3, False, 0)
