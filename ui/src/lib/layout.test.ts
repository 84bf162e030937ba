// The justified grid: rows fill the width, nothing overlaps, arrows go where the eye expects.
import { expect, test } from 'vitest';
import { layOut, rowOf, step, within } from './layout';

const shapes = [
  { width: 4000, height: 3000 },
  { width: 3000, height: 4000 },
  { width: 12000, height: 2000 },
  { width: 1000, height: 1000 },
];

/** `months` months of `each` photos, newest first. */
function photos(months: number, each: number) {
  return Array.from({ length: months * each }, (_, i) => {
    const back = Math.floor(i / each);
    const year = 2026 - Math.floor(back / 12);
    const month = String(12 - (back % 12)).padStart(2, '0');
    return { ...(shapes[i % shapes.length] ?? shapes[0]!), date: `${year}-${month}-05T12:00:00` };
  });
}

test('all rows but the last of a month fill the width, and none is higher than asked', () => {
  const all = photos(5, 37);
  const months = layOut(all, 1000, 200);
  expect(months).toHaveLength(5);
  let next = 0;
  for (const month of months) {
    for (const row of month.rows) {
      expect(row.first).toBe(next);
      next += row.spots.length;
      expect(row.height).toBeLessThanOrEqual(200);
      const end = row.spots.at(-1)!;
      if (row !== month.rows.at(-1)) expect(end.left + end.width).toBeCloseTo(1000, 6);
      else expect(end.left + end.width).toBeLessThanOrEqual(1000.001);
    }
  }
  expect(next).toBe(all.length);
});

test('where there are few photos a month, they are put together by year', () => {
  expect(layOut(photos(24, 3), 1000, 200).map((period) => period.key)).toEqual(['2026', '2025']);
  expect(layOut(photos(24, 4), 1000, 200)).toHaveLength(24);
});

test('months and rows follow each other without overlap', () => {
  const months = layOut(photos(24, 11), 777, 150);
  const rows = months.flatMap((month) => month.rows);
  for (let i = 1; i < rows.length; i++) {
    expect(rows[i]!.top).toBeGreaterThanOrEqual(rows[i - 1]!.top + rows[i - 1]!.height);
  }
  for (let i = 1; i < months.length; i++) {
    expect(months[i]!.top).toBe(months[i - 1]!.top + months[i - 1]!.height);
  }
});

test('only what touches the window is drawn', () => {
  const months = layOut(photos(24, 11), 777, 150);
  const rows = months.flatMap((month) => month.rows);
  const seen = within(rows, 1000, 1600);
  expect(seen).toEqual(rows.filter((row) => row.top + row.height > 1000 && row.top < 1600));
});

test('right and left go by one, down and up keep to the same side', () => {
  const months = layOut(photos(3, 40), 1200, 200);
  const last = 3 * 40 - 1;
  expect(step(months, 0, 'ArrowLeft', last)).toBe(0);
  expect(step(months, last, 'ArrowRight', last)).toBe(last);
  const start = 7;
  const below = step(months, start, 'ArrowDown', last);
  expect(rowOf(months, below)!.top).toBeGreaterThan(rowOf(months, start)!.top);
  const middle = (index: number) => {
    const row = rowOf(months, index)!;
    const spot = row.spots[index - row.first]!;
    return spot.left + spot.width / 2;
  };
  expect(Math.abs(middle(below) - middle(start))).toBeLessThan(400);
});

test('fifty thousand photos are laid out in their months', () => {
  const all = photos(240, 209);
  layOut(all, 1200, 200);
  const months = layOut(all, 1200, 200);
  expect(months).toHaveLength(240);
});
