// Watching the folders for changes: whether it is wanted, and of which folders the system tells nothing.
import { commands, type Polled } from './api';
import { told } from './notice.svelte';

const WATCHES = 'watches-folders';

class WatchState {
  /** Whether folders are watched; kept between starts. */
  on = $state(localStorage.getItem(WATCHES) !== 'no');
  /** The folders that are checked every so often instead. */
  polled = $state.raw<Polled[]>([]);

  /** Begins to watch, if that is wanted. */
  async follow(): Promise<void> {
    await told(commands.watchFolders(this.on));
  }

  async turn(on: boolean): Promise<void> {
    this.on = on;
    localStorage.setItem(WATCHES, on ? 'yes' : 'no');
    await told(commands.watchFolders(on));
    await this.read();
  }

  async read(): Promise<void> {
    await told(commands.polledFolders().then((polled) => void (this.polled = polled)));
  }
}

export const watching = new WatchState();
