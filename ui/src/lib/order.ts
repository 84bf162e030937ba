// Which of many things to show, and in what order.

/** Numbers in the order to show: those shown before stay in place, new ones come after them. */
export function keepOrder(shown: number[], now: number[]): number[] {
  const present = new Set(now);
  const before = new Set(shown);
  return [...shown.filter((n) => present.has(n)), ...now.filter((n) => !before.has(n))];
}

/** At most `most` of `items`, evenly spread, the first and the last among them. */
export function spread<T>(items: T[], most: number): T[] {
  if (items.length <= most) return items;
  const step = (items.length - 1) / (most - 1);
  return Array.from({ length: most }, (_, i) => items[Math.round(i * step)]).filter(
    (item) => item !== undefined,
  );
}

/** The items from `from` to `to` in this order, both included, whichever comes first. */
export function stretch<T>(order: T[], from: T, to: T): T[] {
  const ends = [order.indexOf(from), order.indexOf(to)].sort((a, b) => a - b);
  const [first = 0, last = 0] = ends;
  return first < 0 ? [] : order.slice(first, last + 1);
}

/** The part of a grid of equal cells that touches `from`..`to` (pixels from its top): first and past the last. */
export function cellsWithin(
  count: number,
  columns: number,
  rowHeight: number,
  from: number,
  to: number,
): [number, number] {
  const first = Math.max(0, Math.floor(from / rowHeight)) * columns;
  const end = Math.max(0, Math.ceil(to / rowHeight)) * columns;
  return [Math.min(first, count), Math.min(end, count)];
}
