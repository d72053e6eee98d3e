/* Goal: counts are of the view that is shown, and while one follows they move on with time without
 * troubling the server.
 * Method: `fetch` is answered by a model that notes what was asked; the clock is the test's. */

import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { inOldOrder, Summary } from '../../../web/src/summary.ts';
import { instantBound } from '../../../web/src/time.ts';
import type { View } from '../../../web/src/url_state.ts';

const START = Date.parse('2026-11-22T10:00:00Z');
const VIEW: View = { indexes: ['logs'], q: 'x', from: '-15m', to: '', context: 'off', line: null, columns: null };
const real = { fetch: globalThis.fetch, setTimeout: globalThis.setTimeout, clearTimeout: globalThis.clearTimeout, now: Date.now };

/* A clock that stands until it is told to go on. */
let nowMs: number;
let timers: Map<number, { at: number; act: () => void }>;

let asked: URL[];
let failing: boolean;
let holding: Array<() => void> | null;

beforeEach(() => {
  nowMs = START;
  timers = new Map();
  let last = 0;
  Date.now = () => nowMs;
  Object.assign(globalThis, {
    document: { visibilityState: 'visible' },
    setTimeout: (act: () => void, ms: number) => (timers.set(++last, { at: nowMs + ms, act }), last),
    clearTimeout: (id: number) => timers.delete(id),
  });
  asked = [];
  failing = false;
  holding = null;
  globalThis.fetch = async (address, init) => {
    const url = new URL(String(address), 'http://model');
    asked.push(url);
    if (holding !== null) {
      await new Promise<void>((answer, refuse) => {
        holding!.push(answer);
        init!.signal!.addEventListener('abort', () => refuse(new DOMException('gone', 'AbortError')));
      });
    }
    if (failing) throw new TypeError('no network');
    const what = url.pathname.split('/').pop();
    if (what === 'fields') return Response.json({ fields: [{ name: 'levelname', filtered: true }] });
    if (what === 'count') return Response.json({ count: 10 });
    if (what === 'values') return Response.json({ values: [{ value: 'INFO', count: 3 }], other: 0 });
    const interval = url.searchParams.get('interval');
    return Response.json({ interval_ms: interval === null ? 5000 : parseInt(interval, 10) * 1000, buckets: [{ time: '2026-11-22T09:55:00Z', count: 10, by: {} }] });
  };
});

afterEach(() => {
  Date.now = real.now;
  Object.assign(globalThis, { fetch: real.fetch, setTimeout: real.setTimeout, clearTimeout: real.clearTimeout });
});

/* Lets all answers come that are under way. */
async function settle(): Promise<void> {
  for (let i = 0; i < 100; i++) await Promise.resolve();
  await new Promise((done) => setImmediate(done));
}

async function pass(ms: number): Promise<void> {
  for (const end = nowMs + ms; nowMs < end;) {
    nowMs += 100;
    for (const [id, { at, act }] of timers) {
      if (at > nowMs) continue;
      timers.delete(id);
      act();
    }
    await settle();
  }
}

function times(what: string): number {
  return asked.filter((url) => url.pathname.endsWith(`/${what}`)).length;
}

async function opened(view: View = VIEW): Promise<Summary> {
  const bounds = { from: instantBound(view.from, START), to: instantBound(view.to, START) };
  const summary = new Summary(view, bounds);
  summary.begin(view, bounds);
  summary.ensure();
  summary.ensure();
  await settle();
  return summary;
}

test('each thing is asked once; the axis is the whole range', async () => {
  const summary = await opened();
  assert.deepEqual(['fields', 'count', 'histogram', 'values'].map(times), [1, 1, 1, 1]);
  assert.equal(summary.hits.value, 10);
  assert.equal(summary.isOld.value, false);
  assert.deepEqual(summary.panel.value.map(({ name }) => name), ['levelname']);
  const chart = summary.chart.value!;
  assert.deepEqual([chart.startMs, chart.endMs], [START - 900_000, START]);
});

test('under Follow the axis moves on with the clock, at most every few seconds', async () => {
  const summary = await opened();
  summary.follow();
  await pass(60_000);
  const chart = summary.chart.value!;
  assert.ok(chart.endMs >= START + 55_000 && chart.endMs <= START + 65_000, new Date(chart.endMs).toISOString());
  assert.ok(chart.endMs - chart.startMs >= 900_000 && chart.endMs - chart.startMs <= 905_000);
  assert.ok(times('histogram') > 5 && times('histogram') <= 13, `${times('histogram')} in a minute`);
  summary.unfollow();
  const before = asked.length;
  await pass(60_000);
  assert.equal(asked.length, before);
});

test('a burst of rows asks no more often; the count goes on meanwhile', async () => {
  const summary = await opened();
  summary.follow();
  for (let i = 0; i < 300; i++) {
    summary.arrived(1);
    await pass(100);
  }
  assert.ok(times('count') <= 7, `${times('count')} in half a minute`);
  summary.arrived(5);
  assert.ok(summary.hits.value! >= 15);
});

test('nothing is asked while the tab is hidden', async () => {
  const summary = await opened();
  summary.follow();
  Object.assign(globalThis, { document: { visibilityState: 'hidden' } });
  const before = asked.length;
  summary.arrived(5);
  await pass(120_000);
  assert.equal(asked.length, before);
  Object.assign(globalThis, { document: { visibilityState: 'visible' } });
  await pass(6000);
  assert.ok(asked.length > before);
});

test('with nothing new to show nothing is asked', async () => {
  const summary = await opened({ ...VIEW, from: '-7d' }); /* a step is an hour */
  summary.follow();
  await pass(6000);
  const before = asked.length;
  await pass(120_000);
  assert.equal(asked.length, before);
  summary.close();
});

test('an open range ends with its data, and under Follow with now', async () => {
  const summary = await opened({ ...VIEW, from: '2026-11-22T09:54:00Z' });
  assert.equal(summary.chart.value!.endMs, START - 295_000);
  summary.follow();
  await pass(6000);
  assert.ok(summary.chart.value!.endMs >= START);
  assert.equal(summary.chart.value!.startMs, START - 360_000, 'a fixed beginning stays');
  summary.close();
});

test('slow answers do not pile up', async () => {
  const summary = await opened();
  summary.follow();
  holding = [];
  await pass(30_000);
  assert.equal(times('count'), 2, 'one more, not yet answered');
  summary.close();
});

test('another view cancels what is under way, and nothing of the old one appears', async () => {
  const summary = await opened();
  holding = [];
  const other = { ...VIEW, q: 'other' };
  summary.begin(other, { from: '', to: '' });
  assert.equal(summary.hits.value, null);
  assert.equal(summary.isOld.value, true);
  summary.ensure();
  await settle();
  const held = holding;
  holding = null;
  summary.begin({ ...VIEW, q: 'third' }, { from: '', to: '' });
  held.forEach((answer) => answer());
  await settle();
  assert.equal(summary.hits.value, null, 'the cancelled count is not shown');
  assert.equal(summary.isOld.value, true);
  summary.ensure();
  await settle();
  assert.equal(summary.hits.value, 10);
});

test('a failure is said, and gone with the next success', async () => {
  const summary = await opened();
  summary.follow();
  failing = true;
  await pass(6000);
  assert.match(summary.trouble.value, /does not answer/);
  failing = false;
  await pass(60_000);
  assert.equal(summary.trouble.value, '');
  summary.close();
});

test('values keep their places while one follows', () => {
  const value = (name: string, count: number): { value: string; count: number } => ({ value: name, count });
  const old = [value('a', 9), value('b', 5), value('__proto__', 4)];
  const now = [value('b', 20), value('new', 12), value('a', 10), value('__proto__', 4)];
  assert.deepEqual(inOldOrder(now, old).map((item) => item.value), ['a', 'b', '__proto__', 'new']);
  assert.deepEqual(inOldOrder(now, []).map((item) => item.value), ['b', 'new', 'a', '__proto__']);
});
