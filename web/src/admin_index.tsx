/* One index: its settings, its fields, its shortcuts, and dropping it. */

import { adminIndexes, changeIndex, compactIndex, dropIndex, type AdminIndex } from './admin_api.ts';
import { AdminFields } from './admin_fields.tsx';
import { DropButton, Input, isChecked, Said, Section, text, useDoing, useLoaded } from './admin_form.tsx';
import { AdminShortcuts } from './admin_shortcuts.tsx';
import { changes } from './admin_text.ts';
import { byteSize, groupDigits } from './text.ts';
import { indexAddress } from './url_state.ts';

export function AdminIndexPage({ name }: { name: string }) {
  const loaded = useLoaded(name, async (signal) =>
    (await adminIndexes(signal)).find(({ settings }) => settings.name === name) ?? 'none');
  const index = loaded.value.value;
  return (
    <>
      <h1>{name} <a class="link" href={indexAddress([name])}>its log</a></h1>
      {loaded.trouble.value !== '' && <p class="banner" role="alert">{loaded.trouble.value}</p>}
      {index === 'none' && <p class="banner" role="alert">There is no index {name}. <a class="link" href="#">All indexes</a></p>}
      {index !== null && index !== 'none' && (
        <>
          <Settings index={index} onDone={() => void loaded.load()} />
          <AdminFields index={name} />
          <AdminShortcuts index={name} />
          <Upkeep index={index} onDone={() => void loaded.load()} />
        </>
      )}
    </>
  );
}

function Settings({ index: { settings, inputs }, onDone }: { index: AdminIndex; onDone: () => void }) {
  const doing = useDoing();
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const changed = changes(settings, {
      routing_key: text(form, 'routing_key').trim(), queue_name: text(form, 'queue_name').trim(),
      exchange: text(form, 'exchange').trim(), durable: isChecked(form, 'durable'),
      num_processes: text(form, 'num_processes'), intervals: text(form, 'intervals'), max_bytes: text(form, 'max_bytes'),
      timestamp_zone: text(form, 'timestamp_zone').trim(), text_fields: text(form, 'text_fields'),
    });
    const names = Object.keys(changed);
    if (names.length === 0) return void await doing.run(async () => undefined, 'Nothing was changed.');
    if (await doing.run(() => changeIndex(settings.name, changed), `Saved: ${names.join(', ')}.`)) onDone();
  };
  return (
    <Section title="Settings">
      <form class="settings" aria-label="Settings" onSubmit={(event) => void submit(event)}>
        <Input label="Routing keys" name="routing_key" value={settings.routing_key} note="a comma list; none: no broker sends to it" />
        <Input label="Queue" name="queue_name" value={settings.queue_name} />
        <Input label="Exchange" name="exchange" value={settings.exchange} />
        <Input label="Consumers" name="num_processes" value={String(settings.num_processes)} note="connections that read the queue" />
        <Input label="Days kept" name="intervals" value={String(settings.intervals)} />
        <Input label="At most bytes" name="max_bytes" value={String(settings.max_bytes)} note="0: no limit; beyond it the oldest day goes" />
        <Input label="Time zone of times without one" name="timestamp_zone" value={settings.timestamp_zone} note="utc, local or a name as Europe/Moscow" />
        <Input label="Text fields" name="text_fields" value={settings.text_fields.join(', ')} note="bare words are looked for in these, too" />
        <label class="field check"><span>Durable queue</span>
          <input type="checkbox" name="durable" defaultChecked={settings.durable} /></label>
        <div class="foot">
          <button type="submit" class="btn" disabled={doing.busy.value}>Save</button>
          <Said doing={doing} />
        </div>
      </form>
      {inputs.map(({ broker, state, why }) => (
        <p key={broker} class={state === 'connected' ? 'good' : 'bad'}>{broker}: {state}{why === '' ? '' : `, ${why}`}</p>
      ))}
    </Section>
  );
}

function Upkeep({ index: { settings, records, bytes }, onDone }: { index: AdminIndex; onDone: () => void }) {
  const doing = useDoing();
  const { name } = settings;
  const drop = async (): Promise<boolean> => {
    const isGone = await doing.run(() => dropIndex(name));
    if (isGone) location.hash = '';
    return isGone;
  };
  const compact = async (): Promise<void> => {
    if (await doing.run(() => compactIndex(name), 'Everything is merged.')) onDone();
  };
  return (
    <Section title="Upkeep">
      <p>{groupDigits(records)} records, {byteSize(bytes)}.</p>
      <div class="line">
        <button type="button" class="btn" disabled={doing.busy.value} onClick={() => void compact()}>Merge now</button>
        <DropButton what="index" name={name} onDrop={drop} />
        <Said doing={doing} />
      </div>
    </Section>
  );
}
