/* Goal: the reader finds every row there is, also where no cursor leads: from a permalink, among thousands
 * of rows of one time, behind pages that ran out of time.
 * Method: `fetch` is answered by a model of the API over a list of rows; the reader reads in both
 * directions until both ends, and its rows must be exactly those of the list. */

import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { Reader, type Screen } from '../../../web/src/reader.ts';
import type { Place } from '../../../web/src/rows.ts';
import { formatNs, parseNs } from '../../../web/src/time.ts';
import type { View } from '../../../web/src/url_state.ts';
import { rowKey, type Row, type Side } from '../../../web/src/window.ts';

interface Stored {
  id: bigint;
  time: bigint;
  index: string;
  message: string;
}

const START = parseNs('2026-11-22T10:00:00Z')!;

class Model {
  rows: Stored[] = [];
  looksAt = Infinity; /* rows a search may look at before its time is up */
  private readonly taken = new Set<string>();

  /* An id is the time, or the next free number above it. */
  add(time: bigint, message: string, index = 'logs'): void {
    let id = time;
    while (this.taken.has(`${index} ${id}`)) id++;
    this.taken.add(`${index} ${id}`);
    this.rows.push({ id, time, index, message });
  }

  sorted(): Stored[] {
    return this.rows.sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
  }

  answer(url: string): Response {
    const { pathname, searchParams: params } = new URL(url, 'http://model');
    const what = pathname.split('/').pop();
    const rows = this.sorted();
    if (what === 'context') {
      const at = rows.findIndex((row) => String(row.id) === params.get('id') && row.index === params.get('of'));
      if (at < 0) return Response.json({ detail: 'no such row' }, { status: 404 });
      const [before, after] = [Number(params.get('before')), Number(params.get('after'))];
      return Response.json({
        before: rows.slice(Math.max(0, at - before), at).map(hit), hit: hit(rows[at]!),
        after: rows.slice(at + 1, at + 1 + after).map(hit),
      });
    }
    if (what === 'search') return Response.json(this.search(rows, params));
    if (what === 'count') return Response.json({ count: rows.filter(matches(params)).length });
    if (what === 'histogram') return Response.json({ interval_ms: 1000, buckets: [] });
    return Response.json({ fields: [] });
  }

  /* A cursor is `next KEY` or `prev KEY`; `at KEY` goes on in the middle of a search that ran out of time. */
  private search(rows: Stored[], params: URLSearchParams): object {
    const down = params.get('order') === 'desc';
    const limit = Number(params.get('limit'));
    const ordered = (down ? [...rows].reverse() : rows).filter((row) => inRange(row, params));
    const [kind, key] = (params.get('cursor') ?? '').split(' ') as [string, string];
    const behind = (row: Stored): boolean => (down ? keyOf(row) < key : keyOf(row) > key);
    const found = (list: Stored[]): Stored[] => list.filter(matches(params));
    let page: Stored[];
    let reached: Stored | undefined;
    if (kind === 'prev') page = found(ordered.filter((row) => !behind(row) && keyOf(row) !== key)).slice(-limit);
    else {
      const from = kind === '' ? ordered : ordered.filter(behind);
      page = found(from.slice(0, this.looksAt)).slice(0, limit);
      if (page.length < limit && from.length > this.looksAt) reached = from[this.looksAt - 1];
    }
    const last = page[page.length - 1];
    const isMore = last !== undefined && found(ordered.slice(ordered.indexOf(last) + 1)).length > 0;
    const isBefore = page[0] !== undefined && found(ordered.slice(0, ordered.indexOf(page[0]))).length > 0;
    return {
      hits: page.map(hit),
      next: reached !== undefined ? `next ${keyOf(reached)}` : isMore ? `next ${keyOf(last)}` : null,
      prev: isBefore ? `prev ${keyOf(page[0]!)}` : null,
      took_ms: 1, read_as: '', partial: reached !== undefined,
      partial_why: reached === undefined ? [] : [{ part: 'time', why: 'it took too long' }],
    };
  }
}

function keyOf(row: Stored): string {
  return rowKey({ id: String(row.id), index: row.index });
}

function hit({ id, time, index, message }: Stored): object {
  return { id: String(id), time: formatNs(time), index, message, fields: {}, highlights: [] };
}

function inRange(row: Stored, params: URLSearchParams): boolean {
  const [from, to] = ['from', 'to'].map((name) => parseNs(params.get(name) ?? ''));
  return (from == null || row.time >= from) && (to == null || row.time < to);
}

function matches(params: URLSearchParams): (row: Stored) => boolean {
  return (row) => inRange(row, params) && row.message.includes(params.get('q') ?? '');
}

class Shown implements Screen {
  places: Place[] = [];
  show(_rows: readonly Row[], place: Place): void {
    this.places.push(place);
  }
  repaintRows(): void {}
  hasScrolledUp(): boolean {
    return false;
  }
}

const realFetch = globalThis.fetch;
afterEach(() => {
  globalThis.fetch = realFetch;
});

function open(model: Model, change: Partial<View> = {}): { reader: Reader; shown: Shown; view: View } {
  globalThis.fetch = async (url) => model.answer(String(url));
  const shown = new Shown();
  const view: View = {
    indexes: ['logs'], q: '', from: '', to: '', context: 'off', line: null, columns: null, ...change,
  };
  return { reader: new Reader(shown, view), shown, view };
}

/* Reads on at one side to its end; what was seen on the way. */
async function readToEnd(reader: Reader, side: Side, seen: Set<string>): Promise<void> {
  for (let pages = 0; reader.window[side].kind !== 'end'; pages++) {
    assert.ok(pages < 1000, 'reading on comes to an end');
    await reader.extend(side);
    assert.equal(reader.edgeProblem.value, '');
    reader.window.rows.forEach((row) => seen.add(row.key));
  }
}

async function seesAll(reader: Reader, wanted: readonly Stored[]): Promise<void> {
  const seen = new Set<string>(reader.window.rows.map((row) => row.key));
  await readToEnd(reader, 'older', seen);
  await readToEnd(reader, 'newer', seen);
  await readToEnd(reader, 'older', seen);
  assert.deepEqual([...seen].sort(), wanted.map(keyOf).sort());
}

/* Times repeat, and step back a little inside runs of equal times. */
function burst(count: number): Model {
  const model = new Model();
  for (let i = 0; i < count; i++) {
    const late = i % 50 === 49 ? 3n : 0n;
    model.add(START + BigInt(Math.floor(i / 2500)) * 1_000_000n - late, `${i % 7 === 0 ? 'needle' : 'straw'} ${i}`);
  }
  return model;
}

test('from the newest row to the oldest and back', async () => {
  const model = burst(12_000);
  const { reader, view } = open(model);
  await reader.run(view);
  assert.equal(reader.window.newer.kind, 'end');
  await seesAll(reader, model.rows);
});

test('from a permalink in the middle of equal times, with a query and without', async () => {
  const model = burst(8_000);
  const row = model.sorted().filter(({ message }) => message.includes('needle'))[600]!;
  for (const q of ['', 'needle']) {
    const { reader, view } = open(model, { q, line: { index: 'logs', id: String(row.id) } });
    await reader.run(view);
    assert.ok(reader.window.indexOf(keyOf(row)) >= 0);
    await seesAll(reader, model.rows.filter(({ message }) => message.includes(q)));
  }
});

test('a permalink keeps to the range', async () => {
  const model = burst(8_000);
  const [from, to] = [START + 1_000_000n, START + 2_000_000n];
  const inside = model.sorted().filter(({ time }) => time >= from && time < to);
  const row = inside[50]!;
  const { reader, view } = open(model, {
    from: formatNs(from), to: formatNs(to), line: { index: 'logs', id: String(row.id) },
  });
  await reader.run(view);
  await seesAll(reader, inside);
});

test('a permalink to a row that is gone opens the newest end and says so', async () => {
  const model = burst(100);
  const { reader, view, shown } = open(model, { line: { index: 'logs', id: '1' } });
  await reader.run(view);
  assert.equal(reader.window.rows.length, 100);
  assert.match(reader.notice.value, /no longer/);
  assert.equal(shown.places.at(-1), 'bottom');
});

test('pages that ran out of time without a row are not the end', async () => {
  const model = new Model();
  for (let i = 0; i < 3000; i++) model.add(START + BigInt(i) * 1_000_000n, i % 1000 === 10 ? 'needle' : 'straw');
  model.looksAt = 100;
  const { reader, view } = open(model, { q: 'needle' });
  await reader.run(view);
  assert.ok(reader.window.rows.length > 0);
  await seesAll(reader, model.rows.filter(({ message }) => message === 'needle'));
});

test('two indexes with equal ids', async () => {
  const model = new Model();
  for (let i = 0; i < 4000; i++) model.add(START + BigInt(i) * 1000n, `row ${i}`, i % 3 === 0 ? 'db' : 'logs');
  for (let i = 0; i < 4000; i++) model.add(START + BigInt(i) * 1000n, `twin ${i}`, i % 3 === 0 ? 'logs' : 'db');
  const row = model.sorted()[4001]!;
  const { reader, view } = open(model, { indexes: ['db', 'logs'], line: { index: row.index, id: String(row.id) } });
  await reader.run(view);
  await seesAll(reader, model.rows);
});

test('to a moment, and to the next hit in context', async () => {
  const model = burst(8_000);
  const { reader, view, shown } = open(model, { q: 'needle', context: 'filtered' });
  await reader.run(view);
  const at = START + 1_000_000n;
  await reader.goTime(Number(at / 1_000_000n));
  const first = model.sorted().find(({ time }) => time >= at)!;
  assert.deepEqual(shown.places.at(-1), { key: keyOf(first), offset: 0 });
  let row = reader.window.rows[reader.window.indexOf(keyOf(first))]!;
  const needles = model.sorted().filter(({ message }) => message.includes('needle')).map(keyOf);
  for (const wanted of needles.filter((key) => key > row.key).slice(0, 20)) {
    row = (await reader.findHit('newer', row))!;
    assert.equal(row.key, wanted);
  }
  const back = await reader.findHit('older', row);
  assert.equal(back!.key, needles[needles.indexOf(row.key) - 1]);
  await seesAll(reader, model.rows);
});

test('an answer that fails is said, and reading goes on when it is tried again', async () => {
  const model = burst(2_000);
  const { reader, view } = open(model);
  await reader.run(view);
  globalThis.fetch = async () => Response.json({ detail: 'the disk is away' }, { status: 500 });
  await reader.extend('older');
  assert.equal(reader.edges.value.older, 'failed');
  assert.equal(reader.edgeProblem.value, 'the disk is away');
  globalThis.fetch = async (url) => model.answer(String(url));
  await reader.extend('older');
  assert.equal(reader.window.rows.length, 200, 'not by itself');
  await reader.extend('older', true);
  assert.equal(reader.window.rows.length, 700);
});
