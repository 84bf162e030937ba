"""Indexing a folder of photos from nothing, beside a Python program that does the same steps."""

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import onnx

import make
import photos
import references
import weights
from timing import in_turn, must_agree, peak_mb, row

# Of the faces that the other program finds.
FACES_TOLERANCE = 0.03


def run(command):
    """Seconds, peak memory in MB and the last line of a program's output."""
    start = time.perf_counter()
    process = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    memory = None
    while process.poll() is None:
        memory = peak_mb(process.pid) or memory
        time.sleep(0.05)
    seconds = time.perf_counter() - start
    if process.returncode:
        sys.exit(f"{command[0]} ended with status {process.returncode}.")
    return seconds, memory, process.stdout.read().splitlines()[-1]


def indexing(programs, work_dir, count):
    """So many photos of 12 megapixels with one to five faces each."""
    folder = work_dir / f"photos-{count}"
    photos.make(folder, make.MODELS.parent / "tests" / "photos", count)
    models = work_dir / "models"
    models.mkdir(exist_ok=True)
    tensors, graph = weights.read_facenet(make.WORK / "facenet_keras.h5")
    onnx.save(references.facenet_onnx(tensors, graph), models / "facenet.onnx")
    onnx.save(references.centerface_onnx(make.WORK / "centerface.onnx", half_kernels=False), models / "centerface.onnx")
    libraries = work_dir / "libraries"
    last = {}

    def seconds_of(name, command):
        def milliseconds():
            shutil.rmtree(libraries, ignore_errors=True)
            libraries.mkdir()
            seconds, memory, answer = run(command)
            last[name] = (memory, answer)
            return seconds * 1e3

        return milliseconds

    kith = seconds_of("kith", [programs.parent / "kith", "index", folder, "--library", libraries / "kith", "--json"])
    peer = seconds_of(
        "peer", [sys.executable, Path(__file__).with_name("program.py"), folder, models, libraries / "python"]
    )
    # Of a thousand photos a pair takes a quarter of an hour, and differs little from the next.
    pairs = in_turn(kith, peer, pairs=3 if count < 500 else 1, warm_up=0)
    work = f"indexing {count} photos of 12 megapixels"
    faces, expected = json.loads(last["kith"][1])["faces"], int(last["peer"][1])
    must_agree(work, abs(faces - expected) / expected, FACES_TOLERANCE)
    yield row(work, f"onnxruntime and OpenCV in Python ({last['peer'][0]} MB)", pairs, last["kith"][0])
