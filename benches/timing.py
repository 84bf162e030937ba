"""Two programs in turn, a pair of runs at a time: what counts is the ratio within a pair, so that a busy
moment of the machine weighs on both."""

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

WARM_UP = 2
PAIRS = 12
SECONDS_AT_MOST = 30
# Threads of the one that had its turn stop spinning before the other has its own.
PAUSE_S = 0.05


class Program:
    """A program that answers once, and then runs once for every line it gets and says how long it took."""

    def __init__(self, *command, **environment):
        self.process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
        )
        self.answer = [float(number) for number in self.line().split()]

    def line(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"{self.process.args[0]} ended early, with status {self.process.wait()}.")
        return line

    def milliseconds(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return float(self.line())

    def peak_mb(self):
        return peak_mb(self.process.pid)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def peak_mb(pid):
    """The most memory that a running process held, in MB, or None where the system does not tell."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    kilobytes = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return round(int(kilobytes[0].split()[1]) * 1024 / 1e6) if kilobytes else None


def timed(run):
    """A function that runs and gives the milliseconds it took."""

    def milliseconds():
        start = time.perf_counter()
        run()
        return (time.perf_counter() - start) * 1e3

    return milliseconds


def in_turn(kith, peer, pairs=PAIRS, warm_up=WARM_UP):
    """Milliseconds of Kith and of the peer, a pair a run; both are functions that give them."""
    measured = []
    started = time.monotonic()
    for number in range(warm_up + pairs):
        time.sleep(PAUSE_S)
        kith_ms = kith()
        time.sleep(PAUSE_S)
        peer_ms = peer()
        if number >= warm_up:
            measured.append((kith_ms, peer_ms))
        if len(measured) >= 5 and time.monotonic() - started > SECONDS_AT_MOST:
            break
    return measured


def row(work, peer, pairs, memory_mb):
    """One line of figures: medians, the median ratio and its interquartile spread."""
    ratios = [kith_ms / peer_ms for kith_ms, peer_ms in pairs]
    quartiles = statistics.quantiles(ratios, n=4) if len(ratios) > 1 else [ratios[0]] * 3
    return {
        "work": work,
        "kith_ms": round(statistics.median(pair[0] for pair in pairs), 1),
        "peer": peer,
        "peer_ms": round(statistics.median(pair[1] for pair in pairs), 1),
        "ratio": round(statistics.median(ratios), 2),
        "spread": round(quartiles[2] - quartiles[0], 2),
        "peak_mb": memory_mb,
    }


def must_agree(work, difference, tolerance):
    if not difference <= tolerance:
        sys.exit(f"{work}: Kith and the other program differ by {difference:.3g}, more than {tolerance:.3g}.")
