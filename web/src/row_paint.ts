/* One record as a line of the list: level bar, time, letter, columns, message with its matches, pills.
 *
 * Elements are recycled: `paintRow` fills one for any row. What a click on it means is for the list's
 * owner; parts carry class names only. */

import { make } from './dom.ts';
import { isScalar, plainText, type Json } from './json.ts';
import { fieldAt } from './level.ts';
import { byteSize, countLines, cutText, lineOfFirst, oneLine, pieces, SHOWN_MAX } from './text.ts';
import { clock, dayTitle, fullTime, type Zone } from './time.ts';
import type { Places, Row } from './window.ts';

export const NO_PLACES: Places = [];

export interface PaintStyle {
  columns: readonly string[];
  contextFields: readonly string[]; /* shown as pills when a record has them */
  showIndex: boolean;
  filterFields: readonly string[]; /* a click on their cells filters */
  zone: Zone;
}

export interface RowMarks {
  current: boolean;
  hit: boolean; /* found by the query, among lines that were not */
  lead: boolean; /* a new day begins */
  wide: boolean; /* the whole message, on as many lines as it takes */
  pills: ReadonlySet<string>; /* those whose text is shown below */
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
  for (const name of style.columns) line.append(columnCell(row, name, style));
  line.append(messageCell(row, marks, style));
  for (const cell of Array.from(line.children)) cell.setAttribute('role', 'gridcell');
  element.classList.toggle('wide', marks.wide);
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

function columnCell(row: Row, name: string, style: PaintStyle): HTMLElement {
  const value = fieldAt(row.fields, name);
  const cell = make('span', style.filterFields.includes(name) ? 'c pick' : 'c');
  cell.dataset['field'] = name;
  appendPieces(cell, columnText(name, value), row.fieldHighlights.get(name) ?? NO_PLACES);
  if (value !== undefined && value !== null) cell.title = `${name}: ${cutText(plainText(value), 1000)}`;
  return cell;
}

function messageCell(row: Row, marks: Omit<RowMarks, 'lead'>, style: PaintStyle): HTMLElement {
  const cell = make('span', 'm');
  const text = make('span', 'text');
  const shown = cutText(row.message, SHOWN_MAX);
  appendPieces(text, marks.wide ? shown : oneLine(shown), row.highlights);
  cell.append(text);
  if (shown.length < row.message.length) {
    cell.append(make('button', 'more', `\u2026 show all ${byteSize(row.message.length)}`));
  }
  appendPills(cell, row, marks.pills, style);
  return cell;
}

/* What a row folds away: one pill for each field. If the query is found in folded text, its pill says so;
 * if nowhere else in the row, the line where it stands follows the pill. */
function appendPills(cell: HTMLElement, row: Row, open: ReadonlySet<string>, style: PaintStyle): void {
  const found = [...row.fieldHighlights.keys()].filter((name) => !style.columns.includes(name));
  const isSeen = row.highlights.length > 0 || found.length < row.fieldHighlights.size;
  const quoted = isSeen ? undefined : found[0];
  for (const name of new Set([...style.contextFields, ...(isSeen ? [] : found)])) {
    const value = fieldAt(row.fields, name);
    if (isEmpty(value)) continue;
    const places = row.fieldHighlights.get(name) ?? NO_PLACES;
    const pill = make('button', `pill ${places.length > 0 ? 'found' : ''} ${open.has(name) ? 'on' : ''}`, pillText(name, value));
    pill.dataset['field'] = name;
    pill.setAttribute('aria-expanded', String(open.has(name)));
    if (places.length > 0) pill.title = `The query is found in ${name}: ${places.length}\u00d7`;
    cell.append(pill);
    if (name !== quoted || typeof value !== 'string') continue;
    const line = lineOfFirst(value, places);
    const quote = make('span', 'quote');
    appendPieces(quote, oneLine(line.text), line.highlights);
    cell.append(quote);
  }
}

export function appendPieces(parent: HTMLElement, text: string, highlights: Places): void {
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
