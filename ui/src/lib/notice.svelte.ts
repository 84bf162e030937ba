// The one sentence at the foot of the window: what was just done, with Undo, or what went wrong.

export interface Notice {
  said: string;
  undo: boolean;
  wrong: boolean;
}

const STAYS_MS = 9000;

class Notices {
  current = $state.raw<Notice | null>(null);
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Says what a decision did; `undo` offers to take it back. */
  say(said: string, undo = false): void {
    this.#show({ said, undo, wrong: false });
  }

  /** Says what went wrong. */
  wrong(said: string): void {
    this.#show({ said, undo: false, wrong: true });
  }

  /** Keeps the notice while the pointer or the keyboard is on it. */
  hold(): void {
    clearTimeout(this.#timer);
  }

  /** Lets it go after a while. */
  release(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.dismiss(), STAYS_MS);
  }

  dismiss(): void {
    clearTimeout(this.#timer);
    this.current = null;
  }

  #show(notice: Notice): void {
    this.current = notice;
    this.release();
  }
}

export const notices = new Notices();
