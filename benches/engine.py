"""Parts of the engine beside other libraries: decoding, and the nearest neighbours of faces."""

import os

import numpy as np

import photos
from timing import Program, in_turn, must_agree, row, timed

NEIGHBOURS = 32
# Of a mean over a sixteenth of the width, in levels of 255; filters differ.
DECODED_TOLERANCE = 3
# Share of the true 32 nearest neighbours that are found; Kith compares codes of 128 bytes, others f32.
LEAST_RECALL = 0.98
POINTS = 20_000


def decode(programs, work_dir):
    """A JPEG of 24 megapixels to a long side of 1600 pixels."""
    file = work_dir / "24-megapixels.jpg"
    photos.make_large(file)
    program = programs / "time_engine"
    kith, peer = (Program(program, mode, file, 1600) for mode in ("decode", "decode-with-image"))
    work = "JPEG of 24 megapixels to 1600 px"
    must_agree(work, np.abs(np.subtract(kith.answer, peer.answer)).mean(), DECODED_TOLERANCE)
    yield row(work, "crate image", in_turn(kith.milliseconds, peer.milliseconds), kith.peak_mb())
    kith.close()
    peer.close()


def crowd(count):
    """Points on the sphere like the faces of a library: people of 1 to 40 faces around their middles."""
    chance = np.random.default_rng(1)
    people = chance.geometric(0.1, count).clip(1, 40)
    middles = chance.standard_normal((count, 128))
    points = np.repeat(middles, people, axis=0)[:count] + 0.8 * chance.standard_normal((count, 128))
    return (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)


def nearest(points):
    """The nearest other points of every point, by comparing all pairs."""
    found = []
    for first in range(0, len(points), 1000):
        likeness = points[first : first + 1000] @ points.T
        likeness[np.arange(len(likeness)), first + np.arange(len(likeness))] = -2
        some = np.argpartition(-likeness, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]
        found.append(some)
    return np.concatenate(found)


def neighbours(programs, work_dir):
    """The 32 nearest neighbours of each of 20,000 faces, from nothing."""
    from usearch.index import Index

    points = crowd(POINTS)
    file = work_dir / "points.f32"
    file.write_bytes(points.tobytes())
    kith = Program(programs / "time_engine", "neighbours", file)
    expected = nearest(points)[::100]

    def recall(found):
        shared = [len(set(a) & set(b)) for a, b in zip(found, expected)]
        return sum(shared) / expected.size

    work = f"{NEIGHBOURS} neighbours of each of {POINTS:,} faces"
    kith_recall = recall(np.array(kith.answer, dtype=int).reshape(len(expected), -1))
    must_agree(work, 1 - kith_recall, 1 - LEAST_RECALL)

    def usearch():
        index = Index(ndim=128, metric="ip", dtype="f32", connectivity=24, expansion_add=200, expansion_search=100)
        keys = np.arange(len(points))
        index.add(keys, points, threads=os.cpu_count())
        return index.search(points, NEIGHBOURS + 1, threads=os.cpu_count()).keys

    usearch_recall = recall(usearch()[::100, 1:])
    for peer, run in (
        ("brute force (numpy)", lambda: nearest(points)),
        (f"usearch, recall {usearch_recall:.3f}", usearch),
    ):
        pairs = in_turn(kith.milliseconds, timed(run), pairs=3, warm_up=0)
        yield row(f"{work}, recall {kith_recall:.3f}", peer, pairs, kith.peak_mb())
    kith.close()
