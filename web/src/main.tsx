/* One shell for all pages: what is shown follows from the address. */

import './style.css';
import './settings.ts';
import { render } from 'preact';
import { IndexList } from './index_list.tsx';
import { LogControl } from './log_control.ts';
import { LogPage } from './log_page.tsx';
import { parseAddress } from './url_state.ts';

const root = document.getElementById('app')!;
let log: LogControl | null = null;

function open(): void {
  const route = parseAddress(location.pathname, location.search);
  if (route.page === 'log') {
    log = new LogControl(route.view);
    document.title = `${route.view.indexes.join(', ')} \u00b7 alco`;
    render(<LogPage control={log} />, root);
  } else {
    document.title = 'alco';
    render(<IndexList />, root);
  }
}

/* Links between pages load anew; only steps within one log come here. */
addEventListener('popstate', () => {
  const route = parseAddress(location.pathname, location.search);
  if (route.page === 'log' && log !== null) log.apply(route.view);
});

open();
