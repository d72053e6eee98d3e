/* The narrow map beside the rows: where among all hits the view is, and where the errors are. It stands
 * in for a scroll bar, which could only know the rows that happen to be loaded. */

import { useMemo, useRef } from 'preact/hooks';
import { momentAt, rankAt, slotLevel, type Chart } from './buckets.ts';
import type { LogControl } from './log_control.ts';
import { msOf } from './time.ts';

export function RankMap({ control }: { control: LogControl }) {
  const map = useRef<HTMLDivElement>(null);
  const chart = control.reader.summary.chart.value;
  const viewed = control.viewedRows.value;
  const marks = useMemo(() => (chart === null ? [] : ticks(chart)).map(([y, shade]) =>
    <rect key={y} class={shade} x="2" width="8" y={y} height="2" />), [chart]);
  if (chart === null || chart.total === 0) return <div class="map" ref={map} />;

  const go = (event: PointerEvent): void => {
    if (event.buttons !== 1) return;
    const box = map.current!.getBoundingClientRect();
    control.reader.pause();
    void control.reader.goTime(momentAt(chart, (event.clientY - box.top) / box.height));
  };
  const top = viewed === null ? 0 : rankAt(chart, msOf(viewed.first.time));
  const bottom = viewed === null ? 0 : viewed.atBottom && control.reader.edges.value.newer === 'end'
    ? 1 : rankAt(chart, msOf(viewed.last.time));
  return (
    <div class="map" ref={map} onPointerDown={go} title="Where the errors are; click to go there">
      <svg viewBox="0 0 12 1000" preserveAspectRatio="none" aria-hidden="true">
        {marks}
        {viewed !== null && <rect class="thumb" x="0" width="12" y={Math.min(top * 1000, 992)}
          height={Math.max(8, (bottom - top) * 1000)} />}
      </svg>
    </div>
  );
}

/* A mark where records of level E or F are; faint where they are few beside the worst place. */
function ticks(chart: Chart): Array<[number, string]> {
  const bad = chart.slots.map((slot) => slotLevel(slot, 'E') + slotLevel(slot, 'F'));
  const worst = Math.max(...bad);
  const found = new Map<number, string>();
  chart.slots.forEach((slot, i) => {
    if (bad[i] === 0) return;
    const y = Math.round(rankAt(chart, slot.startMs + chart.intervalMs / 2) * 1000);
    const level = slotLevel(slot, 'F') > slotLevel(slot, 'E') ? 'F' : 'E';
    if (bad[i]! * 2 >= worst) found.set(y, level);
    else if (!found.has(y)) found.set(y, `${level} some`);
  });
  return [...found];
}
