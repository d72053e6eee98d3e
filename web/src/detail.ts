/* An opened row: the whole message, every field with what one can do with it, long texts as they are. */

import { button, copyText, make } from './dom.ts';
import { isScalar, jsonText, plainText, type Json } from './json.ts';
import { fieldAt } from './level.ts';
import { appendPieces, isEmpty, NO_PLACES } from './row_paint.ts';
import { byteSize, cutText, SHOWN_MAX } from './text.ts';
import { fullTime, type Zone } from './time.ts';
import type { Places, Row } from './window.ts';

export interface DetailActions {
  only(field: string, value: string): void;
  not(field: string, value: string): void;
  toggleColumn(field: string): void;
  around(row: Row): void;
  link(row: Row): string;
  resized(): void;
}

/* Fields printed as blocks below the table rather than inside it. */
const BLOCK_LINES = /\n/;
const MESSAGE_IN_LINE_MAX = 160;
const VALUE_IN_LINE_MAX = 40;

export function makeDetail(row: Row, contextFields: readonly string[], zone: Zone,
    actions: DetailActions): HTMLElement {
  const detail = make('div', 'x');
  if (row.message.length > MESSAGE_IN_LINE_MAX || BLOCK_LINES.test(row.message)) {
    detail.append(longText('pre', 'whole', row.message, row.highlights, actions));
  }
  const table = make('table', '');
  const blocks: HTMLElement[] = [];
  for (const [name, value] of row.fields) {
    const isBlock = isBlockText(name, value, contextFields);
    if (isBlock && isEmpty(value)) continue;
    const places = row.fieldHighlights.get(name) ?? NO_PLACES;
    if (isBlock) blocks.push(block(name, value, places, actions));
    else table.append(fieldRow(name, value, places, actions));
  }
  if (table.childElementCount > 0) detail.append(table);
  detail.append(...blocks, footer(row, zone, actions));
  return detail;
}

function isBlockText(name: string, value: Json, contextFields: readonly string[]): value is string {
  return typeof value === 'string' && (contextFields.includes(name) || BLOCK_LINES.test(value));
}

/* Only some of the fields: what a click on their pills opens. */
export function makeBlocks(row: Row, names: ReadonlySet<string>, contextFields: readonly string[],
    actions: DetailActions): HTMLElement {
  const detail = make('div', 'x');
  for (const name of names) {
    const value = fieldAt(row.fields, name);
    if (value === undefined) continue;
    const places = row.fieldHighlights.get(name) ?? NO_PLACES;
    if (isBlockText(name, value, contextFields)) detail.append(block(name, value, places, actions));
    else detail.append(make('table', '', fieldRow(name, value, places, actions)));
  }
  return detail;
}

function fieldRow(name: string, value: Json, places: Places, actions: DetailActions): HTMLElement {
  const doing = make('td', 'do');
  const text = plainText(value);
  const add = (label: string, title: string, act: () => void): void => {
    if (doing.childElementCount > 0) doing.append(' \u00b7 ');
    doing.append(button('link', label, title, act));
  };
  if (isScalar(value) && value !== null && text.length <= 1000) {
    add('only', `Show only rows with this ${name}`, () => actions.only(name, text));
    add('not', `Hide rows with this ${name}`, () => actions.not(name, text));
  }
  add('column', `Show or hide ${name} as a column`, () => actions.toggleColumn(name));
  const copy = button('link', 'copy', 'Copy the value', () => void copied(copy, text));
  doing.append(' \u00b7 ', copy);
  const isShort = isScalar(value) || text.length <= VALUE_IN_LINE_MAX;
  const shown = isShort ? text : jsonText(value, 2);
  const cell = make('td', 'v', longText(isShort ? 'span' : 'pre', '', shown, places, actions));
  if (value === null) cell.classList.add('null');
  cell.dataset['field'] = name;
  return make('tr', '', make('td', 'n', name), cell, doing);
}

async function copied(element: HTMLElement, text: string): Promise<void> {
  const label = element.textContent ?? '';
  element.textContent = (await copyText(text)) ? 'copied' : 'no clipboard';
  setTimeout(() => (element.textContent = label), 1200);
}

function block(name: string, text: string, places: Places, actions: DetailActions): HTMLElement {
  const copy = button('link', 'copy', `Copy ${name}`, () => void copied(copy, text));
  return make('div', 'block',
    make('div', 'block-name', name, ' ', copy),
    longText('pre', 'trace', text, places, actions));
}

/* Text that is cut at SHOWN_MAX until asked for. */
function longText(tag: 'pre' | 'span', className: string, text: string, highlights: Places,
    actions: DetailActions): HTMLElement {
  const element = make(tag, className);
  const shown = cutText(text, SHOWN_MAX);
  appendPieces(element, shown, highlights);
  if (shown.length < text.length) {
    const hidden = highlights.filter(([start, length]) => start + length > shown.length).length;
    const hits = hidden === 0 ? '' : hidden === 1 ? ', 1 hit in the rest' : `, ${hidden} hits in the rest`;
    const more = button('more', `\u2026 show all ${byteSize(text.length)}${hits}`, 'Show the rest', () => {
      element.replaceChildren();
      appendPieces(element, text, highlights);
      actions.resized();
    });
    element.append(more);
  }
  return element;
}

function footer(row: Row, zone: Zone, actions: DetailActions): HTMLElement {
  const foot = make('div', 'foot');
  const stamp = make('span', 'stamp', fullTime(row.time, zone));
  const copyLine = button('link', 'copy line', 'Copy time and message', () =>
    void copied(copyLine, `${row.time} ${row.message}`));
  const copyJson = button('link', 'copy JSON', 'Copy the record as JSON', () =>
    void copied(copyJson, recordJson(row)));
  const copyLink = button('link', 'copy link', 'Copy an address that leads to this line', () =>
    void copied(copyLink, actions.link(row)));
  const around = button('link', 'lines around it', 'Show this line among all others (C)', () =>
    actions.around(row));
  foot.append(stamp, around, ' \u00b7 ', copyLine, ' \u00b7 ', copyJson, ' \u00b7 ', copyLink);
  return foot;
}

function recordJson(row: Row): string {
  return jsonText(new Map<string, Json>([
    ['id', row.id], ['time', row.time], ['message', row.message], ['fields', row.fields],
  ]), 2);
}
