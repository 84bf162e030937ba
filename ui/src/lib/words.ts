// Numbers, dates, times and places as a reader of the window's language expects them.
import type { PlaceName, Speed } from './api';
import { spoken, t } from './language.svelte';

/** A format of the system's, made once for each language. */
function format<Format>(make: (locale: string) => Format): () => Format {
  const made = new Map<string, Format>();
  return () => {
    const known = made.get(spoken.locale) ?? make(spoken.locale);
    made.set(spoken.locale, known);
    return known;
  };
}

const counts = format((locale) => new Intl.NumberFormat(locale));

/** `1,204` */
export function count(n: number): string {
  return counts().format(n);
}

const rates = format(
  (locale) => new Intl.NumberFormat(locale, { minimumFractionDigits: 1, maximumFractionDigits: 1 }),
);

/** `3.6 photos and 10.8 faces a second`; empty while it cannot be told */
export function speedOf(speed: Speed | null): string {
  if (speed?.photos == null || speed.faces == null) return '';
  const rate = (of: number) => rates().format(of);
  return t('jobs.speed', { photos: rate(speed.photos), faces: rate(speed.faces) });
}

// The dates of photos are local times without a zone: read and written as UTC they stay as they are.
const month = format(
  (locale) => new Intl.DateTimeFormat(locale, { month: 'long', year: 'numeric', timeZone: 'UTC' }),
);
const day = format(
  (locale) => new Intl.DateTimeFormat(locale, { dateStyle: 'long', timeZone: 'UTC' }),
);
const dateAndTime = format(
  (locale) =>
    new Intl.DateTimeFormat(locale, {
      weekday: 'long',
      day: 'numeric',
      month: 'long',
      year: 'numeric',
      hour: '2-digit',
      minute: '2-digit',
      hourCycle: 'h23',
      timeZone: 'UTC',
    }),
);

function written(format: Intl.DateTimeFormat, date: string): string {
  const time = Date.parse(`${date}Z`);
  return Number.isNaN(time) ? t('date.none') : format.format(time);
}

/** `May 2019` of `2019-05`, `2019` of `2019` */
export function periodOf(key: string): string {
  return key.length > 4 ? written(month(), `${key}-01T00:00:00`) : key || t('date.none');
}

/** `May 12, 2019` */
export function dayOf(date: string): string {
  return written(day(), date);
}

/** `Sunday, May 12, 2019 at 14:03` */
export function dateAndTimeOf(date: string): string {
  return written(dateAndTime(), date);
}

/** The year of a date, `2019` */
export function yearOf(date: string): string {
  return date.slice(0, 4);
}

/** `less than a minute left`, `about 12 minutes left`; empty while it cannot be told */
export function timeLeft(seconds: number | null): string {
  if (seconds === null) return '';
  if (seconds < 60) return t('left.moment');
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return t('left.minutes', { n: minutes });
  return t('left.hours', { n: Math.round(minutes / 60) });
}

const degrees = format(
  (locale) => new Intl.NumberFormat(locale, { minimumFractionDigits: 4, maximumFractionDigits: 4 }),
);

/** `48.8584° N, 2.2945° E` */
export function placeOf([latitude, longitude]: [number, number]): string {
  const northSouth = latitude < 0 ? t('compass.south') : t('compass.north');
  const eastWest = longitude < 0 ? t('compass.west') : t('compass.east');
  const number = (of: number) => degrees().format(Math.abs(of));
  return `${number(latitude)}° ${northSouth}, ${number(longitude)}° ${eastWest}`;
}

/** The country of a place: `Norway` */
export function countryOf(name: PlaceName): string {
  return spoken.now === 'de' ? name.country_german : name.country;
}

/** `7 years`, `1 year, 3 months`, `5 months`: months count for small children */
export function ageOf({ years, months }: { years: number; months: number }): string {
  const parts: string[] = [];
  if (years > 0 || months === 0) parts.push(t('age.years', { n: years }));
  if (years < 3 && months > 0) parts.push(t('age.months', { n: months }));
  return parts.join(', ');
}

/** `4.2 MB`, `310 kB` */
export function kilobytes(n: number): string {
  const [size, unit] = n >= 1e6 ? [n / 1e6, 'GB'] : n >= 1e3 ? [n / 1e3, 'MB'] : [n, 'kB'];
  return `${count(size >= 10 ? Math.round(size) : Math.round(size * 10) / 10)} ${unit}`;
}

const lists = format((locale) => new Intl.ListFormat(locale, { type: 'conjunction' }));

/** `Anna, Ben and Carl` */
export function listOf(names: string[]): string {
  return lists().format(names);
}

/** The last part of a path, for either kind of slash */
export function fileName(path: string): string {
  return path.split(/[\\/]/).filter(Boolean).at(-1) ?? path;
}

const localDay = format((locale) => new Intl.DateTimeFormat(locale, { dateStyle: 'full' }));
const localTime = format(
  (locale) =>
    new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }),
);

/** `Today`, `Yesterday`, `Sunday, May 12, 2019`: the day of a moment, in seconds since 1970 */
export function dayAgo(at: number, now: Date = new Date()): string {
  const midnight = (date: Date) => new Date(date.getFullYear(), date.getMonth(), date.getDate());
  const then = new Date(at * 1000);
  const days = Math.round((midnight(now).getTime() - midnight(then).getTime()) / 86_400_000);
  if (days === 0) return t('date.today');
  return days === 1 ? t('date.yesterday') : localDay().format(then);
}

/** `14:03`: the time of a moment, in seconds since 1970 */
export function clockOf(at: number): string {
  return localTime().format(new Date(at * 1000));
}

/** `Today, 14:03`: a moment, in seconds since 1970 */
export function momentOf(at: number): string {
  return `${dayAgo(at)}, ${clockOf(at)}`;
}
