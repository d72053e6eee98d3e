/* JSON as the server sent it.
 *
 * Why not JSON.parse: it rounds 64-bit numbers, forgets how a number was spelled, moves keys that
 * look like integers to the front and keeps only an object's own idea of `__proto__`. A log page must
 * show what was logged. So objects become Maps (order kept, no prototype), and a number whose
 * spelling a double cannot give back stays text. */

export class RawNumber {
  constructor(readonly text: string) {}
  toString(): string {
    return this.text;
  }
}

export type Json = null | boolean | number | string | RawNumber | Json[] | JsonObject;
export type JsonObject = Map<string, Json>;

const DEPTH_MAX = 256;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;

export function parseJson(text: string): Json {
  let at = 0;

  function fail(expected: string): never {
    throw new SyntaxError(`JSON: expected ${expected} at offset ${at}`);
  }

  function skipSpace(): void {
    for (;;) {
      const c = text.charCodeAt(at);
      if (c === 32 || c === 10 || c === 13 || c === 9) at++;
      else return;
    }
  }

  function word<T>(spelling: string, value: T): T {
    if (!text.startsWith(spelling, at)) fail('a value');
    at += spelling.length;
    return value;
  }

  function string(): string {
    const start = at;
    let end = start;
    do {
      end = text.indexOf('"', end + 1);
      if (end < 0) fail('the end of a string');
    } while (isEscaped(end, start));
    at = end + 1;
    const inside = text.slice(start + 1, end);
    return inside.includes('\\') ? (JSON.parse(text.slice(start, at)) as string) : inside;
  }

  /* A quote is escaped if an odd number of backslashes stands before it. */
  function isEscaped(quote: number, start: number): boolean {
    let slashes = 0;
    while (quote - 1 - slashes > start && text.charCodeAt(quote - 1 - slashes) === 92) slashes++;
    return slashes % 2 === 1;
  }

  function number(): number | RawNumber {
    NUMBER.lastIndex = at;
    const spelled = NUMBER.exec(text)?.[0];
    if (spelled === undefined) fail('a value');
    at += spelled.length;
    const value = Number(spelled);
    return String(value) === spelled ? value : new RawNumber(spelled);
  }

  function object(depth: number): JsonObject {
    const members: JsonObject = new Map();
    at++;
    skipSpace();
    if (text[at] === '}') return at++, members;
    for (;;) {
      skipSpace();
      if (text[at] !== '"') fail('a key');
      const key = string();
      skipSpace();
      if (text[at] !== ':') fail('":"');
      at++;
      members.set(key, value(depth + 1));
      skipSpace();
      if (text[at] === ',') at++;
      else if (text[at] === '}') return at++, members;
      else fail('"," or "}"');
    }
  }

  function array(depth: number): Json[] {
    const items: Json[] = [];
    at++;
    skipSpace();
    if (text[at] === ']') return at++, items;
    for (;;) {
      items.push(value(depth + 1));
      skipSpace();
      if (text[at] === ',') at++;
      else if (text[at] === ']') return at++, items;
      else fail('"," or "]"');
    }
  }

  function value(depth: number): Json {
    if (depth > DEPTH_MAX) fail(`at most ${DEPTH_MAX} levels`);
    skipSpace();
    switch (text[at]) {
      case '{':
        return object(depth);
      case '[':
        return array(depth);
      case '"':
        return string();
      case 't':
        return word('true', true);
      case 'f':
        return word('false', false);
      case 'n':
        return word('null', null);
      default:
        return number();
    }
  }

  const result = value(0);
  skipSpace();
  if (at !== text.length) fail('the end');
  return result;
}

export function isScalar(value: Json): value is null | boolean | number | string | RawNumber {
  return !Array.isArray(value) && !(value instanceof Map);
}

/* A scalar as its plain text (a string without quotes), anything else as compact JSON. */
export function plainText(value: Json): string {
  if (typeof value === 'string') return value;
  return isScalar(value) ? String(value) : jsonText(value);
}

/* JSON text again; with `indent` one member a line. */
export function jsonText(value: Json, indent = 0, margin = ''): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (isScalar(value)) return String(value);
  const inner = margin + ' '.repeat(indent);
  const parts = Array.isArray(value)
    ? value.map((item) => jsonText(item, indent, inner))
    : [...value].map(
        ([key, item]) =>
          `${JSON.stringify(key)}:${indent > 0 ? ' ' : ''}${jsonText(item, indent, inner)}`,
      );
  const [open, close] = Array.isArray(value) ? ['[', ']'] : ['{', '}'];
  if (parts.length === 0) return open + close;
  if (indent === 0) return open + parts.join(',') + close;
  return `${open}\n${inner}${parts.join(`,\n${inner}`)}\n${margin}${close}`;
}
