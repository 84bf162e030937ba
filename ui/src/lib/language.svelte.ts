// The language of the window: the system's, or the one the user wants; kept between starts. Every
// text comes from its catalog.
import { IntlMessageFormat } from 'intl-messageformat';
import de from './languages/de.json';
import en from './languages/en.json';

/** A text of the catalogs. */
export type Text = keyof typeof en;

const catalogs: Record<'en' | 'de', Record<Text, string>> = { en, de };

export type Language = keyof typeof catalogs;
export type Wanted = Language | 'system';

/** The languages there are, each by its own name, so that one finds back to one's own. */
export const languages: { language: Language; name: string }[] = [
  { language: 'en', name: 'English' },
  { language: 'de', name: 'Deutsch' },
];

const KEY = 'language';
const of = (locale: string) => locale.split('-')[0];
const isKnown = (name: string | null | undefined): name is Language =>
  languages.some(({ language }) => language === name);

class Spoken {
  wanted = $state<Wanted>('system');
  /** What the system speaks, the dearest first. */
  #system = $state.raw<readonly string[]>([]);

  readonly now: Language = $derived(
    this.wanted === 'system' ? (this.#system.map(of).find(isKnown) ?? 'en') : this.wanted,
  );
  /** The language as dates and numbers know it, with the country where the system names it. */
  readonly locale: string = $derived(
    this.#system.find((locale) => of(locale) === this.now) ?? this.now,
  );

  /** Speaks so from now on. */
  speak(wanted: Wanted): void {
    localStorage.setItem(KEY, wanted);
    this.#speak(wanted);
  }

  /** Speaks as it was chosen, and follows the system where nothing was. */
  follow(): void {
    const kept = localStorage.getItem(KEY);
    this.#speak(isKnown(kept) ? kept : 'system');
    window.addEventListener('languagechange', () => this.#speak(this.wanted));
  }

  #speak(wanted: Wanted): void {
    this.wanted = wanted;
    this.#system = navigator.languages;
    document.documentElement.lang = this.now;
  }
}

export const spoken = new Spoken();

/** Each is read once for a language. */
const messages: Partial<Record<string, IntlMessageFormat>> = {};

/** A text in the language of the window, with what belongs into it. */
export function t(key: Text, values?: Record<string, string | number>): string {
  const name = `${spoken.locale} ${key}`;
  const message = (messages[name] ??= new IntlMessageFormat(
    catalogs[spoken.now][key],
    spoken.locale,
    undefined,
    { ignoreTag: true },
  ));
  return String(message.format(values));
}
