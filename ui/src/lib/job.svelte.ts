// The job that looks through folders: its news, its buttons, and screens kept fresh meanwhile.
import { Channel } from '@tauri-apps/api/core';
import { commands, sentenceOf } from './api';
import type { JobNews, MoveAnswer, MovedFolder, Progress } from './api';
import { t } from './language.svelte';
import { library } from './library.svelte';
import { notices, told } from './notice.svelte';

/** Screens are read anew this often at most while the job runs … */
const CALM_MS = 2500;
/** … and so seldom that reading takes at most a tenth of the time. */
const REST = 10;

const WAITS = 'waits-for-mains';

class JobState {
  progress = $state.raw<Progress | null>(null);
  paused = $state(false);
  /** Whether it waits because the power comes from a battery. */
  onBattery = $state(false);
  /** Whether it is to wait then; kept between starts. */
  waitsForMains = $state(localStorage.getItem(WAITS) === 'yes');
  /** A folder that looks like one of the library at a new place, while the job waits for an answer. */
  asking = $state.raw<MovedFolder | null>(null);
  readonly running = $derived(this.progress !== null);

  #due = 0;
  #refreshing = false;
  #seen = -1;

  /** Listens to the job for as long as the window is open. */
  async follow(): Promise<void> {
    const listener = new Channel<JobNews>();
    listener.onmessage = (news) => this.#hear(news);
    await commands.followJob(listener);
    await told(commands.waitForMains(this.waitsForMains));
  }

  usePictures = () => told(commands.usePictures());
  chooseFolders = () => told(commands.chooseFolders(t('chooser.folders')));
  checkAgain = () => told(commands.checkAgain());
  pause = () => told(commands.pauseJob());
  resume = () => told(commands.resumeJob());
  cancel = () => told(commands.cancelJob());

  answer = (answer: MoveAnswer) => told(commands.answerMove(answer));

  async waitForMains(wanted: boolean): Promise<void> {
    this.waitsForMains = wanted;
    localStorage.setItem(WAITS, wanted ? 'yes' : 'no');
    await told(commands.waitForMains(wanted));
  }

  #hear(news: JobNews): void {
    this.asking = news.kind === 'asking' ? news.moved : null;
    if (news.kind === 'asking') return;
    if (news.kind === 'running') {
      this.progress = news.progress;
      this.paused = news.paused;
      this.onBattery = news.on_battery;
      void this.#refreshCalmly(news.progress.done);
      return;
    }
    void this.#end();
    if (news.kind === 'postponed') return;
    if (news.kind === 'failed') {
      notices.wrong(sentenceOf(news.problem));
    } else if (news.summary.cancelled) {
      notices.say(t('jobs.stopped'));
    } else if (!news.watched) {
      const { photos, faces } = news.summary;
      notices.say(t('jobs.done', { photos, faces }));
    }
  }

  /** The last photos are on the screens before the job is said to be over. */
  async #end(): Promise<void> {
    const last = this.progress;
    await this.#refreshNow();
    if (this.progress === last) {
      this.progress = null;
      this.paused = false;
      this.onBattery = false;
    }
  }

  async #refreshCalmly(done: number): Promise<void> {
    if (this.#refreshing || done === this.#seen || performance.now() < this.#due) return;
    this.#seen = done;
    await this.#refreshNow();
  }

  async #refreshNow(): Promise<void> {
    this.#refreshing = true;
    const start = performance.now();
    await told(library.refresh());
    const end = performance.now();
    this.#due = end + Math.max(CALM_MS, (end - start) * REST);
    this.#refreshing = false;
  }
}

export const job = new JobState();
