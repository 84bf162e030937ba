// A list says which of its photos are not connected, and names what they are on.
import { expect, test } from 'vitest';
import { awayAmong, awaySentence } from './away';

const folders = [
  { path: '/media/anna/Backup disk', name: 'Backup disk', photos: [1, 2] },
  { path: '/media/anna/Old laptop', name: 'Old laptop', photos: [3] },
];
const tiles = (...photos: number[]) => photos.map((photo) => ({ photo, away: photo <= 3 }));

test('only folders that hold photos of the list are named', () => {
  expect(awayAmong(tiles(1, 2, 5), folders)).toEqual({ photos: 2, folders: ['Backup disk'] });
  expect(awayAmong(tiles(4, 5), folders)).toEqual({ photos: 0, folders: [] });
});

test('one sentence says how many and on what, for some, for all and for a person', () => {
  const said = (photos: number[], person: string | null = null) =>
    awaySentence(awayAmong(tiles(...photos), folders), photos.length, person);
  expect(said([4, 5])).toBe('');
  expect(said([1, 4])).toBe('1 of these photos is on “Backup disk”, which is not connected.');
  expect(said([1, 2, 3, 4])).toBe(
    '3 of these photos are on “Backup disk” and “Old laptop”, which are not connected.',
  );
  expect(said([1, 2])).toBe('These photos are on “Backup disk”, which is not connected.');
  expect(said([3, 4], 'Anna')).toBe('1 photo of Anna is on “Old laptop”, which is not connected.');
});
