// Rows stay where they are while one works on them; a few faces stand for all years.
import { expect, test } from 'vitest';
import { cellsWithin, keepOrder, spread, stretch } from './order';

test('what was shown keeps its place, what is gone leaves, what is new comes last', () => {
  expect(keepOrder([3, 1, 2], [5, 1, 3])).toEqual([3, 1, 5]);
  expect(keepOrder([], [2, 1])).toEqual([2, 1]);
});

test('few of many are spread evenly, with both ends', () => {
  expect(spread([0, 1, 2, 3, 4, 5, 6, 7, 8], 3)).toEqual([0, 4, 8]);
  expect(spread([1, 2], 3)).toEqual([1, 2]);
});

test('a range is the same from either end, and nothing where an end is missing', () => {
  expect(stretch([5, 3, 9, 1], 3, 1)).toEqual([3, 9, 1]);
  expect(stretch([5, 3, 9, 1], 1, 3)).toEqual([3, 9, 1]);
  expect(stretch([5, 3], 3, 3)).toEqual([3]);
  expect(stretch([5, 3], 7, 3)).toEqual([]);
});

test('of a grid of thousands only the rows in sight are drawn', () => {
  expect(cellsWithin(3000, 4, 100, 250, 620)).toEqual([8, 28]);
  expect(cellsWithin(10, 4, 100, -300, 1000)).toEqual([0, 10]);
  expect(cellsWithin(10, 4, 100, 5000, 6000)).toEqual([10, 10]);
});
