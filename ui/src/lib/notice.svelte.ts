// The one sentence at the foot of the window: what was just done, with Undo or Redo, or what went wrong.
import { sentenceOf } from './wrong';

/** What can be done about what was just done; what is no decision of the log says itself how it is undone. */
export type Way = 'undo' | 'redo' | (() => void);

export interface Notice {
  said: string;
  way: Way | null;
  wrong: boolean;
}

const STAYS_MS = 9000;

class Notices {
  current = $state.raw<Notice | null>(null);
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Says what a decision did; `way` offers to take it back, or to do it again. */
  say(said: string, way: Way | null = null): void {
    this.#show({ said, way, wrong: false });
  }

  /** Says what went wrong. */
  wrong(said: string): void {
    this.#show({ said, way: null, wrong: true });
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

/** Waits for a call to the program, and says what went wrong; returns whether nothing did. */
export async function told(call: Promise<unknown>): Promise<boolean> {
  try {
    await call;
    return true;
  } catch (problem) {
    notices.wrong(sentenceOf(problem));
    return false;
  }
}
