// Watching the folders for changes: whether it is wanted, and of which folders the system tells nothing.
import { commands, sentenceOf, type Polled } from './api';
import { notices } from './notice.svelte';

const WATCHES = 'watches-folders';

class WatchState {
  /** Whether folders are watched; kept between starts. */
  on = $state(localStorage.getItem(WATCHES) !== 'no');
  /** The folders that are checked every so often instead. */
  polled = $state.raw<Polled[]>([]);

  /** Begins to watch, if that is wanted. */
  follow(): Promise<void> {
    return this.#ask(commands.watchFolders(this.on));
  }

  async turn(on: boolean): Promise<void> {
    this.on = on;
    localStorage.setItem(WATCHES, on ? 'yes' : 'no');
    await this.#ask(commands.watchFolders(on));
    await this.read();
  }

  async read(): Promise<void> {
    await this.#ask(commands.polledFolders().then((polled) => void (this.polled = polled)));
  }

  async #ask(call: Promise<unknown>): Promise<void> {
    try {
      await call;
    } catch (problem) {
      notices.wrong(sentenceOf(problem));
    }
  }
}

export const watching = new WatchState();
