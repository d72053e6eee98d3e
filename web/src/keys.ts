/* Keys, as in less. The help dialog is made from the same table. */

export type Command =
  | 'down' | 'up' | 'half-down' | 'half-up' | 'page-down' | 'page-up' | 'start' | 'end' | 'follow'
  | 'search' | 'next' | 'previous' | 'context' | 'around' | 'step-back' | 'step-on' | 'wrap' | 'expand' | 'link' | 'time' | 'panel'
  | 'help' | 'escape';

interface Binding {
  command: Command;
  keys: readonly string[];
  shown: string;
  says: string;
}

export const BINDINGS: readonly Binding[] = [
  { command: 'down', keys: ['j', 'ArrowDown', 'e'], shown: 'j \u2193', says: 'next line' },
  { command: 'up', keys: ['k', 'ArrowUp'], shown: 'k \u2191', says: 'line before' },
  { command: 'page-down', keys: [' ', 'f', 'PageDown'], shown: 'Space f', says: 'one page on' },
  { command: 'page-up', keys: ['b', 'PageUp', 'Shift+ '], shown: 'b', says: 'one page back' },
  { command: 'half-down', keys: ['d'], shown: 'd', says: 'half a page on' },
  { command: 'half-up', keys: ['u'], shown: 'u', says: 'half a page back' },
  { command: 'start', keys: ['g', 'Home', '<'], shown: 'g', says: 'start of the range' },
  { command: 'end', keys: ['G', 'End', '>'], shown: 'G', says: 'newest line' },
  { command: 'follow', keys: ['F'], shown: 'F', says: 'follow: new lines as they come' },
  { command: 'search', keys: ['/'], shown: '/', says: 'to the query box' },
  { command: 'next', keys: ['n'], shown: 'n', says: 'next hit' },
  { command: 'previous', keys: ['N'], shown: 'N', says: 'hit before' },
  { command: 'context', keys: ['c', '&'], shown: 'c', says: 'lines around the hits, and back: the text goes, @filters stay' },
  { command: 'around', keys: ['C'], shown: 'C', says: 'all lines around this one, without @filters too' },
  { command: 'step-back', keys: ['['], shown: '[', says: 'to the bar before, of the histogram' },
  { command: 'step-on', keys: [']'], shown: ']', says: 'to the next bar' },
  { command: 'expand', keys: ['Enter', 'v'], shown: 'Enter', says: 'open or close the line' },
  { command: 'wrap', keys: ['s'], shown: 's', says: 'wrap long lines' },
  { command: 'link', keys: ['y'], shown: 'y', says: 'copy the address of the line' },
  { command: 'time', keys: ['t'], shown: 't', says: 'time range' },
  { command: 'panel', keys: ['x'], shown: 'x', says: 'show or hide the field panel' },
  { command: 'help', keys: ['?', 'h'], shown: '?', says: 'this help' },
  { command: 'escape', keys: ['Escape'], shown: 'Esc', says: 'stop following, close' },
];

export interface KeyPress {
  key: string;
  ctrlKey: boolean;
  metaKey: boolean;
  altKey: boolean;
  shiftKey: boolean;
}

/* null: not ours. With single keys off, only keys that are no characters act (WCAG 2.1.4). */
export function commandOf(press: KeyPress, singleKeys: boolean): Command | null {
  if (press.ctrlKey || press.metaKey || press.altKey) return null;
  if (!singleKeys && press.key.length === 1) return null;
  const key = press.key === ' ' && press.shiftKey ? 'Shift+ ' : press.key;
  return BINDINGS.find((binding) => binding.keys.includes(key))?.command ?? null;
}
