// Photos that are nearly one (copies, shots of one moment) shown as one, with the others behind it:
// pure sums, no page.

/** What is needed of a photo. */
export interface Stacked {
  photo: number;
  /** The photo that stands for it and its like, where there are such. */
  stack: number | null;
}

/** Photos as they are shown. */
export interface Folded<T> {
  shown: T[];
  /** How many photos of the list each stack has, where there are more than one. */
  sizes: Map<number, number>;
}

/**
 * One photo of each stack: the one that stands for all, or the first where that is not in the list.
 * Stacks for which `open` holds are shown with all their photos.
 */
export function fold<T extends Stacked>(photos: T[], open: (stack: number) => boolean): Folded<T> {
  const sizes = new Map<number, number>();
  const seen = new Map<number, number>();
  for (const { photo, stack } of photos) {
    if (stack === null) continue;
    sizes.set(stack, (sizes.get(stack) ?? 0) + 1);
    if (photo === stack || !seen.has(stack)) seen.set(stack, photo);
  }
  for (const [stack, size] of sizes) if (size < 2) sizes.delete(stack);
  if (sizes.size === 0) return { shown: photos, sizes };
  const shown = photos.filter(
    ({ photo, stack }) => stack === null || open(stack) || seen.get(stack) === photo,
  );
  return { shown, sizes };
}
