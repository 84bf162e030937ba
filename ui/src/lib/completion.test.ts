// Names offered while typing, and the word of a query that is being typed.
import { expect, test } from 'vitest';
import { asQueryWord, completed, lastWord, offer, offerParts, sameName } from './completion';

const people = [
  { name: 'Anna Maria', faces: 3, aliases: [] },
  { name: 'Anna', faces: 40, aliases: [] },
  { name: 'Maria Ángela', faces: 9, aliases: [] },
  { name: 'Ben', faces: 12, aliases: ['Benjamin', 'Uncle B'] },
];
const names = (typed: string) => offer(typed, people).map((person) => person.name);

test('the best known comes first, later words come after first ones', () => {
  expect(names('an')).toEqual(['Anna', 'Anna Maria', 'Maria Ángela']);
  expect(names('mar')).toEqual(['Maria Ángela', 'Anna Maria']);
});

test('case and accents do not matter, and nothing typed offers nothing', () => {
  expect(names('ANG')).toEqual(['Maria Ángela']);
  expect(names('  ')).toEqual([]);
  expect(names('xyz')).toEqual([]);
});

test('whoever is called otherwise as well is offered by that name, too', () => {
  expect(names('unc')).toEqual(['Ben']);
  expect(names('benj')).toEqual(['Ben']);
  expect(completed('unc', offer('unc', people))).toBe('');
});

test('a name is completed only where it goes on from what was typed', () => {
  expect(completed('an', offer('an', people))).toBe('Anna');
  expect(completed('ang', offer('ang', people))).toBe('');
  expect(completed('', people)).toBe('');
});

test('capitals make no other name, letters do', () => {
  expect(sameName('anna', 'Anna')).toBe(true);
  expect(sameName('Ana', 'Anna')).toBe(false);
});

test('the word at the end of a query, with its minus and quotes put aside', () => {
  expect(lastWord('anna be')).toEqual({ before: 'anna ', word: 'be' });
  expect(lastWord('anna -ca')).toEqual({ before: 'anna -', word: 'ca' });
  expect(lastWord('with "anna m')).toEqual({ before: 'with ', word: 'anna m' });
  expect(lastWord('anna ')).toEqual({ before: 'anna ', word: '' });
});

test('a name with a space is asked for in quotes', () => {
  expect(asQueryWord('Anna Maria')).toBe('"Anna Maria"');
  expect(asQueryWord('Ben')).toBe('Ben');
});

test('parts of a query are offered, and cameras behind their key', () => {
  const places = [
    { name: 'Norway', photos: 12 },
    { name: 'New York', photos: 7 },
    { name: 'Île-de-France', photos: 1 },
  ];
  const words = (typed: string) =>
    offerParts(typed, ['Canon EOS 5D', 'NIKON Z 6'], places).map((p) => p.word);
  expect(words('fac')).toEqual(['faces:2+', 'faces:0']);
  expect(words('')).toEqual([]);
  expect(words('camera:')).toEqual(['camera:"Canon EOS 5D"', 'camera:"NIKON Z 6"']);
  expect(words('camera:nik')).toEqual(['camera:"NIKON Z 6"']);
  expect(words('in')).toEqual(['in:']);
  expect(words('in:n')).toEqual(['in:Norway', 'in:"New York"']);
  expect(words('in:york')).toEqual(['in:"New York"']);
  expect(words('in:ile')).toEqual(['in:Île-de-France']);
  expect(words('in:orway')).toEqual([]);
  expect(lastWord('anna in:"new y')).toEqual({ before: 'anna ', word: 'in:"new y' });
  expect(lastWord('anna camera:"can')).toEqual({ before: 'anna ', word: 'camera:"can' });
});
