/* The histogram as numbers: what stands in which slot, and which part of all hits a moment is at.
 *
 * The server leaves empty buckets out and aligns steps to UTC; here they are laid on an even axis. The
 * rank of a moment is the share of hits before it: with it the map beside the rows can be as honest as
 * a scroll bar although only a window of rows is loaded. */

import { LEVELS, levelOfValue, type Level } from './level.ts';

export interface Bucket {
  startMs: number;
  count: number;
  by: Array<[value: string, count: number]>;
}

export interface Histogram {
  intervalMs: number;
  buckets: Bucket[];
}

export interface Slot {
  startMs: number;
  count: number;
  levels: number[]; /* by position in LEVELS */
  unknown: number; /* of no readable level */
}

export interface Chart {
  startMs: number;
  endMs: number;
  intervalMs: number;
  slots: Slot[];
  highest: number;
  total: number;
}

export const SLOTS_MAX = 400;
const BARS_MAX = 240;
const STEPS_MS = [
  1, 2, 5, 10, 20, 50, 100, 200, 500,
  ...[1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400].map((s) => s * 1000),
];

/* The step for a range that is shown whole, also where there is nothing in it: `15s`, `20ms`. */
export function stepFor(spanMs: number): string {
  const step = STEPS_MS.find((ms) => spanMs / ms <= BARS_MAX - 1)
    ?? Math.ceil(spanMs / 86_400_000 / BARS_MAX) * 86_400_000;
  return step % 1000 === 0 ? `${step / 1000}s` : `${step}ms`;
}

/* fromMs and toMs: the range that was asked for, null where it is open. */
export function makeChart(histogram: Histogram, fromMs: number | null, toMs: number | null):
    Chart | null {
  const { intervalMs, buckets } = histogram;
  const first = buckets[0];
  const last = buckets[buckets.length - 1];
  if (first === undefined || last === undefined || !(intervalMs > 0)) return null;
  const floor = (ms: number): number => Math.floor(ms / intervalMs) * intervalMs;
  let startMs = Math.min(floor(fromMs ?? first.startMs), first.startMs);
  let endMs = Math.max(floor((toMs ?? last.startMs + 1) - 1), last.startMs) + intervalMs;
  /* An open or far end must not squeeze what there is into nothing. */
  if ((endMs - startMs) / intervalMs > SLOTS_MAX) {
    startMs = first.startMs;
    endMs = last.startMs + intervalMs;
  }
  const slots: Slot[] = [];
  const count = Math.min(Math.round((endMs - startMs) / intervalMs), SLOTS_MAX);
  for (let i = 0; i < count; i++) {
    slots.push({ startMs: startMs + i * intervalMs, count: 0, levels: LEVELS.map(() => 0), unknown: 0 });
  }
  for (const bucket of buckets) {
    const slot = slots[Math.round((bucket.startMs - startMs) / intervalMs)];
    if (slot !== undefined) fillSlot(slot, bucket);
  }
  const counts = slots.map((slot) => slot.count);
  return {
    startMs, endMs, intervalMs, slots,
    highest: Math.max(1, ...counts),
    total: counts.reduce((sum, n) => sum + n, 0),
  };
}

function fillSlot(slot: Slot, bucket: Bucket): void {
  slot.count += bucket.count;
  let known = 0;
  for (const [value, count] of bucket.by) {
    const level: Level | null = levelOfValue(value);
    if (level === null) continue;
    slot.levels[LEVELS.indexOf(level)]! += count;
    known += count;
  }
  slot.unknown += Math.max(0, bucket.count - known);
}

/* Hits of one level in a slot. */
export function slotLevel(slot: Slot, level: Level): number {
  return slot.levels[LEVELS.indexOf(level)]!;
}

/* 0..1: the share of hits before a moment. Within a slot time passes evenly. */
export function rankAt(chart: Chart, ms: number): number {
  if (chart.total === 0) return 0;
  let before = 0;
  for (const slot of chart.slots) {
    if (ms < slot.startMs + chart.intervalMs) {
      const part = Math.max(0, (ms - slot.startMs) / chart.intervalMs);
      return (before + part * slot.count) / chart.total;
    }
    before += slot.count;
  }
  return 1;
}

/* The moment at which a share of hits lies before: the inverse of rankAt. */
export function momentAt(chart: Chart, rank: number): number {
  const wanted = Math.min(1, Math.max(0, rank)) * chart.total;
  let before = 0;
  for (const slot of chart.slots) {
    if (slot.count > 0 && before + slot.count >= wanted) {
      return slot.startMs + ((wanted - before) / slot.count) * chart.intervalMs;
    }
    before += slot.count;
  }
  return chart.endMs;
}

/* Where the next (or last) step with hits begins, seen from a moment; null if there is none. */
export function nextStep(chart: Chart, ms: number, side: 'older' | 'newer'): number | null {
  const full = chart.slots.filter((slot) => slot.count > 0);
  const found = side === 'newer' ? full.find((slot) => slot.startMs > ms)
    : full.reverse().find((slot) => slot.startMs < ms);
  return found?.startMs ?? null;
}

/* Whole steps that a drag from one share of the width (0..1) to another covers. */
export function draggedRange(chart: Chart, from: number, to: number): { fromMs: number; toMs: number } {
  const last = chart.slots.length - 1;
  const slotAt = (share: number): number =>
    Math.min(last, Math.max(0, Math.floor(share * chart.slots.length)));
  const [a, b] = [slotAt(Math.min(from, to)), slotAt(Math.max(from, to))];
  return {
    fromMs: chart.startMs + a * chart.intervalMs,
    toMs: chart.startMs + (b + 1) * chart.intervalMs,
  };
}
