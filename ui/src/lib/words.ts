// Numbers, dates, times and places as words a reader expects.

const counts = new Intl.NumberFormat('en');

/** `1,204` */
export function count(n: number): string {
  return counts.format(n);
}

/** `1 photo`, `1,204 photos` */
export function many(n: number, one: string, more = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : more}`;
}

// The dates of photos are local times without a zone: read and written as UTC they stay as they are.
const month = new Intl.DateTimeFormat('en', { month: 'long', year: 'numeric', timeZone: 'UTC' });
const day = new Intl.DateTimeFormat('en', { dateStyle: 'long', timeZone: 'UTC' });
const moment = new Intl.DateTimeFormat('en', {
  weekday: 'long',
  day: 'numeric',
  month: 'long',
  year: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
  hourCycle: 'h23',
  timeZone: 'UTC',
});

function written(format: Intl.DateTimeFormat, date: string): string {
  const time = Date.parse(`${date}Z`);
  return Number.isNaN(time) ? 'No date' : format.format(time);
}

/** `May 2019` of `2019-05`, `2019` of `2019` */
export function periodOf(key: string): string {
  return key.length > 4 ? written(month, `${key}-01T00:00:00`) : key || 'No date';
}

/** `May 12, 2019` */
export function dayOf(date: string): string {
  return written(day, date);
}

/** `Sunday, May 12, 2019 at 14:03` */
export function momentOf(date: string): string {
  return written(moment, date);
}

/** The year of a date, `2019` */
export function yearOf(date: string): string {
  return date.slice(0, 4);
}

/** `less than a minute left`, `about 12 minutes left`; empty while it cannot be told */
export function timeLeft(seconds: number | null): string {
  if (seconds === null) return '';
  if (seconds < 60) return 'less than a minute left';
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return `about ${many(minutes, 'minute')} left`;
  return `about ${many(Math.round(minutes / 60), 'hour')} left`;
}

/** `48.8584° N, 2.2945° E` */
export function placeOf([latitude, longitude]: [number, number]): string {
  const northSouth = latitude < 0 ? 'S' : 'N';
  const eastWest = longitude < 0 ? 'W' : 'E';
  return `${Math.abs(latitude).toFixed(4)}° ${northSouth}, ${Math.abs(longitude).toFixed(4)}° ${eastWest}`;
}

/** `7 years`, `1 year, 3 months`, `5 months`: months count for small children */
export function ageOf({ years, months }: { years: number; months: number }): string {
  const parts: string[] = [];
  if (years > 0 || months === 0) parts.push(many(years, 'year'));
  if (years < 3 && months > 0) parts.push(many(months, 'month'));
  return parts.join(', ');
}

/** `4.2 MB`, `310 kB` */
export function kilobytes(n: number): string {
  const [size, unit] = n >= 1e6 ? [n / 1e6, 'GB'] : n >= 1e3 ? [n / 1e3, 'MB'] : [n, 'kB'];
  return `${size >= 10 ? String(Math.round(size)) : size.toFixed(1)} ${unit}`;
}

/** The last part of a path, for either kind of slash */
export function fileName(path: string): string {
  return path.split(/[\\/]/).filter(Boolean).at(-1) ?? path;
}

const localDay = new Intl.DateTimeFormat('en', { dateStyle: 'full' });
const localTime = new Intl.DateTimeFormat('en', {
  hour: '2-digit',
  minute: '2-digit',
  hourCycle: 'h23',
});

/** `Today`, `Yesterday`, `Sunday, May 12, 2019`: the day of a moment, in seconds since 1970 */
export function dayAgo(at: number, now: Date = new Date()): string {
  const midnight = (date: Date) => new Date(date.getFullYear(), date.getMonth(), date.getDate());
  const then = new Date(at * 1000);
  const days = Math.round((midnight(now).getTime() - midnight(then).getTime()) / 86_400_000);
  if (days === 0) return 'Today';
  return days === 1 ? 'Yesterday' : localDay.format(then);
}

/** `14:03`: the time of a moment, in seconds since 1970 */
export function clockOf(at: number): string {
  return localTime.format(new Date(at * 1000));
}
