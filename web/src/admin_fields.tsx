/* The fields of an index and what each is for: one flag by a click, or one flag of all that are selected. */

import { useSignal, type Signal } from '@preact/signals';
import { changeField, FLAGS, indexFields, sentence, type FieldFlags, type Flag } from './admin_api.ts';
import { Section, useLoaded } from './admin_form.tsx';
import { forMany } from './bulk.ts';
import { groupDigits } from './text.ts';

const AT_ONCE = 4;
const SHOWN_MAX = 500; /* lines of the table; all that fit the filter can be selected */

const MEANING: Record<Flag, string> = {
  filtered: 'its values are offered for filtering',
  display: 'it is shown and offered as a column',
  excluded: 'records that come from now on are stored without it',
  context: 'long text, opened below the line',
  indexed: 'a full-text field of its own in Sphinx',
};

export function AdminFields({ index }: { index: string }) {
  const loaded = useLoaded(index, (signal) => indexFields(index, signal));
  const filter = useSignal('');
  const selected = useSignal<ReadonlySet<string>>(new Set());
  const trouble = useSignal<ReadonlyMap<string, string>>(new Map());

  const fields = loaded.value.value ?? [];
  const wanted = filter.value.trim().toLowerCase();
  const fitting = fields.filter(({ name }) => name.toLowerCase().includes(wanted));
  const put = (name: string, flag: Flag, value: boolean): void => {
    loaded.value.value = (loaded.value.value ?? []).map((field) => (field.name === name ? { ...field, [flag]: value } : field));
    const rest = new Map(trouble.value);
    rest.delete(name);
    trouble.value = rest;
  };
  const change = async (name: string, flag: Flag, value: boolean): Promise<void> => {
    await changeField(index, name, { [flag]: value });
    put(name, flag, value);
  };
  const fail = (name: string, error: unknown): void => {
    trouble.value = new Map(trouble.value).set(name, sentence(error));
  };
  const mark = (name: string, isOn: boolean): void => {
    const next = new Set(selected.value);
    if (isOn) next.add(name);
    else next.delete(name);
    selected.value = next;
  };

  return (
    <Section title="Fields">
      {loaded.trouble.value !== '' && <p class="trouble" role="alert">{loaded.trouble.value}</p>}
      {loaded.value.value !== null && fields.length === 0 && <p class="note">No field yet: they come with the records.</p>}
      {fields.length > 0 && (
        <>
          <div class="line">
            <label class="field"><span>Filter</span>
              <input value={filter.value} placeholder="part of a name" spellcheck={false}
                onInput={(event) => (filter.value = event.currentTarget.value)} /></label>
            <small>{groupDigits(fitting.length)} of {groupDigits(fields.length)}</small>
          </div>
          <Bulk selected={selected} change={change} fail={fail} />
          <div class="scroll">
            <table class="grid flags">
              <thead><tr>
                <th><input type="checkbox" aria-label="Select all shown"
                  checked={fitting.length > 0 && fitting.every(({ name }) => selected.value.has(name))}
                  onChange={(event) => (selected.value = new Set(event.currentTarget.checked ? fitting.map(({ name }) => name) : []))} /></th>
                <th>field</th>
                {FLAGS.map((flag) => <th key={flag} title={MEANING[flag]}>{flag}</th>)}
              </tr></thead>
              <tbody>
                {fitting.slice(0, SHOWN_MAX).map((field) => (
                  <FieldLine key={field.name} field={field} isSelected={selected.value.has(field.name)} mark={mark}
                    change={(flag, value) => void change(field.name, flag, value).catch((error) => fail(field.name, error))}
                    trouble={trouble.value.get(field.name) ?? ''} />
                ))}
              </tbody>
            </table>
          </div>
          {fitting.length > SHOWN_MAX && <p><small>{groupDigits(fitting.length - SHOWN_MAX)} more: filter by name to see them.</small></p>}
        </>
      )}
    </Section>
  );
}

interface FieldLineProps {
  field: FieldFlags;
  isSelected: boolean;
  trouble: string;
  mark: (name: string, isOn: boolean) => void;
  change: (flag: Flag, value: boolean) => void;
}

function FieldLine({ field, isSelected, trouble, mark, change }: FieldLineProps) {
  return (
    <tr class={isSelected ? 'on' : ''}>
      <td><input type="checkbox" aria-label={`Select ${field.name}`} checked={isSelected}
        onChange={(event) => mark(field.name, event.currentTarget.checked)} /></td>
      <td class="name">{field.name}{trouble !== '' && <span class="trouble" role="alert">{trouble}</span>}</td>
      {FLAGS.map((flag) => (
        <td key={flag}><input type="checkbox" aria-label={`${field.name}: ${flag}`} title={MEANING[flag]} checked={field[flag]}
          onChange={(event) => change(flag, event.currentTarget.checked)} /></td>
      ))}
    </tr>
  );
}

interface BulkProps {
  selected: Signal<ReadonlySet<string>>;
  change: (name: string, flag: Flag, value: boolean) => Promise<void>;
  fail: (name: string, error: unknown) => void;
}

/* One flag, set or cleared for all that are selected; the other flags stay as they are. */
function Bulk({ selected, change, fail }: BulkProps) {
  const flag = useSignal<Flag>('filtered');
  const progress = useSignal<{ n: number; of: number } | null>(null);
  const isStopped = useSignal(false);
  const said = useSignal('');
  const names = [...selected.value];

  const run = async (value: boolean): Promise<void> => {
    const chosen = flag.value;
    isStopped.value = false;
    said.value = '';
    progress.value = { n: 0, of: names.length };
    const { done, failed } = await forMany(names, AT_ONCE, (name) => change(name, chosen, value),
      (result) => (progress.value = { n: result.done.length + result.failed.length, of: names.length }), () => isStopped.value);
    for (const { item, error } of failed) fail(item, error);
    const left = names.length - done.length - failed.length;
    said.value = `${chosen} ${value ? 'set' : 'cleared'} for ${groupDigits(done.length)}`
      + (failed.length > 0 ? `, refused for ${groupDigits(failed.length)}` : '') + (left > 0 ? `, stopped before ${groupDigits(left)}` : '') + '.';
    progress.value = null;
  };

  if (progress.value !== null) {
    const { n, of } = progress.value;
    return (
      <div class="line bulk">
        <progress value={n} max={of} aria-label="Fields changed" /> {groupDigits(n)} of {groupDigits(of)}
        <button type="button" class="btn" onClick={() => (isStopped.value = true)}>Stop</button>
      </div>
    );
  }
  return (
    <div class="line bulk" role="group" aria-label="Change the selected fields">
      <span>{names.length === 0 ? 'Select fields to change them together:' : `${groupDigits(names.length)} selected:`}</span>
      <select aria-label="Flag" value={flag.value} onChange={(event) => (flag.value = event.currentTarget.value as Flag)}>
        {FLAGS.map((name) => <option key={name} value={name}>{name}</option>)}
      </select>
      <button type="button" class="btn" disabled={names.length === 0} onClick={() => void run(true)}>Set</button>
      <button type="button" class="btn" disabled={names.length === 0} onClick={() => void run(false)}>Clear</button>
      <span class="said" role="status">{said.value}</span>
    </div>
  );
}
