/* Goal: an axis says where one is at every span, from a millisecond to decades, in any zone.
 * Method: random spans of every size; labels must differ, rise, be true and be several. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { axisTicks, spanLabel, stepLabel } from '../../../web/src/axis.ts';

const DAY = 86_400_000;
const MOST = 8;
const utc = (text: string): number => Date.parse(text);
const labels = (start: string, end: string): string[] =>
  axisTicks(utc(start), utc(end), 'utc', MOST).map(({ label }) => label);

test('round moments for spans that people choose', () => {
  assert.deepEqual(labels('2026-11-22T10:40:12Z', '2026-11-22T10:55:12Z'), ['10:42', '10:44', '10:46', '10:48', '10:50', '10:52', '10:54']);
  assert.deepEqual(labels('2026-11-22T22:30:00Z', '2026-11-23T01:30:00Z'),
    ['22:30', '23:00', '23:30', '11-23', '00:30', '01:00', '01:30']);
  assert.deepEqual(labels('2026-11-22T10:00:00.000Z', '2026-11-22T10:00:00.003Z'),
    ['10:00:00.000', '10:00:00.001', '10:00:00.002', '10:00:00.003']);
  assert.deepEqual(labels('2026-11-22T10:00:00Z', '2026-11-22T10:00:00.5Z'),
    ['10:00:00.0', '10:00:00.1', '10:00:00.2', '10:00:00.3', '10:00:00.4', '10:00:00.5']);
  assert.deepEqual(labels('2026-11-21T10:00:00Z', '2026-11-22T10:00:01Z'),
    ['11-21 12:00', '11-21 18:00', '11-22 00:00', '11-22 06:00']);
  assert.deepEqual(labels('2026-11-01T00:00:00Z', '2026-11-22T10:00:00Z'),
    ['2026-11-02', '2026-11-09', '2026-11-16']);
  assert.deepEqual(labels('2026-01-15T00:00:00Z', '2026-11-22T10:00:00Z'),
    ['2026-03', '2026-05', '2026-07', '2026-09', '2026-11']);
  assert.deepEqual(labels('2016-11-22T00:00:00Z', '2026-11-22T00:00:00Z'),
    ['2018', '2020', '2022', '2024', '2026']);
});

/* Reads a label again as the moment it names, given the year and day it lies in. */
function isTrue(label: string, ms: number): boolean {
  const iso = new Date(ms).toISOString();
  return iso.slice(0, label.length) === label || iso.slice(5, 5 + label.length).replace('T', ' ') === label ||
    iso.slice(11, 11 + label.length) === label;
}

test('labels differ, rise and are true at every span', () => {
  let seed = Number(process.env['SEED'] ?? 7);
  const random = (): number => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647;
  for (let i = 0; i < 4000; i++) {
    const span = Math.max(1, Math.round(10 ** (random() * 11.5)));
    const start = Math.round(utc('1990-01-01T00:00:00Z') + random() * 30 * 365 * DAY);
    const ticks = axisTicks(start, start + span, 'utc', MOST);
    const says = `${new Date(start).toISOString()} + ${span} ms: ${ticks.map(({ label }) => label).join(' | ')}`;
    assert.ok(ticks.length >= 2 && ticks.length <= MOST, says);
    assert.equal(new Set(ticks.map(({ label }) => label)).size, ticks.length, says);
    ticks.forEach(({ ms, label }, k) => {
      assert.ok(ms >= start && ms <= start + span && (k === 0 || ms > ticks[k - 1]!.ms), says);
      assert.ok(isTrue(label, ms), says);
    });
  }
});

test('in a zone whose clocks change', () => {
  const before = process.env['TZ'];
  process.env['TZ'] = 'Europe/Berlin';
  try {
    for (const day of ['2026-03-29', '2026-10-25']) {
      const ticks = axisTicks(utc(`${day}T00:00:00Z`) - DAY, utc(`${day}T00:00:00Z`) + DAY, 'local', MOST);
      for (const { ms, label } of ticks) {
        const clock = new Date(ms).toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' });
        assert.equal(label.slice(6), clock);
      }
      assert.equal(new Set(ticks.map(({ label }) => label)).size, ticks.length);
      assert.ok(ticks.length >= 3);
    }
  } finally {
    if (before === undefined) delete process.env['TZ'];
    else process.env['TZ'] = before;
  }
});

test('a step and a span in words', () => {
  const ms = utc('2026-11-22T23:53:20.118Z');
  assert.equal(stepLabel(ms, 1, 'utc'), '11-22 23:53:20.118');
  assert.equal(stepLabel(ms, 5000, 'utc'), '11-22 23:53:20');
  assert.equal(stepLabel(ms, 60_000, 'utc'), '11-22 23:53');
  assert.equal(stepLabel(ms, DAY, 'utc'), '2026-11-22');
  assert.equal(spanLabel(ms - 900_000, ms, 'utc'), '23:38 \u2013 23:53');
  assert.equal(spanLabel(ms - 30_000, ms, 'utc'), '23:52:50 \u2013 23:53:20');
  assert.equal(spanLabel(ms - DAY, ms, 'utc'), '11-21 23:53 \u2013 11-22 23:53');
  assert.equal(spanLabel(ms - 7 * DAY, ms, 'utc'), '2026-11-15 \u2013 2026-11-22');
});
