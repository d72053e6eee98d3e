/* Goal: small rules of the page: cutting text, reading levels, addresses, keys, columns.
 * Method: tables. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { commandOf, type KeyPress } from '../../../web/src/keys.ts';
import { fieldAt, levelOf, levelOfValue } from '../../../web/src/level.ts';
import { parseJson, type JsonObject } from '../../../web/src/json.ts';
import { byteSize, countLines, cutText, lineOfFirst, oneLine, pieces } from '../../../web/src/text.ts';
import { joinNames, isSinceMoment, logAddress, parseAddress, splitNames, type View } from '../../../web/src/url_state.ts';

test('highlights cut a message by UTF-16 units', () => {
  const shown = (text: string, marks: Array<[number, number]>): string =>
    pieces(text, marks).map((piece) => (piece.hit ? `[${piece.text}]` : piece.text)).join('');
  assert.equal(shown('a timeout b', [[2, 7]]), 'a [timeout] b');
  assert.equal(shown('\u{1f600} x', [[3, 1]]), '\u{1f600} [x]');
  assert.equal(shown('abc', [[0, 1], [0, 2], [2, 9]]), '[a][b][c]', 'overlapping and too long');
  assert.equal(shown('abc', [[5, 1]]), 'abc');
  assert.equal(shown('abc', []), 'abc');
  assert.deepEqual(pieces('', [[0, 0]]), []);
});

test('one line: signs of the same length for what breaks or hides', () => {
  const text = 'a\nb\u001b[0m\tc\r\u2028\u007f';
  assert.equal(oneLine(text), 'a\u21b5b\u241b[0m\tc\u240d\u21b5\u2421');
  assert.equal(oneLine(text).length, text.length);
});

test('the line of a longer text in which a hit stands', () => {
  const shown = (text: string, ...marks: Array<[number, number]>): string => {
    const line = lineOfFirst(text, marks);
    return pieces(line.text, line.highlights).map((piece) => (piece.hit ? `[${piece.text}]` : piece.text)).join('');
  };
  assert.equal(shown('one\n  two three\nfour', [6, 3], [10, 5], [16, 4]), '[two] [three]');
  assert.equal(shown('one', [0, 3]), '[one]');
  assert.equal(shown('a\nb', [0, 3]), '[a]', 'a hit over two lines');
  assert.equal(shown('a\n\nb', [1, 2]), 'a');
  assert.equal(shown('  \n  x', [0, 2]), '[  ]');
  assert.equal(shown(`${'-'.repeat(100)}hit`, [100, 3]), `\u2026${'-'.repeat(40)}[hit]`);
  assert.equal(shown(`${'\u{1f600}'.repeat(50)}xhit`, [101, 3]).startsWith('\u2026\u{1f600}'), true, 'no half characters');
  assert.ok(shown(`hit${'-'.repeat(1e6)}`, [0, 3]).length < 400);
});

test('cutting and counting', () => {
  assert.equal(cutText('abc', 2), 'ab');
  assert.equal(cutText('a\u{1f600}', 2), 'a', 'no half characters');
  assert.equal(countLines('a\nb\n'), 2);
  assert.equal(countLines('a'), 1);
  assert.equal(byteSize(0), '0 B');
  assert.equal(byteSize(1536), '1.5 KiB');
  assert.equal(byteSize(300 * 1024 * 1024), '300 MiB');
});

test('levels in many spellings', () => {
  const letters = (values: Array<string | number>): string => values.map((value) => levelOfValue(value) ?? '?').join('');
  assert.equal(letters(['CRITICAL', 'error', 'Warn', 'INFO', 'notice', 'debug', 'TRACE', 'odd', 'constructor']), 'FEWIIDT??');
  assert.equal(letters([50, 40, 30, 20, 10, 35]), 'FEWIDW', 'Python');
  assert.equal(letters([0, 1, 2, 3, 4, 5, 6, 7]), 'FFFEWIID', 'syslog');
  assert.equal(letters(['3', '40', '400', -1]), 'EE??');
  const of = (json: string) => levelOf(parseJson(json) as JsonObject);
  assert.equal(of('{"level":20,"levelname":"ERROR"}'), 'E');
  assert.equal(of('{"levelname":"odd","severity":4}'), 'W');
  assert.equal(of('{"log":{"level":"warn"}}'), 'W');
  assert.equal(of('{}'), null);
  assert.equal(fieldAt(parseJson('{"a":{"b.c":{"d":1}}}') as JsonObject, 'a.b.c.d'), 1);
});

test('addresses there and back', () => {
  const route = parseAddress('/grep/web,db/', '?q=%40host%3Da+b%26c&from=-1h&line=db:18446744073709551615&context=y&cols=a,b');
  assert.equal(route.page, 'log');
  const { view } = route as { view: View };
  assert.deepEqual(view, {
    indexes: ['web', 'db'], q: '@host=a b&c', from: '-1h', to: '', context: 'filtered',
    line: { index: 'db', id: '18446744073709551615' }, columns: ['a', 'b'],
  });
  const again = new URL(logAddress(view), 'http://x');
  assert.deepEqual(parseAddress(again.pathname, again.search), route);
  assert.deepEqual(parseAddress('/', ''), { page: 'indexes' });
  assert.deepEqual(parseAddress('/grep/', ''), { page: 'indexes' });
  assert.equal((parseAddress('/grep/logs', '?line=x') as { view: View }).view.line, null);
  assert.equal(logAddress((parseAddress('/grep/logs', '') as { view: View }).view), '/grep/logs/?from=');
  for (const word of ['constructor', '__proto__', 'x', '']) {
    assert.equal((parseAddress('/grep/logs', `?context=${word}`) as { view: View }).view.context, 'off');
  }
});

test('old addresses', () => {
  const view = (query: string): View => (parseAddress('/grep/logs/', query) as { view: View }).view;
  const q = (query: string): string => view(query).q;
  const old = view('?start_ts=2026-11-22%2010:53:20&search=connection+refused&context=y&columns=host,logger&level=ERROR&host__in=a,b');
  assert.deepEqual(old, {
    indexes: ['logs'], q: 'connection refused @level=ERROR @host=(a,b)', from: '2026-11-22T10:53:20Z', to: '',
    context: 'filtered', line: null, columns: ['host', 'logger'],
  });
  assert.ok(isSinceMoment(old));
  assert.equal(view('?start_ts=2026-11-22').from, '2026-11-22T00:00:00Z');
  assert.equal(view('?start_ts=2026-11-22 10:53').from, '2026-11-22T10:53:00Z');
  assert.equal(view('?start_ts=2026-11-22T10:53:20.5').from, '2026-11-22T10:53:20.5Z');
  assert.equal(view('?start_ts=11/22/2026 10:53:20&end_ts=2026-11-23').from, '2026-11-22T10:53:20Z');
  for (const day of ['5/3/2016', '05/03/16', '2016-05-03']) assert.equal(view(`?start_ts=${day} 10:53`).from, '2016-05-03T10:53:00Z');
  assert.equal(view('?start_ts=1/2/70').from, '1970-01-02T00:00:00Z');
  assert.equal(view('?start_ts=1/2/123').from, '');
  assert.equal(view('?start_ts=2026-11-22T10:53:20%2B03:00').from, '2026-11-22T07:53:20Z');
  assert.equal(view('?end_ts=2026-11-23').to, '2026-11-23T00:00:00.000001Z', 'it is included');
  assert.equal(view('?start_ts=-1h&end_ts=now').to, '');
  assert.equal(view('?start_ts=yesterday').from, '');
  assert.equal(q('?host=a&host__in=b,c d'), '@host=(b,"c d")', '__in wins');
  assert.equal(q('?host=a,b'), '@host="a,b"');
  assert.equal(q('?search=-debug+(x)'), '"-debug (x)"', 'old searches knew no operators');
  assert.equal(q('?search=level=5'), '"level=5"');
  assert.equal(q('?search=a+OR+b'), '"a OR b"');
  assert.equal(q('?search=two,words.x'), '/two[\\s[:punct:]]+words\\.x/i');
  assert.equal(q('?search=%20,&page=2&cursor=cD0x&format=json'), '');
  assert.equal(q('?q=timeout&host=web-3'), 'timeout @host=web-3', 'both kinds');
  assert.equal(view('?from=&start_ts=2026-11-22').from, '', 'ours wins');
  assert.equal(view('?start_ts=2026-11-22&columns=').columns, null);
  for (const search of ['', '&search=', '&search=%20,']) {
    assert.equal(view(`?start_ts=2026-11-22&context=y&level=ERROR${search}`).context, 'off', 'without a search it was a list like any');
  }
  for (const query of ['?start_ts=2026-11-22&search=%F0%9F%92%A9+"x&f__in=,,&__in=a&__proto__=a&constructor__in=b', '?search=%2F%5C%28']) {
    const read = view(query);
    const again = new URL(logAddress(read), 'http://x');
    assert.deepEqual(view(again.search), read);
  }
});

test('names of columns may hold commas and signs', () => {
  const names = ['a,b', '100%', '%2C', 'plain', '\u202eodd\n'];
  assert.deepEqual(splitNames(joinNames(names)), names);
  assert.deepEqual(splitNames('a,,b%'), ['a', 'b%'], 'as people type it');
});

test('keys', () => {
  const press = (key: string, more: Partial<KeyPress> = {}): KeyPress =>
    ({ key, ctrlKey: false, metaKey: false, altKey: false, shiftKey: false, ...more });
  assert.equal(commandOf(press('j'), true), 'down');
  assert.equal(commandOf(press('G', { shiftKey: true }), true), 'end');
  assert.equal(commandOf(press(' '), true), 'page-down');
  assert.equal(commandOf(press(' ', { shiftKey: true }), true), 'page-up');
  assert.equal(commandOf(press('f', { ctrlKey: true }), true), null, 'the browser keeps its own keys');
  assert.equal(commandOf(press('j'), false), null);
  assert.equal(commandOf(press('PageDown'), false), 'page-down');
});
