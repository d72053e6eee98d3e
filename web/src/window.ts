/* Which rows of an endless log are in memory.
 *
 * A window is a run of rows without a gap, oldest first, at most `ROWS_MAX` of them, with an edge at
 * either end that says how to read on from there. Reading past one end throws rows away at the other.
 * Pure data: no network, no page. The rules:
 *  (1) keys rise strictly: no row twice, no row out of order;
 *  (2) an edge is `end` only if the server said that nothing lies beyond it;
 *  (3) after rows were thrown away, that edge is a cursor the server gave for exactly this row, or the
 *      row itself, from which a reader can ask anew. */

import type { JsonObject } from './json.ts';
import type { Level } from './level.ts';
import type { RowRef } from './url_state.ts';

/* Where the query stands in a text: start and length in UTF-16 units, in order, apart. */
export type Places = ReadonlyArray<readonly [start: number, length: number]>;

export interface Row extends RowRef {
  key: string;
  time: string;
  message: string;
  fields: JsonObject;
  highlights: Places; /* in the message */
  fieldHighlights: ReadonlyMap<string, Places>; /* in fields that have some */
  level: Level | null;
  size: number; /* about so many characters */
}

export type Order = 'asc' | 'desc';
export type Side = 'older' | 'newer';

export type Edge =
  | { kind: 'end' }
  | { kind: 'cursor'; cursor: string; order: Order; from: string; to: string } /* of its search */
  | { kind: 'row'; row: Row };

export interface Page {
  rows: Row[]; /* oldest first */
  older: Edge;
  newer: Edge;
}

const ROWS_MAX = 5000;
const SIZE_MAX = 40_000_000; /* characters in all rows: a message may have a million */
const ROWS_KEPT = 100; /* however large they are: more than a screen */
const END: Edge = { kind: 'end' };

/* Rows are ordered by id, then index. Twenty digits make ids compare as text. */
export function rowKey({ id, index }: RowRef): string {
  return `${id.padStart(20, '0')}/${index}`;
}

export class LogWindow {
  rows: Row[] = [];
  older: Edge = END;
  newer: Edge = END;
  /* Cursors the server gave for a row at the border of a page. */
  private known: Record<Side, Map<string, Edge>> = { older: new Map(), newer: new Map() };

  constructor(private readonly rowsMax = ROWS_MAX, private readonly sizeMax = SIZE_MAX) {}

  reset(page: Page): void {
    this.rows = page.rows.slice();
    this.older = page.older;
    this.newer = page.newer;
    this.known = { older: new Map(), newer: new Map() };
    this.remember(page);
    this.check();
  }

  /* Rows that lie beyond one end. Rows already here are left out (they overlap after a reread). */
  extend(side: Side, page: Page): void {
    this.remember(page);
    const { rows } = this;
    if (side === 'older') {
      const first = rows[0]?.key;
      const fresh = first === undefined ? page.rows : page.rows.filter((row) => row.key < first);
      this.rows = fresh.concat(rows);
      this.older = page.older;
      this.evict('newer');
    } else {
      const last = rows[rows.length - 1]?.key;
      const fresh = last === undefined ? page.rows : page.rows.filter((row) => row.key > last);
      this.rows = rows.concat(fresh);
      this.newer = page.newer;
      this.evict('older');
    }
    this.check();
  }

  /* Rows that just arrived. They go where their id belongs: late ones among the others, unless they
   * are older than the window, where reading on will find them. Returns how many were new here. */
  insert(arrived: readonly Row[]): number {
    const fresh = new Map<string, Row>();
    const first = this.rows[0]?.key;
    for (const row of arrived) {
      const inside = first === undefined || row.key > first || this.older.kind === 'end';
      if (inside && this.indexOf(row.key) < 0) fresh.set(row.key, row);
    }
    if (fresh.size === 0) return 0;
    const added = [...fresh.values()].sort(byKey);
    const last = this.rows[this.rows.length - 1]?.key;
    const inOrder = last === undefined || added[0]!.key > last;
    this.rows = this.rows.concat(added);
    if (!inOrder) this.rows.sort(byKey);
    this.evict('older');
    this.check();
    return added.length;
  }

  indexOf(key: string): number {
    const at = lowerBound(this.rows, key);
    return this.rows[at]?.key === key ? at : -1;
  }

  /* The first row at or after a time, by its key; rows.length if all are older. */
  indexAtId(id: string): number {
    return lowerBound(this.rows, id.padStart(20, '0'));
  }

  private remember(page: Page): void {
    const first = page.rows[0];
    const last = page.rows[page.rows.length - 1];
    if (first !== undefined && page.older.kind === 'cursor') this.known.older.set(first.key, page.older);
    if (last !== undefined && page.newer.kind === 'cursor') this.known.newer.set(last.key, page.newer);
  }

  /* Cut down to the maximum at one side, if it can be at the border of a page whose cursor is known:
   * a cursor is exact and cheap, asking from a row is only exact. */
  private evict(side: Side): void {
    const { rows, rowsMax } = this;
    const surplus = this.surplus(side);
    if (surplus <= 0) return;
    const slack = Math.min(surplus + Math.floor(rowsMax / 4), rows.length - 1);
    let cut = surplus;
    for (let n = surplus; n <= slack; n++) {
      const border = side === 'older' ? rows[n]! : rows[rows.length - 1 - n]!;
      if (this.known[side].has(border.key)) {
        cut = n;
        break;
      }
    }
    const gone = side === 'older' ? rows.slice(0, cut) : rows.slice(rows.length - cut);
    this.rows = side === 'older' ? rows.slice(cut) : rows.slice(0, rows.length - cut);
    const border = side === 'older' ? this.rows[0]! : this.rows[this.rows.length - 1]!;
    this[side] = this.known[side].get(border.key) ?? { kind: 'row', row: border };
    for (const row of gone) {
      this.known.older.delete(row.key);
      this.known.newer.delete(row.key);
    }
  }

  /* How many rows must go at one side. */
  private surplus(side: Side): number {
    const { rows, rowsMax, sizeMax } = this;
    let size = rows.reduce((sum, row) => sum + row.size, 0);
    let n = 0;
    for (; rows.length - n > ROWS_KEPT && size > sizeMax; n++) {
      size -= (side === 'older' ? rows[n]! : rows[rows.length - 1 - n]!).size;
    }
    return Math.max(n, rows.length - rowsMax);
  }

  private check(): void {
    const { rows } = this;
    for (let i = 1; i < rows.length; i++) {
      if (rows[i - 1]!.key >= rows[i]!.key) throw new Error(`window rule 1: row ${rows[i]!.key}`);
    }
  }
}

function byKey(a: Row, b: Row): number {
  return a.key < b.key ? -1 : a.key > b.key ? 1 : 0;
}

function lowerBound(rows: readonly Row[], key: string): number {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (rows[middle]!.key < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
