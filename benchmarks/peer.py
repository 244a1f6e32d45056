"""anomalib's CS-Flow in an environment and a process of its own; optional.

Without it, or with WORKBENCH_PEERS=0, benchmarks leave the peer out.
"""

import os
import subprocess
import sys

from benchmarks.environments import python_with

REQUIREMENT = "anomalib>=2.2"

WORKER = """
import sys, torch
from PIL import Image
from torchvision import models
from torchvision.transforms import v2
from anomalib.models.image.csflow import torch_model

torch_model.efficientnet_b5 = lambda weights: models.efficientnet_b5(weights=None)  # offline
size, hidden, blocks = map(int, sys.argv[1:4])
torch.manual_seed(0)
model = torch_model.CsFlowModel((size, size), hidden, blocks).eval()
prepare = v2.Compose([
    v2.PILToTensor(), v2.Resize((size, size), antialias=True), v2.ToDtype(torch.float32, True),
    v2.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
])

def image(path):
    return prepare(Image.open(path).convert("RGB"))[None]

norms = [m for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d)]
for norm in norms:  # random weights explode without statistics, and denormals are slow
    norm.training, norm.momentum = True, None
with torch.no_grad():
    model.feature_extractor(image(sys.argv[4]).repeat(2, 1, 1, 1))
for norm in norms:
    norm.training = False
print("ready", flush=True)
for line in sys.stdin:  # one path a line; as its TorchInferencer, without no_grad
    result = model(image(line.strip()))
    print(float(result.pred_score), result.anomaly_map.detach().numpy().shape, flush=True)
"""


def csflow(config, photo):
    """A function from a path to anomalib's answer, or None where it cannot be had."""
    if os.environ.get("WORKBENCH_PEERS") == "0":
        return None
    try:
        python = python_with("anomalib", REQUIREMENT)
        size, hidden, blocks = config.image_size, config.hidden, len(config.kernels)
        worker = subprocess.Popen(
            [python, "-W", "ignore", "-c", WORKER, *map(str, (size, hidden, blocks, photo))],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        ready = worker.stdout.readline().strip() == "ready"
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"without anomalib: {error}", file=sys.stderr)
        return None
    if not ready:
        print("without anomalib: its process did not start", file=sys.stderr)
        return None

    def ask(path):
        worker.stdin.write(f"{path}\n")
        worker.stdin.flush()
        answer = worker.stdout.readline()
        if not answer:
            raise RuntimeError("anomalib stopped answering")
        return answer

    return ask
