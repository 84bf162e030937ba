// Which faces of photos that are nearly the same are the clearest, and where they are: pure sums.
import type { Face, PhotoDetail } from './api';

type Faces = { faces: Pick<Face, 'face' | 'person' | 'quality' | 'box'>[] };

/** A face that is clearer by less is not told from the other. */
const CLEARER = 0.02;

/** Of each person who is on two and more of the photos the clearest face, where one is clearer. */
export function clearestFaces(photos: Faces[]): Set<number> {
  const of = new Map<number, { face: number; quality: number }[]>();
  for (const { faces } of photos) {
    for (const { face, person, quality } of faces) {
      if (person !== null)
        of.set(person, [...(of.get(person) ?? []), { face, quality: quality ?? 0 }]);
    }
  }
  const clearest = new Set<number>();
  for (const faces of of.values()) {
    const [best, next] = faces.sort((a, b) => b.quality - a.quality);
    if (best && next && best.quality - next.quality > CLEARER) clearest.add(best.face);
  }
  return clearest;
}

/** The middle of a person's face, as fractions of the photo. */
export function middleOf(
  photo: Pick<PhotoDetail, 'faces'> | Faces,
  person: number,
): { x: number; y: number } | undefined {
  const face = photo.faces.find((of) => of.person === person);
  if (!face) return undefined;
  const [x, y, w, h] = face.box.map((side) => side ?? 0) as [number, number, number, number];
  return { x: x + w / 2, y: y + h / 2 };
}
