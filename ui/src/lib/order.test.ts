// Rows stay where they are while one works on them.
import { expect, test } from 'vitest';
import { keepOrder } from './order';

test('what was shown keeps its place, what is gone leaves, what is new comes last', () => {
  expect(keepOrder([3, 1, 2], [5, 1, 3])).toEqual([3, 1, 5]);
  expect(keepOrder([], [2, 1])).toEqual([2, 1]);
});
