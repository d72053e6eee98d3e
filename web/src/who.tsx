/* Who is logged in, in the bar on top; nothing while there are no users. */

import { useSignal } from '@preact/signals';
import { Menu } from './menu.tsx';
import { asker, logout } from './session.ts';
import { Problem } from './api.ts';

export function isAdmin(): boolean {
  return asker.value?.role === 'admin';
}

export function Who() {
  const open = useSignal(false);
  const trouble = useSignal('');
  const name = asker.value?.name ?? null;
  if (name === null) return null;
  const leave = async (): Promise<void> => {
    try {
      await logout();
    } catch (error) {
      if (!(error instanceof Problem) || error.status !== 401) { /* 401: it had ended already */
        trouble.value = error instanceof Error ? error.message : String(error);
        return;
      }
    }
    location.reload(); /* nothing of what was read stays here */
  };
  return (
    <Menu open={open} title={`Logged in as ${name}`} alignRight className="who"
      label={<><span class="name">{name}</span> <small>{'\u25be'}</small></>}>
      <p>{name} <small>{asker.value?.role}</small></p>
      <ul>
        <li><button type="button" onClick={() => void leave()}>log out</button></li>
      </ul>
      {trouble.value !== '' && <p class="trouble" role="alert">{trouble.value}</p>}
    </Menu>
  );
}
