/* The time range: spans back from now, or from and to as one types them. */

import { signal } from '@preact/signals';
import type { LogControl } from './log_control.ts';
import { Menu } from './menu.tsx';
import { zone } from './settings.ts';
import { serverNowMs } from './api.ts';
import { spanLabel } from './axis.ts';
import { boundNs, clock, dayOf, formatNs, readBound, spanMs, zoneName, type Zone } from './time.ts';

const SPANS: ReadonlyArray<readonly [from: string, says: string]> = [
  ['-5m', 'last 5 minutes'], ['-15m', 'last 15 minutes'], ['-1h', 'last hour'], ['-6h', 'last 6 hours'],
  ['-1d', 'last day'], ['-7d', 'last 7 days'], ['', 'all time'],
];

/* `last hour` for `-1h`; undefined if it is none of those. */
export function spanName(from: string): string | undefined {
  return SPANS.find(([span]) => span === from)?.[1];
}

/* The next wider range than [from, to): a longer span back from now, at last everything. */
export function widerRange(from: string, to: string, nowMs: number): string | null {
  if (from === '') return to === '' ? null : '';
  const start = boundNs(from, nowMs);
  if (start === null) return '';
  const backMs = nowMs - Number(start / 1_000_000n);
  return SPANS.find(([span]) => span !== '' && spanMs(span)! > backMs * 1.01)?.[0] ?? '';
}

/* A bound for people: as typed if relative, else on the clock of the zone. */
export function boundText(bound: string, zoneNow: Zone, nowMs: number): string {
  const ns = boundNs(bound, nowMs);
  if (bound === '' || bound === 'now' || bound.startsWith('-') || ns === null) return bound;
  const time = formatNs(ns);
  const at = clock(time, zoneNow).replace(/(:00)?\.000$/, '');
  const day = dayOf(time, zoneNow);
  return day === dayOf(new Date(nowMs).toISOString(), zoneNow) ? at : `${day} ${at}`;
}

function rangeLabel(from: string, to: string, zoneNow: Zone, nowMs: number): [string, string] {
  if (from === '' && to === '') return ['all time', ''];
  if (from.startsWith('-') && (to === '' || to === 'now')) {
    return [from.slice(1), spanLabel(nowMs - (spanMs(from) ?? 0), nowMs, zoneNow)];
  }
  const [a, b] = [boundText(from, zoneNow, nowMs), boundText(to, zoneNow, nowMs)];
  return [`${a || 'start'} \u2013 ${b || 'now'}`, ''];
}

export function RangeMenu({ control }: { control: LogControl }) {
  const { from, to } = control.view.value;
  const [main, detail] = rangeLabel(from, to, zone.value, control.reader.summary.asOfMs.value);
  return (
    <Menu open={control.rangeOpen} title="Time range (t)" alignRight className="range"
      label={<>{main} {detail !== '' && <small class="hide">{detail}</small>} <small>{'\u25be'}</small></>}>
      <ul>
        {SPANS.map(([span, says]) => (
          <li key={span}>
            <button type="button" class={from === span && to === '' ? 'on' : ''}
              onClick={() => control.setRange(span, '')}>{says}</button>
          </li>
        ))}
      </ul>
      <RangeForm control={control} />
    </Menu>
  );
}

const wrong = signal('');

function RangeForm({ control }: { control: LogControl }) {
  const { from, to } = control.view.value;
  const now = serverNowMs();
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const data = new FormData(event.currentTarget as HTMLFormElement);
    const [start, end] = ['from', 'to'].map((name) =>
      readBound(String(data.get(name) ?? ''), zone.value, serverNowMs()));
    wrong.value = start === null || start === undefined ? 'from' : end === null || end === undefined ? 'to' : '';
    if (typeof start === 'string' && typeof end === 'string') control.setRange(start, end);
  };
  return (
    <form class="absolute" onSubmit={submit}>
      <label>from <input name="from" defaultValue={boundText(from, zone.value, now)} class={wrong.value === 'from' ? 'wrong' : ''}
        placeholder="2026-11-22 10:40 or -2h" autocomplete="off" /></label>
      <label>to <input name="to" defaultValue={boundText(to, zone.value, now)} class={wrong.value === 'to' ? 'wrong' : ''}
        placeholder="now" autocomplete="off" /></label>
      <div class="absolute-foot">
        <small>{wrong.value === '' ? zoneName(zone.value) : `\u201c${wrong.value}\u201d is not a time`}</small>
        <button type="submit" class="btn">Show</button>
      </div>
    </form>
  );
}
