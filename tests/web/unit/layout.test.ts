/* Goal: tops and heights add up, and an anchor puts a line back where it stood.
 * Method: small lists by hand, then random heights against a plain sum. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Layout } from '../../../web/src/layout.ts';

interface Day {
  key: string;
  day: string;
}

const rows = (count: number, perDay = 1000, from = 0): Day[] =>
  Array.from({ length: count }, (_, i) => ({ key: `k${from + i}`, day: `d${Math.floor((from + i) / perDay)}` }));
const dayOf = (row: Day): string => row.day;

test('a new day has a lead, the first row has none', () => {
  const layout = new Layout(20, 20);
  layout.setRows(rows(6, 3), dayOf);
  assert.equal(layout.total, 7 * 20);
  assert.deepEqual([0, 1, 2, 3, 4].map((i) => layout.lineTop(i)), [0, 20, 40, 80, 100]);
  assert.equal(layout.top(3), 60);
});

test('the row at a height', () => {
  const layout = new Layout(20, 20);
  assert.equal(layout.indexAt(5), -1);
  layout.setRows(rows(3), dayOf);
  assert.deepEqual([-50, 0, 19, 20, 59, 60, 500].map((y) => layout.indexAt(y)), [0, 0, 0, 1, 2, 2, 2]);
});

test('measured rows push others down, and back', () => {
  const layout = new Layout(20, 20);
  layout.setRows(rows(4), dayOf);
  assert.equal(layout.measure([['k1', 120]]), true);
  assert.equal(layout.measure([['k1', 120.2]]), false, 'less than half a pixel is nothing');
  assert.equal(layout.lineTop(2), 140);
  layout.setRows(rows(3, 1000, 1), dayOf);
  assert.equal(layout.bottom(0), 120, 'kept by key');
  layout.measure([['k1', 20]]);
  assert.equal(layout.total, 60);
});

test('an anchor survives rows put before and thrown away', () => {
  const layout = new Layout(20, 20);
  layout.setRows(rows(100, 1000, 500), dayOf);
  const anchor = layout.anchorAt(333)!;
  assert.deepEqual(anchor, { key: 'k516', offset: -13 });
  layout.setRows(rows(150, 1000, 430), dayOf);
  const i = 516 - 430;
  assert.equal(layout.viewTop(i, anchor), i * 20 + 13);
});

test('random heights', () => {
  const layout = new Layout(20, 20);
  const list = rows(500, 40);
  layout.setRows(list, dayOf);
  const heights = new Map<string, number>();
  for (let round = 0; round < 50; round++) {
    const key = `k${Math.floor(Math.random() * 500)}`;
    const height = 20 + Math.floor(Math.random() * 300);
    heights.set(key, height);
    layout.measure([[key, height]]);
    let top = 0;
    list.forEach((row, i) => {
      assert.equal(layout.top(i), top);
      if (i > 0 && list[i - 1]!.day !== row.day) top += 20;
      assert.equal(layout.lineTop(i), top);
      assert.equal(layout.indexAt(top), i);
      top += heights.get(row.key) ?? 20;
    });
    assert.equal(layout.total, top);
  }
});
