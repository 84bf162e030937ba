// What Kith learns from answers: whether it does so by itself, what it learned so far, and which of it is
// used.
import { Channel } from '@tauri-apps/api/core';
import { commands, sentenceOf, type LearnedVersion, type LearningNews } from './api';
import { t } from './language.svelte';
import { library } from './library.svelte';
import { notices, told } from './notice.svelte';

const BY_ITSELF = 'learns-by-itself';

class LearningState {
  /** The share that is done of what is being learned; none while nothing is. */
  share = $state<number | null>(null);
  /** What was learned, the newest first. */
  versions = $state.raw<LearnedVersion[]>([]);
  /** Whether it learns some seconds after an answer; kept between starts. */
  byItself = $state(localStorage.getItem(BY_ITSELF) !== 'no');
  readonly used = $derived(this.versions.find((version) => version.used)?.version ?? null);

  /** Whether somebody waits for what is being learned, and wants to hear of it however it turns out. */
  #asked = false;

  /** Listens for as long as the window is open. */
  async follow(): Promise<void> {
    const listener = new Channel<LearningNews>();
    listener.onmessage = (news) => this.#hear(news);
    await commands.followLearning(listener);
    await commands.learnByItself(this.byItself);
    await this.read();
  }

  async read(): Promise<void> {
    this.versions = await commands.learned();
  }

  /** From now on it learns some seconds after an answer, or only when it is told to. */
  async learnByItself(wanted: boolean): Promise<void> {
    this.byItself = wanted;
    localStorage.setItem(BY_ITSELF, wanted ? 'yes' : 'no');
    await told(commands.learnByItself(wanted));
  }

  async learnNow(): Promise<void> {
    this.share = 0;
    this.#asked = true;
    if (!(await told(commands.learnNow()))) this.share = null;
  }

  /** Uses a version, or the network as it came, and says so with the way back. */
  async use(version: number | null): Promise<void> {
    const before = this.used;
    if (version === before || !(await this.#use(version))) return;
    const of = this.versions.find((each) => each.version === version);
    notices.say(of ? learnedFrom(of) : t('learned.none.used'), () => void this.use(before));
  }

  async #use(version: number | null): Promise<boolean> {
    return told(
      commands.useLearned(version).then(async () => {
        await this.read();
        await library.refresh();
      }),
    );
  }

  #hear(news: LearningNews): void {
    if (news.kind === 'running') {
      this.share = news.done / Math.max(1, news.total);
      return;
    }
    const asked = this.#asked;
    this.#asked = false;
    this.share = null;
    if (news.kind === 'learned') void this.#end(news.version, asked);
    // By itself it fails in silence: nobody waits for it, and it tries again after the next answers.
    else if (news.kind === 'failed' && asked) notices.wrong(sentenceOf(news.problem));
  }

  async #end(version: LearnedVersion, asked: boolean): Promise<void> {
    const before = this.used;
    await told(this.read());
    if (version.used) {
      await told(library.refresh());
      notices.say(learnedFrom(version), () => void this.use(before));
    } else if (asked) notices.say(`${learnedFrom(version)}. ${t('learned.no-better')}`);
  }
}

/** `Learned from 212 of your answers; mistakes on answers it had not seen: 9 → 4` */
export function learnedFrom(version: LearnedVersion): string {
  const { answers, faces, mistakes_before: before, mistakes: after } = version;
  if (faces === 0) return t('learned.untried', { answers });
  return t('learned.from', { answers, before, after });
}

export const learning = new LearningState();
