/* What is counted about the hits of a view: how many, when, with which values.
 *
 * Rows come first; these answers follow and may be late, so they have their own requests: reading on in
 * the rows does not cancel them, another view does. While one follows the log they are renewed now and
 * then, and a range that began some time ago moves on with the clock: at most every SUMMARY_MS, slower
 * where answers are slow, not while the tab is hidden, and not while there is nothing new to show. */

import { signal } from '@preact/signals';
import * as api from './api.ts';
import { isAbort, type FieldInfo, type Reading, type ValueCount } from './api.ts';
import { makeChart, stepFor, type Chart } from './buckets.ts';
import { LEVEL_FIELDS } from './level.ts';
import { clearField } from './query_text.ts';
import { boundNs, instantBound } from './time.ts';
import type { View } from './url_state.ts';

export interface PanelField {
  name: string;
  values: ValueCount[];
  other: number;
}

const PANEL_VALUES = 100;
const SUMMARY_MS = 5000;
const REST_FACTOR = 10; /* rest so many times longer than the answers took */

export class Summary {
  readonly fields = signal<FieldInfo[]>([]);
  readonly hits = signal<number | null>(null);
  readonly hitsAreAll = signal(true); /* false: counting stopped before the end */
  readonly chart = signal<Chart | null>(null);
  readonly panel = signal<PanelField[]>([]);
  readonly isOld = signal(false); /* what is shown belongs to the view before */
  readonly trouble = signal('');
  readonly asOfMs = signal(api.serverNowMs()); /* the "now" of relative bounds */

  private abort = new AbortController();
  private isWanted = true;
  private isFollowing = false;
  private hasNews = false;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private view: View, private bounds: { from: string; to: string }) {}

  /* Another view, or the same one anew; `bounds` are its range as instants. */
  begin(view: View, bounds: { from: string; to: string }): void {
    this.close();
    this.abort = new AbortController();
    const asked = ({ indexes, q, from, to }: View): string => [indexes, q, from, to].join('\0');
    if (asked(view) !== asked(this.view)) {
      this.hits.value = null;
      this.isOld.value = true;
    }
    this.view = view;
    this.bounds = bounds;
    this.trouble.value = '';
    this.asOfMs.value = api.serverNowMs();
    this.isWanted = true;
  }

  /* Rows are there: now count, unless that is done or under way. */
  ensure(): void {
    if (!this.isWanted) return;
    this.isWanted = false;
    void this.load();
  }

  /* The rows could not be read, so there is nothing to say about them. */
  clear(): void {
    this.hits.value = null;
    this.chart.value = null;
    this.isOld.value = false;
    this.isWanted = true;
  }

  close(): void {
    this.abort.abort();
    this.unfollow();
  }

  follow(): void {
    this.isFollowing = true;
    this.hasNews = true; /* the chart now ends with the present, not with its data */
    this.bounds = { ...this.bounds, to: '' };
    this.schedule(SUMMARY_MS);
  }

  unfollow(): void {
    this.isFollowing = false;
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  /* Rows arrived; so many of them are hits that are shown. */
  arrived(shown: number): void {
    this.hasNews = true;
    if (this.hits.value !== null) this.hits.value += shown;
  }

  levelField(): string | null {
    const names = new Set(this.fields.value.map((field) => field.name));
    return LEVEL_FIELDS.find((name) => names.has(name)) ?? null;
  }

  private schedule(restMs: number): void {
    this.timer ??= setTimeout(async () => {
      const { signal } = this.abort;
      const began = performance.now();
      if (document.visibilityState === 'visible' && this.isOutrun()) await this.count(signal);
      this.timer = undefined;
      if (!signal.aborted && this.isFollowing) {
        this.schedule(Math.max(SUMMARY_MS, (performance.now() - began) * REST_FACTOR));
      }
    }, restMs);
  }

  /* Is there something that is not shown: new rows, or a new step of the chart? */
  private isOutrun(): boolean {
    const stepMs = this.chart.value?.intervalMs ?? Infinity;
    const stepOf = (ms: number): number => Math.floor(ms / stepMs);
    return this.hasNews || stepOf(api.serverNowMs()) !== stepOf(this.asOfMs.value);
  }

  private async load(): Promise<void> {
    const { signal } = this.abort;
    await this.quiet(signal, api.listFields(this.view.indexes, signal).then((fields) => {
      if (!signal.aborted) this.fields.value = fields;
    }));
    await this.count(signal);
    if (!signal.aborted) this.isOld.value = false;
  }

  private async count(signal: AbortSignal): Promise<void> {
    this.hasNews = false;
    this.trouble.value = '';
    this.asOfMs.value = api.serverNowMs();
    const reading = this.reading();
    const counting = api.count(reading, signal).then(({ count, report }) => {
      if (signal.aborted) return;
      this.hits.value = count;
      this.hitsAreAll.value = !report.partial;
    });
    const { fromMs, toMs } = this.chartRange(reading);
    const step = fromMs === null || toMs === null ? null : stepFor(toMs - fromMs);
    const charting = api.histogram(reading, this.levelField(), step, signal).then((histogram) => {
      if (!signal.aborted) this.chart.value = makeChart(histogram, fromMs, toMs);
    });
    await Promise.all([this.quiet(signal, counting), this.quiet(signal, charting)]);
    await this.quiet(signal, this.loadPanel(reading, signal));
  }

  private async quiet(signal: AbortSignal, work: Promise<void>): Promise<void> {
    try {
      await work;
    } catch (error) {
      if (isAbort(error) || signal.aborted) return;
      this.trouble.value = error instanceof Error ? error.message : String(error);
      this.hasNews = true; /* try again with the next round */
    }
  }

  private reading(): Reading {
    const { indexes, q, from } = this.view;
    const moved = this.isFollowing ? { from: instantBound(from, this.asOfMs.value) } : {};
    return { indexes, q, ...this.bounds, ...moved };
  }

  /* The range as the chart's axis has it; null where it is open and ends with the data. */
  private chartRange({ from, to }: Reading): { fromMs: number | null; toMs: number | null } {
    const now = this.asOfMs.value;
    const ms = (bound: string): number | null => {
      const ns = boundNs(bound, now);
      return ns === null ? null : Number(ns / 1_000_000n);
    };
    const endsNow = this.isFollowing || this.view.from.startsWith('-');
    return { fromMs: ms(from), toMs: ms(to) ?? (endsNow ? now : null) };
  }

  /* Counts of a field are taken without the field's own filter: they say what a click would give. */
  private async loadPanel(reading: Reading, signal: AbortSignal): Promise<void> {
    const names = this.fields.value.filter((field) => field.filtered).map((field) => field.name);
    const found = await Promise.all(names.map(async (name): Promise<PanelField> => {
      const wider = { ...reading, q: clearField(reading.q, name) };
      const { values, other } = await api.values(wider, name, PANEL_VALUES, signal);
      const old = this.isFollowing ? this.panel.value.find((field) => field.name === name) : undefined;
      return { name, values: inOldOrder(values, old?.values ?? []), other };
    }));
    if (!signal.aborted) this.panel.value = found;
  }
}

/* While one looks on, values stay where they are: none may move away under the pointer. */
export function inOldOrder(values: ValueCount[], old: readonly ValueCount[]): ValueCount[] {
  const places = new Map(old.map(({ value }, i) => [value, i]));
  const place = ({ value }: ValueCount): number => places.get(value) ?? old.length;
  return [...values].sort((a, b) => place(a) - place(b));
}
