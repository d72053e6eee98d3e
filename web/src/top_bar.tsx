/* The bar on top: which log, the query, when, follow, and the rest. */

import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { exportAddress, listIndexes } from './api.ts';
import type { LogControl } from './log_control.ts';
import { Menu } from './menu.tsx';
import { RangeMenu } from './range_menu.tsx';
import { SearchBox } from './search_box.tsx';
import { theme, wrap, zone, type Theme } from './settings.ts';
import { groupDigits } from './text.ts';
import { indexAddress } from './url_state.ts';
import { zoneName } from './time.ts';
import { isAdmin, Who } from './who.tsx';

export function TopBar({ control }: { control: LogControl }) {
  return (
    <header class="top">
      <a class="logo" href="/" title="All indexes">alco<i>_</i></a>
      <IndexMenu control={control} />
      <SearchBox control={control} />
      {control.view.value.context === 'all' && (
        <button type="button" class="btn chip" title="Show only the hits again (c)"
          onClick={() => control.lookAround(null)}>all lines {'\u00d7'}</button>
      )}
      <RangeMenu control={control} />
      <FollowButton control={control} />
      <MoreMenu control={control} />
      <Who />
    </header>
  );
}

function IndexMenu({ control }: { control: LogControl }) {
  const open = useSignal(false);
  const names = useSignal<string[]>([]);
  const { indexes } = control.view.value;
  useEffect(() => {
    if (!open.value) return;
    listIndexes().then((list) => (names.value = list.map(({ name }) => name)), () => (names.value = []));
  }, [open.value]);
  const joined = (name: string): string[] =>
    indexes.includes(name) ? indexes.filter((other) => other !== name) : [...indexes, name];
  return (
    <Menu open={open} title="Which log" className="which" label={<>{indexes.join(', ')} <small>{'\u25be'}</small></>}>
      <ul>
        {names.value.map((name) => (
          <li key={name} class="pair">
            <a class={indexes.includes(name) ? 'on' : ''} href={indexAddress([name])}>{name}</a>
            {!(indexes.length === 1 && indexes[0] === name) && (
              <a class="join" title={indexes.includes(name) ? `Leave ${name} out` : `Read ${name} too`}
                href={indexAddress(joined(name))}>{indexes.includes(name) ? '\u2212' : '+'}</a>
            )}
          </li>
        ))}
        <li><a href="/">all indexes</a></li>
      </ul>
    </Menu>
  );
}

function FollowButton({ control }: { control: LogControl }) {
  const state = control.reader.follow.value;
  return (
    <button type="button" class={`btn follow ${state === 'off' ? '' : 'on'} ${state}`} aria-pressed={state !== 'off'}
      title="New lines as they come (F)" onClick={() => control.follow(state === 'off')}>
      <i aria-hidden="true">{state === 'live' ? '\u25cf' : '\u25b6'}</i> Follow
    </button>
  );
}

const THEMES: readonly Theme[] = ['system', 'dark', 'light'];

function MoreMenu({ control }: { control: LogControl }) {
  const open = useSignal(false);
  return (
    <Menu open={open} title="More" alignRight className="more-menu" label={<span aria-label="More">{'\u22ef'}</span>}>
      <ul>
        <li><button type="button" onClick={() => control.do('panel')}>{control.isPanelOpen ? 'field panel \u2713' : 'field panel'}</button></li>
        <li><button type="button" onClick={() => control.do('wrap')}>{wrap.value === 'on' ? 'wrap long lines \u2713' : 'wrap long lines'}</button></li>
        <li><button type="button" onClick={() => control.do('context')}>{control.view.value.context !== 'off' ? 'only the hits' : 'lines around the hits'}</button></li>
        <li><button type="button" onClick={() => {
          open.value = false;
          control.helpOpen.value = true;
        }}>help</button></li>
        {isAdmin() && <li><a href="/admin/">administration</a></li>}
      </ul>
      <div class="choice" role="group" aria-label="Colours"><span>colours</span>
        {THEMES.map((name) => (
          <button type="button" key={name} class={theme.value === name ? 'on' : ''} aria-pressed={theme.value === name}
            onClick={() => (theme.value = name)}>{name}</button>
        ))}
      </div>
      <div class="choice" role="group" aria-label="Clock"><span>clock</span>
        {(['utc', 'local'] as const).map((name) => (
          <button type="button" key={name} class={zone.value === name ? 'on' : ''} aria-pressed={zone.value === name}
            title={zoneName(name)} onClick={() => (zone.value = name)}>{name === 'utc' ? 'UTC' : 'local'}</button>
        ))}
      </div>
      <div class="choice"><span>download</span>
        {(['text', 'ndjson', 'csv'] as const).map((format) => (
          <a key={format} href={exportAddress(control.reader.hitReading(), format)} download
            title={control.reader.summary.hits.value === null ? '' : `${groupDigits(control.reader.summary.hits.value)} records`}>{format}</a>
        ))}
      </div>
    </Menu>
  );
}
