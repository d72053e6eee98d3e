/* Which fields stand as columns beside the message, and how wide. */

import type { FieldInfo } from './api.ts';
import { fieldAt } from './level.ts';
import { columnText, isEmpty } from './row_paint.ts';
import type { Row } from './window.ts';

/* Of each group the first name that the log has: where it happened, and who said it. */
const WHERE = ['host', 'hostname', 'host.name', 'HOSTNAME'];
const WHO = [
  'logger', 'logger_name', 'program', 'programname', 'ident', 'unit', 'service', 'service.name',
  'application', 'app', 'process', 'source',
];

const WIDTH_MIN = 4;
const WIDTH_MAX = 22;

export function defaultColumns(fields: readonly FieldInfo[], rows: readonly Row[]): string[] {
  const shown = new Map(fields.map((field) => [field.name, field.display]));
  const has = (name: string): boolean =>
    fields.length > 0 ? shown.get(name) === true
      : rows.slice(-50).some((row) => !isEmpty(fieldAt(row.fields, name)));
  return [WHERE, WHO].map((group) => group.find(has)).filter((name) => name !== undefined);
}

/* In characters: as wide as the widest value among the rows, within reason. */
export function columnWidths(columns: readonly string[], rows: readonly Row[]): number[] {
  return columns.map((name) => {
    let width = WIDTH_MIN;
    for (const row of rows.slice(-300)) {
      width = Math.max(width, columnText(name, fieldAt(row.fields, name)).length);
    }
    return Math.min(width, WIDTH_MAX);
  });
}
