/* Requests that the server refused because it does not know who asks: they wait here until somebody has logged
 * in, and then are sent again. So whatever was being read goes on where it was, its rows on the screen. */

import { signal } from '@preact/signals';

/* The server's sentence while requests wait; null: the gate is open. */
export const locked = signal<string | null>(null);

let waiting: Array<() => void> = [];
let openings = 0;
let served = false;

/* How often the gate was opened: an answer to a request sent before the last time says nothing about now. */
export function gateOpenings(): number {
  return openings;
}

/* Did this page ever get what it asked for? */
export function wasServed(): boolean {
  return served;
}

export function noteServed(): void {
  served = true;
}

/* Resolves when the gate opens; fails as a fetch does when it is aborted. */
export function waitAtGate(sentence: string, signal?: AbortSignal | null): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) return reject(abortError());
    locked.value = sentence;
    waiting.push(resolve);
    signal?.addEventListener('abort', () => {
      waiting = waiting.filter((other) => other !== resolve);
      reject(abortError());
    }, { once: true });
  });
}

export function openGate(): void {
  openings++;
  locked.value = null;
  for (const go of waiting.splice(0)) go();
}

function abortError(): DOMException {
  return new DOMException('no longer wanted', 'AbortError');
}
