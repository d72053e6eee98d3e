/* Goal: what the administration works out by itself. Method: tables. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { forMany } from '../../../web/src/bulk.ts';
import { changes, placeOf } from '../../../web/src/admin_text.ts';

const SETTINGS = {
  name: 'web', intervals: 30, max_bytes: 0, queue_name: 'q', exchange: 'e', routing_key: 'a,b', durable: false,
  num_processes: 1, timestamp_zone: 'utc', text_fields: ['exc_info', 'body'],
};

test('only what was changed is sent, as the API takes it', () => {
  const rows: [Parameters<typeof changes>[1], object][] = [
    [{}, {}],
    [{ intervals: '30', durable: false, text_fields: ' exc_info , body,' }, {}],
    [{ intervals: ' 7 ', max_bytes: '10' }, { intervals: 7, max_bytes: 10 }],
    [{ intervals: 'x', max_bytes: '-1' }, { intervals: 'x', max_bytes: '-1' }], /* the server says what is wrong */
    [{ durable: true, routing_key: '' }, { durable: true, routing_key: '' }],
    [{ text_fields: '' }, { text_fields: [] }],
  ];
  for (const [now, expected] of rows) assert.deepEqual(changes(SETTINGS, now), expected);
});

test('places behind the #', () => {
  assert.deepEqual(placeOf(''), { page: 'indexes' });
  assert.deepEqual(placeOf('#users'), { page: 'users' });
  assert.deepEqual(placeOf('#index/web_1'), { page: 'index', name: 'web_1' });
  assert.deepEqual(placeOf('#index/<b>'), { page: 'indexes' });
});

test('many are done a few at a time', async () => {
  let underWay = 0;
  let most = 0;
  const result = await forMany([1, 2, 3, 4, 5, 6, 7], 3, async (n) => {
    most = Math.max(most, ++underWay);
    await Promise.resolve();
    underWay--;
    if (n === 4) throw new Error('four');
  }, () => undefined, () => false);
  assert.equal(most, 3);
  assert.deepEqual(result.done.sort(), [1, 2, 3, 5, 6, 7]);
  assert.deepEqual(result.failed.map(({ item }) => item), [4]);
});

test('and it can be stopped', async () => {
  let n = 0;
  const result = await forMany([1, 2, 3, 4, 5], 1, async () => void n++, () => undefined, () => n >= 2);
  assert.deepEqual(result.done, [1, 2]);
});
