// What is chosen of a grid: by a click on the tick, with Ctrl and Shift, or with the keyboard.
import { SvelteSet } from 'svelte/reactivity';
import { stretch } from './order';

export class Selection {
  readonly chosen = new SvelteSet<number>();
  /** Where a range begins. */
  #anchor: number | null = null;

  has(number: number): boolean {
    return this.chosen.has(number);
  }

  /** Chooses one more, or one less. */
  toggle(number: number): void {
    if (!this.chosen.delete(number)) this.chosen.add(number);
    this.#anchor = number;
  }

  /** Chooses everything between the last one and this, in the order in which they are shown. */
  extend(order: number[], to: number): void {
    const from = this.#anchor !== null && order.includes(this.#anchor) ? this.#anchor : to;
    for (const number of stretch(order, from, to)) this.chosen.add(number);
    this.#anchor = from;
  }

  all(order: number[]): void {
    for (const number of order) this.chosen.add(number);
  }

  clear(): void {
    this.chosen.clear();
    this.#anchor = null;
  }

  /** Forgets what is no longer there. */
  keep(present: Set<number>): void {
    for (const number of this.chosen) if (!present.has(number)) this.chosen.delete(number);
  }
}
