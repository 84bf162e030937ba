// Photos that are dragged with the pointer, onto an album. Done with pointer events: what the system
// itself drags belongs to the folders that are dropped on the window.

/** The pointer must move so far before it drags, in pixels: a hand trembles. */
const FAR = 6;

interface Carried {
  photos: number[];
  x: number;
  y: number;
}

class Carrying {
  /** What is carried, and where the pointer is. */
  now = $state.raw<Carried | null>(null);
  /** The album under the pointer, by name; empty for a new one. */
  over = $state<string | null>(null);

  /**
   * Begins with the pointer pressed on a photo: `photos` says which are meant once it moves, and `drop`
   * is told the name of the album that they are let go on, empty for a new one.
   */
  begin(
    press: PointerEvent,
    photos: () => number[],
    drop: (album: string, photos: number[]) => void,
  ) {
    if (press.button !== 0 || press.pointerType === 'touch') return;
    const move = (event: PointerEvent) => {
      const far = Math.hypot(event.clientX - press.clientX, event.clientY - press.clientY) > FAR;
      if (this.now === null && !far) return;
      this.now = {
        photos: this.now?.photos ?? photos(),
        x: event.clientX,
        y: event.clientY,
      };
      const under = document.elementFromPoint(event.clientX, event.clientY);
      const album = under?.closest<HTMLElement>('[data-drop-album]');
      this.over = album?.dataset.dropAlbum ?? null;
    };
    const end = () => {
      window.removeEventListener('pointermove', move);
      window.removeEventListener('pointerup', release);
      window.removeEventListener('pointercancel', end);
      window.removeEventListener('keydown', key, true);
      this.now = null;
      this.over = null;
    };
    const release = () => {
      const [carried, album] = [this.now, this.over];
      end();
      if (carried === null) return;
      // The click that ends a drag opens nothing.
      const swallow = (event: MouseEvent) => event.stopPropagation();
      window.addEventListener('click', swallow, { capture: true, once: true });
      setTimeout(() => window.removeEventListener('click', swallow, true));
      if (album !== null) drop(album, carried.photos);
    };
    const key = (event: KeyboardEvent) => {
      if (event.key !== 'Escape' || this.now === null) return;
      event.preventDefault();
      event.stopPropagation();
      end();
    };
    window.addEventListener('pointermove', move);
    window.addEventListener('pointerup', release);
    window.addEventListener('pointercancel', end);
    window.addEventListener('keydown', key, true);
  }
}

export const carrying = new Carrying();
