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
