"""What onnxruntime answers on a few small pictures, stored for the tests of the Rust networks.

FaceNet is built here in ONNX from the graph that the Keras file describes, CenterFace is the file
as it was published; both are run on the original f32 weights and on the same weights with the
kernels rounded to f16, which is what Kith ships.
"""

import math

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

import weights

CROP_SIDE = 160
BATCHNORM_EPSILON = 1e-3
# The five landmarks of ArcFace's 112x112 template (insightface, `arcface_dst`), at pixel centres.
ARCFACE_112 = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)


def onnx_padding(layer):
    """Keras `same` at stride 1 pads (k - 1) / 2 on every side; `valid` pads nothing."""
    if layer["padding"] == "valid":
        return [0, 0, 0, 0]
    assert layer["strides"] == [1, 1] and all(k % 2 for k in layer["kernel_size"])
    height, width = ((k - 1) // 2 for k in layer["kernel_size"])
    return [height, width, height, width]


def facenet_onnx(tensors, graph):
    """FaceNet as an ONNX model: [n, 3, 160, 160] standardised RGB to [n, 128], not normalised."""
    nodes, arrays = [], {}

    def constant(name, array):
        arrays[name] = np.ascontiguousarray(array, dtype=np.float32)
        return name

    for layer in graph:
        name, kind, config = layer["name"], layer["class_name"], layer["config"]
        inputs = [node[0] for node in layer["inbound_nodes"][0]] if layer["inbound_nodes"] else []
        if kind == "InputLayer":
            source = name
        elif kind == "Conv2D":
            assert config["dilation_rate"] == [1, 1] and config["activation"] == "linear"
            kernel = tensors[f"{name}.kernel"].transpose(3, 2, 0, 1)
            operands = inputs + [constant(f"{name}.kernel", kernel)]
            if config["use_bias"]:
                operands.append(constant(f"{name}.bias", tensors[f"{name}.bias"]))
            pads = onnx_padding(config)
            # Runtimes differ in what they take for a default.
            nodes.append(
                helper.make_node("Conv", operands, [name], strides=config["strides"], pads=pads, dilations=[1, 1])
            )
        elif kind == "BatchNormalization":
            assert not config["scale"] and config["epsilon"] == BATCHNORM_EPSILON
            mean = tensors[f"{name}.mean"]
            operands = inputs + [
                constant(f"{name}.gamma", np.ones_like(mean)),
                constant(f"{name}.beta", tensors[f"{name}.beta"]),
                constant(f"{name}.mean", mean),
                constant(f"{name}.variance", tensors[f"{name}.variance"]),
            ]
            nodes.append(
                helper.make_node("BatchNormalization", operands, [name], epsilon=BATCHNORM_EPSILON)
            )
        elif kind == "Activation":
            assert config["activation"] == "relu"
            nodes.append(helper.make_node("Relu", inputs, [name]))
        elif kind == "MaxPooling2D":
            assert config["padding"] == "valid"
            size, strides = config["pool_size"], config["strides"]
            nodes.append(helper.make_node("MaxPool", inputs, [name], kernel_shape=size, strides=strides))
        elif kind == "Concatenate":
            nodes.append(helper.make_node("Concat", inputs, [name], axis=1))
        elif kind == "Lambda":
            # The one lambda of the file: inputs[0] + inputs[1] * scale.
            trunk, branch = inputs
            scale = constant(f"{name}.scale", np.float32(config["arguments"]["scale"]))
            nodes.append(helper.make_node("Mul", [branch, scale], [f"{name}.scaled"]))
            nodes.append(helper.make_node("Add", [trunk, f"{name}.scaled"], [name]))
        elif kind == "GlobalAveragePooling2D":
            nodes.append(helper.make_node("GlobalAveragePool", inputs, [f"{name}.map"]))
            nodes.append(helper.make_node("Flatten", [f"{name}.map"], [name]))
        elif kind == "Dropout":
            nodes.append(helper.make_node("Identity", inputs, [name]))
        elif kind == "Dense":
            assert not config["use_bias"]
            product = constant(f"{name}.kernel", tensors[f"{name}.kernel"])
            nodes.append(helper.make_node("MatMul", inputs + [product], [name]))
        else:
            raise ValueError(f"layer {name} is of kind {kind}, which FaceNet should not have")

    model = helper.make_model(
        helper.make_graph(
            nodes,
            "facenet",
            [helper.make_tensor_value_info(source, TensorProto.FLOAT, ["n", 3, CROP_SIDE, CROP_SIDE])],
            [helper.make_tensor_value_info(graph[-1]["name"], TensorProto.FLOAT, ["n", 128])],
            [numpy_helper.from_array(array, name) for name, array in arrays.items()],
        ),
        opset_imports=[helper.make_opsetid("", 17)],
    )
    model.ir_version = 8
    onnx.checker.check_model(model)
    return model


def centerface_onnx(onnx_path, half_kernels):
    """CenterFace as published, for any input size."""
    model = onnx.load(onnx_path)
    for value in [model.graph.input[0], *model.graph.output]:
        for axis in (0, 2, 3):
            value.type.tensor_type.shape.dim[axis].Clear()
    if half_kernels:
        for item in model.graph.initializer:
            array = numpy_helper.to_array(item)
            if array.ndim == 4:
                rounded = array.astype(np.float16).astype(np.float32)
                item.CopyFrom(numpy_helper.from_array(rounded, item.name))
    return model


def session(model):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])


def run(net, batch):
    return net.run(None, {net.get_inputs()[0].name: np.ascontiguousarray(batch, dtype=np.float32)})


def unit(rows):
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def standard(crops):
    """FaceNet's input: of each crop itself and its mirror image, each standardised by itself."""
    both = []
    for crop in crops:
        pixels = crop.astype(np.float64)
        deviation = max(pixels.std(), 1 / math.sqrt(pixels.size))
        view = ((pixels - pixels.mean()) / deviation).transpose(2, 0, 1)
        both += [view, view[:, :, ::-1]]
    return np.stack(both)


def embed(net, crops):
    """Unit embeddings: the mean of the crop and its mirror image."""
    (embeddings,) = run(net, standard(crops))
    embeddings = unit(embeddings.astype(np.float64))
    return unit(embeddings[0::2] + embeddings[1::2]).astype(np.float32)


def maps(net, image):
    """The four output maps side by side: [height / 4, width / 4, 1 + 2 + 2 + 10]."""
    height, width, _ = image.shape
    padded = np.zeros((-(-height // 32) * 32, -(-width // 32) * 32, 3))
    padded[:height, :width] = image
    outputs = run(net, padded.transpose(2, 0, 1)[None])
    return np.concatenate([output[0] for output in outputs]).transpose(1, 2, 0)


def best_face(cells):
    """Box [x, y, w, h], score and five landmarks (x, y) of the best cell, by CenterFace's rule."""
    row, column = np.unravel_index(cells[:, :, 0].argmax(), cells.shape[:2])
    score, log_height, log_width, offset_y, offset_x, *landmarks = cells[row, column].astype(np.float64)
    height, width = 4 * math.exp(log_height), 4 * math.exp(log_width)
    left = (column + 0.5 + offset_x) * 4 - width / 2
    top = (row + 0.5 + offset_y) * 4 - height / 2
    points = [v for y, x in np.reshape(landmarks, (5, 2)) for v in (left + x * width, top + y * height)]
    return np.array([left, top, width, height, score, *points], dtype=np.float32)


def crop_face(image, landmarks):
    """The 160x160 crop whose landmarks lie on ArcFace's template at 0.95 of the crop."""
    target = ((ARCFACE_112 + 0.5) / 112 - 0.5) * 0.95 * CROP_SIDE + CROP_SIDE / 2
    source = landmarks.reshape(5, 2).astype(np.float64)
    # Least squares over source = [a -b; b a] target + shift, which is linear in a, b and the shift.
    rows, values = [], []
    for (x, y), (u, v) in zip(target, source):
        rows += [[x, -y, 1, 0], [y, x, 0, 1]]
        values += [u, v]
    a, b, dx, dy = np.linalg.lstsq(np.array(rows), np.array(values), rcond=None)[0]
    return image.transform(
        (CROP_SIDE, CROP_SIDE), Image.Transform.AFFINE, (a, -b, dx, b, a, dy), Image.Resampling.BILINEAR
    )


def synthetic_crop():
    """Waves of three colours: a picture that is no face, with no flat area."""
    y, x = np.mgrid[0:CROP_SIDE, 0:CROP_SIDE].astype(np.float64)
    waves = [np.sin(x / 9 + y / 31), np.sin(x * y / 900), np.cos(y / 5 - x / 17)]
    return np.clip(np.stack(waves, -1) * 110 + 128, 0, 255).astype(np.uint8)


def make(data, portraits, facenet, graph, centerface_path):
    """Writes the pictures and the answers into the folder `data`."""
    original, rounded = (session(centerface_onnx(centerface_path, half)) for half in (False, True))
    crops = []
    for name in ("biden", "obama", "obama2"):
        # 1.6 crops wide, so that the face is seldom enlarged and the crop needs no further filter.
        portrait = Image.open(portraits / f"{name}.jpg").convert("RGB")
        portrait = portrait.resize((400, round(400 * portrait.height / portrait.width)), Image.Resampling.LANCZOS)
        face = best_face(maps(original, np.asarray(portrait)))
        assert face[4] > 0.6, f"no face on {name}"
        crop = crop_face(portrait, face[5:])
        crop.save(data / f"crop-{name}.png", optimize=True)
        crops.append(np.asarray(crop))
    crops.append(synthetic_crop())
    Image.fromarray(crops[-1]).save(data / "crop-waves.png", optimize=True)

    embeddings = {
        "original": embed(session(facenet_onnx(facenet, graph)), crops),
        "rounded": embed(session(facenet_onnx(weights.round_kernels(facenet), graph)), crops),
    }
    weights.write_safetensors(data / "facenet.safetensors", embeddings)

    # Sides that are no multiple of 32, so that the padding is part of what is compared.
    portrait = Image.open(portraits / "obama.jpg").convert("RGB").resize((150, 187), Image.Resampling.LANCZOS)
    portrait.save(data / "portrait.png", optimize=True)
    image = np.asarray(portrait)
    answers = {}
    for name, net in (("original", original), ("rounded", rounded)):
        cells = maps(net, image)
        # Every third cell in reading order is enough to notice any change and a third of the bytes.
        answers[f"{name}.every_third_cell"] = cells.reshape(-1, 15)[::3]
        answers[f"{name}.face"] = best_face(cells)
    weights.write_safetensors(data / "centerface.safetensors", answers)

    print(f"largest difference of a unit embedding, f16 kernels against the original: "
          f"{abs(embeddings['original'] - embeddings['rounded']).max():.2e}")
