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
export function outline(face: Face, photo: Area): Area {
  // A number that is not one arrives as null; a face has none.
  const [x, y, w, h] = face.box;
  return {
    left: photo.left + (x ?? 0) * photo.width,
    top: photo.top + (y ?? 0) * photo.height,
    width: (w ?? 0) * photo.width,
    height: (h ?? 0) * photo.height,
  };
}
