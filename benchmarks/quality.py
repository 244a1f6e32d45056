"""How well each setting tells NG from OK, over several splits of several datasets.

    python benchmarks/quality.py /data/mtd /data/deeppcb data/lens --settings before lite

Protocol of the CS-Flow paper: of the OK photos 80 % are for training (15 % of those are only
watched, as `CSFlowDetector.fit` does by default), the others and all NG photos are for testing.
Every split draws anew and trains anew. Features are extracted once for each dataset and kept in
the folder `--features`. Each run is written to benchmarks/results/quality.json when it is done,
and benchmarks/quality.md is made from all that is there, so that the table can be filled over
many short runs. The seconds are processor time of one thread for training the flow alone.
"""

import argparse
import hashlib
import json
import time
from pathlib import Path

import numpy as np
import torch

import workbench as wb
from workbench.csflow import CSFlowNetwork, cell_energy, heat, score
from workbench.csflow.batches import batches
from workbench.csflow.evaluation import enlarge
from workbench.csflow.scores import SCORES
from workbench.csflow.training import train_flow

HERE = Path(__file__).parent
RESULTS, TABLE = HERE / "results" / "quality.json", HERE / "quality.md"
BEFORE = {"scales": 3, "finer": False, "noise": 0.0, "adam_eps": 1e-4, "patience": 0}
SETTINGS = {
    "lite": {},
    "before": BEFORE,
    "noise alone": BEFORE | {"noise": 0.1},
    "no noise": {"noise": 0.0},
    "three scales": {"scales": 3},
    "block 10": BEFORE | {"block": 10, "noise": 0.1},
    "hidden 32": {"hidden": 32},
    "10 epochs": {"epochs": 10},
    "30 epochs": {"epochs": 30},
}
SHOWN = ("mean", "std", "max", "topk", "norm")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--settings", nargs="+", default=list(SETTINGS), choices=SETTINGS)
    parser.add_argument("--splits", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--features", type=Path, default=Path("quality-features"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for seed in arguments.splits:
        for folder in arguments.folders:
            for name in arguments.settings:
                config = wb.CSFlowConfig.preset("lite", **SETTINGS[name], seed=seed)
                measure(folder, name, config, arguments.features)
    write_table()


def measure(folder, name, config, cache):
    """Train and test one setting on one split; keep what came out."""
    parts = wb.load_images(folder)
    train, held, test = split(parts.labels, config.seed)
    table = extracted(parts, config, cache)
    network = CSFlowNetwork(config)
    features, watched = ([x[rows].float() for x in table] for rows in (train, held))
    start = time.process_time()
    network.standardise.fit(features)
    trained = train_flow(
        network.flow, network.standardise, features, watched, config, progress=False
    )
    seconds = time.process_time() - start
    calm = scored(network, table, held, config)[0][config.score]
    values, heats = scored(network, table, test, config)
    labels = parts.labels[test]
    limit = wb.metrics.threshold(calm, q=config.percentile)
    rates = wb.metrics.evaluate(values[config.score], labels, limit)
    result = {
        "dataset": folder.name, "setting": name, "split": config.seed,
        "auroc": {k: float(wb.metrics.auroc(v, labels)) for k, v in values.items()},
        "miss_rate": rates.miss_rate, "overkill_rate": rates.overkill_rate,
        **pixels(parts[np.isin(np.arange(len(parts)), test)], heats),
        "train_nll": trained.history[-1]["train_nll"],
        "held_out_nll": trained.history[-1]["calibration_nll"],
        "seconds": seconds, "counts": [len(train), len(held), *np.bincount(labels).tolist()],
        "config": config.to_dict(),
    }  # fmt: skip
    keep(result)
    print(folder.name, name, config.seed, {k: round(result["auroc"][k], 3) for k in SHOWN},
          f"pixels {result['pixel_auroc']:.3f}, {seconds:.0f} s", flush=True)  # fmt: skip


def split(labels, seed):
    """Rows to train on, to watch, and to test on."""
    good = np.random.default_rng(1000 + seed).permutation(np.flatnonzero(~labels))
    count = round(0.8 * len(good))
    held = round(0.15 * count)
    return good[held:count], good[:held], np.sort(np.r_[good[count:], np.flatnonzero(labels)])


def extracted(parts, config, cache):
    """Features of all photos, K tensors (N, C, H/2^k, W/2^k), float16."""
    key = hashlib.sha256(json.dumps(config.features(), sort_keys=True).encode()).hexdigest()[:12]
    path = cache / f"{parts.root.name}-{key}.pt"
    if not path.exists():
        network, name = CSFlowNetwork(config), parts.root.name
        found = batches(parts, config.image_size, config.batch, name, progress=True)
        chunks = [network.features(squares) for _, squares, _ in found]
        cache.mkdir(parents=True, exist_ok=True)
        torch.save([torch.cat(scale).half() for scale in zip(*chunks, strict=True)], path)
    return torch.load(path)


def scored(network, table, rows, config):
    """Scores of every kind, and heat maps by cells."""
    values, heats = {}, []
    for chunk in torch.from_numpy(rows).split(config.batch):
        zs = network.latents([x[chunk].float() for x in table])
        for kind, value in all_scores(zs, config.top_k).items():
            values.setdefault(kind, []).append(np.asarray(value, np.float64))
        heats += list(np.asarray(heat(cell_energy(zs), config.heat)))
    return {kind: np.concatenate(chunks) for kind, chunks in values.items()}, heats


def all_scores(zs, top_k):
    """Every score, over all scales and of each: "mean", "mean_0" (finest), ..."""
    parts = {"": zs} | {f"_{k}": [z] for k, z in enumerate(zs)}
    return {f"{s}{name}": score(part, s, top_k) for s in SCORES for name, part in parts.items()}


def pixels(parts, heats):
    """Pixel AUROC and AUPRO of the test photos, each at 128 pixels a side."""
    masks = [parts.mask(i) for i in range(len(parts))]
    known = [i for i, mask in enumerate(masks) if mask is not None]
    small = [enlarge(masks[i].astype(np.float32), 128, 128) > 0.5 for i in known]
    large = [enlarge(heats[i], 128, 128) for i in known]
    return {
        "pixel_auroc": float(wb.metrics.pixel_auroc(large, small)),
        "aupro": float(wb.metrics.aupro(large, small)),
    }


def keep(result):
    kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    names = ("dataset", "setting", "split")
    kept = [old for old in kept if any(old[n] != result[n] for n in names)] + [result]
    kept.sort(key=lambda r: (r["dataset"], list(SETTINGS).index(r["setting"]), r["split"]))
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(kept, indent=1) + "\n")


def write_table():
    """Mean and standard deviation over splits of everything measured so far."""
    kept = json.loads(RESULTS.read_text())
    lines = [
        "| dataset | setting | splits | "
        + " | ".join(SHOWN)
        + " | pixels | AUPRO | missed | overkill | seconds |",
        "|---|---|" + "---|" * (len(SHOWN) + 6),
    ]
    for key in dict.fromkeys((r["dataset"], r["setting"]) for r in kept):
        runs = [r for r in kept if (r["dataset"], r["setting"]) == key]
        cells = [spread([r["auroc"][kind] for r in runs]) for kind in SHOWN]
        others = ("pixel_auroc", "aupro", "miss_rate", "overkill_rate")
        cells += [spread([r.get(kind, np.nan) for r in runs]) for kind in others]
        seconds = f"{np.nanmean([r['seconds'] for r in runs]):.0f}"
        lines.append(f"| {' | '.join([*key, str(len(runs)), *cells, seconds])} |")
    text = TABLE.read_text().split("<!-- table -->")
    text[1] = "\n".join(["\n", *lines, "\n"])
    TABLE.write_text("<!-- table -->".join(text))


def spread(values):
    if np.isnan(values).all():
        return "-"
    return f"{np.nanmean(values):.3f} ± {np.nanstd(values):.3f}"


if __name__ == "__main__":
    main()
