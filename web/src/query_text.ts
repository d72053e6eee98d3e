/* The text of a query: what its parts are, and how a click on a value changes it.
 *
 * The query box is the one truth. The value panel keeps no filters of its own: it reads them out of the
 * text and writes them back as `@field=value`, `@field=(a,b)` or `@field!=value`, leaving every other
 * character as it was typed. Whether a query is right is the server's word; this file only needs to know
 * where a term begins and ends (quotes, regular expressions and brackets as the language has them). */

export type PartKind = 'space' | 'text' | 'quoted' | 'regex' | 'filter' | 'word-op' | 'bracket';

export interface Part {
  kind: PartKind;
  start: number;
  end: number;
  depth: number; /* how many open brackets stand around it */
  negated: boolean; /* `-` in front; the minus belongs to the part */
  field?: string;
  op?: string;
  values?: string[];
  valueStart?: number;
}

export interface FieldFilter {
  field: string;
  only: string[]; /* values of `=`; several mean one of them */
  not: string[]; /* values of `!=` */
}

const OPERATOR = /!=|>=|<=|=|:|~|>|</y;
const NAME = /[\w.\-/@$\u0080-\uffff]+/y;
const REGEX = /\/(?:[^/\\]|\\.)+\/i?(?=[ \t\n\v\f\r)]|$)/sy;
const SPACE = /[ \t\n\v\f\r]+/y;
const SPACE_OR_CLOSE = /[ \t\n\v\f\r)]/;
const PLAIN_VALUE = /^[^\s"'()\\,/*]+$/;

function matchAt(pattern: RegExp, text: string, at: number): string | null {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0] ?? null;
}

function isSpaceAt(text: string, at: number): boolean {
  return matchAt(SPACE, text, at) !== null;
}

/* May a closing quote stand before this place? */
function isTermEnd(text: string, at: number): boolean {
  return at >= text.length || SPACE_OR_CLOSE.test(text[at]!);
}

/* The end of a quoted text that begins at `at`, behind its closing quote; -1 if it has none. */
function quotedEnd(text: string, at: number): number {
  if (text[at] !== '"') return -1;
  for (let i = at + 1; i < text.length; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === '"') return i + 1;
  }
  return -1;
}

function unquote(text: string): string {
  return text.slice(1, -1).replace(/\\(["\\])/g, '$1');
}

export function quoteValue(value: string): string {
  if (PLAIN_VALUE.test(value)) return value;
  return asText(value);
}

/* Any text as a query for just that text. */
export function asText(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}

/* A field's name as a filter begins: `@host`, or `@"odd name"`. */
export function writtenName(field: string): string {
  return `@${matchAt(NAME, field, 0) === field ? field : asText(field)}`;
}

/* Where a run of text ends: at white space, or at a bracket that closes a group. */
function wordEnd(text: string, at: number, depth: number): number {
  let open = 0;
  let i = at;
  for (; i < text.length && !isSpaceAt(text, i); i++) {
    if (text[i] === '(') open++;
    else if (text[i] === ')' && --open < 0 && depth > 0) break;
  }
  return i;
}

function readValueList(text: string, at: number): { values: string[]; end: number } | null {
  const values: string[] = [];
  let i = at + 1;
  for (;;) {
    i += matchAt(SPACE, text, i)?.length ?? 0;
    if (text[i] === '"') {
      const end = quotedEnd(text, i);
      if (end < 0) return null;
      values.push(unquote(text.slice(i, end)));
      i = end;
    } else {
      const word = matchAt(/[^,) \t\n\v\f\r]+/y, text, i);
      if (word === null) return null;
      values.push(word);
      i += word.length;
    }
    i += matchAt(SPACE, text, i)?.length ?? 0;
    if (text[i] === ')') return { values, end: i + 1 };
    if (text[i] !== ',') return null;
    i++;
  }
}

/* `@name=` or, for a known field, `name=` at `at`: how a filter begins. */
function readFilterHead(text: string, at: number, known: ReadonlySet<string>):
    { field: string; op: string; valueStart: number } | null {
  const sign = text[at] === '@';
  const nameAt = sign ? at + 1 : at;
  const nameEnd = sign ? quotedEnd(text, nameAt) : -1;
  const name = nameEnd > 0 ? text.slice(nameAt, nameEnd) : matchAt(NAME, text, nameAt);
  if (name === null || (!sign && !known.has(name))) return null;
  const op = matchAt(OPERATOR, text, nameAt + name.length);
  if (op === null) return null;
  return { field: nameEnd > 0 ? unquote(name) : name, op, valueStart: nameAt + name.length + op.length };
}

/* The filter at `at`; `@name=` that still waits for its value is text that knows its field. */
function readFilter(text: string, at: number, depth: number, known: ReadonlySet<string>):
    (Partial<Part> & { kind: PartKind; end: number }) | null {
  const head = readFilterHead(text, at, known);
  if (head === null) return null;
  const { op, valueStart } = head;
  if (valueStart >= text.length || isSpaceAt(text, valueStart)) {
    return text[at] === '@' ? { field: head.field, op, kind: 'text', end: valueStart } : null;
  }
  const found = { ...head, kind: 'filter' } as const;
  if (text[valueStart] === '(' && (op === '=' || op === '!=')) {
    const list = readValueList(text, valueStart);
    if (list !== null) return { ...found, ...list };
  }
  const quoteEnd = quotedEnd(text, valueStart);
  if (quoteEnd > 0 && isTermEnd(text, quoteEnd)) {
    return { ...found, values: [unquote(text.slice(valueStart, quoteEnd))], end: quoteEnd };
  }
  const regex = op === '~' ? matchAt(REGEX, text, valueStart) : null;
  const end = regex !== null ? valueStart + regex.length : wordEnd(text, valueStart, depth);
  return { ...found, values: [text.slice(valueStart, end)], end };
}

/* Cut a query into parts that cover all of it, in order. A bracket that nothing closes is text. */
export function parseQueryText(text: string, known: ReadonlySet<string> = new Set()): Part[] {
  const asText = new Set<number>();
  for (;;) {
    const { parts, unclosed } = cut(text, known, asText);
    if (unclosed.length === 0) return parts;
    unclosed.forEach((at) => asText.add(at));
  }
}

function cut(text: string, known: ReadonlySet<string>, asText: ReadonlySet<number>):
    { parts: Part[]; unclosed: number[] } {
  const parts: Part[] = [];
  const unclosed: number[] = [];
  let depth = 0;
  let at = 0;
  while (at < text.length) {
    const start = at;
    const put = (part: Partial<Part> & { kind: PartKind; end: number }): void => {
      parts.push({ depth, negated: false, ...part, start });
      at = part.end;
    };
    const space = matchAt(SPACE, text, at);
    if (space !== null) {
      put({ kind: 'space', end: at + space.length });
      continue;
    }
    if (text[at] === ')' && depth > 0) {
      depth--;
      unclosed.pop();
      put({ kind: 'bracket', end: at + 1 });
      continue;
    }
    const negated = text[at] === '-' && /[\p{L}"(@/]/u.test(text[at + 1] ?? '');
    const from = negated ? at + 1 : at;
    if (text[from] === '(' && !asText.has(from)) {
      unclosed.push(from);
      put({ kind: 'bracket', end: from + 1, negated });
      depth++;
      continue;
    }
    const regex = matchAt(REGEX, text, from);
    const quoteEnd = quotedEnd(text, text[from] === '~' ? from + 1 : from);
    const filter = readFilter(text, from, depth, known);
    if (regex !== null) put({ kind: 'regex', end: from + regex.length, negated });
    else if (quoteEnd > 0 && isTermEnd(text, quoteEnd)) put({ kind: 'quoted', end: quoteEnd, negated });
    else if (filter !== null) put({ negated, ...filter });
    else {
      const end = Math.max(wordEnd(text, from, depth), from + 1);
      const word = /^(?:AND|OR|NOT)$/.test(text.slice(at, end));
      put({ kind: word ? 'word-op' : 'text', end, negated });
    }
  }
  return { parts, unclosed };
}

/* Would this be read as bare text and nothing else, whatever fields there are? */
export function isPlainText(text: string): boolean {
  return !/[=~<>:]/.test(text) &&
    parseQueryText(text).every((part) => (part.kind === 'text' || part.kind === 'space') && !part.negated);
}

/* ---- chips of fields ---- */

/* Terms `@field=…` at the top, with a value or waiting for one. */
function askedParts(text: string): Part[] {
  return parseQueryText(text).filter((part) => part.field !== undefined && part.op === '=' && part.depth === 0 && !part.negated);
}

export function askedFields(text: string): ReadonlySet<string> {
  return new Set(askedParts(text).map((part) => part.field!));
}

/* `@field=` at the end of the query, for a value to be typed; or taken away, with the value it has. */
export function toggleField(text: string, field: string): string {
  const gone = askedParts(text).filter((part) => part.field === field);
  if (gone.length > 0) return withoutParts(text, gone);
  return `${text.trimEnd()} ${writtenName(field)}=`.trimStart();
}

/* ---- filters of the value panel ---- */

/* A filter part whose meaning is simply "and this": at the top, under no NOT, beside no OR. */
function topFilters(text: string): Part[] {
  const parts = parseQueryText(text).filter((part) => part.kind !== 'space');
  const isWord = (part: Part | undefined, word: string): boolean =>
    part?.kind === 'word-op' && part.depth === 0 && text.slice(part.start, part.end) === word;
  if (parts.some((part) => isWord(part, 'OR'))) return [];
  return parts.filter((part, i) =>
    part.kind === 'filter' && part.depth === 0 && !isWord(parts[i - 1], 'NOT'));
}

/* Those of them that the panel can show and write. */
function plainFilters(text: string): Part[] {
  return topFilters(text).filter((part) =>
    (part.op === '=' || (part.op === '!=' && !part.negated)) && text[part.valueStart!] !== '*');
}

/* What is left of a query when one looks at the lines around its hits: its filters, without its text.
 * A query of filters alone has nothing else to drop, so all of it goes. */
export function withoutText(text: string): string {
  const filters = topFilters(text);
  const parts = parseQueryText(text).filter((part) => part.kind !== 'space' && part.kind !== 'word-op');
  if (filters.length === parts.length) return '';
  return filters.map((part) => text.slice(part.start, part.end)).join(' ');
}

/* `-@f=v` reads as `@f!=v`. */
function isExclusion(part: Part): boolean {
  return part.op === '!=' || part.negated;
}

export function filterOf(text: string, field: string): FieldFilter {
  const filter: FieldFilter = { field, only: [], not: [] };
  for (const part of plainFilters(text)) {
    if (part.field === field) (isExclusion(part) ? filter.not : filter.only).push(...part.values!);
  }
  return filter;
}

function written(filter: FieldFilter): string[] {
  const name = writtenName(filter.field);
  const terms = filter.not.map((value) => `${name}!=${quoteValue(value)}`);
  if (filter.only.length === 1) terms.unshift(`${name}=${quoteValue(filter.only[0]!)}`);
  if (filter.only.length > 1)
    terms.unshift(`${name}=(${filter.only.map(quoteValue).join(',')})`);
  return terms;
}

/* Take out a part and the white space (and AND) that joined it to its neighbours. */
function withoutParts(text: string, gone: readonly Part[]): string {
  let rest = text;
  for (const part of [...gone].reverse()) {
    const before = rest.slice(0, part.start).replace(/(^|\s)AND\s+$/, '$1');
    const after = rest.slice(part.end).replace(/^\s+AND(?=\s|$)/, (joint) =>
      before.trim() === '' ? '' : joint);
    const joined = before.trimEnd() + (before.trim() && after.trim() ? ' ' : '') + after.trimStart();
    rest = before.trimEnd() !== before && after.trim() === '' ? before.trimEnd() : joined;
  }
  return rest;
}

/* Replace all plain filters of one field by `filter`; where the first one stood, else at the end. */
function setFilter(text: string, filter: FieldFilter): string {
  const old = plainFilters(text).filter((part) => part.field === filter.field);
  const terms = written(filter);
  const [first, ...others] = old;
  if (first === undefined) return appendTerms(text, terms);
  if (terms.length === 0) return withoutParts(text, old);
  const rest = withoutParts(text, others);
  return rest.slice(0, first.start) + terms.join(' ') + rest.slice(first.end);
}

function appendTerms(text: string, terms: readonly string[]): string {
  const head = text.trim();
  if (terms.length === 0) return head;
  if (head === '') return terms.join(' ');
  const hasOr = parseQueryText(head).some((part) =>
    part.kind === 'word-op' && part.depth === 0 && head.slice(part.start, part.end) === 'OR');
  return `${hasOr ? `(${head})` : head} ${terms.join(' ')}`;
}

/* Click: this value and no other. */
export function onlyValue(text: string, field: string, value: string): string {
  return setFilter(text, { field, only: [value], not: [] });
}

/* Ctrl+click: add this value, or take it away again. */
export function toggleValue(text: string, field: string, value: string): string {
  const { only, not } = filterOf(text, field);
  if (not.includes(value)) return setFilter(text, { field, only, not: without(not, value) });
  return setFilter(text, {
    field, not, only: only.includes(value) ? without(only, value) : [...only, value],
  });
}

/* Alt+click: everything but this value, or take that back. */
export function excludeValue(text: string, field: string, value: string): string {
  const { only, not } = filterOf(text, field);
  return setFilter(text, {
    field, only: without(only, value), not: not.includes(value) ? without(not, value) : [...not, value],
  });
}

/* The query without what the panel says about one field: what its counts are taken over. */
export function clearField(text: string, field: string): string {
  return setFilter(text, { field, only: [], not: [] });
}

function without(values: readonly string[], value: string): string[] {
  return values.filter((other) => other !== value);
}

/* `case:yes` on or off. */
export function isCaseSensitive(text: string): boolean {
  return caseParts(text).length > 0;
}

export function toggleCase(text: string): string {
  const found = caseParts(text);
  return found.length > 0 ? withoutParts(text, found) : appendTerms(text, ['case:yes']);
}

function caseParts(text: string): Part[] {
  return parseQueryText(text).filter((part) =>
    part.depth === 0 && text.slice(part.start, part.end) === 'case:yes');
}
