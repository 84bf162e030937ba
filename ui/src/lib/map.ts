// Where places lie on a map of the world, and which of them are together on the screen: pure sums.
// The projection is Mercator's, on which a town lies among its neighbours as on other maps.

/** A point of the map: from 0, 0 in the north-west to 1, 1 in the south-east. */
export interface MapPoint {
  x: number;
  y: number;
}

/** How the map is looked at: the point in the middle, and the width of the whole world in pixels. */
export interface MapView extends MapPoint {
  scale: number;
}

/** The screen of a map, in pixels. */
export interface Room {
  width: number;
  height: number;
}

/** Photos on the map. */
export interface Dot extends MapPoint {
  id: number;
  /** What it chooses in the list. */
  key: string;
  name: string;
  photos: number;
}

/** Dots that are one on the screen, the one with most photos first; they are drawn where that is. */
export interface DotGroup {
  dots: Dot[];
  photos: number;
}

/** Beyond, north and south, there is nothing but ice, and the map would have no end. */
const LAST_LATITUDE = 85;
/** A pixel is 400 m on the equator; the outlines say no more. */
const LARGEST = 100_000;
/** Dots nearer than this are one, in pixels. */
const TOGETHER = 34;

/** The point of the map at a latitude and longitude in degrees. */
export function project(latitude: number, longitude: number): MapPoint {
  const up = Math.max(-LAST_LATITUDE, Math.min(LAST_LATITUDE, latitude)) * (Math.PI / 180);
  return {
    x: (longitude + 180) / 360,
    y: 0.5 - Math.log(Math.tan(Math.PI / 4 + up / 2)) / (2 * Math.PI),
  };
}

/** The view, where it would show what is beyond the map, moved and made larger. */
export function kept({ x, y, scale }: MapView, { width, height }: Room): MapView {
  const size = Math.min(LARGEST, Math.max(width, scale));
  const within = (at: number, room: number) => {
    const margin = room / 2 / size;
    return margin >= 0.5 ? 0.5 : Math.max(margin, Math.min(1 - margin, at));
  };
  return { x: within(x, width), y: within(y, height), scale: size };
}

/** All of the points in sight with some room around them, no larger than `most`. */
export function fitted(points: MapPoint[], room: Room, most: number): MapView {
  const ends = (of: number[]): [number, number] => [Math.min(...of), Math.max(...of)];
  const [west, east] = ends(points.map((point) => point.x));
  const [north, south] = ends(points.map((point) => point.y));
  const across = (room.width - 4 * TOGETHER) / (east - west || Number.EPSILON);
  const down = (room.height - 4 * TOGETHER) / (south - north || Number.EPSILON);
  const view = {
    x: (west + east) / 2,
    y: (north + south) / 2,
    scale: Math.min(most, across, down),
  };
  return kept(view, room);
}

/** Where a point of the map is on the screen, in pixels. */
export function onScreen({ x, y }: MapPoint, view: MapView, { width, height }: Room): MapPoint {
  return {
    x: (x - view.x) * view.scale + width / 2,
    y: (y - view.y) * view.scale + height / 2,
  };
}

/** The view after zooming by `factor` with the point of the screen at `x`, `y` staying where it is. */
export function zoomed(view: MapView, room: Room, factor: number, x: number, y: number): MapView {
  const { scale } = kept({ ...view, scale: view.scale * factor }, room);
  const stays = (at: number, from: number, size: number) =>
    at + (from - size / 2) * (1 / view.scale - 1 / scale);
  const moved = { x: stays(view.x, x, room.width), y: stays(view.y, y, room.height), scale };
  return kept(moved, room);
}

/** The view after moving the map by so many pixels. */
export function moved(view: MapView, room: Room, byX: number, byY: number): MapView {
  const { x, y, scale } = view;
  return kept({ x: x - byX / scale, y: y - byY / scale, scale }, room);
}

/** The view on the way from one to another; `share` goes from 0 to 1. */
export function between(from: MapView, to: MapView, share: number): MapView {
  const scale = from.scale * (to.scale / from.scale) ** share;
  // What lies beneath moves evenly by pixels, not by degrees.
  const way =
    from.scale === to.scale
      ? share
      : (1 / from.scale - 1 / scale) / (1 / from.scale - 1 / to.scale);
  return { x: from.x + (to.x - from.x) * way, y: from.y + (to.y - from.y) * way, scale };
}

/** The dots, those that are near each other at this scale as one. */
export function grouped(dots: Dot[], scale: number): DotGroup[] {
  const groups: DotGroup[] = [];
  // Those that are near enough are in this cell of a grid, or in one beside it.
  const cell = TOGETHER / scale;
  const across = Math.ceil(1 / cell) + 2;
  const cells = new Map<number, DotGroup[]>();
  for (const dot of dots.toSorted((a, b) => b.photos - a.photos)) {
    const at = Math.floor(dot.y / cell) * across + Math.floor(dot.x / cell);
    let nearest: DotGroup | undefined;
    let far = cell;
    for (const row of [at - across, at, at + across]) {
      for (const place of [row - 1, row, row + 1]) {
        for (const group of cells.get(place) ?? []) {
          const first = group.dots[0] ?? dot;
          const away = Math.hypot(first.x - dot.x, first.y - dot.y);
          if (away < far) [nearest, far] = [group, away];
        }
      }
    }
    if (nearest) {
      nearest.dots.push(dot);
      nearest.photos += dot.photos;
      continue;
    }
    const group = { dots: [dot], photos: dot.photos };
    groups.push(group);
    cells.set(at, [...(cells.get(at) ?? []), group]);
  }
  return groups;
}

/** The radius of a dot in pixels: a little larger for ten times the photos. */
export function radiusOf(photos: number): number {
  return Math.min(TOGETHER / 2, 7 + 2.8 * Math.log10(photos));
}

/** A dot with its name, on the screen. */
export interface Named extends MapPoint {
  radius: number;
  name: string;
}

/** Which of the dots have room for their name at their right side; the first ones are asked first. */
export function withRoom(dots: Named[], letter: number): boolean[] {
  const taken = dots.map(({ x, y, radius }) => ({
    from: { x: x - radius, y: y - radius },
    to: { x: x + radius, y: y + radius },
  }));
  return dots.map(({ x, y, radius, name }) => {
    const left = x + radius + 2;
    const from = { x: left, y: y - letter };
    const to = { x: left + name.length * letter, y: y + letter };
    const free = taken.every(
      (other) =>
        from.x >= other.to.x ||
        other.from.x >= to.x ||
        from.y >= other.to.y ||
        other.from.y >= to.y,
    );
    if (!name || !free) return false;
    taken.push({ from, to });
    return true;
  });
}

/** The dot that lies nearest in the direction of an arrow key, if there is one. */
export function neighbour<T extends MapPoint>(
  dots: T[],
  from: MapPoint,
  key: string,
): T | undefined {
  const ways: Record<string, [number, number]> = {
    ArrowLeft: [-1, 0],
    ArrowRight: [1, 0],
    ArrowUp: [0, -1],
    ArrowDown: [0, 1],
  };
  const [right, down] = ways[key] ?? [0, 0];
  const cost = (dot: T) => {
    const [x, y] = [dot.x - from.x, dot.y - from.y];
    const ahead = x * right + y * down;
    const aside = Math.abs(x * down) + Math.abs(y * right);
    // Rather ahead than aside: what is more beside than before one is not in this direction.
    return ahead > 0 && aside <= 2 * ahead ? ahead + 2 * aside : Infinity;
  };
  const nearest = dots.toSorted((a, b) => cost(a) - cost(b))[0];
  return nearest && cost(nearest) < Infinity ? nearest : undefined;
}
