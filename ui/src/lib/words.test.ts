// Ages and sizes as words.
import { expect, test } from 'vitest';
import { ageOf, kilobytes } from './words';

test('months count for small children, years for everybody else', () => {
  expect(ageOf({ years: 0, months: 0 })).toBe('0 years');
  expect(ageOf({ years: 0, months: 5 })).toBe('5 months');
  expect(ageOf({ years: 1, months: 3 })).toBe('1 year, 3 months');
  expect(ageOf({ years: 2, months: 0 })).toBe('2 years');
  expect(ageOf({ years: 41, months: 7 })).toBe('41 years');
});

test('sizes are short', () => {
  expect(kilobytes(310)).toBe('310 kB');
  expect(kilobytes(4_210)).toBe('4.2 MB');
  expect(kilobytes(2_500_000)).toBe('2.5 GB');
});
