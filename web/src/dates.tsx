/* The days that are kept, as chips, and a time of day: a click on a day means since then. */

import { useSignal } from '@preact/signals';
import { serverNowMs } from './api.ts';
import { boundOn, keptDays, sinceOf } from './days.ts';
import type { LogControl } from './log_control.ts';
import { Section } from './panel.tsx';
import { zone } from './settings.ts';
import { dayTitle, zoneName } from './time.ts';

const MONTHS = 'JanFebMarAprMayJunJulAugSepOctNovDec';

/* The first of a month bears its name. */
function monthOf(day: string): string {
  const at = (Number(day.slice(5, 7)) - 1) * 3;
  return MONTHS.slice(at, at + 3);
}

export function Dates({ control }: { control: LogControl }) {
  const kept = control.retention.value;
  if (kept.length === 0) return null;
  const now = serverNowMs();
  const firsts = kept.map(({ first }) => first).filter((first) => first !== null).sort();
  const days = keptDays(Math.max(...kept.map(({ intervals }) => intervals)), firsts[0] ?? null, zone.value, now);
  const { from } = control.view.value;
  const since = sinceOf(from, zone.value, now);
  const today = days[days.length - 1]!;
  const active = days.filter((day) => day >= since.day || day === today);
  const pick = (day: string): void => control.setRange(boundOn(day, since.time, zone.value, now) ?? '', '');
  return (
    <Section name=" dates" title="dates" aside={<StartTime key={from} control={control} day={active[0]!} time={since.time} />}>
      <div class="days">
        {days.map((day) => {
          const isOn = active.includes(day);
          return (
            <button type="button" key={day} class={`day-chip ${isOn ? 'on' : ''}`} aria-pressed={isOn} data-day={day}
              title={`since ${dayTitle(`${day}T12:00:00.000000000Z`, 'utc').replace(/, UTC$/, '')}`} onClick={() => pick(day)}>
              {day.endsWith('-01') ? monthOf(day) : Number(day.slice(8))}
            </button>
          );
        })}
      </div>
    </Section>
  );
}

/* Enter applies. Anything else that is a moment or a span back will do, too. */
function StartTime({ control, day, time }: { control: LogControl; day: string; time: string }) {
  const isWrong = useSignal(false);
  return (
    <form class="since" onSubmit={(event) => {
      event.preventDefault();
      const typed = String(new FormData(event.currentTarget).get('time') ?? '');
      const bound = boundOn(day, typed, zone.value, serverNowMs());
      isWrong.value = bound === null;
      if (bound !== null) control.setRange(bound, '');
    }}>
      <input name="time" class={isWrong.value ? 'wrong' : ''} defaultValue={time} placeholder="since hh:mm" autocomplete="off"
        aria-label="Start time" aria-invalid={isWrong.value} title={`Time of day on the first day, ${zoneName(zone.value)}: Enter applies`} />
    </form>
  );
}
