/* The line at the bottom: how many, where, how fast, and whether that is all. */

import type { Report } from './api.ts';
import type { LogControl } from './log_control.ts';
import { zone } from './settings.ts';
import { groupDigits } from './text.ts';
import { clock } from './time.ts';

export function StatusBar({ control }: { control: LogControl }) {
  const { reader } = control;
  const { summary } = reader;
  const hits = summary.hits.value;
  const report = reader.report.value;
  const missing = [...new Set([...missingParts(report), ...missingParts(reader.tailReport.value)])];
  const row = control.current.value ?? control.viewedRows.value?.first ?? null;
  const notice = control.said.value || reader.followTrouble.value || reader.notice.value || summary.trouble.value;
  return (
    <footer class="st">
      <span role="status">{hits === null ? (reader.problem.value === null ? '\u2026' : '\u2013') : <><b>{summary.hitsAreAll.value ? '' : '\u2265 '}{groupDigits(hits)}</b> hits</>}</span>
      {row !== null && <span>{clock(row.time, zone.value)}</span>}
      {report?.tookMs != null && <span class="hide">{took(report.tookMs)}</span>}
      {report !== null && (missing.length > 0
        ? <span class="partial" title={missing.join('\n')}>partial: {missing[0]}</span>
        : <span class="hide">complete</span>)}
      {reader.follow.value !== 'off' && <span class="live">{reader.follow.value === 'live' ? 'following' : 'paused'}</span>}
      {notice !== '' && <span class="notice" role="status">{notice}</span>}
      <button type="button" class="r2" title="Help (?)" onClick={() => (control.helpOpen.value = true)}>
        <span class="hide">/ search  n N next  c context  F follow  </span>? keys
      </button>
    </footer>
  );
}

/* What no reading on can bring. A page that ran out of time is no loss: the next one goes on there. */
export function missingParts(report: Report | null): string[] {
  if (report === null || !report.partial) return [];
  return report.why.filter(({ part }) => part !== 'time').map(({ part, why }) => (part === '' ? why : `${part}: ${why}`));
}

function took(ms: number): string {
  return ms >= 1000 ? `${(ms / 1000).toFixed(1)} s` : `${ms >= 10 ? Math.round(ms) : Math.round(ms * 10) / 10} ms`;
}
