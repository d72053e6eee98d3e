/* The address is the state: what it says can be shared, bookmarked and gone back to.
 *
 *   /grep/web,db/?q=timeout&from=-1h&to=&line=1732273400118000000&context=y
 *
 * `q`, `from` and `to` are the API's own parameters. `line` names the current row by its id (behind
 * `index:` when several indexes are read). `context=y` shows the lines around the hits of `q`: its filters
 * stay, its text does not; with `context=all` its filters go too. Old ALCO's parameters are read as well (old_address.ts), but not
 * written. An address of ours has at least `from`, be it empty: without any it is old ALCO's short form, which
 * the server completes with a start. */

import { hasOldSearch, oldEnd, oldStart, queryWithOld } from './old_address.ts';

export interface RowRef {
  index: string;
  id: string; /* decimal, up to 20 digits: never a Number */
}

export type Context = 'off' | 'filtered' | 'all';

export interface View {
  indexes: string[];
  q: string;
  from: string; /* empty: open */
  to: string;
  context: Context;
  line: RowRef | null;
  columns: string[] | null; /* null: the page's own choice */
}

export type Route = { page: 'indexes' } | { page: 'admin' } | { page: 'log'; view: View };

export function parseAddress(path: string, query: string): Route {
  if (/^\/admin\/?$/.test(path)) return { page: 'admin' };
  const m = /^\/grep\/([^/]+)\/?$/.exec(path);
  const indexes = (m === null ? '' : decode(m[1]!)).split(',').filter((name) => name !== '');
  if (indexes.length === 0) return { page: 'indexes' };
  const params = new URLSearchParams(query);
  const columns = params.get('cols') ?? (params.get('columns') || null);
  return {
    page: 'log',
    view: {
      indexes,
      q: queryWithOld(params),
      from: params.get('from') ?? oldStart(params),
      to: params.get('to') ?? oldEnd(params),
      context: params.has('q') || hasOldSearch(params) ? parseContext(params.get('context')) : 'off', /* hits of what? */
      line: parseLine(params.get('line') ?? '', indexes),
      columns: columns === null ? null : splitNames(columns),
    },
  };
}

function parseContext(text: string | null): Context {
  return text === 'y' ? 'filtered' : text === 'all' ? 'all' : 'off';
}

/* Names as one text; a name may hold the comma itself. */
export function joinNames(names: readonly string[]): string {
  return names.map((name) => name.replace(/[%,]/g, encodeURIComponent)).join(',');
}

export function splitNames(text: string): string[] {
  return text.split(',').filter((name) => name !== '').map(decode);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function parseLine(text: string, indexes: readonly string[]): RowRef | null {
  const m = /^(?:(\w{1,20}):)?(\d{1,20})$/.exec(text);
  return m === null ? null : { index: m[1] ?? indexes[0]!, id: m[2]! };
}

export function logAddress(view: View): string {
  const params = new URLSearchParams();
  if (view.q !== '') params.set('q', view.q);
  params.set('from', view.from);
  if (view.to !== '') params.set('to', view.to);
  if (view.context !== 'off') params.set('context', view.context === 'all' ? 'all' : 'y');
  if (view.columns !== null) params.set('cols', joinNames(view.columns));
  if (view.line !== null) {
    const { index, id } = view.line;
    params.set('line', view.indexes.length > 1 ? `${index}:${id}` : id);
  }
  return `${indexPath(view.indexes)}?${params.toString()}`;
}

function indexPath(indexes: readonly string[]): string {
  return `/grep/${indexes.map(encodeURIComponent).join(',')}/`;
}

/* All that an index holds, the newest lines first in view. */
export function indexAddress(indexes: readonly string[]): string {
  return `${indexPath(indexes)}?from=`;
}

/* From a fixed moment on: such a view begins at its beginning, every other one at its newest line. */
export function isSinceMoment(view: View): boolean {
  return /^\d/.test(view.from) && view.to === '';
}
