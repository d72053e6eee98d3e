/* What a person chose once and expects to find again: kept in the browser, never in the address. */

import { effect, signal, type Signal } from '@preact/signals';
import type { Zone } from './time.ts';
import { joinNames, splitNames } from './url_state.ts';

export type Theme = 'system' | 'dark' | 'light';

const PREFIX = 'alco.';

function load(name: string): string | null {
  try {
    return localStorage.getItem(PREFIX + name);
  } catch {
    return null; /* storage is switched off: choices last as long as the page */
  }
}

function save(name: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(PREFIX + name);
    else localStorage.setItem(PREFIX + name, value);
  } catch {
    /* see load() */
  }
}

function kept<T extends string>(name: string, choices: readonly T[]): Signal<T> {
  const stored = load(name) as T | null;
  const choice = signal<T>(stored !== null && choices.includes(stored) ? stored : choices[0]!);
  effect(() => save(name, choice.value === choices[0] ? null : choice.value));
  return choice;
}

export const theme = kept<Theme>('theme', ['system', 'dark', 'light']);
export const zone = kept<Zone>('zone', ['utc', 'local']);
export const wrap = kept<'off' | 'on'>('wrap', ['off', 'on']);
export const panelShown = kept<'on' | 'off'>('panel', ['on', 'off']);
export const singleKeys = kept<'on' | 'off'>('keys', ['on', 'off']);

export function storedColumns(indexes: readonly string[]): string[] | null {
  const text = load(`columns.${indexes.join(',')}`);
  return text === null ? null : splitNames(text);
}

export function storeColumns(indexes: readonly string[], columns: readonly string[] | null): void {
  save(`columns.${indexes.join(',')}`, columns === null ? null : joinNames(columns));
}

/* The style sheet follows the system by itself; an explicit choice is told to it by an attribute. */
effect(() => {
  if (theme.value === 'system') delete document.documentElement.dataset['theme'];
  else document.documentElement.dataset['theme'] = theme.value;
});
