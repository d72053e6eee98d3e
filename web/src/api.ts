/* The server's API as typed calls. Nothing else in the page knows addresses or JSON shapes.
 *
 * Every call takes a signal and throws `Problem` with the server's own sentence. Values that were logged
 * keep their spelling (json.ts). `serverNowMs` is the clock that relative times are reckoned by: the
 * browser's may be wrong. */

import type { Bucket, Histogram } from './buckets.ts';
import { gateOpenings, noteServed, waitAtGate } from './gate.ts';
import { isScalar, parseJson, plainText, type Json, type JsonObject } from './json.ts';
import { levelOf } from './level.ts';
import { msOf } from './time.ts';
import type { RowRef } from './url_state.ts';
import { rowKey, type Edge, type Order, type Page, type Places, type Row } from './window.ts';

export class Problem extends Error {
  constructor(
    message: string,
    readonly status: number,
    readonly column: number | null = null, /* where reading the query stopped, from 1 */
    readonly waitS: number | null = null, /* not before so many seconds again */
  ) {
    super(message);
  }
}

export interface IndexInfo {
  name: string;
  records: number;
  bytes: number;
  intervals: number; /* days that are kept */
  first: string | null;
  last: string | null;
  lastFiveMinutes: number | null;
}

export interface FieldInfo {
  name: string;
  filtered: boolean;
  display: boolean;
  context: boolean;
}

/* What is read: `q` within `from <= time < to`, bounds as instants or empty. */
export interface Reading {
  indexes: readonly string[];
  q: string;
  from: string;
  to: string;
}

/* How an answer came about. */
export interface Report {
  tookMs: number | null;
  readAs: string | null;
  partial: boolean;
  why: Reason[];
}

/* What is missing: `time` means that the server stopped looking; a damaged file has its name here. */
export interface Reason {
  part: string;
  why: string;
}

export interface ValueCount {
  value: string;
  count: number;
}

let clockSkewMs = 0;

export function serverNowMs(): number {
  return Date.now() + clockSkewMs;
}

type Params = Record<string, string | number | undefined>;

function address(path: string, params: Params): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) {
    if (value !== undefined && value !== '') query.set(name, String(value));
  }
  const text = query.toString();
  return text === '' ? path : `${path}?${text}`;
}

export function indexPath(indexes: readonly string[], what: string): string {
  return `/api/v1/indexes/${indexes.map(encodeURIComponent).join(',')}/${what}`;
}

function get(path: string, params: Params, signal?: AbortSignal): Promise<Json> {
  return getJson(address(path, params), signal);
}

export async function getJson(path: string, signal?: AbortSignal): Promise<Json> {
  const response = await request(path, () => ({
    headers: { accept: 'application/json' },
    ...(signal === undefined ? {} : { signal }),
  }));
  const text = await response.text();
  try {
    return parseJson(text);
  } catch {
    throw new Problem('The server sent an answer that is not JSON.', response.status);
  }
}

export function sendJson(method: string, body: unknown, headers: Record<string, string> = {}): RequestInit {
  return { method, body: JSON.stringify(body), headers: { 'content-type': 'application/json', ...headers } };
}

/* One answer that is a success. When the server does not know who asks this waits for a login and asks again,
 * with what `init` then makes. */
export async function request(path: string, init: () => RequestInit): Promise<Response> {
  for (;;) {
    const options = init();
    const openings = gateOpenings();
    try {
      const response = await ask(path, options);
      noteServed();
      return response;
    } catch (error) {
      if (!(error instanceof Problem) || error.status !== 401) throw error;
      if (openings === gateOpenings()) await waitAtGate(error.message, options.signal);
    }
  }
}

/* The same without waiting. */
export async function ask(path: string, init: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, init);
  } catch (error) {
    if (isAbort(error)) throw error;
    throw new Problem('The server does not answer.', 0);
  }
  noteClock(response);
  if (!response.ok) throw problemOf(response.status, await response.text(), response.headers.get('retry-after'));
  return response;
}

export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError';
}

function noteClock(response: Response): void {
  const date = Date.parse(response.headers.get('date') ?? '');
  if (!Number.isNaN(date)) {
    const skew = date - Date.now();
    clockSkewMs = Math.abs(skew) < 2000 ? 0 : skew; /* the header counts whole seconds */
  }
}

export function problemOf(status: number, text: string, retryAfter: string | null = null): Problem {
  let detail = '';
  let column: number | null = null;
  try {
    const body = object(parseJson(text));
    detail = string(body.get('detail')) || string(body.get('title'));
    const at = body.get('column');
    if (typeof at === 'number') column = at;
  } catch {
    detail = '';
  }
  const named = /\bcolumn (\d+)/.exec(detail);
  if (column === null && named !== null) column = Number(named[1]);
  if (detail === '') detail = status === 401 ? 'This server asks for a login.' : `The server answered ${status}.`;
  const waitS = /^\d+$/.test(retryAfter ?? '') ? Number(retryAfter) : null;
  return new Problem(detail, status, column, waitS);
}

/* ---- reading JSON that may lack what we expect ---- */

function object(json: Json | undefined): JsonObject {
  return json instanceof Map ? json : new Map();
}

function list(json: Json | undefined): Json[] {
  return Array.isArray(json) ? json : [];
}

function string(json: Json | undefined): string {
  return typeof json === 'string' ? json : '';
}

function number(json: Json | undefined): number {
  return json === undefined || !isScalar(json) ? NaN : Number(json === null ? NaN : json);
}

function report(body: JsonObject): Report {
  const took = number(body.get('took_ms'));
  return {
    tookMs: Number.isNaN(took) ? null : took,
    readAs: string(body.get('read_as')) || null,
    partial: body.get('partial') === true,
    why: list(body.get('partial_why')).map((item) => {
      const reason = object(item);
      return { part: string(reason.get('part')), why: string(reason.get('why')) };
    }),
  };
}

function places(json: Json | undefined): Places {
  return list(json).map((pair) => {
    const [start, length] = list(pair);
    return [number(start), number(length)] as const;
  });
}

/* What an event of a tail says of its answer. */
export function readReport(json: Json): Report {
  return report(object(json));
}

export function readHit(json: Json, fallbackIndex: string): Row {
  const hit = object(json);
  const id = plainText(hit.get('id') ?? '0');
  const index = string(hit.get('index')) || fallbackIndex;
  const fields = object(hit.get('fields'));
  const message = string(hit.get('message'));
  let size = message.length + 100;
  for (const value of fields.values()) size += typeof value === 'string' ? value.length + 20 : 60;
  return {
    key: rowKey({ id, index }), id, index, fields, message, size,
    time: string(hit.get('time')),
    highlights: places(hit.get('highlights')),
    fieldHighlights: new Map([...object(hit.get('field_highlights'))].map(([name, json]) => [name, places(json)])),
    level: levelOf(fields),
  };
}

/* ---- calls ---- */

export async function listIndexes(signal?: AbortSignal): Promise<IndexInfo[]> {
  const body = object(await get('/api/v1/indexes', {}, signal));
  return list(body.get('indexes')).map(readIndex);
}

export async function indexInfo(name: string): Promise<IndexInfo> {
  return readIndex(await get(`/api/v1/indexes/${encodeURIComponent(name)}`, {}));
}

function readIndex(json: Json): IndexInfo {
  const index = object(json);
  const stats = object(index.get('stats'));
  const recent = number(stats.get('last_5m'));
  return {
    name: string(index.get('name')),
    intervals: number(index.get('intervals')) || 30,
    records: number(stats.get('records')) || 0,
    bytes: number(stats.get('bytes')) || 0,
    first: string(stats.get('first')) || null,
    last: string(stats.get('last')) || null,
    lastFiveMinutes: Number.isNaN(recent) ? null : recent,
  };
}

export interface Shortcut {
  name: string;
  description: string;
}

/* Saved searches of an index. */
export async function listShortcuts(index: string, signal?: AbortSignal): Promise<Shortcut[]> {
  const body = object(await get(indexPath([index], 'shortcuts'), {}, signal));
  return list(body.get('shortcuts')).map((json) => {
    const shortcut = object(json);
    return { name: string(shortcut.get('name')), description: string(shortcut.get('description')) };
  });
}

/* The fields of all indexes that are read; flags of one name are joined. */
export async function listFields(indexes: readonly string[], signal?: AbortSignal): Promise<FieldInfo[]> {
  const bodies = await Promise.all(indexes.map((name) => get(indexPath([name], 'fields'), {}, signal)));
  const fields = new Map<string, FieldInfo>();
  for (const json of bodies.flatMap((body) => list(object(body).get('fields')))) {
    const field = object(json);
    const name = string(field.get('name'));
    const old = fields.get(name);
    fields.set(name, {
      name,
      filtered: field.get('filtered') === true || old?.filtered === true,
      display: field.get('display') !== false || old?.display === true,
      context: field.get('context') === true || old?.context === true,
    });
  }
  return [...fields.values()];
}

export interface SearchOptions {
  order: Order;
  limit: number;
  cursor?: string;
}

export async function search(reading: Reading, options: SearchOptions, signal?: AbortSignal):
    Promise<{ page: Page; report: Report }> {
  const { q, from, to, indexes } = reading;
  const body = object(await get(indexPath(indexes, 'search'), { q, from, to, ...options }, signal));
  const rows = list(body.get('hits')).map((hit) => readHit(hit, indexes[0]!));
  const { order } = options;
  const edge = (token: Json | undefined): Edge =>
    typeof token === 'string' && token !== ''
      ? { kind: 'cursor', cursor: token, order, from, to } : { kind: 'end' };
  const next = edge(body.get('next'));
  const prev = edge(body.get('prev'));
  if (order === 'desc') rows.reverse();
  const [older, newer] = order === 'desc' ? [next, prev] : [prev, next];
  return { page: { rows, older, newer }, report: report(body) };
}

/* Rows around one, whatever they say. null: there is no such row (any more). */
export async function context(indexes: readonly string[], ref: RowRef, before: number, after: number,
    signal?: AbortSignal): Promise<{ before: Row[]; row: Row; after: Row[] } | null> {
  const params = { id: ref.id, of: ref.index, before, after };
  try {
    const body = object(await get(indexPath(indexes, 'context'), params, signal));
    const rows = (name: string): Row[] =>
      list(body.get(name)).map((hit) => readHit(hit, ref.index)).sort((a, b) => (a.key < b.key ? -1 : 1));
    return { before: rows('before'), row: readHit(body.get('hit') ?? null, ref.index), after: rows('after') };
  } catch (error) {
    if (error instanceof Problem && error.status === 404) return null;
    throw error;
  }
}

export async function count({ indexes, q, from, to }: Reading, signal?: AbortSignal):
    Promise<{ count: number; report: Report }> {
  const body = object(await get(indexPath(indexes, 'count'), { q, from, to }, signal));
  return { count: number(body.get('count')), report: report(body) };
}

export async function histogram({ indexes, q, from, to }: Reading, by: string | null, interval: string | null,
    signal?: AbortSignal): Promise<Histogram> {
  const params = { q, from, to, by: by ?? undefined, interval: interval ?? undefined };
  const body = object(await get(indexPath(indexes, 'histogram'), params, signal));
  const buckets = list(body.get('buckets')).map((json): Bucket => {
    const bucket = object(json);
    return {
      startMs: bucketMs(bucket.get('time')),
      count: number(bucket.get('count')) || 0,
      by: [...object(bucket.get('by'))].map(([value, n]) => [value, number(n) || 0]),
    };
  });
  return { intervalMs: number(body.get('interval_ms')), buckets };
}

function bucketMs(time: Json | undefined): number {
  return typeof time === 'string' ? msOf(time) : number(time);
}

export async function values({ indexes, q, from, to }: Reading, field: string, limit: number,
    signal?: AbortSignal): Promise<{ values: ValueCount[]; other: number }> {
  const body = object(await get(indexPath(indexes, 'values'), { field, limit, q, from, to }, signal));
  return {
    values: list(body.get('values')).map((json) => {
      const item = object(json);
      return { value: plainText(item.get('value') ?? null), count: number(item.get('count')) || 0 };
    }),
    other: number(body.get('other')) || 0,
  };
}

/* Where a plain link downloads what is read. */
export function exportAddress({ indexes, q, from, to }: Reading, format: 'ndjson' | 'csv' | 'text'): string {
  return address(indexPath(indexes, 'search'), { q, from, to, order: 'asc', format, limit: 0 });
}
