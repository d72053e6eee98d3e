/* All indexes, what comes into each, and making one. */

import { adminIndexes, createIndex, type AdminIndex } from './admin_api.ts';
import { Input, Said, Section, text, useDoing, useLoaded } from './admin_form.tsx';
import { byteSize, groupDigits } from './text.ts';

export function AdminIndexes() {
  const indexes = useLoaded('', adminIndexes);
  const list = indexes.value.value;
  const hasBrokers = list !== null && list.some(({ inputs }) => inputs.length > 0);
  return (
    <>
      {indexes.trouble.value !== '' && <p class="banner" role="alert">{indexes.trouble.value}</p>}
      <Section title="Indexes">
        {list !== null && list.length === 0 && <p class="note">No index yet.</p>}
        {list !== null && list.length > 0 && (
          <table class="grid">
            <thead><tr><th>name</th><th>queue</th><th>routing key</th><th class="num">records</th><th class="num">size</th>
              <th class="num hide">days</th>{hasBrokers && <th class="hide">brokers</th>}</tr></thead>
            <tbody>{list.map((index) => <IndexLine key={index.settings.name} index={index} hasBrokers={hasBrokers} />)}</tbody>
          </table>
        )}
        <CreateIndex onDone={() => void indexes.load()} />
      </Section>
    </>
  );
}

function IndexLine({ index: { settings, records, bytes, inputs }, hasBrokers }: { index: AdminIndex; hasBrokers: boolean }) {
  return (
    <tr>
      <td><a class="link" href={`#index/${settings.name}`}>{settings.name}</a></td>
      <td>{settings.queue_name}</td>
      <td>{settings.routing_key === '' ? <small>none</small> : settings.routing_key}</td>
      <td class="num">{groupDigits(records)}</td>
      <td class="num">{byteSize(bytes)}</td>
      <td class="num hide">{settings.intervals}</td>
      {hasBrokers && <td class="hide">{inputs.map(({ broker, state, why }) => (
        <span key={broker} class={state === 'connected' ? 'good' : 'bad'} title={why}>{broker}: {state}</span>
      ))}</td>}
    </tr>
  );
}

function CreateIndex({ onDone }: { onDone: () => void }) {
  const doing = useDoing();
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const name = text(form, 'name').trim();
    if (!await doing.run(() => createIndex(name), `Index ${name} is there.`)) return;
    form.reset();
    onDone();
  };
  return (
    <form class="line" aria-label="Create an index" onSubmit={(event) => void submit(event)}>
      <Input label="New index" name="name" required placeholder="letters, digits, _" />
      <button type="submit" class="btn" disabled={doing.busy.value}>Create</button>
      <Said doing={doing} />
    </form>
  );
}
