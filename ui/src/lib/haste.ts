// Whether one scrolls too fast to look at photos: then none are asked for, and those on the screen come as
// soon as one slows down.

/** So many screens a second, and a photo is gone before one has seen it. */
const SCREENS = 2.5;
/** Over so many milliseconds the speed is measured: single frames come early and late. */
const MEASURED = 50;
/** After so many without scrolling one has stopped. */
export const STOPPED = 100;

export class Haste {
  #since = -Infinity;
  #from = 0;
  #hurried = false;

  /** Whether one hurries, once the page is scrolled to `top`; times in milliseconds, lengths in pixels. */
  scrolled(now: number, top: number, screen: number): boolean {
    const time = now - this.#since;
    if (time < MEASURED) return this.#hurried;
    const far = Math.abs(top - this.#from);
    // A single jump, to a year, is not haste.
    this.#hurried = time < STOPPED && far * 1000 > SCREENS * screen * time;
    this.#since = now;
    this.#from = top;
    return this.#hurried;
  }

  /** To be told when nothing was scrolled for `STOPPED` milliseconds. */
  stopped(): void {
    this.#since = -Infinity;
    this.#hurried = false;
  }
}
