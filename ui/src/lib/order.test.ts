// Rows stay where they are while one works on them; a few faces stand for all years.
import { expect, test } from 'vitest';
import { keepOrder, spread } from './order';

test('what was shown keeps its place, what is gone leaves, what is new comes last', () => {
  expect(keepOrder([3, 1, 2], [5, 1, 3])).toEqual([3, 1, 5]);
  expect(keepOrder([], [2, 1])).toEqual([2, 1]);
});

test('few of many are spread evenly, with both ends', () => {
  expect(spread([0, 1, 2, 3, 4, 5, 6, 7, 8], 3)).toEqual([0, 4, 8]);
  expect(spread([1, 2], 3)).toEqual([1, 2]);
});
