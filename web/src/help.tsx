/* The help dialog: keys, clicks, and the query language on one page. */

import { useEffect, useRef } from 'preact/hooks';
import { BINDINGS } from './keys.ts';
import type { LogControl } from './log_control.ts';
import { singleKeys } from './settings.ts';

const QUERY_HELP: ReadonlyArray<readonly [string, string]> = [
  ['connection refused', 'this text, in any case, also inside words'],
  ['"  exact  text"', 'with its white space'],
  ['/time(out|d out)/i', 'a regular expression'],
  ['@host=web-3', 'a field is exactly this'],
  ['@host=(web-1,web-2)', 'one of these'],
  ['@host!=web-3', 'not this'],
  ['@logger:orders', 'contains'],
  ['@duration_ms>500', 'number compared'],
  ['@exc_info=*', 'has the field'],
  ['-healthcheck   a OR (b c)   NOT d', 'without, either, groups'],
  ['case:yes', 'tell upper from lower case'],
];

const MOUSE_HELP: ReadonlyArray<readonly [string, string]> = [
  ['value', 'only it \u00b7 Ctrl: it too \u00b7 Alt or Shift: not it'],
  ['time of a row', 'open the row: its fields, its traceback, what one can do with them'],
  ['exc_info +4', 'a folded text; filled: the query is found in it'],
  ['cell of a column', 'only its value, if the panel has it'],
  ['long message', 'all of it, and again one line; selecting text does neither'],
  ['date', 'since this day; the field beside it takes a time'],
  ['@field chip', 'into the query box, or out of it'],
  ['histogram', 'click or drag: only that time \u00b7 Shift: go there'],
  ['bar at the right', 'go to that part of the hits; marks are errors'],
];

export function Help({ control }: { control: LogControl }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const close = useRef<HTMLButtonElement>(null);
  const open = control.helpOpen.value;
  useEffect(() => {
    if (!open) return dialog.current!.close();
    dialog.current!.showModal();
    close.current!.focus();
  }, [open]);
  return (
    <dialog ref={dialog} class="help" aria-label="Help" onClose={() => (control.helpOpen.value = false)}
      onClick={(event) => {
        if (event.target === dialog.current) control.helpOpen.value = false;
      }}>
      <header>
        <h1>Help</h1>
        <button type="button" class="btn" ref={close} onClick={() => (control.helpOpen.value = false)}>Close</button>
      </header>
      <div class="help-body">
        <section>
          <h2>Keys</h2>
          <dl>{BINDINGS.map(({ shown, says }) => <Entry key={shown} term={shown} says={says} />)}</dl>
        </section>
        <section>
          <h2>Query</h2>
          <dl class="wide">{QUERY_HELP.map(([term, says]) => <Entry key={term} term={term} says={says} />)}</dl>
          <h2>Mouse, or Enter</h2>
          <dl class="wide">{MOUSE_HELP.map(([term, says]) => <Entry key={term} term={term} says={says} />)}</dl>
          <label><input type="checkbox" checked={singleKeys.value === 'on'}
            onChange={(event) => (singleKeys.value = event.currentTarget.checked ? 'on' : 'off')} /> keys without Ctrl act</label>
        </section>
      </div>
    </dialog>
  );
}

function Entry({ term, says }: { term: string; says: string }) {
  return <><dt><kbd>{term}</kbd></dt><dd>{says}</dd></>;
}
