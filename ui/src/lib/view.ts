// Where a photo lies on the screen, and where its faces lie on it: pure sums.
import type { Face } from './api';

/** A rectangle in pixels of the stage. */
export interface Area {
  left: number;
  top: number;
  width: number;
  height: number;
}

/** The largest area of the photo's shape inside the stage, in its middle; never beyond its own size. */
export function fit(width: number, height: number, stageWidth: number, stageHeight: number): Area {
  if (!width || !height) return { left: 0, top: 0, width: 0, height: 0 };
  const scale = Math.min(stageWidth / width, stageHeight / height, 2);
  const shown = { width: width * scale, height: height * scale };
  return {
    left: (stageWidth - shown.width) / 2,
    top: (stageHeight - shown.height) / 2,
    ...shown,
  };
}

/** The outline of a face on a photo that lies at `photo`. */
export function outline(face: Pick<Face, 'box'>, photo: Area): Area {
  // A number that is not one arrives as null; a face has none.
  const [x, y, w, h] = face.box;
  return {
    left: photo.left + (x ?? 0) * photo.width,
    top: photo.top + (y ?? 0) * photo.height,
    width: (w ?? 0) * photo.width,
    height: (h ?? 0) * photo.height,
  };
}

/** How a photo is looked at: `scale` times as large as it fits, with the point (fractions of the photo) in the middle. */
export interface Zoom {
  scale: number;
  x: number;
  y: number;
}

export const WHOLE: Zoom = { scale: 1, x: 0.5, y: 0.5 };
const LARGEST = 12;

/** Where a photo lies that fits at `whole`, when one looks at it so: it covers the stage where it can. */
export function zoomed(whole: Area, stageWidth: number, stageHeight: number, zoom: Zoom): Area {
  const along = (size: number, stage: number, at: number) =>
    size <= stage ? (stage - size) / 2 : Math.min(0, Math.max(stage - size, stage / 2 - at * size));
  const width = whole.width * zoom.scale;
  const height = whole.height * zoom.scale;
  return {
    left: along(width, stageWidth, zoom.x),
    top: along(height, stageHeight, zoom.y),
    width,
    height,
  };
}

/** The view after zooming by `factor` with the point of the stage at `x`, `y` staying where it is. */
export function zoomAt(
  whole: Area,
  stageWidth: number,
  stageHeight: number,
  zoom: Zoom,
  factor: number,
  x: number,
  y: number,
): Zoom {
  const scale = Math.min(LARGEST, Math.max(1, zoom.scale * factor));
  if (scale === 1) return WHOLE;
  const now = zoomed(whole, stageWidth, stageHeight, zoom);
  const [width, height] = [whole.width * scale, whole.height * scale];
  // The point of the photo that is under the pointer, as fractions of it.
  const [across, down] = [(x - now.left) / now.width, (y - now.top) / now.height];
  return {
    scale,
    x: across - (x - stageWidth / 2) / width,
    y: down - (y - stageHeight / 2) / height,
  };
}

/** The view after dragging the photo by so many pixels. */
export function dragged(
  whole: Area,
  stageWidth: number,
  stageHeight: number,
  zoom: Zoom,
  byX: number,
  byY: number,
): Zoom {
  // From where the photo really lies: a drag beyond the border is forgotten.
  const now = zoomed(whole, stageWidth, stageHeight, zoom);
  return {
    scale: zoom.scale,
    x: (stageWidth / 2 - now.left - byX) / now.width,
    y: (stageHeight / 2 - now.top - byY) / now.height,
  };
}

/** A box `[x, y, w, h]` between two points of the stage, as fractions of the photo and inside of it. */
export function boxBetween(
  photo: Area,
  from: { x: number; y: number },
  to: { x: number; y: number },
): [number, number, number, number] {
  const share = (at: number, start: number, length: number) =>
    Math.min(1, Math.max(0, (at - start) / length));
  const xs = [from.x, to.x].map((x) => share(x, photo.left, photo.width));
  const ys = [from.y, to.y].map((y) => share(y, photo.top, photo.height));
  const [left, right] = [Math.min(...xs), Math.max(...xs)];
  const [top, bottom] = [Math.min(...ys), Math.max(...ys)];
  return [left, top, right - left, bottom - top];
}

/** The box moved, and made larger, by so much of the photo; inside of it. */
export function nudged(
  [x, y, w, h]: [number, number, number, number],
  move: { x: number; y: number },
  grow: { w: number; h: number },
): [number, number, number, number] {
  const width = Math.min(1, Math.max(0.01, w + grow.w));
  const height = Math.min(1, Math.max(0.01, h + grow.h));
  const clamp = (at: number, most: number) => Math.min(most, Math.max(0, at));
  return [clamp(x + move.x, 1 - width), clamp(y + move.y, 1 - height), width, height];
}
