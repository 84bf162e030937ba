// Where the photos were taken; read when it is asked for first, and again when photos have changed.
import { commands, type PhotosOfPlace, type PhotoTile } from './api';
import { library } from './library.svelte';

class Places {
  all = $state.raw<PhotosOfPlace[] | null>(null);
  /** The photos that these are the places of. */
  #of: PhotoTile[] | null = null;

  /** Reads them, if they are not known. */
  async read(): Promise<void> {
    const photos = library.photos;
    if (this.#of === photos) return;
    this.#of = photos;
    try {
      this.all = await commands.places();
    } catch (problem) {
      this.#of = null;
      throw problem;
    }
  }
}

export const places = new Places();
