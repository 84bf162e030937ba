#!/usr/bin/env python3
"""The indexer that one would write in Python with onnxruntime and OpenCV: what `./dev bench indexing` times
Kith beside.

It does Kith's steps with the same networks: read and hash the file, decode it (halved while decoding),
look for faces at two sizes, look again at each, cut out two views, embed, make thumbnails, store in SQLite.
Photos are worked on by as many threads as there are processors, and each network call has one. People are
not grouped. Prints the number of faces.
"""

import hashlib
import math
import os
import sqlite3
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import onnxruntime

SIDE = 2000
LEAST_PROPOSED = 0.15
LEAST_SCORE = 0.55
# The five landmarks of ArcFace's 112x112 template at 0.95 of a crop of 160, as in models/recipe.
ARCFACE_112 = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)
TEMPLATE = ((ARCFACE_112 + 0.5) / 112 - 0.5) * 0.95 * 160 + 80


def session(path):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, ["CPUExecutionProvider"])


def run(net, batch):
    return net.run(None, {net.get_inputs()[0].name: batch})


def detect(net, images, least):
    """Boxes [x, y, w, h], scores and landmarks of the faces of each of several images of one size."""
    height, width, _ = images[0].shape
    batch = np.zeros((len(images), 3, -(-height // 32) * 32, -(-width // 32) * 32), np.float32)
    for at, image in enumerate(images):
        batch[at, :, :height, :width] = image.transpose(2, 0, 1)
    heat, sizes, offsets, landmarks = run(net, batch)
    for at in range(len(images)):
        scores = heat[at, 0]
        rows, columns = np.nonzero(scores > least)
        score = scores[rows, columns]
        h, w = 4 * np.exp(sizes[at][:, rows, columns])
        y = (rows + 0.5 + offsets[at][0, rows, columns]) * 4 - h / 2
        x = (columns + 0.5 + offsets[at][1, rows, columns]) * 4 - w / 2
        boxes = np.stack([x, y, w, h], 1)
        points = landmarks[at][:, rows, columns].T.reshape(-1, 5, 2)[:, :, ::-1] * boxes[:, None, 2:] + boxes[:, None, :2]
        kept = np.array(cv2.dnn.NMSBoxes(boxes.tolist(), score.tolist(), least, 0.3), dtype=int).ravel()
        yield boxes[kept], score[kept], points[kept]


def find(net, image):
    """Boxes and landmarks in pixels of the image, after a second look at each proposal."""
    boxes, scores = [], []
    for side in (320, 1280):
        scale = side / max(image.shape[:2])
        small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        (found,) = detect(net, [small], LEAST_PROPOSED)
        boxes.extend(found[0] / scale)
        scores.extend(found[1])
    kept = np.array(cv2.dnn.NMSBoxes([list(map(float, box)) for box in boxes], [float(score) for score in scores], LEAST_PROPOSED, 0.3), dtype=int).ravel()
    cuts, places = [], []
    for x, y, w, h in (boxes[at] for at in kept):
        side = max(w, h) * 2.5
        left, top = x + w / 2 - side / 2, y + h / 2 - side / 2
        to_cut = np.array([[160 / side, 0, -left * 160 / side], [0, 160 / side, -top * 160 / side]])
        cuts.append(cv2.warpAffine(image, to_cut, (160, 160), flags=cv2.INTER_AREA))
        places.append((left, top, side / 160))
    faces = []
    for (left, top, scale), (box, score, points) in zip(places, detect(net, cuts, LEAST_SCORE) if cuts else ()):
        if len(score):
            corner = np.array([left, top])
            faces.append((np.concatenate([box[0][:2] * scale + corner, box[0][2:] * scale]), points[0] * scale + corner))
    return faces


def view(image, points):
    similarity, _ = cv2.estimateAffinePartial2D(points.astype(np.float32), TEMPLATE.astype(np.float32), method=cv2.LMEDS)
    return cv2.warpAffine(image, similarity, (160, 160), flags=cv2.INTER_LINEAR)


def square(image, box, share):
    x, y, w, h = box
    side = int(max(w, h) * share)
    left, top = (max(0, int(at - side / 2)) for at in (x + w / 2, y + h / 2))
    return image[top : top + side, left : left + side]


def standard(crop):
    pixels = crop.astype(np.float32)
    return ((pixels - pixels.mean()) / max(pixels.std(), 1 / math.sqrt(pixels.size))).transpose(2, 0, 1)


def unit(rows):
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def read(path, detector, embedder, thumbnails):
    data = path.read_bytes()
    name = hashlib.blake2b(data, digest_size=16).hexdigest()
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_REDUCED_COLOR_2)
    scale = SIDE / max(image.shape[:2])
    if scale < 1:
        image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    small = cv2.resize(image, None, fx=400 / max(image.shape[:2]), fy=400 / max(image.shape[:2]), interpolation=cv2.INTER_AREA)
    write(thumbnails / f"{name}.jpg", small)
    faces = find(detector, image)
    views = []
    for number, (box, points) in enumerate(faces):
        write(thumbnails / f"{name}-{number}.jpg", cv2.resize(square(image, box, 1.7), (224, 224), interpolation=cv2.INTER_AREA))
        boxed = cv2.resize(square(image, box, 1.3), (160, 160), interpolation=cv2.INTER_AREA)
        views += [standard(view(image, points)), standard(boxed[:, ::-1])]
    codes = []
    if views:
        (embeddings,) = run(embedder, np.stack(views))
        embeddings = unit(embeddings)
        codes = (unit(embeddings[0::2] + embeddings[1::2]) * 127).astype(np.int8)
    return path, name, [(box.tolist(), code.tobytes()) for (box, _), code in zip(faces, codes)]


def write(path, image):
    _, jpeg = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 85])
    path.write_bytes(jpeg.tobytes())


def main():
    folder, models, library = map(Path, sys.argv[1:])
    cv2.setNumThreads(1)
    detector, embedder = session(models / "centerface.onnx"), session(models / "facenet.onnx")
    thumbnails = library / "thumbnails"
    thumbnails.mkdir(parents=True)
    catalog = sqlite3.connect(library / "catalog.sqlite")
    catalog.execute("PRAGMA journal_mode = WAL")
    catalog.execute("CREATE TABLE photos (path TEXT, content TEXT)")
    catalog.execute("CREATE TABLE faces (photo TEXT, x REAL, y REAL, w REAL, h REAL, code BLOB)")
    count = 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for path, name, faces in pool.map(lambda path: read(path, detector, embedder, thumbnails), sorted(folder.iterdir())):
            with catalog:
                catalog.execute("INSERT INTO photos VALUES (?, ?)", (str(path), name))
                catalog.executemany("INSERT INTO faces VALUES (?, ?, ?, ?, ?, ?)", [(name, *box, code) for box, code in faces])
            count += len(faces)
    print(count)


if __name__ == "__main__":
    main()
