// Where in the window one is, and the way back.

export type Place =
  | { screen: 'photos' }
  | { screen: 'people' }
  | { screen: 'person'; person: number }
  | { screen: 'review' }
  | { screen: 'places'; chosen?: string[] }
  | { screen: 'search'; query: string }
  | { screen: 'albums' }
  | { screen: 'album'; album: number }
  | { screen: 'folders' }
  | { screen: 'folder'; path: string }
  | { screen: 'settings' }
  | { screen: 'history' };

/** A photo seen large, among those it was opened from. */
export interface Viewing {
  photos: number[];
  at: number;
}

class Whereabouts {
  #trail = $state.raw<Place[]>([{ screen: 'photos' }]);
  /** The photo seen large, over the screen. */
  viewing = $state.raw<Viewing | null>(null);
  /** Photos seen side by side, over all else. */
  comparing = $state.raw<number[] | null>(null);
  /** Whether the jobs panel is open. */
  jobsOpen = $state(false);
  /** Whether the sheet of keys is open. */
  keysOpen = $state(false);

  readonly here: Place = $derived(this.#trail.at(-1) ?? { screen: 'photos' });

  /** Goes to `place`; a search that is refined, and another choice of places, replace their like. */
  go(place: Place): void {
    this.viewing = null;
    this.comparing = null;
    const { here } = this;
    const refined =
      place.screen === here.screen &&
      (here.screen === 'search' || (here.screen === 'places' && here.chosen !== undefined));
    const trail = refined ? this.#trail.slice(0, -1) : this.#trail;
    this.#trail = [...trail, place].slice(-50);
  }

  /** Stays, but the person here is another one now (joined, or numbered anew). */
  becomes(person: number): void {
    if (this.here.screen === 'person' && this.here.person !== person) {
      this.#trail = [...this.#trail.slice(0, -1), { screen: 'person', person }];
    }
  }

  /** One step back; says whether there was one. */
  back(): boolean {
    if (this.comparing) {
      this.comparing = null;
      return true;
    }
    if (this.viewing) {
      this.viewing = null;
      return true;
    }
    if (this.#trail.length < 2) return false;
    this.#trail = this.#trail.slice(0, -1);
    return true;
  }

  view(photos: number[], at: number): void {
    this.viewing = { photos, at };
  }

  /** Another photo in the place of the one that is seen large: one that is nearly the same. */
  swap(photo: number): void {
    if (!this.viewing) return;
    const { photos, at } = this.viewing;
    const there = photos.indexOf(photo);
    if (there >= 0) this.viewing = { photos, at: there };
    else this.viewing = { photos: photos.with(at, photo), at };
  }

  /** Puts photos side by side, if there are two and more. */
  compare(photos: number[]): void {
    if (photos.length > 1) this.comparing = photos;
  }

  /** The next or previous photo, if there is one. */
  turn(by: 1 | -1): void {
    if (!this.viewing) return;
    const at = this.viewing.at + by;
    if (at >= 0 && at < this.viewing.photos.length) this.viewing = { ...this.viewing, at };
  }
}

export const place = new Whereabouts();
