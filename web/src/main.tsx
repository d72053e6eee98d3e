/* One shell for all pages: what is shown follows from the address. */

import './style.css';
import './settings.ts';
import { render } from 'preact';
import { AdminPage } from './admin_page.tsx';
import { IndexList } from './index_list.tsx';
import { LogControl } from './log_control.ts';
import { LogPage } from './log_page.tsx';
import { LoginGate } from './login_form.tsx';
import { csrfValue, me } from './session.ts';
import { parseAddress } from './url_state.ts';

const root = document.getElementById('app')!;
let log: LogControl | null = null;

function open(): void {
  const route = parseAddress(location.pathname, location.search);
  if (route.page === 'log') {
    log = new LogControl(route.view);
    document.title = `${route.view.indexes.join(', ')} \u00b7 alco`;
    render(<LogPage control={log} />, root);
  } else if (route.page === 'admin') {
    document.title = 'administration \u00b7 alco';
    render(<AdminPage />, root);
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

/* A page that comes back out of the browser's memory may be somebody else's by now. */
const session = csrfValue();
addEventListener('pageshow', (event) => {
  if (event.persisted && csrfValue() !== session) location.reload();
});

const gate = document.createElement('div');
document.body.append(gate);
render(<LoginGate />, gate);
void me().catch(() => undefined); /* what is asked next says what is wrong */
open();
