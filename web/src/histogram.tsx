/* When it happened: bars by level over the range. A click shows one bar's time alone, a drag a stretch
 * of bars, Shift+click goes there in the list. The veil marks the rows in view. */

import { signal } from '@preact/signals';
import { axisTicks, stepLabel } from './axis.ts';
import { useMemo, useRef } from 'preact/hooks';
import { draggedRange, type Chart, type Slot } from './buckets.ts';
import { LEVELS } from './level.ts';
import type { LogControl } from './log_control.ts';
import { zone } from './settings.ts';
import { groupDigits } from './text.ts';
import { msOf, shortSpan } from './time.ts';

const HEIGHT = 44;
const LABELS_MAX = 8;
const DRAG_MIN = 4; /* pixels: less is a click */

export function HistogramView({ control }: { control: LogControl }) {
  const { chart: { value: chart }, isOld } = control.reader.summary;
  return (
    <div class={`hist ${isOld.value ? 'old' : ''}`} role="group" aria-label="Hits over time">
      {chart === null ? <div class="hist-none" /> : <Bars control={control} chart={chart} />}
    </div>
  );
}

function Bars({ control, chart }: { control: LogControl; chart: Chart }) {
  const svg = useRef<SVGSVGElement>(null);
  const drag = useMemo(() => signal<{ from: number; to: number } | null>(null), []);
  const over = useMemo(() => signal<number | null>(null), []);
  const paths = useMemo(() => barPaths(chart), [chart]);

  const share = (event: PointerEvent): number => {
    const box = svg.current!.getBoundingClientRect();
    return Math.min(0.99999, Math.max(0, (event.clientX - box.left) / box.width));
  };
  const width = (): number => svg.current!.getBoundingClientRect().width;

  const down = (event: PointerEvent): void => {
    if (event.button !== 0) return;
    svg.current!.setPointerCapture(event.pointerId);
    drag.value = { from: share(event), to: share(event) };
  };
  const move = (event: PointerEvent): void => {
    over.value = share(event);
    if (drag.value !== null) drag.value = { ...drag.value, to: share(event) };
  };
  const up = (event: PointerEvent): void => {
    const stretch = drag.value;
    drag.value = null;
    if (stretch === null) return;
    const isClick = Math.abs(stretch.to - stretch.from) * width() < DRAG_MIN;
    const range = draggedRange(chart, stretch.from, isClick ? stretch.from : stretch.to);
    if (isClick && event.shiftKey) void control.reader.goTime(range.fromMs);
    else control.setRangeMs(range.fromMs, range.toMs);
  };

  const slots = chart.slots.length;
  const viewed = control.viewedRows.value;
  const at = (time: string): number => ((msOf(time) - chart.startMs) / (chart.endMs - chart.startMs)) * slots;
  const veil = viewed === null ? null : { x: at(viewed.first.time), end: at(viewed.last.time) };
  const hovered = over.value === null ? undefined : chart.slots[Math.floor(over.value * slots)];
  return (
    <>
      <svg ref={svg} viewBox={`0 0 ${slots} ${HEIGHT}`} preserveAspectRatio="none" role="img"
        aria-label={summary(chart)} onPointerDown={down} onPointerMove={move} onPointerUp={up}
        onPointerLeave={() => (over.value = null)} onPointerCancel={() => (drag.value = null)}>
        {paths.map(([level, path]) => <path key={level} class={`b ${level}`} d={path} />)}
        {veil !== null && veil.end >= 0 && veil.x <= slots && (
          <rect class="veil" x={Math.max(0, veil.x)} y="0" height={HEIGHT}
            width={Math.max(slots / 400, Math.min(slots, veil.end) - Math.max(0, veil.x))} />
        )}
        {drag.value !== null && (
          <rect class="drag" y="0" height={HEIGHT} x={Math.min(drag.value.from, drag.value.to) * slots}
            width={Math.abs(drag.value.to - drag.value.from) * slots} />
        )}
      </svg>
      <Axis chart={chart} />
      {hovered !== undefined && <Tip chart={chart} slot={hovered} at={over.value!} />}
    </>
  );
}

/* One path per level: a few elements instead of a thousand. */
function barPaths(chart: Chart): Array<[string, string]> {
  const paths = new Map<string, string>([['none', ''], ...LEVELS.map((level): [string, string] => [level, ''])]);
  chart.slots.forEach((slot, i) => {
    let top = HEIGHT;
    const put = (name: string, count: number): void => {
      if (count === 0) return;
      const high = Math.max(1, (count / chart.highest) * (HEIGHT - 1));
      top = Math.max(0, top - high);
      paths.set(name, `${paths.get(name)}M${i + 0.1} ${top.toFixed(2)}h.8v${high.toFixed(2)}h-.8z`);
    };
    put('none', slot.unknown);
    slot.levels.forEach((count, level) => put(LEVELS[level]!, count));
  });
  return [...paths];
}

function Axis({ chart }: { chart: Chart }) {
  const { startMs, endMs } = chart;
  const ticks = axisTicks(startMs, endMs, zone.value, LABELS_MAX);
  return (
    <div class="ax" aria-hidden="true">
      {ticks.map(({ ms, label }) => <AxisLabel key={ms} at={(ms - startMs) / (endMs - startMs)} label={label} />)}
    </div>
  );
}

/* Under its moment; at the edges beside it. */
function AxisLabel({ at, label }: { at: number; label: string }) {
  const side = at < 0.05 ? 'first' : at > 0.95 ? 'last' : '';
  return <span class={side} ref={(element) => element?.style.setProperty('left', `${at * 100}%`)}>{label}</span>;
}

function Tip({ chart, slot, at }: { chart: Chart; slot: Slot; at: number }) {
  const parts = LEVELS.map((level, i) => [level, slot.levels[i]!] as const).filter(([, n]) => n > 0).reverse();
  return (
    <div class="tip" ref={(element) => {
      if (element !== null) element.style.left = `${at * 100}%`;
    }}>
      {stepLabel(slot.startMs, chart.intervalMs, zone.value)}
      {` +${shortSpan(chart.intervalMs)} `}
      <b>{groupDigits(slot.count)}</b>
      {parts.map(([level, n]) => <span key={level} class={level}> {level} {groupDigits(n)}</span>)}
    </div>
  );
}

function summary(chart: Chart): string {
  const top = chart.slots.reduce((a, b) => (b.count > a.count ? b : a));
  const peak = stepLabel(top.startMs, chart.intervalMs, 'utc');
  return `${groupDigits(chart.total)} hits in ${chart.slots.length} steps of ${shortSpan(chart.intervalMs)}, ` +
    `most at ${peak}: ${groupDigits(top.count)}`;
}
