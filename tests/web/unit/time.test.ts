/* Goal: no digit of a time is lost, and what people type is read as they mean it.
 * Method: tables. TZ is set for the local zone. */

process.env['TZ'] = 'Europe/Berlin';

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  boundNs, clock, dayOf, dayTitle, formatNs, fullTime, parseNs, readBound, shortSpan, spanMs, trimZeros,
} from '../../../web/src/time.ts';

const T = '2026-11-22T23:53:20.118482913Z';

test('nine digits there and back', () => {
  assert.equal(parseNs(T), 1795391600118482913n);
  for (const time of [T, '1970-01-01T00:00:00.000000000Z', '2262-04-11T23:47:16.854775807Z', '1969-12-31T23:59:59.999999999Z']) {
    assert.equal(formatNs(parseNs(time)!), time);
  }
  assert.equal(parseNs('2026-11-22T23:53:20+02:00'), parseNs('2026-11-22T21:53:20Z'));
  for (const wrong of ['', '10:53', '2026-13-01T00:00:00Z', '2026-02-30 10:00', 'x']) assert.equal(parseNs(wrong), null);
});

test('how times are shown', () => {
  assert.equal(clock(T, 'utc'), '23:53:20.118');
  assert.equal(clock(T, 'local'), '00:53:20.118');
  assert.equal(dayOf(T, 'local'), '2026-11-23');
  assert.equal(fullTime(T, 'utc'), '2026-11-22 23:53:20.118482913 UTC');
  assert.equal(fullTime(T, 'local'), '2026-11-23 00:53:20.118482913 Europe/Berlin');
  assert.equal(dayTitle(T, 'utc'), 'Sunday 22 November 2026, UTC');
  assert.equal(dayTitle(T, 'local'), 'Monday 23 November 2026, Europe/Berlin');
});

test('what is typed as a bound', () => {
  const now = Number(parseNs(T)! / 1_000_000n);
  const read = (text: string, zone: 'utc' | 'local' = 'utc'): string | null => readBound(text, zone, now);
  assert.equal(read(''), '');
  assert.equal(read(' now '), 'now');
  assert.equal(read('-2h'), '-2h');
  assert.equal(read('2026-11-22 10:40'), '2026-11-22T10:40:00Z');
  assert.equal(read('2026-11-22T10:40:00.5Z'), '2026-11-22T10:40:00.5Z');
  assert.equal(read('10:40'), '2026-11-22T10:40:00Z');
  assert.equal(read('9:05:01'), '2026-11-22T09:05:01Z');
  assert.equal(read('2026-11-20'), '2026-11-20T00:00:00Z');
  assert.equal(read('2026-07-01 10:40', 'local'), '2026-07-01T08:40:00Z');
  assert.equal(read('00:30', 'local'), '2026-11-22T23:30:00Z', 'today is the 23rd there');
  for (const wrong of ['yesterday', '-2y', '25', '2026-11-31']) assert.equal(read(wrong), null, wrong);
});

test('bounds as instants', () => {
  assert.equal(boundNs('', 0), null);
  assert.equal(boundNs('-15m', 1_000_000), 100_000n * 1_000_000n);
  assert.equal(boundNs('1795391600', 0), boundNs('1795391600000000000', 0));
  assert.equal(trimZeros('2026-11-22T10:40:00.000000000Z'), '2026-11-22T10:40:00Z');
  assert.equal(trimZeros('2026-11-22T10:40:00.120000000Z'), '2026-11-22T10:40:00.12Z');
  assert.equal(trimZeros('2026-11-22T10:40:10Z'), '2026-11-22T10:40:10Z');
});

test('spans', () => {
  assert.equal(spanMs('-15m'), 900_000);
  assert.equal(spanMs('15'), null);
  assert.equal(shortSpan(30_000), '30s');
  assert.equal(shortSpan(5_400_000), '1.5h');
  assert.equal(shortSpan(100), '100ms');
});
