/* What the administration works out by itself: pure. */

import type { IndexSettings } from './admin_api.ts';

/* What stands behind the # of the address. */
export type Place = { page: 'indexes' } | { page: 'users' } | { page: 'index'; name: string };

export function placeOf(hash: string): Place {
  const m = /^#index\/(\w{1,20})$/.exec(hash);
  if (m !== null) return { page: 'index', name: m[1]! };
  return { page: hash === '#users' ? 'users' : 'indexes' };
}

/* What was changed in the form, as the API takes it. */
export function changes(was: IndexSettings, now: Partial<Record<keyof IndexSettings, string | boolean>>): Partial<IndexSettings> {
  const changed: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(now)) {
    const old = was[name as keyof IndexSettings];
    if (Array.isArray(old)) {
      const names = String(value).split(',').map((part) => part.trim()).filter((part) => part !== '');
      if (names.join(',') !== old.join(',')) changed[name] = names;
    } else if (typeof old === 'number') {
      const text = String(value).trim();
      if (text !== String(old)) changed[name] = /^\d+$/.test(text) ? Number(text) : text;
    } else if (value !== old) {
      changed[name] = value;
    }
  }
  return changed as Partial<IndexSettings>;
}
