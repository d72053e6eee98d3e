/* Who is logged in. The session itself is a cookie that no script sees; beside it stands one that our page
 * alone can read, and whose value it shows with every request that may change something. */

import { signal } from '@preact/signals';
import { ask, getJson, sendJson } from './api.ts';
import type { JsonObject } from './json.ts';

export interface Asker {
  name: string | null; /* null: this machine, while there are no users */
  role: string;
}

/* null: not known (yet). */
export const asker = signal<Asker | null>(null);

export function csrfValue(): string {
  const pair = document.cookie.split('; ').find((text) => text.startsWith('alco_csrf='));
  return pair === undefined ? '' : pair.slice(pair.indexOf('=') + 1);
}

/* What a request that is no GET carries. */
export function csrfHeaders(): Record<string, string> {
  const value = csrfValue();
  return value === '' ? {} : { 'X-CSRF-Token': value };
}

/* Throws the server's Problem: 401 wrong, 429 too often. */
export async function login(name: string, password: string): Promise<void> {
  const response = await ask('/api/v1/login', sendJson('POST', { name, password }));
  const body = await response.json() as { name: string; role: string };
  asker.value = { name: body.name, role: body.role };
}

export async function logout(): Promise<void> {
  await ask('/api/v1/logout', { method: 'POST', headers: csrfHeaders() });
  asker.value = null;
}

/* Who asks; waits for a login if need be. */
export async function me(): Promise<Asker> {
  const body = await getJson('/api/v1/me') as JsonObject;
  const name = body.get('name');
  asker.value = { name: typeof name === 'string' ? name : null, role: String(body.get('role')) };
  return asker.value;
}
