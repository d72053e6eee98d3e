/* Old ALCO's parameters of `/grep/<index>/`, read as a view of ours; what we write is always ours.
 *
 *   start_ts, end_ts   moments, both included. They were the server's local time: where that is not UTC, it
 *                      leads to this page with the same moments in UTC (src/server/old_pages.c)
 *   search             words, with white space or commas between them: one phrase
 *   f=v, f__in=a,b     filters; `f__in` wins over `f`
 *   columns=a,b        as our `cols`
 *
 * Any other name is a field, as it was there. */

import { asText, isPlainText, onlyValue, toggleValue } from './query_text.ts';
import { formatNs, parseNs, readBound, trimZeros } from './time.ts';

const OURS = ['q', 'from', 'to', 'context', 'cols', 'line'];
const THEIRS = ['start_ts', 'end_ts', 'search', 'columns', 'id', 'cursor', 'page', 'format'];

/* As the server writes them and as forms of Django took them: `11/22/2026`, `11/22/26`. Empty: none of these. */
function oldMoment(text: string | null): string {
  return readBound((text ?? '').replace(/^(\d\d?)\/(\d\d?)\/(\d\d)?(\d\d)(?!\d)/, (_, month, day, century, year) =>
    `${century ?? (Number(year) < 69 ? '20' : '19')}${year}-${month.padStart(2, '0')}-${day.padStart(2, '0')}`), 'utc', 0) ?? '';
}

export function oldStart(params: URLSearchParams): string {
  return oldMoment(params.get('start_ts'));
}

/* Ours is the first moment that is left out; theirs counted microseconds. */
export function oldEnd(params: URLSearchParams): string {
  const last = parseNs(oldMoment(params.get('end_ts')));
  return last === null ? '' : trimZeros(formatNs(last + 1000n));
}

/* A comma stood for any gap between two words, so it may be one of more than white space. */
function oldSearch(text: string): string {
  const words = text.split(/[\s,]+/).filter((word) => word !== '');
  if (text.includes(',') && words.length > 1) {
    return `/${words.map((word) => word.replace(/[^\w\u0080-\uffff]/g, '\\$&')).join('[\\s[:punct:]]+')}/i`;
  }
  const phrase = words.join(' ');
  return isPlainText(phrase) ? phrase : asText(phrase);
}

/* `q` with what the old parameters add to it. */
export function queryWithOld(params: URLSearchParams): string {
  let q = params.get('q') ?? '';
  const filters = new Map<string, string[]>();
  for (const [name, value] of params) {
    if (OURS.includes(name) || THEIRS.includes(name) || value === '') continue;
    const list = /^(.+)__in$/.exec(name);
    if (list !== null) filters.set(list[1]!, value.split(',').filter((item) => item !== ''));
    else if (!params.has(`${name}__in`)) filters.set(name, [value]);
  }
  for (const [field, values] of filters) {
    values.forEach((value, i) => (q = (i === 0 ? onlyValue : toggleValue)(q, field, value)));
  }
  return hasOldSearch(params) ? `${oldSearch(params.get('search')!)} ${q}`.trim() : q;
}

export function hasOldSearch(params: URLSearchParams): boolean {
  return /[^\s,]/.test(params.get('search') ?? '');
}
