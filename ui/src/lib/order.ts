// Keeps the rows one is working on where they are, while new ones arrive.

/** Numbers in the order to show: those shown before stay in place, new ones come after them. */
export function keepOrder(shown: number[], now: number[]): number[] {
  const present = new Set(now);
  const before = new Set(shown);
  return [...shown.filter((n) => present.has(n)), ...now.filter((n) => !before.has(n))];
}
