"""Indexing a folder of photos from nothing, beside a Python program that does the same steps; and many
photos beside few."""

import json
import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import onnx

import make
import photos
import references
import weights
from timing import in_turn, must_agree, peak_mb, row

# Of the faces that the other program finds.
FACES_TOLERANCE = 0.03
# What memory is compared on.
FEW, MANY = 1_000, 10_000


class Run(NamedTuple):
    """A program that ran to its end."""

    seconds: float
    # That processors worked on it.
    processor_seconds: float
    peak_mb: int
    # The last line of its output.
    answer: str


def run(command):
    def worked():
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    before = worked()
    start = time.perf_counter()
    process = subprocess.Popen(
        [str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    memory = None
    while process.poll() is None:
        memory = peak_mb(process.pid) or memory
        time.sleep(0.05)
    seconds = time.perf_counter() - start
    if process.returncode:
        sys.exit(f"{command[0]} ended with status {process.returncode}.")
    return Run(seconds, worked() - before, memory, process.stdout.read().splitlines()[-1])


def made(work_dir, count):
    """The folder of so many photos of 12 megapixels with one to five faces each."""
    folder = work_dir / f"photos-{count}"
    photos.make(folder, make.MODELS.parent / "tests" / "photos", count)
    return folder


def kith_index(programs, folder, library):
    return [programs.parent / "kith", "index", folder, "--library", library, "--json"]


def indexing(programs, work_dir, count):
    """So many photos, read by Kith and by the other program in turn."""
    folder = made(work_dir, count)
    models = work_dir / "models"
    models.mkdir(exist_ok=True)
    tensors, graph = weights.read_facenet(make.WORK / "facenet_keras.h5")
    onnx.save(references.facenet_onnx(tensors, graph), models / "facenet.onnx")
    onnx.save(references.centerface_onnx(make.WORK / "centerface.onnx", half_kernels=False), models / "centerface.onnx")
    libraries = work_dir / "libraries"
    runs = {"kith": [], "peer": []}

    def milliseconds_of(name, command):
        def milliseconds():
            shutil.rmtree(libraries, ignore_errors=True)
            libraries.mkdir()
            runs[name].append(run(command))
            return runs[name][-1].seconds * 1e3

        return milliseconds

    pairs = in_turn(
        milliseconds_of("kith", kith_index(programs, folder, libraries / "kith")),
        milliseconds_of(
            "peer", [sys.executable, Path(__file__).with_name("program.py"), folder, models, libraries / "python"]
        ),
        # Of a thousand photos a pair takes a quarter of an hour, and differs little from the next.
        pairs=3 if count < 500 else 1,
        warm_up=0,
    )
    work = f"indexing {count} photos of 12 megapixels"
    kith, peer = runs["kith"][-1], runs["peer"][-1]
    faces, expected = json.loads(kith.answer)["faces"], int(peer.answer)
    must_agree(work, abs(faces - expected) / expected, FACES_TOLERANCE)
    yield row(work, f"onnxruntime and OpenCV in Python ({peer.peak_mb} MB)", pairs, kith.peak_mb)
    # The whole cannot be quicker than this; 1 means that no processor ever waited.
    spread = [(one.seconds * 1e3, one.processor_seconds / os.cpu_count() * 1e3) for one in runs["kith"]]
    yield row(f"{work}, all stages", "their work spread over all processors", spread, kith.peak_mb)


def memory(programs, work_dir):
    """A photo of many beside a photo of few, both read by Kith, with the most memory that each run held;
    then the many again, as nothing is new."""
    libraries = work_dir / "libraries"
    shutil.rmtree(libraries, ignore_errors=True)
    libraries.mkdir()
    few_folder = made(work_dir, FEW)
    size = sum(file.stat().st_size for file in few_folder.iterdir()) * MANY // FEW
    many_folder = work_dir / f"photos-{MANY}"
    if not many_folder.exists() and shutil.disk_usage(work_dir).free < size * 1.2:
        sys.exit(f"Making {MANY:,} photos takes {size / 1e9:.0f} GB in {work_dir}, where less is free.")
    few = run(kith_index(programs, few_folder, libraries / "few"))
    many_command = kith_index(programs, made(work_dir, MANY), libraries / "many")
    many = run(many_command)
    again = run(many_command)
    for count, one in ((FEW, few), (MANY, many), (MANY, again)):
        answer = json.loads(one.answer)
        if answer["photos"] != count or answer["failed"]:
            sys.exit(f"Of {count:,} photos {answer['photos']:,} were read and {answer['failed']:,} failed.")
    faces = json.loads(many.answer)["faces"]
    per_photo = [(many.seconds / MANY * 1e3, few.seconds / FEW * 1e3)]
    yield row(f"a photo of {MANY:,}, {faces:,} faces", f"one of {FEW:,} ({few.peak_mb} MB)", per_photo, many.peak_mb)
    checked = [(again.seconds * 1e3, many.seconds * 1e3)]
    yield row(f"{MANY:,} photos again, nothing new", "reading them", checked, again.peak_mb)
    shutil.rmtree(many_folder)
