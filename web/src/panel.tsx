/* Values of the fields that are marked `filtered`, with counts. What is chosen stands in the query text
 * and is read from there. Click or Enter: only this value. With Ctrl: this one too, or no longer. With Alt
 * or Shift: everything but this. Above them the days that are kept, below them which fields are columns and
 * which one can ask for by name. */

import { signal, useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { Dates } from './dates.tsx';
import { textIsSelected } from './dom.ts';
import { levelOfValue, LEVEL_FIELDS } from './level.ts';
import type { LogControl, Pick } from './log_control.ts';
import { askedFields, filterOf, type FieldFilter } from './query_text.ts';
import type { PanelField } from './summary.ts';
import { groupDigits } from './text.ts';

const SHOWN_FIRST = 8;
const FIRST_FIELDS = [...LEVEL_FIELDS, 'host', 'logger', 'application', 'project'];

const closed = signal<ReadonlySet<string>>(new Set());

export function Panel({ control }: { control: LogControl }) {
  const fields = control.reader.summary.panel.value;
  const rank = (name: string): number => (FIRST_FIELDS.indexOf(name) + 1) || FIRST_FIELDS.length + 1;
  const shown = fields
    .map((field) => ({ field, filter: filterOf(control.view.value.q, field.name) }))
    .filter(({ field, filter }) => field.values.length > 0 || filter.only.length + filter.not.length > 0)
    .sort((a, b) => rank(a.field.name) - rank(b.field.name));
  return (
    <nav class={`panel ${control.reader.summary.isOld.value ? 'old' : ''}`} aria-label="Field values">
      <Dates control={control} />
      {shown.map(({ field, filter }) => (
        <Field key={field.name} control={control} field={field} filter={filter} />
      ))}
      <Columns control={control} />
      <Asked control={control} />
    </nav>
  );
}

interface SectionProps {
  name: string;
  title?: string;
  aside: ComponentChildren;
  children: ComponentChildren;
}

/* A part of the panel that folds. */
export function Section({ name, title, aside, children }: SectionProps) {
  const isClosed = closed.value.has(name);
  const flip = (): void => {
    const next = new Set(closed.value);
    if (!next.delete(name)) next.add(name);
    closed.value = next;
  };
  return (
    <section>
      <h3>
        <button type="button" aria-expanded={!isClosed} onClick={flip} title={title ?? name}>{title ?? name}</button>
        {aside}
      </h3>
      {!isClosed && children}
    </section>
  );
}

const CHIPS_FIRST = 24;

/* Chips of fields; a click on one does what the caller says. */
function Chips({ names, isOn, sign, flip }:
    { names: readonly string[]; isOn: (name: string) => boolean; sign: string; flip: (name: string) => void }) {
  const all = useSignal(false);
  const shown = names.filter((name, i) => all.value || i < CHIPS_FIRST || isOn(name));
  return (
    <div class="chips">
      {shown.map((name) => (
        <button type="button" key={name} class={isOn(name) ? 'on' : ''} aria-pressed={isOn(name)} data-field={name}
          title={name} onClick={() => flip(name)}>{sign}{name}</button>
      ))}
      {shown.length < names.length && (
        <button type="button" class="v-more" onClick={() => (all.value = true)}>{names.length - shown.length} more</button>
      )}
    </div>
  );
}

function Columns({ control }: { control: LogControl }) {
  const names = control.fieldNames();
  const columns = control.columns.value;
  if (names.length === 0) return null;
  return (
    <Section name=" columns" title="columns" aside={control.hasChosenColumns
      ? <button type="button" class="undo" title="The page's own choice" onClick={() => control.setColumns(null)}>as at first</button>
      : <span>{names.length}</span>}>
      <Chips names={names} sign="" isOn={(name) => columns.includes(name)} flip={(name) => control.flipColumn(name)} />
    </Section>
  );
}

/* Fields without values in the panel: asked for in the query box. */
function Asked({ control }: { control: LogControl }) {
  const names = control.seenFirst(control.reader.summary.fields.value
    .filter((field) => !field.filtered && (field.display || field.context)).map((field) => field.name));
  const asked = askedFields(control.draft.value);
  if (names.length === 0) return null;
  return (
    <Section name=" ask" title="@field=value" aside={<span>{names.length}</span>}>
      <Chips names={names} sign="@" isOn={(name) => asked.has(name)} flip={(name) => control.toggleAsked(name)} />
    </Section>
  );
}

interface FieldProps {
  control: LogControl;
  field: PanelField;
  filter: FieldFilter;
}

function Field({ control, field, filter }: FieldProps) {
  const all = useSignal(false);
  const chosen = [...filter.only, ...filter.not];
  const known = new Set(field.values.map(({ value }) => value));
  const absent = chosen.filter((value) => !known.has(value)).map((value) => ({ value, count: 0 }));
  const values = field.values.filter(({ value }, i) =>
    all.value || i < SHOWN_FIRST || chosen.includes(value));
  const highest = Math.max(1, ...field.values.map(({ count }) => count));
  const hidden = field.values.length - values.length;
  return (
    <Section name={field.name} aside={chosen.length > 0
      ? <button type="button" class="undo" title={`No filter on ${field.name}`}
        onClick={() => control.clearField(field.name)}>clear</button>
      : <span>{field.values.length}{field.other > 0 ? '+' : ''}</span>}>
      {[...values, ...absent].map(({ value, count }) => (
        <Value key={value} control={control} field={field.name} value={value} count={count}
          share={count / highest} filter={filter} />
      ))}
      {(hidden > 0 || all.value) && (
        <button type="button" class="v-more" onClick={() => (all.value = !all.value)}>
          {all.value ? 'fewer' : `${hidden} more${field.other > 0 ? ', and others' : ''}`}
        </button>
      )}
    </Section>
  );
}

interface ValueProps {
  control: LogControl;
  field: string;
  value: string;
  count: number;
  share: number;
  filter: FieldFilter;
}

function Value({ control, field, value, count, share, filter }: ValueProps) {
  const state = filter.not.includes(value) ? 'not' : filter.only.includes(value) ? 'on' : '';
  const level = LEVEL_FIELDS.includes(field) ? levelOfValue(value) : null;
  const pick = (event: MouseEvent | KeyboardEvent): void => {
    const way: Pick = event.ctrlKey || event.metaKey ? 'toggle'
      : event.altKey || event.shiftKey ? 'exclude' : 'only';
    control.pickValue(field, value, way);
  };
  const click = (event: MouseEvent): void => {
    if (!textIsSelected(event.currentTarget as Element)) pick(event);
  };
  /* Browsers make a click of Enter, but not of Ctrl+Enter. */
  const press = (event: KeyboardEvent): void => {
    if (event.key !== 'Enter') return;
    event.preventDefault();
    pick(event);
  };
  return (
    <button type="button" class={`v ${state}`} aria-pressed={state === 'on'} data-value={value} onClick={click} onKeyDown={press}
      title={`${value}\nclick: only this \u00b7 Ctrl+click: this too \u00b7 Alt+click: not this`}
      ref={(element) => element?.style.setProperty('--w', `${share * 100}%`)}>
      <span class={level === null ? '' : `lv ${level}`}>{value === '' ? '(empty)' : value}</span>
      <em>{groupDigits(count)}</em>
    </button>
  );
}
