/* One record as a line of the list: level bar, time, letter, columns, message with its matches, pills.
 *
 * Elements are recycled: `paintRow` fills one for any row. What a click on it means is for the list's
 * owner; parts carry class names only. */

import { make } from './dom.ts';
import { isScalar, plainText, type Json } from './json.ts';
import { fieldAt } from './level.ts';
import { byteSize, countLines, cutText, oneLine, pieces, SHOWN_MAX } from './text.ts';
import { clock, dayTitle, fullTime, type Zone } from './time.ts';
import type { Row } from './window.ts';

export interface PaintStyle {
  columns: readonly string[];
  contextFields: readonly string[]; /* shown as pills when a record has them */
  showIndex: boolean;
  wrap: boolean;
  zone: Zone;
}

export interface RowMarks {
  current: boolean;
  hit: boolean; /* found by the query, among lines that were not */
  lead: boolean; /* a new day begins */
  detail: HTMLElement | null;
}

export function newRowElement(): HTMLElement {
  const element = make('div', 'row');
  element.setAttribute('role', 'row');
  return element;
}

export function paintRow(element: HTMLElement, row: Row, marks: RowMarks, style: PaintStyle): void {
  const line = make('div', `r ${row.level ?? ''}`);
  if (marks.current) line.classList.add('cur');
  if (marks.hit) line.classList.add('found');
  const time = make('span', 't', clock(row.time, style.zone));
  time.title = fullTime(row.time, style.zone);
  line.append(make('span', 'bar'), time, make('span', 'l', row.level ?? ''));
  if (style.showIndex) line.append(make('span', 'c', row.index));
  for (const name of style.columns) line.append(columnCell(name, fieldAt(row.fields, name)));
  line.append(messageCell(row, style));
  for (const cell of Array.from(line.children)) cell.setAttribute('role', 'gridcell');
  element.id = rowElementId(row.key);
  element.dataset['key'] = row.key;
  element.setAttribute('aria-selected', String(marks.current));
  element.setAttribute('aria-expanded', String(marks.detail !== null));
  element.replaceChildren(
    ...(marks.lead ? [make('div', 'day', dayTitle(row.time, style.zone))] : []),
    line,
    ...(marks.detail === null ? [] : [marks.detail]),
  );
}

export function rowElementId(key: string): string {
  return `row-${key.replace('/', '-')}`;
}

/* Host names are shown up to their first dot, as on one's own prompt; addresses stay whole. */
export function columnText(name: string, value: Json | undefined): string {
  if (value === undefined || value === null) return '';
  const text = oneLine(cutText(plainText(value), 256));
  if (name === 'host' && /^[A-Za-z_][\w-]*\./.test(text)) return text.slice(0, text.indexOf('.'));
  return text;
}

function columnCell(name: string, value: Json | undefined): HTMLElement {
  const cell = make('span', 'c', columnText(name, value));
  if (value !== undefined && value !== null) cell.title = `${name}: ${cutText(plainText(value), 1000)}`;
  return cell;
}

function messageCell(row: Row, style: PaintStyle): HTMLElement {
  const cell = make('span', 'm');
  const text = make('span', 'text');
  const shown = cutText(row.message, SHOWN_MAX);
  appendPieces(text, style.wrap ? shown : oneLine(shown), row.highlights);
  cell.append(text);
  if (shown.length < row.message.length) {
    cell.append(make('button', 'more', `\u2026 show all ${byteSize(row.message.length)}`));
  }
  for (const name of style.contextFields) {
    const value = fieldAt(row.fields, name);
    if (!isEmpty(value)) cell.append(make('button', 'pill', pillText(name, value)));
  }
  return cell;
}

export function appendPieces(parent: HTMLElement, text: string, highlights: Row['highlights']): void {
  for (const piece of pieces(text, highlights)) {
    parent.append(piece.hit ? make('mark', '', piece.text) : piece.text);
  }
}

export function isEmpty(value: Json | undefined): boolean {
  if (value === undefined || value === null || value === '' || value === false) return true;
  if (Array.isArray(value)) return value.length === 0;
  return value instanceof Map && value.size === 0;
}

function pillText(name: string, value: Json | undefined): string {
  const label = cutText(name, 40);
  if (typeof value !== 'string') return label;
  const lines = countLines(value);
  if (lines > 1) return `${label} +${lines}`;
  return isScalar(value) && value.length <= 24 ? `${label} ${oneLine(value)}` : label;
}
