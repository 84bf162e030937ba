// Places of photos as countries and towns.
import { expect, test } from 'vitest';
import type { PhotosOfPlace } from './api';
import { countriesOf, keyOf, namesOf } from './geography';

const norway = { country: 'Norway', country_german: 'Norwegen', country_code: 'NO' };
const states = { country: 'United States', country_german: 'USA', country_code: 'US' };
const all: PhotosOfPlace[] = [
  { name: { town: 'Springfield', region: 'Illinois', ...states }, at: [40, -90], photos: [9, 8] },
  { name: { town: 'Oslo', region: 'Oslo', ...norway }, at: [60, 11], photos: [7, 3, 2] },
  { name: { town: 'Springfield', region: 'Ohio', ...states }, at: [40, -84], photos: [6] },
  { name: { town: null, region: null, ...norway }, at: [70, 5], photos: [5] },
  { name: { town: null, region: null, ...norway }, at: [71, 8], photos: [1] },
  { name: null, at: [0, -30], photos: [4] },
];
const english = (name: { country: string }) => name.country;

test('countries have their towns, and every photo is somewhere', () => {
  const countries = countriesOf(all, english);
  expect(countries.map(({ name, photos }) => [name, photos])).toEqual([
    ['Norway', 5],
    ['United States', 3],
    [null, 1],
  ]);
  expect(countries[0]?.towns.map(({ name, photos }) => [name, photos])).toEqual([
    ['Oslo', [7, 3, 2]],
    [null, [5, 1]],
  ]);
});

test('towns of one name in a country are told apart by their region', () => {
  const [norwegian, american] = countriesOf(all, english);
  expect(american?.towns.map((town) => town.region)).toEqual(['Illinois', 'Ohio']);
  expect(norwegian?.towns[0]?.region).toBeNull();
  const keys = countriesOf(all, english).flatMap(({ towns }) => towns.map((town) => town.key));
  expect(new Set(keys).size).toBe(keys.length);
  expect(keyOf(all[1]!.name)).toBe('NO/Oslo/Oslo');
});

test('each name is offered once, with all photos there', () => {
  const names = namesOf(all, (name) => name.country_german);
  expect(names[0]).toEqual({ name: 'Norwegen', photos: 5 });
  expect(names).toContainEqual({ name: 'Oslo', photos: 3 });
  expect(names).toContainEqual({ name: 'Springfield', photos: 3 });
  expect(names).toContainEqual({ name: 'Ohio', photos: 1 });
});
