/* Goal: a window over a long log is always a run of it: nothing twice, nothing missing, nothing astray,
 * and its edges lead on from exactly where it ends.
 * Method: a model server holds the whole log and gives pages with cursors; random reading in both
 * directions, late and new rows; after each step the window must equal a slice of the log. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LogWindow, rowKey, type Edge, type Order, type Page, type Row, type Side } from '../../../web/src/window.ts';

function row(id: number | string): Row {
  const ref = { index: 'logs', id: String(id) };
  return { ...ref, key: rowKey(ref), time: '', message: `row ${id}`, fields: new Map(), highlights: [], fieldHighlights: new Map(), level: null, size: 100 };
}

const END: Edge = { kind: 'end' };
const ids = (rows: readonly Row[]): number[] => rows.map(({ id }) => Number(id));

/* The server of the model: cursors name the row they stand beside. */
class Log {
  rows: Row[] = [];

  constructor(count: number) {
    this.rows = Array.from({ length: count }, (_, i) => row(i * 10));
  }

  add(id: number): Row {
    const fresh = row(id);
    this.rows.push(fresh);
    this.rows.sort((a, b) => (a.key < b.key ? -1 : 1));
    return fresh;
  }

  beside(side: Side, key: string, limit: number, order: Order): Page {
    const at = this.rows.findIndex((other) => other.key >= key);
    const split = at < 0 ? this.rows.length : at;
    const rows = side === 'older' ? this.rows.slice(Math.max(0, split - limit), split)
      : this.rows.slice(this.rows[split]?.key === key ? split + 1 : split).slice(0, limit);
    return this.page(rows, order);
  }

  newest(limit: number): Page {
    return this.page(this.rows.slice(-limit), 'desc');
  }

  private page(rows: Row[], order: Order): Page {
    const edge = (side: Side, border: Row | undefined, last: Row | undefined): Edge =>
      border === undefined || border === last ? END
        : { kind: 'cursor', cursor: `${side} ${border.key}`, order, from: '', to: '' };
    return {
      rows,
      older: edge('older', rows[0], this.rows[0]),
      newer: edge('newer', rows[rows.length - 1], this.rows[this.rows.length - 1]),
    };
  }

  read(side: Side, edge: Edge, limit: number): Page {
    assert.notEqual(edge.kind, 'end');
    if (edge.kind === 'row') return this.beside(side, edge.row.key, limit, side === 'older' ? 'desc' : 'asc');
    const [beside, key] = (edge as Extract<Edge, { kind: 'cursor' }>).cursor.split(' ') as [Side, string];
    assert.equal(beside, side, 'an edge leads its own way');
    return this.beside(side, key, limit, 'desc');
  }
}

function assertIsRun(window: LogWindow, log: Log): void {
  const first = window.rows[0];
  if (first === undefined) return;
  const at = log.rows.findIndex((other) => other.key === first.key);
  assert.deepEqual(ids(window.rows), ids(log.rows.slice(at, at + window.rows.length)));
  if (window.older.kind === 'end') assert.equal(at, 0);
  if (window.newer.kind === 'end') assert.equal(at + window.rows.length, log.rows.length);
  for (const side of ['older', 'newer'] as const) {
    const edge: Edge = window[side];
    const border: Row = side === 'older' ? first : window.rows[window.rows.length - 1]!;
    if (edge.kind === 'cursor') assert.equal(edge.cursor, `${side} ${border.key}`);
    if (edge.kind === 'row') assert.equal(edge.row.key, border.key);
  }
}

test('reading to the start and back shows each row once each way', () => {
  const log = new Log(1000);
  const window = new LogWindow(100);
  window.reset(log.newest(30));
  const seen = new Set(ids(window.rows));
  while (window.older.kind !== 'end') {
    window.extend('older', log.read('older', window.older, 20));
    ids(window.rows).forEach((id) => seen.add(id));
    assert.ok(window.rows.length <= 100);
    assertIsRun(window, log);
  }
  assert.equal(seen.size, 1000);
  seen.clear();
  while (window.newer.kind !== 'end') {
    window.extend('newer', log.read('newer', window.newer, 20));
    ids(window.rows).forEach((id) => seen.add(id));
    assertIsRun(window, log);
  }
  assert.ok(seen.size >= 900);
});

test('rows that arrive go where their id belongs, once', () => {
  const window = new LogWindow(10);
  window.reset({ rows: [10, 20, 30].map(row), older: { kind: 'row', row: row(10) }, newer: END });
  assert.equal(window.insert([row(40), row(25), row(40), row(20), row(5)]), 2);
  assert.deepEqual(ids(window.rows), [10, 20, 25, 30, 40], '5 lies before the window');
  window.older = END;
  assert.equal(window.insert([row(5)]), 1);
  assert.equal(window.insert(Array.from({ length: 20 }, (_, i) => row(100 + i))), 20);
  assert.equal(window.rows.length, 10);
  assert.deepEqual(window.older, { kind: 'row', row: window.rows[0] });
});

test('ids of 20 digits and many indexes keep their order', () => {
  const window = new LogWindow();
  const big = ['9999999999999999999', '10000000000000000000', '18446744073709551615'].map(row);
  window.reset({ rows: big, older: END, newer: END });
  assert.equal(window.indexOf(big[1]!.key), 1);
  const [a, b] = ['a', 'b'].map((index) => rowKey({ id: '7', index }));
  assert.ok(a! < b!);
});

test('overlapping and empty pages', () => {
  const window = new LogWindow(10);
  window.reset({ rows: [10, 20].map(row), older: END, newer: { kind: 'row', row: row(20) } });
  window.extend('newer', { rows: [10, 20, 30].map(row), older: END, newer: { kind: 'row', row: row(30) } });
  assert.deepEqual(ids(window.rows), [10, 20, 30]);
  window.extend('newer', { rows: [], older: END, newer: END });
  assert.deepEqual(ids(window.rows), [10, 20, 30]);
  assert.equal(window.newer.kind, 'end');
});

test('large rows leave room for fewer, but a screen of them stays', () => {
  const window = new LogWindow(5000, 20_000);
  window.reset({ rows: [0].map(row), older: END, newer: END });
  const many = Array.from({ length: 1000 }, (_, i) => row(i + 1));
  window.extend('newer', { rows: many, older: END, newer: END });
  assert.equal(window.rows.length, 200);
  assert.equal(window.rows[199]!.id, '1000');
  window.insert(Array.from({ length: 500 }, (_, i) => ({ ...row(2000 + i), size: 1e6 })));
  assert.equal(window.rows.length, 100);
});

test('a row out of order is refused', () => {
  const window = new LogWindow();
  assert.throws(() => window.reset({ rows: [20, 10].map(row), older: END, newer: END }), /rule 1/);
});

test('random reading with late and new rows stays a run of the log', () => {
  const seed = Number(process.env['SEED'] ?? Date.now() % 1e9);
  console.log(`# seed ${seed}`);
  let state = seed % 2147483647 || 1;
  const random = (n: number): number => (state = (state * 48271) % 2147483647) % n;
  for (let round = 0; round < 30; round++) {
    const log = new Log(200 + random(400));
    const window = new LogWindow(20 + random(80));
    window.reset(log.newest(1 + random(40)));
    for (let step = 0; step < 200; step++) {
      const side = random(2) === 0 ? 'older' : 'newer';
      const limit = 1 + random(30);
      if (random(5) > 0 && window[side].kind !== 'end') {
        window.extend(side, log.read(side, window[side], limit));
      } else if (window.newer.kind === 'end') {
        const newest = Number(log.rows[log.rows.length - 1]!.id);
        const fresh = Array.from({ length: random(5) }, (_, i) => log.add(newest + 10 * (i + 1)));
        const late = Math.floor(newest / 20) * 10 + 1 + random(9);
        if (!log.rows.some(({ id }) => Number(id) === late)) fresh.push(log.add(late));
        window.insert(fresh);
      }
      assertIsRun(window, log);
    }
  }
});
