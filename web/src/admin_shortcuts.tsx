/* Saved searches of an index. */

import { useSignal } from '@preact/signals';
import { changeSearch, createSearch, dropSearch, savedSearches, type SavedSearch } from './admin_api.ts';
import { Input, Said, Section, text, useDoing, useLoaded } from './admin_form.tsx';

const NEW: SavedSearch = { name: '', url: '', description: '', default_field: null };

export function AdminShortcuts({ index }: { index: string }) {
  const loaded = useLoaded(index, (signal) => savedSearches(index, signal));
  const edited = useSignal<string | null>(null);
  const doing = useDoing();
  const list = loaded.value.value;
  const drop = async (name: string): Promise<void> => {
    if (await doing.run(() => dropSearch(index, name), `${name} is gone.`)) await loaded.load();
  };
  const save = async (search: SavedSearch): Promise<void> => {
    await (edited.peek() === null ? createSearch(index, search) : changeSearch(index, search));
    edited.value = null;
    await loaded.load();
  };
  return (
    <Section title="Shortcuts">
      {loaded.trouble.value !== '' && <p class="trouble" role="alert">{loaded.trouble.value}</p>}
      {list !== null && list.length === 0 && <p class="note">None. A shortcut is a search with a name: it stands beside the index in the list.</p>}
      {list !== null && list.length > 0 && (
        <table class="grid">
          <thead><tr><th>name</th><th>description</th><th>search</th><th class="hide">default field</th><th /></tr></thead>
          <tbody>{list.map((search) => (
            <tr key={search.name} class={edited.value === search.name ? 'on' : ''}>
              <td><a class="link" href={`/grep/shortcut/${search.name}/`}>{search.name}</a></td>
              <td class="name">{search.description}</td>
              <td class="name">{search.url}</td>
              <td class="name hide">{search.default_field}</td>
              <td class="acts">
                <button type="button" class="link" onClick={() => (edited.value = search.name)}>edit</button>
                <button type="button" class="link danger" disabled={doing.busy.value} onClick={() => void drop(search.name)}>drop</button>
              </td>
            </tr>
          ))}</tbody>
        </table>
      )}
      <Said doing={doing} />
      <SearchForm key={edited.value ?? ''} search={list?.find(({ name }) => name === edited.value) ?? NEW}
        save={save} leave={() => (edited.value = null)} />
    </Section>
  );
}

interface SearchFormProps {
  search: SavedSearch; /* without a name: a new one */
  save: (search: SavedSearch) => Promise<void>;
  leave: () => void;
}

function SearchForm({ search, save, leave }: SearchFormProps) {
  const doing = useDoing();
  const isNew = search.name === '';
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const given: SavedSearch = {
      name: isNew ? text(form, 'name').trim() : search.name, url: text(form, 'url').trim(),
      description: text(form, 'description').trim(), default_field: text(form, 'default_field').trim() || null,
    };
    if (await doing.run(() => save(given), `${given.name} is saved.`) && isNew) form.reset();
  };
  return (
    <form class="settings" aria-label={isNew ? 'New shortcut' : `Shortcut ${search.name}`} onSubmit={(event) => void submit(event)}>
      {isNew && <Input label="New shortcut" name="name" required placeholder="letters, digits, _" />}
      <Input label="Search" name="url" value={search.url} placeholder="search=timeout&levelname=ERROR" note="a query string of the page, or an address with one" />
      <Input label="Description" name="description" value={search.description} />
      <Input label="Default field" name="default_field" value={search.default_field ?? ''} note="gets VALUE of /grep/shortcut/NAME/VALUE/" />
      <div class="foot">
        <button type="submit" class="btn" disabled={doing.busy.value}>{isNew ? 'Create' : `Save ${search.name}`}</button>
        {!isNew && <button type="button" class="btn" onClick={leave}>Leave as it is</button>}
        <Said doing={doing} />
      </div>
    </form>
  );
}
