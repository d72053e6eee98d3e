/* Times as the server writes them (RFC 3339, UTC, nine digits) and as people read and type them.
 *
 * A time stays a string, or a bigint of nanoseconds where it is compared: a Number would lose the last
 * digits. The browser is asked for one thing only, the offset of the local zone. */

export type Zone = 'utc' | 'local';

const SHAPE = /^(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?(Z|[+-]\d\d:?\d\d)?$/i;

const WEEKDAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const MONTHS = [
  'January', 'February', 'March', 'April', 'May', 'June',
  'July', 'August', 'September', 'October', 'November', 'December',
];
const UNITS: Readonly<Record<string, number>> = {
  s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000,
};

/* Nanoseconds since 1970 of an RFC 3339 time; null if it is none. Without an offset it is UTC. */
export function parseNs(text: string): bigint | null {
  const m = SHAPE.exec(text);
  if (m === null) return null;
  const [, year, month, day, hour, minute, second = '0', fraction = '', offset] = m;
  const date = new Date(0);
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  date.setUTCHours(Number(hour), Number(minute), Number(second));
  if (date.getUTCDate() !== Number(day) || date.getUTCMonth() !== Number(month) - 1) return null;
  let ms = date.getTime();
  if (offset !== undefined && offset.toUpperCase() !== 'Z') {
    const digits = offset.replace(':', '');
    const minutes = Number(digits.slice(1, 3)) * 60 + Number(digits.slice(3, 5));
    ms -= (digits[0] === '-' ? -minutes : minutes) * 60_000;
  }
  return BigInt(ms) * 1_000_000n + BigInt(fraction.padEnd(9, '0') || '0');
}

export function msOf(time: string): number {
  const ns = parseNs(time);
  return ns === null ? NaN : Number(ns / 1_000_000n);
}

/* RFC 3339 in UTC with nine digits, as the server writes it. */
export function formatNs(ns: bigint): string {
  let ms = ns / 1_000_000n;
  let rest = ns % 1_000_000n;
  if (rest < 0n) (rest += 1_000_000n), (ms -= 1n);
  return new Date(Number(ms)).toISOString().slice(0, -1) + String(rest).padStart(6, '0') + 'Z';
}

/* What the clock on the wall reads, counted as if it were UTC; milliseconds. */
export function wallOf(ms: number, zone: Zone): number {
  return zone === 'utc' ? ms : ms - new Date(ms).getTimezoneOffset() * 60_000;
}

/* The instant at which the clock on the wall reads so; of two such instants the later one. */
export function instantOfWall(wall: number, zone: Zone): number {
  if (zone === 'utc') return wall;
  const about = wall + new Date(wall).getTimezoneOffset() * 60_000;
  return wall + new Date(about).getTimezoneOffset() * 60_000;
}

/* The same instant with the wall clock of `zone`, still written as a UTC string: what to cut from. */
function wallClock(time: string, zone: Zone): string {
  if (zone === 'utc') return time;
  const ms = msOf(time);
  if (Number.isNaN(ms)) return time;
  return new Date(wallOf(ms, zone)).toISOString().slice(0, 19) + time.slice(19);
}

/* `10:53:20.118` */
export function clock(time: string, zone: Zone): string {
  return wallClock(time, zone).slice(11, 23);
}

/* `2026-11-22`, to see where a new day begins. */
export function dayOf(time: string, zone: Zone): string {
  return wallClock(time, zone).slice(0, 10);
}

/* `2026-11-22 10:53:20.118482913 UTC`, the whole truth for a tooltip. */
export function fullTime(time: string, zone: Zone): string {
  const wall = wallClock(time, zone);
  return `${wall.slice(0, 10)} ${wall.slice(11).replace(/Z$/, '')} ${zoneName(zone)}`;
}

export function zoneName(zone: Zone): string {
  if (zone === 'utc') return 'UTC';
  return Intl.DateTimeFormat().resolvedOptions().timeZone || 'local time';
}

/* `Sunday 22 November 2026, UTC` for the day a record was logged. */
export function dayTitle(time: string, zone: Zone): string {
  const day = dayOf(time, zone);
  const date = new Date(`${day}T00:00:00Z`);
  if (Number.isNaN(date.getTime())) return day;
  const name = `${WEEKDAYS[date.getUTCDay()]} ${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]}`;
  return `${name} ${day.slice(0, 4)}, ${zoneName(zone)}`;
}

/* Milliseconds of `-15m`, `2h`, `7d`; null if it is no such span. */
export function spanMs(text: string): number | null {
  const m = /^-?(\d+(?:\.\d+)?)(s|m|h|d|w)$/.exec(text.trim());
  const unit = m === null ? undefined : UNITS[m[2]!];
  return unit === undefined ? null : Number(m![1]) * unit;
}

/* A bound of the range as the API takes it, from what a person typed: empty (open), `now`, `-2h`, an
 * epoch, a date, a clock time of today, or a date and time in the zone the page shows. null: no time. */
export function readBound(typed: string, zone: Zone, nowMs: number): string | null {
  const text = typed.trim();
  if (text === '' || text === 'now' || /^\d{9,19}$/.test(text)) return text;
  if (/^-/.test(text)) return spanMs(text) === null ? null : text;
  let full = text;
  if (/^\d{1,2}:\d\d/.test(text)) {
    full = `${dayOf(new Date(nowMs).toISOString(), zone)} ${/^\d:/.test(text) ? '0' : ''}${text}`;
  } else if (/^\d{4}-\d\d-\d\d$/.test(text)) {
    full = `${text} 00:00`;
  }
  const ns = parseNs(full);
  if (ns === null) return null;
  if (zone === 'utc' || /(Z|[+-]\d\d:?\d\d)$/i.test(full)) return trimZeros(formatNs(ns));
  const wall = Number(ns / 1_000_000n);
  return trimZeros(formatNs(ns + BigInt(instantOfWall(wall, zone) - wall) * 1_000_000n));
}

/* `…:20.500000000Z` -> `…:20.5Z`, `…:00.000000000Z` -> `…:00Z`: short addresses. */
export function trimZeros(time: string): string {
  return time.replace(/(\.\d*?)0+Z$/, (_, kept: string) => `${kept === '.' ? '' : kept}Z`);
}

/* A bound as an instant; null if open. `nowMs` is the server's clock. */
export function boundNs(bound: string, nowMs: number): bigint | null {
  if (bound === '') return null;
  if (bound === 'now') return BigInt(Math.round(nowMs)) * 1_000_000n;
  if (bound.startsWith('-')) {
    const span = spanMs(bound);
    return span === null ? null : BigInt(Math.round(nowMs - span)) * 1_000_000n;
  }
  if (/^\d+$/.test(bound)) {
    const scale = bound.length <= 10 ? 1_000_000_000n : bound.length <= 13 ? 1_000_000n
      : bound.length <= 16 ? 1000n : 1n;
    return BigInt(bound) * scale;
  }
  return parseNs(bound);
}

/* A bound as the API takes it, with `now` and `-2h` made an instant, so that it does not move on. */
export function instantBound(bound: string, nowMs: number): string {
  const ns = bound.startsWith('-') || bound === 'now' ? boundNs(bound, nowMs) : null;
  return ns === null ? bound : trimZeros(formatNs(ns));
}

/* `15m`, `2h`, `3d` for a number of milliseconds. */
export function shortSpan(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)}ms`;
  for (const [unit, size] of [['d', UNITS.d!], ['h', UNITS.h!], ['m', UNITS.m!]] as const) {
    if (ms >= size) return `${Math.round((ms / size) * 10) / 10}${unit}`;
  }
  return `${Math.round(ms / 100) / 10}s`;
}
