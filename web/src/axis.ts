/* Round moments for a time axis, and moments in words: as much of date and clock as tells one from the
 * next, whatever the span, from milliseconds to decades. Pure.
 *
 * Moments are round on the wall clock of the zone. Times below are milliseconds; a wall time is the
 * clock's reading, counted as if it were UTC. */

import { instantOfWall, wallOf, type Zone } from './time.ts';

export interface Tick {
  ms: number;
  label: string;
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const MONDAY = 4 * DAY; /* the first one after the beginning of 1970: weeks begin there */

const EVEN_STEPS = [
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500],
  ...[1, 2, 5, 10, 15, 30].map((n) => n * SECOND),
  ...[1, 2, 5, 10, 15, 30].map((n) => n * MINUTE),
  ...[1, 2, 3, 6, 12].map((n) => n * HOUR),
  ...[1, 2, 7, 14].map((n) => n * DAY),
];
const MONTH_STEPS = [1, 2, 3, 6, 12, 24, 60, 120, 240, 600, 1200, 2400, 6000, 12_000];

/* At most `most` moments from startMs to endMs, each with a label of its own. */
export function axisTicks(startMs: number, endMs: number, zone: Zone, most: number): Tick[] {
  const start = wallOf(startMs, zone);
  const end = wallOf(endMs, zone);
  const even = EVEN_STEPS.find((step) => (end - start) / step < most);
  const walls = even !== undefined ? evenWalls(start, end, even) : monthWalls(start, end, most);
  const ticks: Tick[] = [];
  for (const { wall, label } of walls) {
    const ms = instantOfWall(wall, zone);
    const last = ticks[ticks.length - 1];
    if (ms < startMs || ms > endMs || (last !== undefined && ms <= last.ms)) continue;
    ticks.push({ ms, label });
  }
  return ticks;
}

interface Wall {
  wall: number;
  label: string;
}

function evenWalls(start: number, end: number, step: number): Wall[] {
  const origin = step % (7 * DAY) === 0 ? MONDAY : 0;
  const label = (wall: number): string => {
    const text = isoText(wall);
    if (step >= DAY) return text.slice(0, 10);
    if (end - start >= DAY) return text.slice(5, 16).replace('T', ' ');
    return wall % DAY === 0 && step >= MINUTE ? text.slice(5, 10) : clockText(text, step);
  };
  const walls: Wall[] = [];
  for (let wall = Math.ceil((start - origin) / step) * step + origin; wall <= end; wall += step) {
    walls.push({ wall, label: label(wall) });
  }
  return walls;
}

function monthWalls(start: number, end: number, most: number): Wall[] {
  const monthOf = (wall: number): number => {
    const date = new Date(wall);
    return date.getUTCFullYear() * 12 + date.getUTCMonth();
  };
  const [first, last] = [monthOf(start), monthOf(end)];
  const step = MONTH_STEPS.find((months) => (last - first + 1) / months <= most) ?? 120_000;
  const walls: Wall[] = [];
  for (let month = Math.ceil(first / step) * step; month <= last; month += step) {
    const wall = Date.UTC(Math.floor(month / 12), month % 12);
    walls.push({ wall, label: isoText(wall).slice(0, step % 12 === 0 ? 4 : 7) });
  }
  return walls;
}

/* A step of a chart by its beginning: `11-22 10:53:20`. */
export function stepLabel(ms: number, stepMs: number, zone: Zone): string {
  const text = isoText(wallOf(ms, zone));
  if (stepMs >= DAY) return text.slice(0, 10);
  return `${text.slice(5, 10)} ${clockText(text, stepMs)}`;
}

/* A span for people, `10:40 – 10:55`: with seconds if it is short, with dates if it has several. */
export function spanLabel(fromMs: number, toMs: number, zone: Zone): string {
  const texts = [fromMs, toMs].map((ms) => isoText(wallOf(ms, zone))) as [string, string];
  const span = toMs - fromMs;
  const isOneDay = texts[0].slice(0, 10) === texts[1].slice(0, 10);
  return texts.map((text) =>
    span >= 5 * DAY ? text.slice(0, 10)
      : isOneDay ? clockText(text, span < 5 * MINUTE ? SECOND : MINUTE)
        : text.slice(5, 16).replace('T', ' ')).join(' \u2013 ');
}

function isoText(wall: number): string {
  return new Date(wall).toISOString();
}

function clockText(iso: string, stepMs: number): string {
  const end = stepMs >= MINUTE ? 16 : stepMs >= SECOND ? 19 : stepMs >= 100 ? 21 : stepMs >= 10 ? 22 : 23;
  return iso.slice(11, end);
}
