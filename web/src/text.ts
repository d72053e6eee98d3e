/* Log text on its way to the screen. It always becomes text nodes; here it is only cut into pieces.
 * Positions count UTF-16 units, as the server's highlights do. */

import type { Places } from './window.ts';

export interface Piece {
  text: string;
  hit: boolean;
}

/* A message longer than this is shown cut, with the rest on demand. */
export const SHOWN_MAX = 4096;

const EXCERPT_BEFORE = 40;
const EXCERPT_MAX = 300;

/* One line for the list: what would break the line or not show becomes a visible sign of the same
 * length, so that highlight positions stay right. */
export function oneLine(text: string): string {
  return text.replace(/[\x00-\x08\x0a-\x1f\x7f\u2028\u2029]/g, (c) => {
    if (c === '\n') return '\u21b5';
    const code = c.charCodeAt(0);
    return code < 32 ? String.fromCharCode(0x2400 + code) : code === 127 ? '\u2421' : '\u21b5';
  });
}

/* Cut at `max`, but never between the two halves of a character. */
export function cutText(text: string, max: number): string {
  if (text.length <= max) return text;
  const code = text.charCodeAt(max - 1);
  return text.slice(0, code >= 0xd800 && code < 0xdc00 ? max - 1 : max);
}

export function pieces(text: string, highlights: Places): Piece[] {
  const cut: Piece[] = [];
  let at = 0;
  for (const [start, length] of highlights) {
    if (start >= text.length) break;
    const from = Math.max(start, at);
    const to = Math.min(start + length, text.length);
    if (to <= from) continue;
    if (from > at) cut.push({ text: text.slice(at, from), hit: false });
    cut.push({ text: text.slice(from, to), hit: true });
    at = to;
  }
  if (at < text.length) cut.push({ text: text.slice(at), hit: false });
  return cut;
}

/* The line in which the first place stands, without its margin, and the places in it: what a fold shows
 * of what it hides. A long line is cut, with the place not far from its beginning. */
export function lineOfFirst(text: string, highlights: Places): { text: string; highlights: Places } {
  const at = highlights[0]![0];
  let start = text.lastIndexOf('\n', at - 1) + 1;
  const lineEnd = text.indexOf('\n', at);
  while (start < at && /\s/.test(text[start]!)) start++;
  const isCut = at - start > EXCERPT_BEFORE;
  if (isCut) start = at - EXCERPT_BEFORE + (isLowHalf(text, at - EXCERPT_BEFORE) ? 1 : 0);
  const line = cutText(text.slice(start, lineEnd < 0 ? text.length : lineEnd), EXCERPT_MAX);
  const sign = isCut ? '\u2026' : '';
  return {
    text: sign + line,
    highlights: highlights.filter(([from]) => from < start + line.length)
      .map(([from, length]) => [from - start + sign.length, length]),
  };
}

function isLowHalf(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return code >= 0xdc00 && code < 0xe000;
}

export function countLines(text: string): number {
  let lines = 1;
  for (let i = text.indexOf('\n'); i >= 0 && i < text.length - 1; i = text.indexOf('\n', i + 1)) lines++;
  return lines;
}

export function groupDigits(n: number): string {
  return Math.round(n).toLocaleString('en');
}

/* `3.2 GiB` */
export function byteSize(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) (value /= 1024), unit++;
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}
