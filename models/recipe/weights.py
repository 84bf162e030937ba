"""The original weights, read into plain named arrays, and written as safetensors.

Every dense kernel is [height, width, in, out], every depthwise kernel [height, width, channels]:
Kith's networks run on images whose last axis is the channel, and read kernels as they lie here.
Nothing is folded; BatchNorm parameters stay as they were trained.
"""

import json
import struct

import h5py
import numpy as np
import onnx
from onnx import numpy_helper


def read_facenet(h5_path):
    """The arrays of the Keras file under its own layer names, and its graph (a list of layers)."""
    parameter = {
        "kernel": "kernel",
        "bias": "bias",
        "beta": "beta",
        "moving_mean": "mean",
        "moving_variance": "variance",
    }
    tensors = {}
    with h5py.File(h5_path) as file:
        graph = json.loads(file.attrs["model_config"])["config"]["layers"]
        for layer, group in file["model_weights"].items():
            for path in group.attrs["weight_names"]:
                path = path.decode()
                keras_name = path.split("/")[-1].removesuffix(":0")
                tensors[f"{layer}.{parameter[keras_name]}"] = group[path][()]
    return tensors, graph


def read_centerface(onnx_path):
    """The arrays of the ONNX file under names that follow the network's parts.

    The file names most of its arrays by number, so they are named by their order: a stem, seventeen
    MobileNetV2 blocks (the first without an expansion), the neck from the coarsest map to the
    finest, and the heads.
    """
    graph = onnx.load(onnx_path).graph
    arrays = {item.name: numpy_helper.to_array(item) for item in graph.initializer}
    names = ["trunk.0"]
    for block in range(1, 18):
        steps = ["depthwise", "project"] if block == 1 else ["expand", "depthwise", "project"]
        names += [f"trunk.{block}.{step}" for step in steps]
    names.append("neck.top")
    for level in (2, 1, 0):
        names += [f"neck.up.{level}", f"neck.lateral.{level}"]
    names += ["head.shared", "head.heat", "head.size", "head.offset", "head.landmarks"]

    tensors = {}
    nodes = iter(graph.node)
    for name in names:
        node = next(n for n in nodes if n.op_type in ("Conv", "ConvTranspose"))
        kernel = arrays[node.input[1]]
        if node.op_type == "ConvTranspose":
            tensors[f"{name}.kernel"] = kernel.transpose(2, 3, 0, 1)
            norm = next(nodes)
            assert norm.op_type == "BatchNormalization" and norm.input[0] == node.output[0]
            for parameter, array in zip(("gamma", "beta", "mean", "variance"), norm.input[1:]):
                tensors[f"{name}.batchnorm.{parameter}"] = arrays[array]
            continue
        group = next(a.i for a in node.attribute if a.name == "group")
        if group > 1:
            assert kernel.shape[1] == 1 and name.endswith("depthwise")
            tensors[f"{name}.kernel"] = kernel[:, 0].transpose(1, 2, 0)
        else:
            tensors[f"{name}.kernel"] = kernel.transpose(2, 3, 1, 0)
        tensors[f"{name}.bias"] = arrays[node.input[2]]
    assert all(n.op_type not in ("Conv", "ConvTranspose") for n in nodes)
    return tensors


def is_kernel(name):
    """Kernels are stored as f16. Biases and BatchNorm are 1 % of the bytes and stay f32."""
    return name.endswith(".kernel")


def round_kernels(tensors):
    """The same arrays after a round trip through the f16 of the shipped file, as f32."""
    return {
        name: array.astype(np.float16).astype(np.float32) if is_kernel(name) else array
        for name, array in tensors.items()
    }


def write_safetensors(path, tensors, metadata=None, half_kernels=False):
    """Writes safetensors byte for byte the same every time (the library orders metadata at random).

    Format: the header's length as a little-endian u64, the header in JSON padded with spaces to a
    multiple of 8, then the arrays, little-endian, in the order of the header.
    """
    header, chunks, offset = {}, [], 0
    if metadata:
        header["__metadata__"] = metadata
    for name in sorted(tensors):
        dtype = "<f2" if half_kernels and is_kernel(name) else "<f4"
        chunk = np.ascontiguousarray(tensors[name]).astype(dtype).tobytes()
        header[name] = {
            "dtype": "F16" if dtype == "<f2" else "F32",
            "shape": list(tensors[name].shape),
            "data_offsets": [offset, offset + len(chunk)],
        }
        chunks.append(chunk)
        offset += len(chunk)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)))
        file.write(text)
        file.writelines(chunks)
