// Names offered while one types.

/** What is needed of a person to offer their name. */
export interface Known {
  name: string;
  faces: number;
}

function plain(text: string): string {
  return text.normalize('NFD').replace(/\p{M}/gu, '').toLocaleLowerCase();
}

/** Up to `most` people whose name, or a later word of it, begins with what was typed; best known first. */
export function offer<T extends Known>(typed: string, people: T[], most = 6): T[] {
  const start = plain(typed.trim());
  if (!start) return [];
  const rank = (person: T) => {
    const name = plain(person.name);
    if (name.startsWith(start)) return 0;
    return name.split(/[\s-]+/).some((word) => word.startsWith(start)) ? 1 : 2;
  };
  return people
    .map((person) => ({ person, rank: rank(person) }))
    .filter(({ rank }) => rank < 2)
    .sort((a, b) => a.rank - b.rank || b.person.faces - a.person.faces)
    .slice(0, most)
    .map(({ person }) => person);
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
  const match = /(?:^|\s)-?("[^"]*|[^\s"]*)$/.exec(query);
  const word = match?.[1] ?? '';
  return { before: query.slice(0, query.length - word.length), word: word.replace(/^"/, '') };
}

/** A name as a query takes it: in quotes when it has a space. */
export function asQueryWord(name: string): string {
  return /\s/.test(name) ? `"${name}"` : name;
}
