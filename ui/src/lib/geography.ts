// Places of photos as a list: countries, and what is in each of them.
import type { PhotosOfPlace, PlaceName } from './api';

/** A town, or what is far from any. */
export interface Town {
  /** The same whenever one looks. */
  key: string;
  /** None far from any town. */
  name: string | null;
  /** Its region, where the country has another town of that name. */
  region: string | null;
  /** Newest first in each place. */
  photos: number[];
}

/** A country with its towns, those with most photos first. */
export interface Country {
  key: string;
  /** None far from all of them. */
  name: string | null;
  photos: number;
  towns: Town[];
}

/** What names a town in the list: `NO/Vestland/Bergen`. */
export function keyOf(name: PlaceName | null): string {
  return [name?.country_code, name?.town ? name.region : '', name?.town]
    .map((part) => part ?? '')
    .join('/');
}

/** The countries, those with most photos first; what is far from all of them comes last. */
export function countriesOf(all: PhotosOfPlace[], called: (name: PlaceName) => string): Country[] {
  const countries = new Map<string, Country>();
  const towns = new Map<string, Town>();
  for (const { name, photos } of all) {
    const code = name?.country_code ?? '';
    const country = countries.get(code) ?? {
      key: code,
      name: name && called(name),
      photos: 0,
      towns: [],
    };
    countries.set(code, country);
    country.photos += photos.length;
    const key = keyOf(name);
    const known = towns.get(key);
    if (known) {
      known.photos = [...known.photos, ...photos];
      continue;
    }
    const town = { key, name: name?.town ?? null, region: name?.region ?? null, photos };
    towns.set(key, town);
    country.towns.push(town);
  }
  for (const country of countries.values()) {
    const called = new Map<string | null, number>();
    for (const { name } of country.towns) called.set(name, (called.get(name) ?? 0) + 1);
    for (const town of country.towns) {
      if (called.get(town.name) === 1) town.region = null;
    }
    country.towns.sort(
      (a, b) =>
        Number(a.name === null) - Number(b.name === null) || b.photos.length - a.photos.length,
    );
  }
  return [...countries.values()].sort(
    (a, b) => Number(a.name === null) - Number(b.name === null) || b.photos - a.photos,
  );
}

/** Names of towns, regions and countries with the number of photos there, most first. */
export function namesOf(
  all: PhotosOfPlace[],
  called: (name: PlaceName) => string,
): { name: string; photos: number }[] {
  const counts = new Map<string, number>();
  for (const { name, photos } of all) {
    if (!name) continue;
    // A city may have the name of its region.
    const names = new Set([name.town, name.region, called(name)]);
    for (const each of names) {
      if (each) counts.set(each, (counts.get(each) ?? 0) + photos.length);
    }
  }
  return [...counts]
    .map(([name, photos]) => ({ name, photos }))
    .sort((a, b) => b.photos - a.photos);
}
