#!/usr/bin/env python3
"""FaceNet on a graphics processor, beside the same network in PyTorch: `./dev bench cuda`.

Both get 256 views as bytes in the processor's memory and give their embeddings there, in f16. PyTorch runs the
network channels last, compiled in each way it knows, and the fastest of them counts.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional

from timing import Program, in_turn, must_agree, row, timed

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
    """PyTorch's ways of running a network."""
    from torch._inductor import config

    yield "PyTorch", network
    yield "PyTorch, compiled", torch.compile(network)
    torch._dynamo.reset()
    yield "PyTorch, compiled for little overhead", torch.compile(network, mode="reduce-overhead")
    torch._dynamo.reset()
    config.freezing = True
    yield "PyTorch, compiled with constants folded", torch.compile(network)
    torch._dynamo.reset()
    yield "PyTorch, tuned with constants folded", torch.compile(network, mode="max-autotune")


def cuda(programs, weights, work_dir, crops):
    """`crops` are bytes, `[128, 160, 160, 3]`; each goes with its mirror image."""
    both = np.ascontiguousarray(np.stack([crops[:, :, ::-1], crops], 1).reshape(-1, 160, 160, 3))
    file = work_dir / "crops.rgb"
    file.write_bytes(np.ascontiguousarray(crops).tobytes())
    both = torch.from_numpy(both).pin_memory()
    kith = Program(programs / "time_networks", "accelerated", "facenet", file)
    network = Facenet(load_file(weights)).eval().half().cuda().to(memory_format=torch.channels_last)
    for name, compiled in ways(network):
        work = f"FaceNet, CUDA, f16, {VIEWS} views"
        must_agree(work, np.abs(embed(compiled, both).ravel() - kith.answer).max(), EMBEDDING_TOLERANCE)
        pairs = in_turn(kith.milliseconds, timed(lambda: embed(compiled, both)), pairs=30, warm_up=5)
        yield row(work, f"{name} {torch.__version__}", pairs, kith.peak_mb()), alone(compiled)
    kith.close()


def main():
    programs, models, work_dir = map(Path, sys.argv[1:])
    from PIL import Image

    data = models / "tests" / "data"
    some = [np.asarray(Image.open(file).convert("RGB")) for file in sorted(data.glob("crop-*.png"))]
    crops = np.stack([some[i % len(some)] for i in range(VIEWS // 2)])
    for figures, network_ms in cuda(programs, models / "weights" / "facenet.safetensors", work_dir, crops):
        print(figures, f"network alone {network_ms:.2f} ms", flush=True)


if __name__ == "__main__":
    main()
