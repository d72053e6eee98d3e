/* The first page: which logs there are. */

import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { listIndexes, listShortcuts, Problem, type IndexInfo, type Shortcut } from './api.ts';
import { theme, zone } from './settings.ts';
import { byteSize, groupDigits } from './text.ts';
import { fullTime } from './time.ts';
import { indexAddress } from './url_state.ts';
import { isAdmin, Who } from './who.tsx';

const REFRESH_MS = 5000;

export function IndexList() {
  const indexes = useSignal<IndexInfo[] | null>(null);
  const problem = useSignal<string | null>(null);
  const shortcuts = useSignal<ReadonlyMap<string, Shortcut[]>>(new Map());

  useEffect(() => {
    const abort = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const load = async (): Promise<void> => {
      try {
        if (document.visibilityState === 'visible') indexes.value = await listIndexes(abort.signal);
        problem.value = null;
        void readShortcuts();
      } catch (error) {
        if (abort.signal.aborted) return;
        problem.value = error instanceof Problem ? error.message : String(error);
      }
      timer = setTimeout(() => void load(), REFRESH_MS); /* after the answer: a slow server is asked less often */
    };
    let isRead = false;
    const readShortcuts = async (): Promise<void> => {
      if (isRead) return;
      isRead = true;
      for (const { name } of indexes.value ?? []) {
        const found = await listShortcuts(name, abort.signal).catch(() => []); /* they are an extra */
        if (abort.signal.aborted) return;
        if (found.length > 0) shortcuts.value = new Map([...shortcuts.value, [name, found]]);
      }
    };
    void load();
    return () => (clearTimeout(timer), abort.abort());
  }, []);

  const list = indexes.value;
  return (
    <div class="home">
      <header class="top">
        <a class="logo" href="/">alco<i>_</i></a>
        <span class="spring" />
        <button type="button" class="btn" title="As the system has them, dark or light"
          onClick={() => (theme.value = theme.value === 'system' ? 'dark' : theme.value === 'dark' ? 'light' : 'system')}>
          colours: {theme.value}
        </button>
        {isAdmin() && <a class="btn" href="/admin/">administration</a>}
        <Who />
      </header>
      <main>
        {problem.value !== null && <p class="banner" role="alert">{problem.value}</p>}
        {list !== null && list.length === 0 && <p class="nothing">No index yet.</p>}
        {list !== null && list.length > 0 && (
          <table class="indexes">
            <thead><tr><th>index</th><th>last 5 minutes</th><th>records</th><th>size</th><th class="hide">newest record</th></tr></thead>
            <tbody>{list.map((index) => <IndexRow key={index.name} index={index} shortcuts={shortcuts.value.get(index.name) ?? []} />)}</tbody>
          </table>
        )}
      </main>
    </div>
  );
}

function IndexRow({ index, shortcuts }: { index: IndexInfo; shortcuts: readonly Shortcut[] }) {
  const { name, lastFiveMinutes: recent, records, bytes, last } = index;
  return (
    <tr>
      <td>
        <a href={indexAddress([name])}>{name}</a>
        {shortcuts.map((shortcut) => (
          <a key={shortcut.name} class="shortcut" href={`/grep/shortcut/${encodeURIComponent(shortcut.name)}/`}
            title={shortcut.name}>{shortcut.description || shortcut.name}</a>
        ))}
      </td>
      <td class={recent === null || recent === 0 ? 'still' : 'alive'}>{recent === null ? '\u2013' : groupDigits(recent)}</td>
      <td>{groupDigits(records)}</td>
      <td>{byteSize(bytes)}</td>
      <td class="hide">{last === null ? '\u2013' : fullTime(last, zone.value).replace(/\.(\d{3})\d*/, '.$1')}</td>
    </tr>
  );
}
