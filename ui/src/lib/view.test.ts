// A photo in the middle of its stage, and faces where they are on it.
import { expect, test } from 'vitest';
import { fit, outline } from './view';

test('a photo fills the stage in one direction and stands in the middle of the other', () => {
  expect(fit(4000, 2000, 1000, 1000)).toEqual({ left: 0, top: 250, width: 1000, height: 500 });
});

test('a small photo is at most doubled', () => {
  expect(fit(100, 100, 1000, 1000)).toEqual({ left: 400, top: 400, width: 200, height: 200 });
});

test('an outline is a fraction of the photo, wherever that lies', () => {
  const photo = fit(4000, 2000, 1000, 1000);
  const face = {
    face: 1,
    photo: 1,
    path: '',
    box: [0.5, 0.5, 0.25, 0.5] as [number, number, number, number],
    score: 1,
    person: null,
    name: null,
    state: 'automatic' as const,
  };
  expect(outline(face, photo)).toEqual({ left: 500, top: 500, width: 250, height: 250 });
});
