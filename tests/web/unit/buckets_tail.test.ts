/* Goal: the histogram's axis and ranks are right at their ends, and a stream cut anywhere reads the same.
 * Method: small charts by hand; one stream fed in every possible pair of pieces. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { draggedRange, makeChart, momentAt, nextStep, rankAt, slotLevel, SLOTS_MAX, stepFor } from '../../../web/src/buckets.ts';
import type { Report } from '../../../web/src/api.ts';
import { EventParser, Tail } from '../../../web/src/tail.ts';

const bucket = (startMs: number, count: number, by: Array<[string, number]> = []) => ({ startMs, count, by });

test('empty buckets are filled in, the range is kept', () => {
  const chart = makeChart({ intervalMs: 10, buckets: [bucket(20, 3, [['ERROR', 1], ['odd', 1]]), bucket(50, 1)] }, 5, 80)!;
  assert.deepEqual([chart.startMs, chart.endMs], [0, 80]);
  assert.deepEqual(chart.slots.map((slot) => slot.count), [0, 0, 3, 0, 0, 1, 0, 0]);
  assert.equal(slotLevel(chart.slots[2]!, 'E'), 1);
  assert.equal(chart.slots[2]!.unknown, 2, 'an odd level and a record without one');
  assert.equal(chart.highest, 3);
  assert.equal(chart.total, 4);
});

test('open ends follow the data; a far end does not squeeze it', () => {
  const histogram = { intervalMs: 10, buckets: [bucket(1000, 1), bucket(1030, 1)] };
  const open = makeChart(histogram, null, null)!;
  assert.deepEqual([open.startMs, open.endMs, open.slots.length], [1000, 1040, 4]);
  const far = makeChart(histogram, null, 10_000_000)!;
  assert.deepEqual([far.startMs, far.endMs], [1000, 1040]);
  assert.equal(makeChart({ intervalMs: 10, buckets: [] }, 0, 10), null);
  const late = makeChart(histogram, 1020, null)!;
  assert.equal(late.startMs, 1000, 'what the server found is always on the axis');
});

test('a whole range fits the axis at the step chosen for it', () => {
  assert.equal(stepFor(30_000), '200ms');
  assert.equal(stepFor(0), '1ms');
  assert.equal(stepFor(300_000), '2s');
  assert.equal(stepFor(3_600_000), '30s');
  assert.equal(stepFor(7 * 86_400_000), '3600s');
  for (let spanMs = 60_000; spanMs < 4e12; spanMs *= 1.37) {
    const bars = spanMs / 1000 / Number.parseInt(stepFor(spanMs), 10);
    assert.ok(bars <= 240 && bars + 1 < SLOTS_MAX, `${spanMs}: ${bars}`);
  }
});

test('from one full step to the next', () => {
  const chart = makeChart({ intervalMs: 10, buckets: [bucket(0, 1), bucket(50, 3), bucket(60, 1)] }, null, null)!;
  assert.equal(nextStep(chart, 0, 'newer'), 50);
  assert.equal(nextStep(chart, 55, 'newer'), 60);
  assert.equal(nextStep(chart, 60, 'newer'), null);
  assert.equal(nextStep(chart, 65, 'older'), 60, 'first the beginning of its own step');
  assert.equal(nextStep(chart, 60, 'older'), 50);
  assert.equal(nextStep(chart, 50, 'older'), 0);
  assert.equal(nextStep(chart, 0, 'older'), null);
});

test('ranks and moments are inverse', () => {
  const chart = makeChart({ intervalMs: 10, buckets: [bucket(0, 1), bucket(50, 3)] }, null, null)!;
  assert.deepEqual([-5, 0, 5, 10, 49, 50, 55, 60, 99].map((ms) => rankAt(chart, ms)),
    [0, 0, 0.125, 0.25, 0.25, 0.25, 0.625, 1, 1]);
  for (const rank of [0.1, 0.3, 0.5, 0.9]) assert.ok(Math.abs(rankAt(chart, momentAt(chart, rank)) - rank) < 1e-9);
});

test('a drag covers whole steps', () => {
  const chart = makeChart({ intervalMs: 10, buckets: [bucket(0, 1), bucket(90, 1)] }, null, null)!;
  assert.deepEqual(draggedRange(chart, 0.25, 0.25), { fromMs: 20, toMs: 30 });
  assert.deepEqual(draggedRange(chart, 0.61, 0.25), { fromMs: 20, toMs: 70 });
  assert.deepEqual(draggedRange(chart, 0, 1), { fromMs: 0, toMs: 100 });
});

const STREAM = ': hello\n\nid: 7\ndata: {"a":\ndata: 1}\n\n\nevent: reset\nid: 9\ndata\n\r\nid:10\r\ndata:x\r\ndata: y\r\n\r\nevent: hit\rdata: z\r\r';
const EVENTS = [
  { type: 'message', data: '{"a":\n1}', id: '7' },
  { type: 'reset', data: '', id: '9' },
  { type: 'message', data: 'x\ny', id: '10' },
  { type: 'hit', data: 'z', id: '10' },
];

test('a block without data only says where to resume', () => {
  const parser = new EventParser();
  assert.deepEqual(parser.feed('event: ready\nid: 5.0\ndata: {}\n\n: beat\nid: 5.7\n'), [{ type: 'ready', data: '{}', id: '5.0' }]);
  assert.equal(parser.lastId, '5.0', 'a block counts when it is complete');
  assert.deepEqual(parser.feed('\n'), []);
  assert.equal(parser.lastId, '5.7');
});

test('an event stream cut anywhere', () => {
  for (let i = 0; i <= STREAM.length; i++) {
    for (let j = i; j <= STREAM.length; j += 3) {
      const parser = new EventParser();
      const events = [STREAM.slice(0, i), STREAM.slice(i, j), STREAM.slice(j), '\n'].flatMap((piece) => parser.feed(piece));
      assert.deepEqual(events, EVENTS, `cut at ${i} and ${j}`);
    }
  }
});

/* Answers one tail with this text, then leaves the connection open. */
function answerTail(text: string): void {
  globalThis.fetch = async () => new Response(new ReadableStream({
    start: (stream) => stream.enqueue(new TextEncoder().encode(text)),
  }));
}

test('a tail that left something out says what and why, beside its rows', async (t) => {
  const realFetch = globalThis.fetch;
  const told: unknown[] = [];
  const row = JSON.stringify({ id: '7', '@timestamp': '2026-11-22T10:00:00Z', message: 'seen', fields: {} });
  const why = [{ part: 'regular expression', why: 'gave up on some records' }];
  answerTail(`id: 1.0\ndata: ${row}\n\nevent: partial\ndata: ${JSON.stringify({ partial: true, partial_why: why })}\n\n`);
  const report = await new Promise<Report>((resolve) => {
    const tail = new Tail(['logs'], '/x/', {
      opened: () => {}, reset: () => {}, lost: assert.fail, refused: assert.fail,
      rows: (rows) => told.push(rows.length),
      partial: (found) => (told.push('partial'), resolve(found)),
    });
    t.after(() => (tail.stop(), (globalThis.fetch = realFetch)));
  });
  assert.deepEqual(report, { tookMs: null, readAs: null, partial: true, why });
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(told, ['partial', 1]);
});
