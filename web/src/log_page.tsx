/* The log page: what stands where. The list of rows is mounted once and painted by rows.ts alone. */

import { render } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { serverNowMs } from './api.ts';
import { locked } from './gate.ts';
import { Help } from './help.tsx';
import { HistogramView } from './histogram.tsx';
import { commandOf } from './keys.ts';
import type { LogControl } from './log_control.ts';
import { Panel } from './panel.tsx';
import { boundText, spanName, widerRange } from './range_menu.tsx';
import { RankMap } from './rank_map.tsx';
import { panelShown, singleKeys, zone } from './settings.ts';
import { missingParts, StatusBar } from './status_bar.tsx';
import { asText } from './query_text.ts';
import { groupDigits } from './text.ts';
import { dayTitle } from './time.ts';
import { TopBar } from './top_bar.tsx';

export function LogPage({ control }: { control: LogControl }) {
  useKeys(control);
  return (
    <div class={`log ${panelShown.value === 'off' ? 'no-panel' : ''} ${control.sheetOpen.value ? 'panel-open' : ''}`}>
      <TopBar control={control} />
      <HistogramView control={control} />
      <main class="main">
        <Panel control={control} />
        <Stage control={control} />
        <RankMap control={control} />
      </main>
      <StatusBar control={control} />
      <Help control={control} />
    </div>
  );
}

/* Keys act unless one is typing, in a menu, or on a button that takes them itself; from the first paint on,
 * as whoever opens a log may be typing already. */
function useKeys(control: LogControl): void {
  useLayoutEffect(() => {
    const press = (event: KeyboardEvent): void => {
      const target = event.target as HTMLElement;
      if (event.key === 'Tab') document.documentElement.dataset['tabbed'] = 'y';
      if (control.helpOpen.value || locked.value !== null || target.closest('input, textarea, select, .sheet, dialog') !== null) return;
      if ((event.key === 'Enter' || event.key === ' ') && target.closest('button, a') !== null) return;
      const command = commandOf(event, singleKeys.value === 'on');
      if (command === null) return;
      event.preventDefault();
      control.do(command);
    };
    document.addEventListener('keydown', press);
    return () => document.removeEventListener('keydown', press);
  }, [control]);
}

function Stage({ control }: { control: LogControl }) {
  const scroller = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const element = scroller.current!;
    control.attach(element);
    control.mountMarkers((marker, side) => render(<Marker control={control} side={side} />, marker));
    element.focus({ preventScroll: true });
    return () => control.close();
  }, [control]);
  const { reader } = control;
  const first = control.viewedRows.value?.first ?? null;
  const found = reader.rowCount.value > 0;
  return (
    <div class="stage">
      <div class={`progress ${reader.loading.value ? 'on' : ''}`} />
      <div class="day here">{first === null ? '' : dayTitle(first.time, zone.value)}</div>
      <PartialBanner control={control} />
      <div class="rows" ref={scroller} tabIndex={0} role="grid"
        aria-label="Log records" aria-rowcount={-1} aria-busy={reader.loading.value} />
      {!found && !reader.loading.value && <Nothing control={control} />}
      <NewRows control={control} />
    </div>
  );
}

function PartialBanner({ control }: { control: LogControl }) {
  const missing = missingParts(control.reader.report.value);
  if (missing.length === 0) return null;
  return <div class="banner" role="status">These are not all hits. {missing.join('; ')}</div>;
}

/* What lies beyond the loaded rows. Never a silent stop. */
function Marker({ control, side }: { control: LogControl; side: 'older' | 'newer' }) {
  const { reader } = control;
  if (reader.rowCount.value === 0) return null;
  const edge = reader.edges.value[side];
  const { from, to } = control.view.value;
  if (edge === 'failed') {
    return (
      <button type="button" class="failed" onClick={() => void reader.extend(side, true)}>
        {reader.edgeProblem.value} Click to try again.
      </button>
    );
  }
  if (edge !== 'end') return <span>{edge === 'loading' ? 'loading\u2026' : '\u2026'}</span>;
  if (side === 'newer') {
    if (to !== '' && to !== 'now' && reader.follow.value === 'off') return <span>end of the range</span>;
    return (
      <span>{reader.follow.value === 'live' ? 'now \u00b7 following' : 'now'}
        {reader.follow.value === 'off' && (
          <> {'\u00b7'} <button type="button" class="link" onClick={() => control.do('end')}>look again</button></>
        )}
      </span>
    );
  }
  const wider = widerRange(from, to, serverNowMs());
  return (
    <span>{from === '' ? 'start of the log' : 'start of the range'}
      {from !== '' && wider !== null && (
        <> {'\u00b7'} <button type="button" class="link" onClick={() => control.setRange(wider, to)}>
          {spanName(wider)}</button></>
      )}
    </span>
  );
}

function NewRows({ control }: { control: LogControl }) {
  const { reader } = control;
  if (reader.follow.value !== 'paused') return null;
  const n = reader.waiting.value;
  return (
    <button type="button" class="new" onClick={() => control.follow(true)} title="Go to the newest line and follow">
      {'\u25bc'} {n === 0 ? 'follow on' : `${groupDigits(n)} new`}
    </button>
  );
}

/* No rows: say what was asked, and offer the next thing to try. */
function Nothing({ control }: { control: LogControl }) {
  const { reader } = control;
  const problem = reader.problem.value;
  const { q, from, to, indexes } = control.view.value;
  const now = serverNowMs();
  if (problem !== null) {
    const isQuery = problem.status === 400 && q !== '';
    return (
      <div class="nothing" role="alert">
        <h2>{isQuery ? 'The query could not be read' : problem.status === 404 ? 'No such log' : 'That did not work'}</h2>
        <p>{isQuery ? 'What is wrong with it stands below the query box.' : problem.message}</p>
        <p>
          {isQuery && <button type="button" class="btn" onClick={() => control.go({ q: asText(q) })}>Find it as plain text</button>}
          {isQuery && <button type="button" class="btn" onClick={() => control.go({ q: '' })}>Without the query</button>}
          {!isQuery && <button type="button" class="btn" onClick={() => void reader.run(control.view.value)}>Try again</button>}
          {problem.status === 404 && <a class="btn" href="/">All indexes</a>}
        </p>
      </div>
    );
  }
  const wider = widerRange(from, to, now);
  const span = to === '' ? spanName(from) : undefined;
  const range = from === '' && to === '' ? 'at any time' : span !== undefined ? `in the ${span}`
    : `from ${boundText(from, zone.value, now) || 'the start'} to ${boundText(to, zone.value, now) || 'now'}`;
  return (
    <div class="nothing">
      <h2>Nothing found</h2>
      <p>{q === '' ? 'No records' : <>No record matches <code>{q}</code></>} in {indexes.join(', ')} {range}.</p>
      <p>
        {wider !== null && <button type="button" class="btn" onClick={() => control.setRange(wider, '')}>
          {wider === '' ? 'Look at all time' : `Look in the ${spanName(wider)}`}</button>}
        {q !== '' && <button type="button" class="btn" onClick={() => control.go({ q: '' })}>Without the query</button>}
      </p>
    </div>
  );
}
