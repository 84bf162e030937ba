// How a search was understood, in both languages.
import { afterEach, expect, test } from 'vitest';
import type { Understood } from './bindings';
import { spoken } from './language.svelte';
import { meaningOf } from './understood';

afterEach(() => {
  spoken.wanted = 'system';
});

const faces = (least: number, most: number | null): Understood => ({ kind: 'faces', least, most });
const parts: [Understood, string, string][] = [
  [{ kind: 'with', names: ['Anna', 'Annabel'] }, 'with Anna or Annabel', 'mit Anna oder Annabel'],
  [{ kind: 'in', names: ['Norway', 'Norwich'] }, 'in Norway or Norwich', 'in Norway oder Norwich'],
  [faces(0, 0), 'without faces', 'ohne Gesichter'],
  [faces(1, 1), 'with 1 face', 'mit 1 Gesicht'],
  [faces(2, null), 'with 2 or more faces', 'mit mindestens 2 Gesichtern'],
  [faces(2, 4), 'with 2 to 4 faces', 'mit 2 bis 4 Gesichtern'],
  [{ kind: 'stars', least: 5, most: 5 }, '5 stars', '5 Sterne'],
  [
    {
      kind: 'either',
      parts: [
        { kind: 'without', names: ['Ben'] },
        { kind: 'not', part: { kind: 'favourite' } },
        { kind: 'unnamed' },
      ],
    },
    'without Ben, or not a favourite, or with somebody who has no name',
    'ohne Ben, oder nicht Favorit, oder mit jemandem ohne Namen',
  ],
];

test('each part of a search is a few words', () => {
  for (const [part, english] of parts) expect(meaningOf(part)).toBe(english);
  spoken.wanted = 'de';
  for (const [part, , german] of parts) expect(meaningOf(part)).toBe(german);
});
