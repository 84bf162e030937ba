#!/usr/bin/env python3
"""Times Kith's networks beside onnxruntime on the same weights: `./dev bench`.

Both run on all processors, in turn, a pair at a time; what counts is the ratio within a pair, so
that a busy moment of the machine weighs on both. onnxruntime runs the original f32 networks as the
recipe in models/recipe makes them, and both must give the same answer before they are timed. Kith
runs FaceNet in f32 and as fast as this processor can (bf16 or f32, see docs/speed.md).
Kith's time includes preparing the pixels, and for CenterFace turning maps into faces; that of
onnxruntime is the network alone.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "models" / "recipe"))

import make  # noqa: E402  (the recipe lies beside the models)

PHOTOS = ROOT / "tests" / "photos"
PARTS = ("facenet", "centerface")
WARM_UP = 2
PAIRS = 12
SECONDS_AT_MOST = 30
# Threads of the one that had its turn stop spinning before the other has its own.
PAUSE_S = 0.05
# Kith ships kernels rounded to f16; the project's tests hold the same bound for an embedding.
EMBEDDING_TOLERANCE = 2e-3
# The same where Kith multiplies bf16 numbers, as in the project's tests.
FASTEST_TOLERANCE = 4e-3
# Of a box or a landmark, in pixels; the same rounding moved the best face by less.
PIXEL_TOLERANCE = 1.0
SCORE_TOLERANCE = 0.02


class Kith:
    """The example program of kith-models, which runs once for every line it gets."""

    def __init__(self, program, *arguments, precision="fastest"):
        self.process = subprocess.Popen(
            [program, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "KITH_PRECISION": precision},
        )
        self.answer = [float(number) for number in self.line().split()]

    def line(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"Kith's program ended early, with status {self.process.wait()}.")
        return line

    def milliseconds(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return float(self.line())

    def peak_mb(self):
        """The most memory the program held, in MB, or None where the system does not tell."""
        try:
            status = Path(f"/proc/{self.process.pid}/status").read_text()
        except OSError:
            return None
        kilobytes = next(line for line in status.splitlines() if line.startswith("VmHWM"))
        return round(int(kilobytes.split()[1]) * 1024 / 1e6)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def measure(work, kith, peer, run_peer):
    """Runs both in turn and gives one line of figures."""

    def milliseconds_of_peer():
        start = time.perf_counter()
        run_peer()
        return (time.perf_counter() - start) * 1e3

    pairs = []
    started = time.monotonic()
    for number in range(WARM_UP + PAIRS):
        time.sleep(PAUSE_S)
        kith_ms = kith.milliseconds()
        time.sleep(PAUSE_S)
        peer_ms = milliseconds_of_peer()
        if number >= WARM_UP:
            pairs.append((kith_ms, peer_ms))
        if len(pairs) >= 5 and time.monotonic() - started > SECONDS_AT_MOST:
            break
    ratios = [kith_ms / peer_ms for kith_ms, peer_ms in pairs]
    lower, _, upper = statistics.quantiles(ratios, n=4)
    return {
        "work": work,
        "kith_ms": round(statistics.median(pair[0] for pair in pairs), 1),
        "peer": peer,
        "peer_ms": round(statistics.median(pair[1] for pair in pairs), 1),
        "ratio": round(statistics.median(ratios), 2),
        "spread": round(upper - lower, 2),
        "peak_mb": kith.peak_mb(),
    }


def must_agree(work, difference, tolerance):
    if not difference <= tolerance:
        sys.exit(f"{work}: Kith and onnxruntime differ by {difference:.2e}, more than {tolerance:.0e}.")


def session(model):
    """A session on all processors (onnxruntime's own default is one thread for two of them)."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = os.cpu_count()
    return onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])


def facenet(program, work_dir):
    import numpy as np
    import onnxruntime
    import references
    import weights
    from PIL import Image

    tensors, graph = weights.read_facenet(make.WORK / "facenet_keras.h5")
    net = session(references.facenet_onnx(tensors, graph))
    data = make.MODELS / "tests" / "data"
    some = [
        np.asarray(Image.open(data / f"crop-{name}.png").convert("RGB"))
        for name in ("biden", "obama", "obama2", "waves")
    ]
    for precision, tolerance in (("f32", EMBEDDING_TOLERANCE), ("fastest", FASTEST_TOLERANCE)):
        for count in (1, 8, 32):
            crops = [some[i % len(some)] for i in range(count)]
            file = work_dir / f"crops-{count}.rgb"
            file.write_bytes(b"".join(crop.tobytes() for crop in crops))
            work = f"FaceNet, {precision}, {count} face{'s'[: count > 1]}, two views each"
            kith = Kith(program, "facenet", file, precision=precision)
            expected = references.embed(net, crops)
            must_agree(work, np.abs(expected.ravel() - kith.answer).max(), tolerance)
            batch = np.random.default_rng(1).standard_normal((2 * count, 3, 160, 160), dtype=np.float32)
            peer = f"onnxruntime {onnxruntime.__version__}"
            yield measure(work, kith, peer, lambda: references.run(net, batch))
            kith.close()


def centerface(program, work_dir):
    import numpy as np
    import onnxruntime
    import references
    from PIL import Image

    net = session(references.centerface_onnx(make.WORK / "centerface.onnx", half_kernels=False))
    portrait = Image.open(PHOTOS / "obama.jpg").convert("RGB")
    for width, height in ((640, 480), (1280, 960)):
        image = Image.new("RGB", (width, height))
        image.paste(portrait.resize((height * portrait.width // portrait.height, height)))
        pixels = np.asarray(image)
        file = work_dir / f"image-{width}.rgb"
        file.write_bytes(pixels.tobytes())
        work = f"CenterFace, {width}×{height}"
        kith = Kith(program, "centerface", file, width, height)
        difference = np.abs(references.best_face(references.maps(net, pixels)) - kith.answer)
        must_agree(work, np.delete(difference, 4).max(), PIXEL_TOLERANCE)
        must_agree(work, difference[4], SCORE_TOLERANCE)
        batch = pixels.transpose(2, 0, 1)[None].astype(np.float32)
        peer = f"onnxruntime {onnxruntime.__version__}"
        yield measure(work, kith, peer, lambda: references.run(net, batch))
        kith.close()


def main():
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__.splitlines()[0])
    parser.add_argument("program", help=argparse.SUPPRESS)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"what to time: {', '.join(PARTS)}")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    options = parser.parse_args()
    for part in options.parts:
        if part not in PARTS:
            parser.error(f"there is no part {part}; there are {', '.join(PARTS)}")
    make.WORK.mkdir(exist_ok=True)
    make.enter_venv()
    make.fetch()
    work_dir = make.WORK / "bench"
    work_dir.mkdir(exist_ok=True)

    if os.getloadavg()[0] > 1:
        print("Other programs keep this machine busy; the figures will not hold.", file=sys.stderr)
    if not options.json:
        print(f"{'work':36} {'Kith':>9} {'other':>9} {'ratio':>6} {'spread':>6} {'memory':>7}  other program")
    for part in options.parts or PARTS:
        for row in {"facenet": facenet, "centerface": centerface}[part](options.program, work_dir):
            if options.json:
                print(json.dumps(row, ensure_ascii=False), flush=True)
                continue
            memory = f"{row['peak_mb']} MB" if row["peak_mb"] is not None else "?"
            print(
                f"{row['work']:36} {row['kith_ms']:6} ms {row['peer_ms']:6} ms {row['ratio']:6}"
                f" {row['spread']:6} {memory:>7}  {row['peer']}",
                flush=True,
            )


if __name__ == "__main__":
    main()
