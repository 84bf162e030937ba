#!/usr/bin/env python3
"""FaceNet on a graphics processor, beside the same network in PyTorch: `./dev bench cuda`.

Both get 256 views as bytes in the processor's memory and give their embeddings there, in f16. PyTorch runs the
network channels last, compiled in each of its ways; the fastest of them is the one to compare with.
"""

import argparse
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "models" / "recipe"))

import make  # noqa: E402  (the recipe lies beside the models)

make.WORK.mkdir(exist_ok=True)
make.enter_venv(make.WORK / "cuda-venv", Path(__file__).with_name("cuda-requirements.txt"))

import numpy as np  # noqa: E402  (installed by the line above)
import torch  # noqa: E402
from PIL import Image  # noqa: E402
from safetensors.torch import load_file  # noqa: E402
from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402

from timing import Program, in_turn, must_agree, row, timed  # noqa: E402

# Both round to f16 between layers; one embedding has numbers of about 0.09.
EMBEDDING_TOLERANCE = 5e-3
VIEWS = 256


class Conv(nn.Module):
    """Convolution, BatchNorm, ReLU, as `models/src/facenet.rs` names and shapes them."""

    def __init__(self, tensors, name, stride=1, padding="valid"):
        super().__init__()
        kernel = tensors[f"{name}.kernel"].float().permute(3, 2, 0, 1).contiguous()
        out, into, height, width = kernel.shape
        self.conv = nn.Conv2d(into, out, (height, width), stride, padding, bias=False)
        self.conv.weight.data = kernel
        self.norm = normed(tensors, f"{name}_BatchNorm", out)

    def forward(self, x):
        return functional.relu(self.norm(self.conv(x)), inplace=True)


def normed(tensors, name, channels, kind=nn.BatchNorm2d):
    norm = kind(channels, eps=1e-3)
    norm.running_mean.data = tensors[f"{name}.mean"].float()
    norm.running_var.data = tensors[f"{name}.variance"].float()
    norm.bias.data = tensors[f"{name}.beta"].float()
    return norm


class Residual(nn.Module):
    def __init__(self, tensors, name, branches, scale, relu=True):
        super().__init__()
        self.branches = nn.ModuleList(branches)
        kernel = tensors[f"{name}_Conv2d_1x1.kernel"].float().permute(3, 2, 0, 1).contiguous()
        self.up = nn.Conv2d(kernel.shape[1], kernel.shape[0], 1)
        self.up.weight.data = kernel
        self.up.bias.data = tensors[f"{name}_Conv2d_1x1.bias"].float()
        self.scale, self.relu = scale, relu

    def forward(self, x):
        x = x + self.scale * self.up(torch.cat([branch(x) for branch in self.branches], 1))
        return functional.relu(x, inplace=True) if self.relu else x


class Mixed(nn.Module):
    def __init__(self, branches):
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x):
        return torch.cat([branch(x) for branch in self.branches], 1)


class Facenet(nn.Module):
    def __init__(self, tensors):
        super().__init__()

        def conv(name, stride=1, padding="same"):
            return Conv(tensors, name, stride, padding)

        def chain(*layers):
            return nn.Sequential(*layers)

        pool = nn.MaxPool2d(3, 2)
        layers = [
            conv("Conv2d_1a_3x3", 2, "valid"),
            conv("Conv2d_2a_3x3", 1, "valid"),
            conv("Conv2d_2b_3x3"),
            pool,
            conv("Conv2d_3b_1x1"),
            conv("Conv2d_4a_3x3", 1, "valid"),
            conv("Conv2d_4b_3x3", 2, "valid"),
        ]
        for i in range(1, 6):
            b = f"Block35_{i}_Branch"
            branches = [
                conv(f"{b}_0_Conv2d_1x1"),
                chain(conv(f"{b}_1_Conv2d_0a_1x1"), conv(f"{b}_1_Conv2d_0b_3x3")),
                chain(conv(f"{b}_2_Conv2d_0a_1x1"), conv(f"{b}_2_Conv2d_0b_3x3"), conv(f"{b}_2_Conv2d_0c_3x3")),
            ]
            layers.append(Residual(tensors, f"Block35_{i}", branches, 0.17))
        b = "Mixed_6a_Branch"
        layers.append(
            Mixed(
                [
                    conv(f"{b}_0_Conv2d_1a_3x3", 2, "valid"),
                    chain(
                        conv(f"{b}_1_Conv2d_0a_1x1"),
                        conv(f"{b}_1_Conv2d_0b_3x3"),
                        conv(f"{b}_1_Conv2d_1a_3x3", 2, "valid"),
                    ),
                    pool,
                ]
            )
        )
        for i in range(1, 11):
            b = f"Block17_{i}_Branch"
            branches = [
                conv(f"{b}_0_Conv2d_1x1"),
                chain(conv(f"{b}_1_Conv2d_0a_1x1"), conv(f"{b}_1_Conv2d_0b_1x7"), conv(f"{b}_1_Conv2d_0c_7x1")),
            ]
            layers.append(Residual(tensors, f"Block17_{i}", branches, 0.1))
        b = "Mixed_7a_Branch"
        layers.append(
            Mixed(
                [
                    chain(conv(f"{b}_0_Conv2d_0a_1x1"), conv(f"{b}_0_Conv2d_1a_3x3", 2, "valid")),
                    chain(conv(f"{b}_1_Conv2d_0a_1x1"), conv(f"{b}_1_Conv2d_1a_3x3", 2, "valid")),
                    chain(
                        conv(f"{b}_2_Conv2d_0a_1x1"),
                        conv(f"{b}_2_Conv2d_0b_3x3"),
                        conv(f"{b}_2_Conv2d_1a_3x3", 2, "valid"),
                    ),
                    pool,
                ]
            )
        )
        for i in range(1, 7):
            b = f"Block8_{i}_Branch"
            branches = [
                conv(f"{b}_0_Conv2d_1x1"),
                chain(conv(f"{b}_1_Conv2d_0a_1x1"), conv(f"{b}_1_Conv2d_0b_1x3"), conv(f"{b}_1_Conv2d_0c_3x1")),
            ]
            layers.append(Residual(tensors, f"Block8_{i}", branches, 1.0 if i == 6 else 0.2, i != 6))
        self.layers = chain(*layers)
        self.last = nn.Linear(1792, 128, bias=False)
        self.last.weight.data = tensors["Bottleneck.kernel"].float().t().contiguous()
        self.norm = normed(tensors, "Bottleneck_BatchNorm", 128, nn.BatchNorm1d)

    def forward(self, x):
        return self.norm(self.last(self.layers(x).mean((2, 3))))


def embed(network, crops):
    """Views in bytes, `[n, 160, 160, 3]` in the processor's pinned memory, to unit embeddings, one for every two views."""
    with torch.inference_mode():
        x = crops.cuda(non_blocking=True).permute(0, 3, 1, 2).float()
        mean = x.mean((1, 2, 3), keepdim=True)
        deviation = x.std((1, 2, 3), keepdim=True, correction=0)
        x = ((x - mean) / deviation).half().contiguous(memory_format=torch.channels_last)
        views = functional.normalize(network(x).float())
        return functional.normalize(views[0::2] + views[1::2]).cpu().numpy()


def alone(network, count=20):
    """Milliseconds of the network alone, on standardised views that are there already."""
    x = torch.randn(VIEWS, 3, 160, 160, device="cuda", dtype=torch.half).contiguous(memory_format=torch.channels_last)
    times = []
    with torch.inference_mode():
        for _ in range(count):
            start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
            start.record()
            network(x)
            end.record()
            torch.cuda.synchronize()
            times.append(start.elapsed_time(end))
    return float(np.median(times))


def ways(network):
    """PyTorch's ways of compiling a network."""
    yield "compiled", torch.compile(network)
    torch._dynamo.reset()
    yield "compiled for little overhead", torch.compile(network, mode="reduce-overhead")
    torch._dynamo.reset()
    yield "tuned", torch.compile(network, mode="max-autotune")


def cuda(programs):
    """Rows of figures, each with the milliseconds of PyTorch's network alone."""
    files = [make.MODELS / "tests" / "data" / f"crop-{name}.png" for name in ("biden", "obama", "obama2", "waves")]
    some = [np.asarray(Image.open(file).convert("RGB")) for file in files]
    crops = np.stack([some[i % len(some)] for i in range(VIEWS // 2)])
    # As the program does: each crop with its mirror image.
    both = np.stack([crops[:, :, ::-1], crops], 1).reshape(-1, 160, 160, 3)
    both = torch.from_numpy(np.ascontiguousarray(both)).pin_memory()
    file = make.WORK / "cuda-crops.rgb"
    file.write_bytes(crops.tobytes())
    kith = Program(programs / "time_networks", "accelerated", "facenet", file)
    tensors = load_file(make.MODELS / "weights" / "facenet.safetensors")
    network = Facenet(tensors).eval().half().cuda().to(memory_format=torch.channels_last)
    for name, compiled in ways(network):
        work = f"FaceNet, CUDA, f16, {VIEWS} views"
        must_agree(work, np.abs(embed(compiled, both).ravel() - kith.answer).max(), EMBEDDING_TOLERANCE)
        pairs = in_turn(kith.milliseconds, timed(lambda: embed(compiled, both)), pairs=30, warm_up=5)
        peer = f"PyTorch {torch.__version__}, {name}"
        yield {**row(work, peer, pairs, kith.peak_mb()), "peer_network_ms": round(alone(compiled), 2)}
    kith.close()


def main():
    parser = argparse.ArgumentParser(prog="./dev bench cuda", description=__doc__.splitlines()[0])
    parser.add_argument("programs", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    options = parser.parse_args()
    if not torch.cuda.is_available():
        sys.exit("There is no graphics processor here that PyTorch can use.")
    for figures in cuda(options.programs):
        if options.json:
            print(json.dumps(figures, ensure_ascii=False), flush=True)
        else:
            print(
                "{work}: {kith_ms} ms, {peer_ms} ms, {peer} (its network alone {peer_network_ms} ms):"
                " {ratio} ± {spread}".format(**figures),
                flush=True,
            )


if __name__ == "__main__":
    main()
