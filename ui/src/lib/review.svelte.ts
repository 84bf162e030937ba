// The questions one goes through: which is asked now, what the last answer did, how far one is.
import type { Action, Outcome, Suggestion } from './api';
import { t } from './language.svelte';
import { library } from './library.svelte';
import { sayingOf } from './said';

/** What can be answered with a key; someone else is typed. */
export type Answer = 'yes' | 'no' | 'not-a-face' | 'unsure';

const keyOf = (of: Suggestion) => `${String(of.group)} ${String(of.person)}`;

class Review {
  /** Answers given since the window opened, those taken back left out. */
  answered = $state(0);
  /** What the last answer did, as a sentence; empty before the first. */
  last = $state('');
  /** While an answer is on its way, no second one is taken. */
  #busy = false;
  /** The question in the middle of the screen stays there while others come and go. */
  #shown = $state('');
  /** Questions that were answered, the last one last, so that each can be asked again. */
  #trail = $state.raw<{ question: string; decision: number }[]>([]);

  readonly question: Suggestion | undefined = $derived(
    library.suggestions.find((of) => keyOf(of) === this.#shown) ?? library.suggestions[0],
  );
  readonly next: Suggestion | undefined = $derived(
    library.suggestions.find((of) => of !== this.question),
  );
  readonly left = $derived(library.suggestions.length);
  readonly canTakeBack = $derived(this.#trail.length > 0);

  /** Keeps the question that is asked now in its place. */
  hold(): void {
    if (this.question) this.#shown = keyOf(this.question);
  }

  answer(answer: Answer): Promise<void> {
    const asked = this.question;
    if (!asked) return Promise.resolve();
    const { faces, group, person } = asked;
    const actions: Record<Answer, Action> = {
      yes: { kind: 'merge', person: group, into: person },
      no: { kind: 'reject', faces, person },
      'not-a-face': { kind: 'ignore', faces },
      unsure: { kind: 'unsure', faces, person },
    };
    return this.#say(asked, actions[answer], (outcome) => {
      if (answer === 'no') {
        return asked.name ? t('review.said.not', { name: asked.name }) : t('review.said.not-same');
      }
      if (answer === 'unsure') return t('review.said.unsure');
      if (answer === 'not-a-face') return `${sayingOf(outcome.said)}.`;
      return asked.name
        ? t('review.said.more', { n: outcome.photos_changed, name: asked.name })
        : t('review.said.joined');
    });
  }

  /** The group is somebody else, of this name. */
  someoneElse(name: string): Promise<void> {
    const asked = this.question;
    if (!asked) return Promise.resolve();
    return this.#say(asked, { kind: 'name', person: asked.group, name }, (outcome) =>
      t('review.said.more', { n: outcome.photos_changed, name }),
    );
  }

  /** Takes back the last answer, and asks its question again. */
  async takeBack(): Promise<void> {
    const before = this.#trail.at(-1);
    if (this.#busy || before === undefined) return;
    this.#busy = true;
    const { question, decision } = before;
    const outcome = await library.decide({ kind: 'take_back', decision }, 'quietly');
    // It may have been taken back on another screen; it is no answer any more either way.
    this.#trail = this.#trail.slice(0, -1);
    this.#shown = question;
    this.answered--;
    if (outcome) this.last = `${sayingOf(outcome.said)}.`;
    this.#busy = false;
  }

  async #say(
    asked: Suggestion,
    action: Action,
    sentence: (outcome: Outcome) => string,
  ): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    const outcome = await library.decide(action, 'quietly');
    if (outcome) {
      this.#trail = [...this.#trail, { question: keyOf(asked), decision: outcome.decision }];
      this.answered++;
      this.last = sentence(outcome);
    }
    this.#busy = false;
  }
}

export const review = new Review();
