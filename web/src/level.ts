/* How bad a record is. Senders spell levels in many ways; the page knows six classes, each with a
 * letter (so that nobody needs to tell colours apart) and a colour token of the style sheet. */

import { RawNumber, type Json, type JsonObject } from './json.ts';

export type Level = 'F' | 'E' | 'W' | 'I' | 'D' | 'T';

/* From harmless to fatal: the order in which the histogram stacks them, bottom first. */
export const LEVELS: readonly Level[] = ['T', 'D', 'I', 'W', 'E', 'F'];

/* Fields that may carry a level, the most telling first. */
export const LEVEL_FIELDS: readonly string[] = [
  'levelname', 'level', 'severity', 'log.level', 'severity_text', 'lvl', 'priority', 'PRIORITY',
];

const NAMES: Readonly<Record<string, Level>> = {
  fatal: 'F', critical: 'F', crit: 'F', emerg: 'F', emergency: 'F', panic: 'F', alert: 'F',
  error: 'E', err: 'E', severe: 'E', eror: 'E',
  warning: 'W', warn: 'W',
  info: 'I', information: 'I', informational: 'I', notice: 'I', success: 'I', log: 'I',
  debug: 'D', dbug: 'D', verbose: 'D', config: 'D', fine: 'D',
  trace: 'T', finer: 'T', finest: 'T', silly: 'T',
};

/* 0..7 are syslog severities, from 10 on Python's logging levels. */
function levelOfNumber(n: number): Level | null {
  if (n < 0 || !Number.isFinite(n)) return null;
  if (n < 8) return n <= 2 ? 'F' : n === 3 ? 'E' : n === 4 ? 'W' : n <= 6 ? 'I' : 'D';
  if (n < 10) return 'T';
  return n < 20 ? 'D' : n < 30 ? 'I' : n < 40 ? 'W' : n < 50 ? 'E' : 'F';
}

export function levelOfValue(value: Json | undefined): Level | null {
  if (typeof value === 'number') return levelOfNumber(value);
  if (value instanceof RawNumber) return levelOfNumber(Number(value.text));
  if (typeof value !== 'string') return null;
  const word = value.trim().toLowerCase();
  if (Object.prototype.hasOwnProperty.call(NAMES, word)) return NAMES[word] ?? null;
  return /^\d{1,2}$/.test(word) ? levelOfNumber(Number(word)) : null;
}

/* The first field that says something readable decides. */
export function levelOf(fields: JsonObject): Level | null {
  for (const name of LEVEL_FIELDS) {
    const level = levelOfValue(fieldAt(fields, name));
    if (level !== null) return level;
  }
  return null;
}

/* A field by its search name: `a.b` also finds `b` inside the object `a`. */
export function fieldAt(fields: JsonObject, name: string): Json | undefined {
  const direct = fields.get(name);
  if (direct !== undefined) return direct;
  for (let dot = name.indexOf('.'); dot > 0; dot = name.indexOf('.', dot + 1)) {
    const outer = fields.get(name.slice(0, dot));
    if (outer instanceof Map) {
      const inner = fieldAt(outer, name.slice(dot + 1));
      if (inner !== undefined) return inner;
    }
  }
  return undefined;
}
