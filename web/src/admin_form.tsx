/* What the administration's forms share: one request at a time, and what the server said of it right there. */

import { useSignal, type Signal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';
import { isAbort } from './api.ts';
import { sentence } from './admin_api.ts';

export interface Doing {
  busy: Signal<boolean>;
  trouble: Signal<string>;
  done: Signal<string>;
  /* Runs it unless another is under way; true: it succeeded, and `said` is shown. */
  run(act: () => Promise<unknown>, said?: string): Promise<boolean>;
}

export function useDoing(): Doing {
  const busy = useSignal(false);
  const trouble = useSignal('');
  const done = useSignal('');
  const run = async (act: () => Promise<unknown>, said = ''): Promise<boolean> => {
    if (busy.value) return false;
    busy.value = true;
    trouble.value = done.value = '';
    try {
      await act();
      done.value = said;
      return true;
    } catch (error) {
      trouble.value = sentence(error);
      return false;
    } finally {
      busy.value = false;
    }
  };
  return { busy, trouble, done, run };
}

export function Said({ doing }: { doing: Doing }) {
  if (doing.trouble.value !== '') return <p class="trouble" role="alert">{doing.trouble.value}</p>;
  return <p class="said" role="status">{doing.done.value}</p>;
}

export interface Loaded<T> {
  value: Signal<T | null>;
  trouble: Signal<string>;
  load(): Promise<void>;
}

/* Reads at first and whenever `key` changes or load() is called; the last answer stays while the next is read. */
export function useLoaded<T>(key: string, read: (signal: AbortSignal) => Promise<T>): Loaded<T> {
  const value = useSignal<T | null>(null);
  const trouble = useSignal('');
  const abort = useSignal<AbortController | null>(null);
  const load = async (): Promise<void> => {
    abort.peek()?.abort();
    const mine = new AbortController();
    abort.value = mine;
    try {
      value.value = await read(mine.signal);
      trouble.value = '';
    } catch (error) {
      if (!isAbort(error)) trouble.value = sentence(error);
    }
  };
  useEffect(() => {
    value.value = null;
    void load();
    return () => abort.peek()?.abort();
  }, [key]);
  return { value, trouble, load };
}

interface InputProps {
  label: string;
  name: string;
  value?: string;
  note?: string;
  type?: string;
  required?: boolean;
  placeholder?: string;
  autocomplete?: 'off' | 'new-password';
}

export function Input({ label, name, value = '', note, type = 'text', required = false, placeholder = '', autocomplete = 'off' }: InputProps) {
  return (
    <label class="field">
      <span>{label}</span>
      <input name={name} type={type} defaultValue={value} required={required} placeholder={placeholder}
        autocomplete={autocomplete} autocapitalize="off" spellcheck={false} />
      {note !== undefined && <small>{note}</small>}
    </label>
  );
}

export function text(form: HTMLFormElement, name: string): string {
  return (form.elements.namedItem(name) as HTMLInputElement | HTMLSelectElement).value;
}

export function isChecked(form: HTMLFormElement, name: string): boolean {
  return (form.elements.namedItem(name) as HTMLInputElement).checked;
}

function focus(input: HTMLInputElement | null): void {
  input?.focus();
}

/* A button that does what cannot be undone: the name has to be typed first. */
export function DropButton({ what, name, onDrop }: { what: string; name: string; onDrop: () => Promise<boolean> }) {
  const isOpen = useSignal(false);
  const typed = useSignal('');
  if (!isOpen.value) {
    return <button type="button" class="btn danger" onClick={() => {
      typed.value = '';
      isOpen.value = true;
    }}>Drop {what}{'\u2026'}</button>;
  }
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (await onDrop()) isOpen.value = false;
  };
  return (
    <form class="confirm" onSubmit={(event) => void submit(event)}>
      <label class="field"><span>Type <b>{name}</b> to drop it</span>
        <input ref={focus} required autocomplete="off" spellcheck={false} onInput={(event) => (typed.value = event.currentTarget.value)} />
      </label>
      <button type="submit" class="btn danger" disabled={typed.value !== name}>Drop {what}</button>
      <button type="button" class="btn" onClick={() => (isOpen.value = false)}>Keep it</button>
    </form>
  );
}

export function Section({ title, children }: { title: string; children: ComponentChildren }) {
  return <section class="part"><h2>{title}</h2>{children}</section>;
}
