#!/usr/bin/env python3
"""Groups the faces of known people as Kith does and by other methods: `./dev bench grouping DIR`.

DIR holds a folder of photos for each person, as Labeled Faces in the Wild does. A sample of it, people
with 2 to 12 photos and people with one, is grouped by `kith eval cluster` with the threshold that Kith
is calibrated to, and by the other methods on the very embeddings of `kith embed`, each at the setting
that keeps most people whole among those with no more misplaced faces than Kith has: they are told the
truth, Kith is not.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

REQUIREMENTS = ["igraph==1.0.0", "leidenalg==0.12.0", "numpy==2.4.6", "scikit-learn==1.9.1", "scipy==1.17.1"]
PHOTOS_A_CALL = 500
# Thresholds tried, by how many pairs they accept.
THRESHOLDS = 32


def enter_venv(home):
    """Starts this script again in a virtual environment of its own with the other methods."""
    python = home / "bin" / "python"
    if Path(sys.prefix) == home:
        return
    installed = home / "requirements.txt"
    if not installed.exists() or installed.read_text().split() != REQUIREMENTS:
        venv.create(home, clear=True, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *REQUIREMENTS], check=True)
        installed.write_text("\n".join(REQUIREMENTS))
    sys.exit(subprocess.run([python, *sys.argv]).returncode)


def sample(folder, many, singles, seed):
    """The photos of so many people with 2 to 12 photos and of so many with one."""
    photos = {person.name: sorted(person.iterdir()) for person in sorted(folder.iterdir()) if person.is_dir()}
    chance = random.Random(seed)
    several = [name for name, files in photos.items() if 2 <= len(files) <= 12]
    alone = [name for name, files in photos.items() if len(files) == 1]
    if len(several) < many or len(alone) < singles:
        sys.exit(f"There are {len(several)} people with 2 to 12 photos and {len(alone)} with one in {folder}.")
    chosen = set(chance.sample(several, many)) | set(chance.sample(alone, singles))
    return {name: photos[name] for name in photos if name in chosen}


def embeddings(kith, files):
    """One a photo, that of the most central face; None where there is no face."""
    import numpy as np

    central = {}
    for first in range(0, len(files), PHOTOS_A_CALL):
        command = [kith, "embed", "--json", *files[first : first + PHOTOS_A_CALL]]
        answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        for line in answer.splitlines():
            face = json.loads(line)
            x, y, w, h = face["box"]
            off_centre = (x + w / 2 - 0.5) ** 2 + (y + h / 2 - 0.5) ** 2
            best = central.get(face["photo"])
            if best is None or off_centre < best[0]:
                central[face["photo"]] = (off_centre, face["embedding"])
    return [np.array(central[str(file)][1]) if str(file) in central else None for file in files]


def score(person_of, group_of):
    """(misplaced, whole), as `kith eval cluster` counts them."""
    import numpy as np

    people = np.unique(person_of, return_inverse=True)[1]
    groups = np.unique(group_of, return_inverse=True)[1]
    shared = np.zeros((people.max() + 1, groups.max() + 1), int)
    np.add.at(shared, (people, groups), 1)
    of_person = shared.sum(1)
    whole = (shared.max(1) == of_person) & (of_person > 1)
    return int(shared.sum() - shared.max(0).sum()), int(whole.sum())


def linkages(distances, thresholds):
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    condensed = squareform(distances, checks=False)
    for method in ("average", "complete", "single"):
        tree = linkage(condensed, method)
        yield f"{method} linkage, all pairs", [fcluster(tree, t, "distance") for t in thresholds]


def chinese_whispers(distances, thresholds):
    """Biemann 2006: each face takes the label that its neighbours have most of, by weight."""
    import numpy as np

    chance = np.random.default_rng(0)
    for threshold in thresholds:
        weights = np.where(distances < threshold, threshold - distances, 0.0)
        np.fill_diagonal(weights, 0.0)
        near = [np.flatnonzero(row) for row in weights]
        labels = np.arange(len(weights))
        for _ in range(20):
            for face in chance.permutation(len(weights)):
                if len(near[face]):
                    votes = np.bincount(labels[near[face]], weights[face, near[face]])
                    labels[face] = votes.argmax()
        yield labels.copy()


def leiden(distances, thresholds):
    """Traag, Waltman and van Eck 2019, with the constant Potts model on the graph of near faces."""
    import igraph
    import leidenalg
    import numpy as np

    for threshold in thresholds:
        edges = np.argwhere(np.triu(distances < threshold, 1)).tolist()
        graph = igraph.Graph(n=len(distances), edges=edges)
        for resolution in (0.3, 0.6):
            found = leidenalg.find_partition(
                graph, leidenalg.CPMVertexPartition, resolution_parameter=resolution, seed=0
            )
            yield np.array(found.membership)


def nearest_centroid(points, thresholds):
    """One face after the other joins the nearest group, or founds one."""
    import numpy as np

    for threshold in thresholds:
        sums, labels = [], []
        for point in points:
            if sums:
                middles = np.array(sums)
                middles /= np.linalg.norm(middles, axis=1, keepdims=True)
                far = 2 - 2 * middles @ point
                nearest = int(far.argmin())
            if not sums or far[nearest] >= threshold:
                sums.append(point.copy())
                labels.append(len(sums) - 1)
            else:
                sums[nearest] += point
                labels.append(nearest)
        yield np.array(labels)


def hdbscan(distances):
    """HDBSCAN* (Campello et al. 2015); a face that it leaves out is a group of its own."""
    import numpy as np
    from sklearn.cluster import HDBSCAN

    for selection in ("eom", "leaf"):
        labels = HDBSCAN(
            min_cluster_size=2, metric="precomputed", cluster_selection_method=selection, copy=True
        ).fit_predict(distances)
        labels[labels < 0] = np.arange((labels < 0).sum()) + labels.max() + 1
        yield f"HDBSCAN*, {selection}", [labels]


def main():
    parser = argparse.ArgumentParser(prog="./dev bench grouping", description=__doc__.splitlines()[0])
    parser.add_argument("kith", help=argparse.SUPPRESS)
    parser.add_argument("folder", metavar="DIR", type=Path, help="a folder of photos for each person")
    parser.add_argument("--people", type=int, default=500, help="people with 2 to 12 photos (500)")
    parser.add_argument("--singles", type=int, default=700, help="people with one photo (700)")
    parser.add_argument("--seed", type=int, default=1, help="which sample (1)")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    options = parser.parse_args()
    enter_venv(Path(options.kith).resolve().parent.parent / "bench-grouping")

    import numpy as np

    chosen = sample(options.folder, options.people, options.singles, options.seed)
    rows = []
    with tempfile.TemporaryDirectory() as links:
        for name, files in chosen.items():
            (Path(links) / name).mkdir()
            for file in files:
                (Path(links) / name / file.name).symlink_to(file.resolve())
        for metric in ("library", "plain"):
            command = [options.kith, "eval", "cluster", links, "--metric", metric, "--json"]
            answer = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            rows.append((f"Kith, {metric} metric, as calibrated", answer["misplaced"], answer["whole"]))

    files = [str(file.resolve()) for photos in chosen.values() for file in photos]
    names = [name for name, photos in chosen.items() for _ in photos]
    found = embeddings(options.kith, files)
    points = np.array([e for e in found if e is not None])
    person_of = np.array([name for name, e in zip(names, found, strict=True) if e is not None])
    distances = np.maximum(2 - 2 * points @ points.T, 0)
    np.fill_diagonal(distances, 0)
    closest = np.sort(distances[np.triu_indices(len(points), 1)])
    thresholds = closest[np.geomspace(len(points) / 3, len(points) * 8, THRESHOLDS).astype(int)]
    methods = [
        *linkages(distances, thresholds),
        ("Chinese whispers", chinese_whispers(distances, thresholds)),
        ("Leiden", leiden(distances, thresholds)),
        ("nearest centroid", nearest_centroid(points, thresholds)),
        *hdbscan(distances),
    ]
    most = rows[0][1]
    for method, groupings in methods:
        scores = [score(person_of, groups) for groups in groupings]
        allowed = [s for s in scores if s[0] <= most] or [min(scores)]
        misplaced, whole = max(allowed, key=lambda s: (s[1], -s[0]))
        rows.append((method, misplaced, whole))

    if not options.json:
        print(f"{len(points)} faces of {len(chosen)} people, {options.people} of them with 2 to 12 photos\n")
        print(f"{'method':36} {'misplaced':>9} {'whole':>6}")
    for method, misplaced, whole in rows:
        if options.json:
            print(json.dumps({"method": method, "misplaced": misplaced, "whole": whole}))
        else:
            print(f"{method:36} {misplaced:9} {whole:6}")


if __name__ == "__main__":
    main()
