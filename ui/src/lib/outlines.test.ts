// Outlines of countries on a flat map.
import { expect, test } from 'vitest';
import { project } from './map';
import { readOutlines, unrolled, WORLD } from './outlines';

test('a ring over the 180th meridian stays together, and is at both edges', () => {
  const ring = [
    [170, 60],
    [-170, 60],
    [-170, 70],
    [170, 70],
    [170, 60],
  ];
  const [east, west] = unrolled(ring);
  expect(east?.map(([longitude]) => longitude)).toEqual([170, 190, 190, 170, 170]);
  expect(west?.map(([longitude]) => longitude)).toEqual([-190, -170, -170, -190, -190]);
  expect(unrolled([[10, 50]])).toEqual([[[10, 50]]]);
});

test('a ring around a pole is closed along it', () => {
  const ring = [-120, 0, 120, -120].map((longitude) => [longitude, -70]);
  expect(unrolled(ring)[0]?.slice(-3)).toEqual([
    [240, -70],
    [240, -90],
    [-120, -90],
  ]);
});

// Russia and Fiji once lay as bands across the whole map.
test('no outline goes straight across the map, but along a pole', async () => {
  const pole = Number((project(-90, 0).y * WORLD).toFixed(2));
  const { coarse, fine } = await readOutlines();
  const rings = [...coarse, ...fine].flatMap(({ path }) => path.split('Z'));
  const across = rings.filter((ring) => {
    const points = ring
      .slice(1)
      .split('L')
      .map((point) => point.split(' ').map(Number));
    return points.some(([x = 0, y = 0], i) => {
      const [before = x] = points.at(i - 1) ?? [];
      return y !== pole && Math.abs(x - before) > WORLD / 2;
    });
  });
  expect(across).toEqual([]);
});
