// Justified rows of photos under a header a month, or a year where they are few: pure sums, no page.
// 50,000 photos take some milliseconds, so all rows are known and only those in sight are drawn.

/** What the layout needs of a photo. */
export interface Shape {
  width: number;
  height: number;
  date: string;
}

/** One photo in its row: pixels from the left, and its width. */
export interface Spot {
  left: number;
  width: number;
}

/** A row of photos; `top` counts from the top of the grid. */
export interface Row {
  top: number;
  height: number;
  first: number;
  spots: Spot[];
}

/** The photos of a month (`2019-05`) or of a year (`2019`); `top` is where its header begins. */
export interface Period {
  key: string;
  top: number;
  height: number;
  first: number;
  photos: number;
  rows: Row[];
}

export const HEADER = 48;
const GAP = 4;
const AFTER_PERIOD = 16;
/** With fewer photos a month than this, each year is one period: half-empty rows tell little. */
const FEW_A_MONTH = 4;
/** Panoramas and receipts are shown cut to these, or a row would be a line. */
const NARROWEST = 0.5;
const WIDEST = 3.2;

function aspect({ width, height }: Shape): number {
  if (!width || !height) return 1;
  return Math.min(WIDEST, Math.max(NARROWEST, width / height));
}

/** Lays out `photos`, in their order, in a grid `width` wide with rows about `rowHeight` high. */
export function layOut(photos: Shape[], width: number, rowHeight: number): Period[] {
  const months = new Set(photos.map((photo) => photo.date.slice(0, 7))).size;
  const letters = photos.length < FEW_A_MONTH * months ? 4 : 7;
  const periods: Period[] = [];
  let top = 0;
  for (let first = 0; first < photos.length;) {
    const key = photos[first]?.date.slice(0, letters) ?? '';
    let end = first;
    while (end < photos.length && photos[end]?.date.startsWith(key)) end++;
    const rows = rowsOf(photos, first, end, top + HEADER, width, rowHeight);
    const last = rows.at(-1);
    const bottom = last ? last.top + last.height + AFTER_PERIOD : top + HEADER;
    periods.push({ key, top, height: bottom - top, first, photos: end - first, rows });
    top = bottom;
    first = end;
  }
  return periods;
}

function rowsOf(
  photos: Shape[],
  from: number,
  end: number,
  top: number,
  width: number,
  rowHeight: number,
): Row[] {
  const rows: Row[] = [];
  let aspects: number[] = [];
  let sum = 0;
  let first = from;
  const close = (height: number) => {
    let left = 0;
    const spots = aspects.map((a) => {
      const spot = { left, width: a * height };
      left += spot.width + GAP;
      return spot;
    });
    rows.push({ top, height, first, spots });
    top += height + GAP;
    first += aspects.length;
    aspects = [];
    sum = 0;
  };
  const fitting = () => (width - GAP * (aspects.length - 1)) / sum;
  for (let i = from; i < end; i++) {
    const photo = photos[i];
    if (!photo) break;
    aspects.push(aspect(photo));
    sum += aspects.at(-1) ?? 0;
    if (fitting() <= rowHeight) close(fitting());
  }
  // The last row is not blown up to fill the width.
  if (aspects.length > 0) close(Math.min(fitting(), rowHeight));
  return rows;
}

/** First index whose `bottom` lies below `y`; items are in order. */
export function firstBelow(items: { top: number; height: number }[], y: number): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const item = items[middle];
    if (item && item.top + item.height <= y) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Those of `items` that touch `from`..`to`. */
export function within<T extends { top: number; height: number }>(
  items: T[],
  from: number,
  to: number,
): T[] {
  const first = firstBelow(items, from);
  let end = first;
  while (end < items.length && (items[end]?.top ?? Infinity) < to) end++;
  return items.slice(first, end);
}

/** The row that photo `index` is in. */
export function rowOf(periods: Period[], index: number): Row | undefined {
  const period = periods.findLast((p) => p.first <= index);
  return period?.rows.findLast((r) => r.first <= index);
}

/** Where an arrow key leads from photo `index`: up and down keep to the middle of the photo. */
export function step(periods: Period[], index: number, key: string, last: number): number {
  if (key === 'ArrowLeft') return Math.max(0, index - 1);
  if (key === 'ArrowRight') return Math.min(last, index + 1);
  const rows = periods.flatMap((p) => p.rows);
  const at = rows.findLastIndex((r) => r.first <= index);
  const spot = rows[at]?.spots[index - (rows[at]?.first ?? 0)];
  const next = rows[at + (key === 'ArrowDown' ? 1 : -1)];
  if (!spot || !next) return index;
  const middle = spot.left + spot.width / 2;
  const found = next.spots.findIndex((s) => s.left + s.width >= middle);
  return next.first + (found < 0 ? next.spots.length - 1 : found);
}
