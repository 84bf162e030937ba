import { expect, test } from 'vitest';
import { fold } from './stacks';

const photos = [
  { photo: 1, stack: null },
  { photo: 2, stack: 4 },
  { photo: 3, stack: null },
  { photo: 4, stack: 4 },
  { photo: 5, stack: 9 },
  { photo: 6, stack: 8 },
  { photo: 7, stack: 8 },
];
const numbers = (open: (stack: number) => boolean) =>
  fold(photos, open).shown.map(({ photo }) => photo);

test('the photo that stands for a stack is shown, or the first of those that are there', () => {
  expect(numbers(() => false)).toEqual([1, 3, 4, 5, 6]);
  expect(fold(photos, () => false).sizes).toEqual(
    new Map([
      [4, 2],
      [8, 2],
    ]),
  );
});

test('a stack that is open shows all of its photos', () => {
  expect(numbers((stack) => stack === 4)).toEqual([1, 2, 3, 4, 5, 6]);
  expect(numbers(() => true)).toEqual([1, 2, 3, 4, 5, 6, 7]);
});

test('without stacks the list stays the same', () => {
  const plain = [{ photo: 1, stack: null }];
  expect(fold(plain, () => false).shown).toBe(plain);
});
