/* Days as the dates panel has them: `2026-11-22`, on the clock of the page. */

import { boundNs, clock, dayOf, formatNs, readBound, type Zone } from './time.ts';

const DAY_MS = 86_400_000;
const DAYS_MAX = 92; /* more would be no panel */

/* The days an index keeps, today last; of a long time only those since its first record. */
export function keptDays(intervals: number, first: string | null, zone: Zone, nowMs: number): string[] {
  const today = Date.parse(dayOf(new Date(nowMs).toISOString(), zone));
  const since = first === null ? today : Date.parse(dayOf(first, zone));
  const wanted = intervals <= 31 ? intervals : Math.max(31, Math.min(intervals, (today - since) / DAY_MS + 1));
  const n = Math.min(DAYS_MAX, Math.max(1, wanted));
  return Array.from({ length: n }, (_, i) => new Date(today - (n - 1 - i) * DAY_MS).toISOString().slice(0, 10));
}

export interface Since {
  day: string; /* empty: no bound */
  time: string; /* `10:53:20`, of a bound at a fixed moment only; empty: the day's beginning */
}

export function sinceOf(from: string, zone: Zone, nowMs: number): Since {
  const ns = boundNs(from, nowMs);
  if (ns === null) return { day: '', time: '' };
  const time = formatNs(ns);
  const at = /^\d/.test(from) ? clock(time, zone).replace(/\.000$/, '').replace(/^00:00:00$/, '') : '';
  return { day: dayOf(time, zone), time: at };
}

/* A bound for a time as one types it beside a day: `10:53`, or nothing; else anything that is a bound. */
export function boundOn(day: string, typed: string, zone: Zone, nowMs: number): string | null {
  const text = typed.trim();
  if (text === '') return readBound(day, zone, nowMs);
  const time = /^\d{1,2}:/.test(text) ? text.padStart(text.indexOf(':') === 1 ? text.length + 1 : 0, '0') : null;
  return readBound(time === null ? text : `${day} ${time}`, zone, nowMs);
}
