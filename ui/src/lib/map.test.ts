// Where places lie on the map, what is one at which scale, and how the map is moved.
import { expect, test } from 'vitest';
import {
  between,
  fitted,
  grouped,
  kept,
  moved,
  neighbour,
  onScreen,
  project,
  withRoom,
  zoomed,
} from './map';

const room = { width: 800, height: 600 };
const dot = (key: string, latitude: number, longitude: number, photos: number) => ({
  ...project(latitude, longitude),
  id: photos,
  key,
  name: key,
  photos,
});
const oslo = dot('Oslo', 59.913, 10.746, 120);
const drammen = dot('Drammen', 59.744, 10.204, 4);
const bergen = dot('Bergen', 60.393, 5.324, 30);
const sydney = dot('Sydney', -33.868, 151.207, 9);

test('the middle of the map is where equator and first meridian meet', () => {
  expect(project(0, 0)).toEqual({ x: 0.5, y: 0.5 });
  expect(project(0, -180).x).toBe(0);
  expect(project(60, 0).y).toBeLessThan(project(30, 0).y);
  expect(project(90, 0).y).toBeGreaterThan(0);
  expect(project(90, 0)).toEqual(project(85, 0));
});

test('all places are in sight at first, and none is shown too near', () => {
  const view = fitted([oslo, bergen, sydney], room, 20_000);
  for (const place of [oslo, bergen, sydney]) {
    const { x, y } = onScreen(place, view, room);
    expect(x).toBeGreaterThan(0);
    expect(x).toBeLessThan(room.width);
    expect(y).toBeGreaterThan(0);
    expect(y).toBeLessThan(room.height);
  }
  expect(fitted([oslo], room, 20_000)).toEqual({ x: oslo.x, y: oslo.y, scale: 20_000 });
});

test('the map goes on to its edges and no further', () => {
  const whole = kept({ x: 0.9, y: 0.1, scale: 10 }, room);
  expect(whole).toEqual({ x: 0.5, y: 0.375, scale: 800 });
  expect(moved(whole, room, 500, -500)).toEqual({ ...whole, y: 0.625 });
});

test('what is under the pointer stays there while one zooms', () => {
  const view = fitted([oslo, bergen], room, 20_000);
  const before = onScreen(oslo, view, room);
  const nearer = zoomed(view, room, 1.5, before.x, before.y);
  expect(nearer.scale).toBeCloseTo(1.5 * view.scale);
  expect(onScreen(oslo, nearer, room).x).toBeCloseTo(before.x);
  expect(onScreen(oslo, nearer, room).y).toBeCloseTo(before.y);
});

test('on the way one begins at one view and ends at the other', () => {
  const [from, to] = [fitted([oslo, sydney], room, 20_000), fitted([oslo], room, 20_000)];
  expect(between(from, to, 0)).toEqual(from);
  const end = between(from, to, 1);
  expect(end.x).toBeCloseTo(to.x);
  expect(end.y).toBeCloseTo(to.y);
  expect(end.scale).toBeCloseTo(to.scale);
  const half = between(from, to, 0.5);
  expect(half.scale).toBeGreaterThan(from.scale);
  expect(half.scale).toBeLessThan(to.scale);
});

test('towns near each other are one from far away, and nothing is lost', () => {
  const dots = [sydney, drammen, bergen, oslo];
  const keys = (scale: number) =>
    grouped(dots, scale).map((group) => group.dots.map(({ key }) => key));
  expect(keys(800)).toEqual([['Oslo', 'Bergen', 'Drammen'], ['Sydney']]);
  expect(keys(8_000)).toEqual([['Oslo', 'Drammen'], ['Bergen'], ['Sydney']]);
  expect(keys(80_000)).toEqual([['Oslo'], ['Bergen'], ['Sydney'], ['Drammen']]);
  const photos = grouped(dots, 800).reduce((sum, group) => sum + group.photos, 0);
  expect(photos).toBe(163);
});

test('of thousands of towns none is lost, and none that is left is near another', () => {
  const many = Array.from({ length: 5_000 }, (_, i) =>
    dot(String(i), ((i * 37) % 140) - 60, ((i * 101) % 360) - 180, 1 + (i % 50)),
  );
  const groups = grouped(many, 2_000);
  expect(groups.reduce((sum, group) => sum + group.dots.length, 0)).toBe(5_000);
  const firsts = groups.map((group) => group.dots[0]!);
  for (const [i, a] of firsts.entries()) {
    for (const b of firsts.slice(i + 1)) {
      if (Math.hypot(a.x - b.x, a.y - b.y) < 34 / 2_000) throw new Error(`${a.key} and ${b.key}`);
    }
  }
});

test('a name is written where it covers nothing', () => {
  const at = (x: number, y: number, name: string) => ({ x, y, name, radius: 10 });
  const dots = [at(100, 100, 'Oslo'), at(140, 100, 'Drammen'), at(100, 300, 'Bergen')];
  expect(withRoom(dots, 8)).toEqual([false, true, true]);
});

test('arrows go to the nearest dot in their direction', () => {
  const dots = [oslo, drammen, bergen, sydney];
  expect(neighbour(dots, oslo, 'ArrowLeft')).toBe(drammen);
  expect(neighbour(dots, drammen, 'ArrowLeft')).toBe(bergen);
  expect(neighbour(dots, oslo, 'ArrowDown')).toBe(drammen);
  expect(neighbour(dots, oslo, 'ArrowRight')).toBe(sydney);
  expect(neighbour(dots, bergen, 'ArrowUp')).toBeUndefined();
});
