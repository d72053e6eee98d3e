/* Reading a log: what is loaded, what is asked next, what just arrived.
 *
 * The reader owns the window of rows and its requests; counts are its Summary's. It publishes signals for the parts
 * around the list and tells its `Screen` when rows changed and where to look. One `run` per view; a new
 * one cancels whatever the old one still waits for.
 *
 * Reading on uses the server's cursors. Where there is none (rows that came by Follow, a permalink, a row
 * left at the border after eviction) it asks from the row itself: by id, overlapping a little, and the
 * window drops what it has. */

import { signal } from '@preact/signals';
import * as api from './api.ts';
import { isAbort, Problem, type Reading, type Report } from './api.ts';
import { withoutText } from './query_text.ts';
import type { Place } from './rows.ts';
import { Summary } from './summary.ts';
import { Tail } from './tail.ts';
import { boundNs, formatNs, instantBound, parseNs } from './time.ts';
import { isSinceMoment, type RowRef, type View } from './url_state.ts';
import { LogWindow, rowKey, type Edge, type Order, type Page, type Row, type Side } from './window.ts';

export type FollowState = 'off' | 'live' | 'paused';

export interface Screen {
  show(rows: readonly Row[], place: Place): void;
  repaintRows(keys: Iterable<string>): void;
  hasScrolledUp(): boolean;
}

const FIRST_LIMIT = 200;
const PAGE_LIMIT = 500;
const PAGE_SIZE = 4_000_000; /* characters: pages of huge records are shorter */
const PAGE_LIMIT_MIN = 20;
const CONTEXT_LIMIT = 200;
const PAINT_MS = 100; /* at most ten paints a second while following */
const PENDING_MAX = 5000; /* rows kept while the reader looks elsewhere */
const REREAD_LIMIT = 5000; /* rows in a page when the first one lay among equal times */
const LINE_OFFSET = 200; /* pixels from the top, for a line that one is led to */
const MARK_PAGES = 5;
const STEP_BACK_NS = 10_000_000n; /* more than ids run ahead of times: one for each row of one time */

export class Reader {
  readonly window = new LogWindow();
  readonly summary: Summary;
  readonly hitKeys = new Set<string>(); /* in context: rows the query finds */

  readonly loading = signal(true);
  readonly problem = signal<Problem | null>(null);
  readonly report = signal<Report | null>(null);
  readonly follow = signal<FollowState>('off');
  readonly followTrouble = signal<string | null>(null);
  readonly tailReport = signal<Report | null>(null); /* while following: what the stream left out */
  readonly waiting = signal(0); /* rows that arrived while paused */
  readonly edges = signal<Record<Side, Edge['kind'] | 'loading' | 'failed'>>({ older: 'end', newer: 'end' });
  readonly edgeProblem = signal('');
  readonly notice = signal(''); /* said once, in the status line */
  readonly rowCount = signal(0);

  private bounds = { from: '', to: '' };
  private pageLimit = PAGE_LIMIT;
  private abort = new AbortController();
  private readonly busy: Record<Side, boolean> = { older: false, newer: false };
  private tail: Tail | null = null;
  private pending: Row[] = [];
  private pendingLost = false;
  private catchingUp = false;
  private paintTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly screen: Screen, private view: View) {
    this.summary = new Summary(view, this.bounds);
  }

  /* ---- a view ---- */

  /* `offset`: where the line of a view with one shall stand. */
  async run(view: View, offset: number | null = null): Promise<void> {
    const following = this.isFollowing() && view.line === null && view.to === '';
    this.cancel();
    this.stopFollow();
    this.view = view;
    this.problem.value = null;
    this.notice.value = '';
    const now = api.serverNowMs();
    this.bounds = { from: instantBound(view.from, now), to: instantBound(view.to, now) };
    this.summary.begin(view, this.bounds);
    await this.guarded(async (signal) => {
      await (view.line === null ? this.readBeginning(signal) : this.readAround(view.line, offset, signal));
      if (following) void this.startFollow();
    });
  }

  /* The query's own reading. */
  hitReading(): Reading {
    return { indexes: this.view.indexes, q: this.view.q, ...this.bounds };
  }

  /* What the list shows: in context more than the query finds. */
  private rowReading(): Reading {
    const { q, context } = this.view;
    const rowQuery = { off: q, filtered: withoutText(q), all: '' }[context];
    return { ...this.hitReading(), q: rowQuery };
  }

  private isInContext(): boolean {
    return this.view.context !== 'off' && this.view.q !== '';
  }

  close(): void {
    this.cancel();
    this.stopFollow();
    this.summary.close();
  }

  private cancel(): void {
    this.abort.abort();
    this.abort = new AbortController();
    this.busy.older = this.busy.newer = false;
    this.catchingUp = false;
  }

  /* First rows of a place: errors fill the page. */
  private async guarded(act: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const { signal } = this.abort;
    this.loading.value = true;
    try {
      await act(signal);
      this.problem.value = null;
      this.summary.ensure();
    } catch (error) {
      if (signal.aborted || isAbort(error)) return;
      this.problem.value = error instanceof Problem ? error : new Problem(String(error), 0);
      this.report.value = null;
      this.summary.clear();
      this.resetRows({ rows: [], older: { kind: 'end' }, newer: { kind: 'end' } }, 'top');
    } finally {
      if (!signal.aborted) this.loading.value = false;
    }
  }

  private resetRows(page: Page, place: Place): void {
    this.hitKeys.clear();
    this.fitPages(page.rows);
    this.window.reset(page);
    this.changed(place);
  }

  private changed(place: Place): void {
    this.rowCount.value = this.window.rows.length;
    this.showEdges();
    this.screen.show(this.window.rows, place);
  }

  private showEdges(failed?: Side): void {
    const of = (side: Side): Edge['kind'] | 'loading' | 'failed' =>
      failed === side ? 'failed' : this.busy[side] ? 'loading' : this.window[side].kind;
    this.edges.value = { older: of('older'), newer: of('newer') };
  }

  /* ---- places ---- */

  /* Where a view without a line begins; in context at a hit, with what is around it. */
  private async readBeginning(signal: AbortSignal): Promise<void> {
    const since = isSinceMoment(this.view);
    if (this.isInContext()) {
      const [order, side] = since ? ['asc', 'newer'] as const : ['desc', 'older'] as const;
      const { rows: [hit] } = await this.readPage(this.hitReading(), { order, limit: 1 }, side, signal);
      if (hit !== undefined) return this.readBesides(hit, { key: hit.key, offset: LINE_OFFSET }, signal);
      this.notice.value = 'no hit in this range';
    }
    return since ? this.readStart(signal) : this.readEnd(signal);
  }

  private readEnd(signal: AbortSignal): Promise<void> {
    return this.readFirst('desc', 'bottom', signal);
  }

  private readStart(signal: AbortSignal): Promise<void> {
    return this.readFirst('asc', 'top', signal);
  }

  private async readFirst(order: Order, place: Place, signal: AbortSignal): Promise<void> {
    const options = { order, limit: FIRST_LIMIT };
    const page = await this.readPage(this.rowReading(), options, order === 'desc' ? 'older' : 'newer', signal);
    this.resetRows(page, place);
    void this.markHits(page.rows, signal);
  }

  /* One page towards `side`. A search that ran out of time before it found a row says how far it got:
   * then it goes on from there, so that a page without rows is the end. */
  private async readPage(reading: Reading, options: api.SearchOptions, side: Side, signal: AbortSignal):
      Promise<Page> {
    for (let cursor = options.cursor; ;) {
      const { page, report } = await api.search(reading,
        { ...options, ...(cursor === undefined ? {} : { cursor }) }, signal);
      this.report.value = report;
      const on = page[side];
      if (page.rows.length > 0 || on.kind !== 'cursor') return page;
      cursor = on.cursor;
    }
  }

  private async readAround(ref: RowRef, offset: number | null, signal: AbortSignal): Promise<void> {
    const limit = this.rowReading().q === '' ? CONTEXT_LIMIT : 0;
    const around = await api.context(this.view.indexes, ref, limit, limit, signal);
    if (around === null) {
      this.notice.value = 'the line is no longer there';
      return this.readEnd(signal);
    }
    const { row, before, after } = around;
    const place = { key: row.key, offset: offset ?? LINE_OFFSET };
    if (limit === 0) return this.readBesides(row, place, signal);
    const older = this.trimmed(before, 'older', limit, row);
    const newer = this.trimmed(after, 'newer', limit, row);
    this.showAround(older, row, newer, place, signal);
  }

  private async readBesides(row: Row, place: Place, signal: AbortSignal): Promise<void> {
    const reading = this.rowReading();
    const [older, newer] = await Promise.all([
      this.readFromRow(reading, 'older', row, CONTEXT_LIMIT, signal),
      this.readFromRow(reading, 'newer', row, CONTEXT_LIMIT, signal),
    ]);
    this.showAround(older, row, newer, place, signal);
  }

  private showAround(older: Page, row: Row, newer: Page, place: Place, signal: AbortSignal): void {
    const rows = [...older.rows, row, ...newer.rows];
    this.resetRows({ rows, older: older.older, newer: newer.newer }, place);
    void this.markHits(rows, signal);
  }

  /* Rows of a context answer, which knows no range, within ours. Fewer than asked is the end; rows left
   * out prove nothing, as times may step back inside a run of equal ones. */
  private trimmed(rows: Row[], side: Side, limit: number, middle: Row): Page {
    const inside = rows.filter((row) => this.isInRange(row));
    const border = side === 'older' ? inside[0] : inside[inside.length - 1];
    const edge: Edge = rows.length < limit ? { kind: 'end' } : { kind: 'row', row: border ?? middle };
    return { rows: inside, older: edge, newer: edge };
  }

  private isInRange(row: Row): boolean {
    const at = parseNs(row.time) ?? 0n;
    const now = api.serverNowMs();
    const from = boundNs(this.bounds.from, now);
    const to = boundNs(this.bounds.to, now);
    return (from === null || at >= from) && (to === null || at < to);
  }

  /* ---- reading on ---- */

  async extend(side: Side, retry = false): Promise<void> {
    const edge = this.window[side];
    if (edge.kind === 'end' || this.busy[side] || this.window.rows.length === 0) return;
    if (this.edges.value[side] === 'failed' && !retry) return;
    const { signal } = this.abort;
    this.busy[side] = true;
    this.showEdges();
    try {
      const page = edge.kind === 'cursor'
        ? await this.readCursor(side, edge, signal)
        : await this.readFromRow(this.rowReading(), side, edge.row, this.pageLimit, signal);
      if (signal.aborted) return;
      this.busy[side] = false;
      this.fitPages(page.rows);
      this.window.extend(side, page);
      this.changed('stay');
      void this.markHits(page.rows, signal);
    } catch (error) {
      if (signal.aborted || isAbort(error)) return;
      this.busy[side] = false;
      this.edgeProblem.value = error instanceof Error ? error.message : String(error);
      this.showEdges(side);
    }
  }

  private readCursor(side: Side, edge: Extract<Edge, { kind: 'cursor' }>, signal: AbortSignal): Promise<Page> {
    const options = { order: edge.order, limit: this.pageLimit, cursor: edge.cursor };
    return this.readPage({ ...this.rowReading(), from: edge.from, to: edge.to }, options, side, signal);
  }

  /* Rows beyond a row without a cursor. An id is the time or just above it, so everything older has a
   * time below the id; newer rows may step back in time by what ids stepped ahead. */
  private async readFromRow(whole: Reading, side: Side, row: Row, limit: number, signal: AbortSignal):
      Promise<Page> {
    const reading = { ...whole };
    const now = api.serverNowMs();
    if (side === 'older') {
      const to = BigInt(row.id) + 1n;
      const bound = boundNs(reading.to, now);
      if (bound === null || to < bound) reading.to = formatNs(to);
    } else {
      const from = (parseNs(row.time) ?? BigInt(row.id)) - STEP_BACK_NS;
      const bound = boundNs(reading.from, now);
      if (bound === null || from > bound) reading.from = formatNs(from);
    }
    const order = side === 'older' ? 'desc' : 'asc';
    const beyond = (other: Row): boolean => (side === 'older' ? other.key < row.key : other.key > row.key);
    let cursor: string | undefined;
    for (let size = limit; ; size = REREAD_LIMIT) {
      const options = { order, limit: size, ...(cursor === undefined ? {} : { cursor }) } as const;
      const page = await this.readPage(reading, options, side, signal);
      const rows = page.rows.filter(beyond);
      const on = page[side];
      if (rows.length > 0 || on.kind !== 'cursor') {
        const back: Edge = { kind: 'row', row };
        return side === 'older' ? { rows, older: on, newer: back } : { rows, newer: on, older: back };
      }
      cursor = on.cursor;
    }
  }

  private fitPages(rows: readonly Row[]): void {
    const size = rows.reduce((sum, row) => sum + row.size, 0) / Math.max(1, rows.length);
    const fitting = Math.floor(PAGE_SIZE / Math.max(1, size));
    this.pageLimit = Math.min(PAGE_LIMIT, Math.max(PAGE_LIMIT_MIN, fitting));
  }

  goEnd(): Promise<void> {
    if (this.window.newer.kind === 'end' && this.window.rows.length > 0 && this.follow.value !== 'off') {
      this.flush(true);
      return Promise.resolve();
    }
    this.cancel();
    return this.guarded((signal) => this.readEnd(signal));
  }

  goStart(): Promise<void> {
    if (this.window.older.kind === 'end' && this.window.rows.length > 0) {
      this.screen.show(this.window.rows, 'top');
      return Promise.resolve();
    }
    this.cancel();
    return this.guarded((signal) => this.readStart(signal));
  }

  /* Show a row, loading its surroundings if need be; `offset`: where its line shall stand. */
  async goRow(ref: RowRef, offset: number | null): Promise<void> {
    if (this.window.indexOf(rowKey(ref)) >= 0) {
      this.screen.show(this.window.rows, { key: rowKey(ref), offset: offset ?? LINE_OFFSET });
      return;
    }
    this.cancel();
    await this.guarded((signal) => this.readAround(ref, offset, signal));
  }

  /* The first row at or after a moment comes to the top. Its surroundings are loaded both ways. */
  async goTime(ms: number): Promise<void> {
    this.cancel();
    await this.guarded(async (signal) => {
      const reading = this.rowReading();
      const at = BigInt(Math.round(ms)) * 1_000_000n;
      const bound = boundNs(reading.from, api.serverNowMs());
      const from = bound === null || at > bound ? formatNs(at) : reading.from;
      const { rows } = await this.readPage({ ...reading, from }, { order: 'asc', limit: 1 }, 'newer', signal);
      if (rows[0] === undefined) return this.readEnd(signal);
      await this.readBesides(rows[0], { key: rows[0].key, offset: 0 }, signal);
    });
  }

  /* The next row the query finds beyond `row`, asked of the server. null: there is none. */
  async findHit(side: Side, row: Row): Promise<Row | null> {
    if (!this.isInContext()) return null;
    try {
      const { rows } = await this.readFromRow(this.hitReading(), side, row, CONTEXT_LIMIT, this.abort.signal);
      return (side === 'older' ? rows[rows.length - 1] : rows[0]) ?? null;
    } catch (error) {
      if (!isAbort(error)) this.notice.value = error instanceof Error ? error.message : String(error);
      return null;
    }
  }

  /* In context: the row itself or a loaded hit near it, rather one behind it. */
  nearestHit(row: Row): Row | null {
    const { rows } = this.window;
    const at = this.window.indexOf(row.key);
    const isHit = ({ key }: Row): boolean => this.hitKeys.has(key);
    return rows.slice(at).find(isHit) ?? rows.slice(0, at).reverse().find(isHit) ?? null;
  }

  /* In context: mark which of the lines just loaded the query finds, with its matches. */
  private async markHits(rows: readonly Row[], signal: AbortSignal): Promise<void> {
    const first = rows[0];
    const last = rows[rows.length - 1];
    if (!this.isInContext() || first === undefined || last === undefined) return;
    const times = rows.map((row) => parseNs(row.time) ?? 0n);
    const low = times.reduce((a, b) => (b < a ? b : a));
    const high = times.reduce((a, b) => (b > a ? b : a));
    const reading = { ...this.hitReading(), from: formatNs(low), to: formatNs(high + 1n) };
    let cursor: string | undefined;
    try {
      for (let pages = 0; pages < MARK_PAGES; pages++) {
        const options = { order: 'asc', limit: 1000, ...(cursor === undefined ? {} : { cursor }) } as const;
        const { page } = await api.search(reading, options, signal);
        if (signal.aborted) return;
        this.takeHits(page.rows);
        if (page.newer.kind !== 'cursor') return;
        cursor = page.newer.cursor;
      }
    } catch (error) {
      if (!isAbort(error)) this.notice.value = 'could not mark the hits';
    }
  }

  private takeHits(found: readonly Row[]): void {
    const keys: string[] = [];
    for (const hit of found) {
      const row = this.window.rows[this.window.indexOf(hit.key)];
      if (row === undefined) continue;
      row.highlights = hit.highlights;
      row.fieldHighlights = hit.fieldHighlights;
      this.hitKeys.add(hit.key);
      keys.push(hit.key);
    }
    if (keys.length > 0) this.screen.repaintRows(keys);
  }

  /* ---- following ---- */

  async startFollow(): Promise<void> {
    if (this.follow.value !== 'off') return;
    this.follow.value = 'live';
    this.bounds = { ...this.bounds, to: '' };
    this.summary.follow();
    if (this.window.newer.kind !== 'end' || this.problem.value !== null) {
      this.cancel();
      await this.guarded((signal) => this.readEnd(signal));
    } else this.screen.show(this.window.rows, 'bottom');
    if (this.isFollowing()) this.openTail();
  }

  private isFollowing(): boolean {
    return this.follow.value !== 'off';
  }

  private openTail(): void {
    this.catchingUp = true;
    this.tail = new Tail(this.view.indexes, this.rowReading().q, {
      opened: (resumed) => {
        this.followTrouble.value = null;
        if (!resumed) void this.catchUp();
      },
      rows: (rows) => this.arrived(rows),
      reset: () => void this.startOver(),
      partial: (report) => (this.tailReport.value = report),
      lost: (why) => (this.followTrouble.value = `${why}; trying again`),
      refused: (problem) => {
        this.stopFollow();
        this.notice.value = problem.message;
      },
    });
  }

  stopFollow(): void {
    this.tail?.stop();
    this.tail = null;
    this.summary.unfollow();
    clearTimeout(this.paintTimer);
    this.paintTimer = undefined;
    this.pending = [];
    this.pendingLost = false;
    this.waiting.value = 0;
    this.followTrouble.value = null;
    this.tailReport.value = null;
    this.follow.value = 'off';
  }

  /* What was stored before the stream opened, late records too, is in the store by now: read the newest
   * rows again, then add what the stream brought since. */
  private async catchUp(): Promise<void> {
    const { signal } = this.abort;
    this.catchingUp = true;
    try {
      if (this.follow.value === 'live') await this.readEnd(signal);
      else this.pendingLost = true;
    } catch (error) {
      if (!isAbort(error)) this.pendingLost = true;
    } finally {
      if (!signal.aborted) this.catchingUp = false;
      this.schedulePaint();
    }
  }

  /* The stream cannot be resumed: what came meanwhile is only in the store. */
  private async startOver(): Promise<void> {
    if (this.follow.value === 'paused') {
      this.pendingLost = true;
      return;
    }
    this.cancel();
    await this.guarded((signal) => this.readEnd(signal));
  }

  private arrived(rows: readonly Row[]): void {
    const inside = rows.filter((row) => this.isInRange(row) && this.window.indexOf(row.key) < 0);
    if (inside.length === 0) return;
    this.pending.push(...inside);
    if (this.pending.length > PENDING_MAX) {
      this.pending = this.pending.slice(-PENDING_MAX);
      this.pendingLost = true;
    }
    if (this.follow.value === 'paused') this.waiting.value += inside.length;
    this.summary.arrived(0);
    this.schedulePaint();
  }

  private schedulePaint(): void {
    this.paintTimer ??= setTimeout(() => {
      this.paintTimer = undefined;
      if (this.follow.value === 'live' && this.screen.hasScrolledUp()) this.pause();
      if (this.follow.value === 'live' && !this.catchingUp) this.flush(false);
    }, PAINT_MS);
  }

  /* Put what arrived into the list and look at its end. */
  private flush(always: boolean): void {
    const { pending } = this;
    this.pending = [];
    this.waiting.value = 0;
    if (this.pendingLost) {
      this.pendingLost = false;
      this.cancel();
      void this.guarded((signal) => this.readEnd(signal));
      return;
    }
    const added = this.window.insert(pending);
    if (added === 0 && !always) return;
    if (!this.isInContext()) this.summary.arrived(added);
    this.changed('bottom');
    if (this.isInContext()) void this.markHits(pending, this.abort.signal);
  }

  pause(): void {
    if (this.follow.value !== 'live') return;
    this.follow.value = 'paused';
    this.pending = this.pending.filter((row) => this.window.indexOf(row.key) < 0);
    this.waiting.value = this.pending.length;
  }

  /* The end of the loaded rows came into view; only the end of the log counts. */
  reachedBottom(): void {
    if (this.window.newer.kind === 'end') this.resume();
  }

  resume(): void {
    if (this.follow.value !== 'paused') return;
    this.follow.value = 'live';
    if (this.window.newer.kind !== 'end') this.pendingLost = true;
    this.flush(true);
  }
}
