// Photos that are dragged with the pointer onto an album, and faces onto a person. Done with pointer
// events: what the system itself drags belongs to the folders that are dropped on the window.

/** The pointer must move so far before it drags, in pixels: a hand trembles. */
const FAR = 6;

type Kind = 'photos' | 'faces';

/** What an element says of itself where such things can be let go on it. */
const TARGETS = { photos: 'dropAlbum', faces: 'dropPerson' } as const;
const SELECTORS = { photos: '[data-drop-album]', faces: '[data-drop-person]' } as const;

interface Carried {
  kind: Kind;
  numbers: number[];
  x: number;
  y: number;
}

class Carrying {
  /** What is carried, and where the pointer is. */
  now = $state.raw<Carried | null>(null);
  /** What is under the pointer: an album by its name, empty for a new one; a person by their name. */
  over = $state<string | null>(null);

  /**
   * Begins with the pointer pressed on a photo or a face: `numbers` says which are meant once it moves,
   * and `drop` is told what they are let go on, as `over` has it.
   */
  begin(
    press: PointerEvent,
    kind: Kind,
    numbers: () => number[],
    drop: (onto: string, numbers: number[]) => void,
  ) {
    if (press.button !== 0 || press.pointerType === 'touch') return;
    const move = (event: PointerEvent) => {
      const far = Math.hypot(event.clientX - press.clientX, event.clientY - press.clientY) > FAR;
      if (this.now === null && !far) return;
      this.now = {
        kind,
        numbers: this.now?.numbers ?? numbers(),
        x: event.clientX,
        y: event.clientY,
      };
      const under = document.elementFromPoint(event.clientX, event.clientY);
      const target = under?.closest<HTMLElement>(SELECTORS[kind]);
      this.over = target?.dataset[TARGETS[kind]] ?? null;
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
      const [carried, onto] = [this.now, this.over];
      end();
      if (carried === null) return;
      // The click that ends a drag opens nothing.
      const swallow = (event: MouseEvent) => event.stopPropagation();
      window.addEventListener('click', swallow, { capture: true, once: true });
      setTimeout(() => window.removeEventListener('click', swallow, true));
      if (onto !== null) drop(onto, carried.numbers);
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
