// Ages and sizes as words, in both languages.
import { afterEach, expect, test } from 'vitest';
import { spoken } from './language.svelte';
import { ageOf, count, dayOf, kilobytes, placeOf, speedOf, timeLeft } from './words';

afterEach(() => {
  spoken.wanted = 'system';
});

test('months count for small children, years for everybody else', () => {
  expect(ageOf({ years: 0, months: 0 })).toBe('0 years');
  expect(ageOf({ years: 0, months: 5 })).toBe('5 months');
  expect(ageOf({ years: 1, months: 3 })).toBe('1 year, 3 months');
  expect(ageOf({ years: 2, months: 0 })).toBe('2 years');
  expect(ageOf({ years: 41, months: 7 })).toBe('41 years');
});

test('speed is told to a tenth, once it is known', () => {
  expect(speedOf(null)).toBe('');
  expect(speedOf({ photos: 3.62, faces: 10 })).toBe('3.6 photos and 10.0 faces a second');
  spoken.wanted = 'de';
  expect(speedOf({ photos: 3.62, faces: 1234.5 })).toBe(
    '3,6 Fotos und 1.234,5 Gesichter in der Sekunde',
  );
});

test('sizes are short', () => {
  expect(kilobytes(310)).toBe('310 kB');
  expect(kilobytes(4_210)).toBe('4.2 MB');
  expect(kilobytes(2_500_000)).toBe('2.5 GB');
});

test('numbers, dates and places are written as the language has it', () => {
  expect(dayOf('2019-05-12T14:03:00')).toBe('May 12, 2019');
  spoken.wanted = 'de';
  expect(ageOf({ years: 1, months: 3 })).toBe('1 Jahr, 3 Monate');
  expect(kilobytes(4_210)).toBe('4,2 MB');
  expect(count(12_040)).toBe('12.040');
  expect(dayOf('2019-05-12T14:03:00')).toBe('12. Mai 2019');
  expect(placeOf([48.8584, 2.2945])).toBe('48,8584° N, 2,2945° O');
  expect(timeLeft(120)).toBe('noch etwa 2 Minuten');
});
