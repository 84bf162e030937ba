// A photo in the middle of its stage, and faces where they are on it.
import { expect, test } from 'vitest';
import { boxBetween, dragged, fit, nudged, outline, WHOLE, zoomAt, zoomed } from './view';

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

const whole = fit(4000, 2000, 1000, 1000);
const near = (a: number, b: number) => expect(Math.abs(a - b)).toBeLessThan(1e-6);

test('the point under the pointer stays there while one zooms', () => {
  let zoom = WHOLE;
  for (const factor of [1.4, 1.4, 2, 0.8]) {
    const before = zoomed(whole, 1000, 1000, zoom);
    const share = (600 - before.left) / before.width;
    zoom = zoomAt(whole, 1000, 1000, zoom, factor, 600, 500);
    const after = zoomed(whole, 1000, 1000, zoom);
    near((600 - after.left) / after.width, share);
  }
});

test('zoomed out all the way the photo is whole and in the middle again', () => {
  const zoom = zoomAt(whole, 1000, 1000, { scale: 3, x: 0.1, y: 0.9 }, 0.01, 10, 10);
  expect(zoom).toEqual(WHOLE);
  expect(zoomed(whole, 1000, 1000, zoom)).toEqual(whole);
});

test('a dragged photo never leaves a gap at the border', () => {
  let zoom = { scale: 4, x: 0.5, y: 0.5 };
  for (let i = 0; i < 20; i++) zoom = dragged(whole, 1000, 1000, zoom, 900, -900);
  const area = zoomed(whole, 1000, 1000, zoom);
  expect(area.left).toBe(0);
  expect(area.top + area.height).toBe(1000);
});

test('a box drawn in any direction lies inside the photo', () => {
  const box = boxBetween(whole, { x: 750, y: 2000 }, { x: 250, y: 500 });
  expect(box).toEqual([0.25, 0.5, 0.5, 0.5]);
});

test('a box moved by keys stays on the photo', () => {
  expect(nudged([0.9, 0.1, 0.1, 0.1], { x: 0.05, y: -0.2 }, { w: 0, h: 0 })).toEqual([
    0.9, 0, 0.1, 0.1,
  ]);
  expect(nudged([0.5, 0.5, 0.1, 0.1], { x: 0, y: 0 }, { w: -1, h: 9 })).toEqual([0.5, 0, 0.01, 1]);
});
