import { expect, test } from 'vitest';
import { clearestFaces, middleOf } from './comparing';

type Box = [number, number, number, number];
const face = (number: number, person: number | null, quality: number, box: Box = [0, 0, 1, 1]) => ({
  face: number,
  person,
  quality,
  box,
});

test('of each person on several photos the clearest face is told, where one is clearer', () => {
  const photos = [
    { faces: [face(1, 7, 0.5), face(2, 8, 0.9), face(3, 9, 0.4), face(4, null, 0.1)] },
    { faces: [face(5, 7, 0.8), face(6, 8, 0.89), face(7, null, 0.9)] },
  ];
  expect(clearestFaces(photos)).toEqual(new Set([5]));
  expect(clearestFaces([])).toEqual(new Set());
});

test('the middle of a face is that of its box', () => {
  const photo = { faces: [face(1, 7, 0.5, [0.25, 0.5, 0.5, 0.25])] };
  expect(middleOf(photo, 7)).toEqual({ x: 0.5, y: 0.625 });
  expect(middleOf(photo, 8)).toBeUndefined();
});
