// The outlines of countries by Natural Earth, as paths of a drawing; read when a map is shown first.
import { feature } from 'topojson-client';
import type { GeometryCollection, Topology } from 'topojson-specification';
import { project } from './map';

/** Width of the whole world in the paths. */
export const WORLD = 4096;

/** The outline of a country, and the part of the map that it is in, from 0 to 1. */
export interface Outline {
  path: string;
  west: number;
  north: number;
  east: number;
  south: number;
}

/** Few outlines for the whole world, and finer ones for a part of it. */
export interface Outlines {
  coarse: Outline[];
  fine: Outline[];
}

type World = Topology<{ countries: GeometryCollection }>;

type Point = [longitude: number, latitude: number];

/**
 * A ring as it lies on a flat map, and once more where it goes on at the other edge: in the files a ring that
 * crosses the 180th meridian jumps from one edge to the other. One around a pole is led along it.
 */
export function unrolled(ring: number[][]): Point[][] {
  let turned = 0;
  let before: number | undefined;
  const points = ring.map(([longitude = 0, latitude = 0]): Point => {
    const step = longitude - (before ?? longitude);
    before = longitude;
    if (Math.abs(step) > 180) turned -= 360 * Math.sign(step);
    return [longitude + turned, latitude];
  });
  const [first, last] = [points[0], points.at(-1)];
  if (turned !== 0 && first && last) {
    const pole = 90 * Math.sign(last[1]);
    points.push([last[0], pole], [first[0], pole]);
  }
  const longitudes = points.map(([longitude]) => longitude);
  const shifted = (by: number) =>
    points.map(([longitude, latitude]): Point => [longitude + by, latitude]);
  if (Math.max(...longitudes) > 180) return [points, shifted(-360)];
  if (Math.min(...longitudes) < -180) return [points, shifted(360)];
  return [points];
}

function outlines(world: World): Outline[] {
  return feature(world, world.objects.countries).features.flatMap(({ geometry }) => {
    if (geometry.type !== 'Polygon' && geometry.type !== 'MultiPolygon') return [];
    const polygons = geometry.type === 'Polygon' ? [geometry.coordinates] : geometry.coordinates;
    const outline: Outline = { path: '', west: 1, north: 1, east: 0, south: 0 };
    for (const ring of polygons.flat().flatMap(unrolled)) {
      const points = ring.map(([longitude, latitude]) => {
        const { x, y } = project(latitude, longitude);
        outline.west = Math.min(outline.west, x);
        outline.east = Math.max(outline.east, x);
        outline.north = Math.min(outline.north, y);
        outline.south = Math.max(outline.south, y);
        return `${(x * WORLD).toFixed(2)} ${(y * WORLD).toFixed(2)}`;
      });
      outline.path += `M${points.join('L')}Z`;
    }
    return [outline];
  });
}

let read: Promise<Outlines> | undefined;

/** All outlines. */
export function readOutlines(): Promise<Outlines> {
  read ??= Promise.all([
    import('world-atlas/countries-110m.json'),
    import('world-atlas/countries-50m.json'),
  ]).then(([coarse, fine]) => ({
    // What TypeScript reads from the files is less than what the format says.
    coarse: outlines(coarse.default as unknown as World),
    fine: outlines(fine.default as unknown as World),
  }));
  return read;
}
