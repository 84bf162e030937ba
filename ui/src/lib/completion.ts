// Names offered while one types.
import { t } from './language.svelte';

/** What is needed of a person to offer their name. */
export interface Known {
  name: string;
  faces: number;
  /** Other names of theirs. */
  aliases: string[];
}

function plain(text: string): string {
  return text.normalize('NFD').replace(/\p{M}/gu, '').toLocaleLowerCase();
}

/** Up to `most` people whose name, or a later word of it, begins with what was typed; best known first. */
export function offer<T extends Known>(typed: string, people: T[], most = 6): T[] {
  const start = plain(typed.trim());
  if (!start) return [];
  const fit = (text: string) => {
    const name = plain(text);
    if (name.startsWith(start)) return 0;
    return name.split(/[\s-]+/).some((word) => word.startsWith(start)) ? 1 : 2;
  };
  const rank = (person: T) => Math.min(...[person.name, ...person.aliases].map(fit));
  return people
    .map((person) => ({ person, rank: rank(person) }))
    .filter(({ rank }) => rank < 2)
    .sort((a, b) => a.rank - b.rank || b.person.faces - a.person.faces)
    .slice(0, most)
    .map(({ person }) => person);
}

/** Those whose name, or a later word of it, begins with what was typed, in their order. */
export function withName<T extends Known>(typed: string, people: T[]): T[] {
  const fits = new Set(offer(typed, people, people.length));
  return people.filter((person) => fits.has(person));
}

/** The first offered name, when it simply goes on from what was typed; else nothing. */
export function completed(typed: string, offered: Known[]): string {
  const name = offered[0]?.name ?? '';
  return typed && name.toLocaleLowerCase().startsWith(typed.toLocaleLowerCase()) ? name : '';
}

/** Whether two spellings are one name: capitals make no difference. */
export function sameName(a: string, b: string): boolean {
  return a.toLocaleLowerCase() === b.toLocaleLowerCase();
}

/** The word of a query in which the cursor stands at the end: without its minus and quotes. */
export function lastWord(query: string): { before: string; word: string } {
  const match = /(?:^|\s)-?([^\s":]*:?"[^"]*|[^\s"]*)$/.exec(query);
  const word = match?.[1] ?? '';
  return { before: query.slice(0, query.length - word.length), word: word.replace(/^"/, '') };
}

/** A name as a query takes it: in quotes when it has a space. */
export function asQueryWord(name: string): string {
  return /\s/.test(name) ? `"${name}"` : name;
}

/** Something that can stand in a query. */
export interface QueryPart {
  /** As it is put into the query. */
  word: string;
  says: string;
  /** Whether more is typed behind it. */
  open?: boolean;
}

/** What a query can ask besides names and times, in words of the window's language; the engine knows them all. */
const queryParts = (): QueryPart[] => [
  { word: t('word.only'), says: t('query.only') },
  { word: t('word.or'), says: t('query.or') },
  { word: t('word.without'), says: t('query.without') },
  { word: t('word.unnamed'), says: t('query.unnamed') },
  { word: t('word.favourite'), says: t('query.favourite') },
  { word: `${t('word.stars')}:3+`, says: t('query.stars') },
  { word: `${t('word.faces')}:2+`, says: t('query.faces') },
  { word: `${t('word.faces')}:0`, says: t('query.nobody') },
  { word: `${t('word.in')}:`, says: t('query.in'), open: true },
  { word: `${t('word.camera')}:`, says: t('query.camera'), open: true },
  { word: `${t('word.file')}:`, says: t('query.file'), open: true },
];

/** The parts that go on from what was typed, the cameras behind `camera:`, and places behind `in:`. */
export function offerParts(
  typed: string,
  cameras: string[],
  places: { name: string; photos: number }[],
): QueryPart[] {
  const start = plain(typed);
  if (!start) return [];
  /** What stands behind a key, without its quote. */
  const behind = (key: string) =>
    start.startsWith(`${key}:`) ? start.slice(key.length + 1).replace(/^"/, '') : undefined;
  const place = behind(t('word.in'));
  if (place !== undefined) {
    return places
      .filter(({ name }) => ` ${plain(name).replaceAll('-', ' ')}`.includes(` ${place}`))
      .slice(0, 8)
      .map(({ name, photos }) => ({
        word: `${t('word.in')}:${asQueryWord(name)}`,
        says: t('count.photos', { n: photos }),
      }));
  }
  const maker = behind(t('word.camera'));
  if (maker !== undefined) {
    return cameras
      .filter((camera) => plain(camera).includes(maker))
      .slice(0, 8)
      .map((camera) => ({ word: `${t('word.camera')}:${asQueryWord(camera)}`, says: '' }));
  }
  return queryParts().filter((part) => part.word.startsWith(start) && part.word !== start);
}
