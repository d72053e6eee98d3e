/* Goal: a click changes the query text as a careful person would: only what it must, quoted where needed.
 * Method: tables of before and after; then random clicks against a plain model of what is chosen. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  askedFields, clearField, excludeValue, filterOf, isCaseSensitive, onlyValue, parseQueryText, quoteValue, toggleCase,
  toggleField, toggleValue, withoutText, writtenName,
} from '../../../web/src/query_text.ts';

const kinds = (text: string, known: string[] = []): string[] =>
  parseQueryText(text, new Set(known)).filter((part) => part.kind !== 'space')
    .map((part) => `${part.negated ? '-' : ''}${part.kind} ${text.slice(part.start, part.end)}`);

test('parts of a query', () => {
  assert.deepEqual(kinds('connection refused'), ['text connection', 'text refused']);
  assert.deepEqual(kinds('@host=web-3 timeout -health /a b/i'),
    ['filter @host=web-3', 'text timeout', '-text -health', 'regex /a b/i']);
  assert.deepEqual(kinds('host=a user=b', ['host']), ['filter host=a', 'text user=b']);
  assert.deepEqual(kinds('"a b" ~"c  d" "open'), ['quoted "a b"', 'quoted ~"c  d"', 'text "open']);
  assert.deepEqual(kinds('(a OR b) NOT c'),
    ['bracket (', 'text a', 'word-op OR', 'text b', 'bracket )', 'word-op NOT', 'text c']);
  assert.deepEqual(kinds('f(x) (open a)b'), ['text f(x)', 'bracket (', 'text open', 'text a', 'bracket )', 'text b']);
  assert.deepEqual(kinds('a (b c'), ['text a', 'text (b', 'text c'], 'an open bracket is text');
  assert.deepEqual(kinds('GET /a/b/c 200'), ['text GET', 'text /a/b/c', 'text 200'], 'a path is no expression');
  assert.deepEqual(kinds('@a= b'), ['text @a=', 'text b'], 'a value follows without a space');
  assert.deepEqual(kinds('-5 --x'), ['text -5', 'text --x']);
  assert.deepEqual(kinds('@a~/x y/ @b=(1, "2 3")'), ['filter @a~/x y/', 'filter @b=(1, "2 3")']);
});

test('parts cover every character', () => {
  for (const text of ['', ' ', 'a  b', '@f="x', '@f=(a,', '-(a "b', '))((', '/x', '@', '@"', '@"a"=b)', '\\"']) {
    const joined = parseQueryText(text).map((part) => text.slice(part.start, part.end)).join('');
    assert.equal(joined, text);
  }
});

test('values and names are quoted only where they must be', () => {
  for (const plain of ['web-3', 'a.b:c', '200', '4003.17', 'naïve', 'a=b', '-x']) assert.equal(quoteValue(plain), plain);
  assert.equal(quoteValue('two words'), '"two words"');
  assert.equal(quoteValue(''), '""');
  assert.equal(quoteValue('*'), '"*"', 'a bare star would mean: exists');
  assert.equal(quoteValue('say "hi" \\'), '"say \\"hi\\" \\\\"');
  assert.equal(quoteValue('a,b'), '"a,b"');
  assert.equal(writtenName('host'), '@host');
  assert.equal(writtenName('@version'), '@@version');
  assert.equal(writtenName('<b> "x"'), '@"<b> \\"x\\""');
});

test('click: only this value', () => {
  assert.equal(onlyValue('', 'host', 'web-1'), '@host=web-1');
  assert.equal(onlyValue('timeout', 'host', 'web-1'), 'timeout @host=web-1');
  assert.equal(onlyValue('@host=web-1 timeout', 'host', 'web-2'), '@host=web-2 timeout', 'in its place');
  assert.equal(onlyValue('a @host=(x,y) b @host!=z c', 'host', 'w'), 'a @host=w b c');
  assert.equal(onlyValue('a -@host=x b', 'host', 'w'), 'a @host=w b');
  assert.equal(onlyValue('a OR b', 'host', 'w'), '(a OR b) @host=w', 'or-ed text keeps together');
  assert.equal(onlyValue('(a OR b)', 'host', 'w'), '(a OR b) @host=w');
  assert.equal(onlyValue('"@host=x"', 'host', 'w'), '"@host=x" @host=w', 'quoted text is no filter');
  assert.equal(onlyValue('(@host=x a)', 'host', 'w'), '(@host=x a) @host=w', 'inner filters are left alone');
  assert.equal(onlyValue('NOT @host=x', 'host', 'w'), 'NOT @host=x @host=w');
  assert.equal(onlyValue('@host:web', 'host', 'w'), '@host:web @host=w', 'other operators stay');
});

test('Ctrl+click: this value too, or no longer', () => {
  assert.equal(toggleValue('@host=a x', 'host', 'b'), '@host=(a,b) x');
  assert.equal(toggleValue('@host=(a,b) x', 'host', 'a'), '@host=b x');
  assert.equal(toggleValue('@host=b x', 'host', 'b'), 'x');
  assert.equal(toggleValue('@host!=b x', 'host', 'b'), 'x', 'an excluded value comes back');
  assert.equal(toggleValue('@host=(a,"b c")', 'host', 'd,e'), '@host=(a,"b c","d,e")');
});

test('Alt+click: not this value', () => {
  assert.equal(excludeValue('x', 'host', 'a'), 'x @host!=a');
  assert.equal(excludeValue('@host!=a x', 'host', 'b'), '@host!=a @host!=b x');
  assert.equal(excludeValue('@host!=a @host!=b x', 'host', 'a'), '@host!=b x');
  assert.equal(excludeValue('@host=(a,b) x', 'host', 'a'), '@host=b @host!=a x');
});

test('clearing leaves no traces', () => {
  assert.equal(clearField('@host=a', 'host'), '');
  assert.equal(clearField('x @host=a', 'host'), 'x');
  assert.equal(clearField('x AND @host=a', 'host'), 'x');
  assert.equal(clearField('@host=a AND x', 'host'), 'x');
  assert.equal(clearField('x AND @host=a AND y', 'host'), 'x AND y');
  assert.equal(clearField('a  b @host=a c', 'host'), 'a  b c', 'other white space is not ours');
});

test('lines around hits keep filters and drop text', () => {
  assert.equal(withoutText('@host=a timeout'), '@host=a');
  assert.equal(withoutText('timeout -@logger:x /re/ @n>5'), '-@logger:x @n>5');
  assert.equal(withoutText('@host=a'), '', 'filters alone: everything');
  assert.equal(withoutText('@host=a OR x'), '');
});

test('case:yes', () => {
  assert.equal(toggleCase('x'), 'x case:yes');
  assert.equal(toggleCase('x case:yes y'), 'x y');
  assert.equal(toggleCase('a OR b'), '(a OR b) case:yes');
  assert.ok(isCaseSensitive('case:yes x'));
  assert.ok(!isCaseSensitive('"case:yes"'));
});

test('random clicks: the text says what was clicked', () => {
  const seed = Number(process.env['SEED'] ?? Date.now() % 1e9);
  console.log(`# seed ${seed}`);
  let state = seed % 2147483647 || 1;
  const random = (n: number): number => (state = (state * 48271) % 2147483647) % n;
  const values = ['a', 'b c', '"', '\\', '(x)', 'y,z', '', '*', '/re/', 'é', '1.0', '-n', 'a"b\\c', 'AND', '\u00a0'];
  const fields = ['host', 'a.b', '@version', 'odd "name"'];
  for (const start of ['', 'some text', 'a AND b', '"quoted @host=x"', '-no (p OR q) /r e/i', '(open']) {
    let text = start;
    const model = new Map(fields.map((field) => [field, { only: new Set<string>(), not: new Set<string>() }]));
    for (let i = 0; i < 300; i++) {
      const field = fields[random(fields.length)]!;
      const value = values[random(values.length)]!;
      const { only, not } = model.get(field)!;
      const action = random(4);
      if (action === 0) {
        text = onlyValue(text, field, value);
        only.clear(), not.clear(), only.add(value);
      } else if (action === 1) {
        text = toggleValue(text, field, value);
        if (!not.delete(value) && !only.delete(value)) only.add(value);
      } else if (action === 2) {
        text = excludeValue(text, field, value);
        only.delete(value);
        if (!not.delete(value)) not.add(value);
      } else {
        text = clearField(text, field);
        only.clear(), not.clear();
      }
      for (const [name, chosen] of model) {
        const read = filterOf(text, name);
        assert.deepEqual([read.only, read.not].map((list) => [...list].sort()),
          [chosen.only, chosen.not].map((set) => [...set].sort()), `seed ${seed}: ${text}`);
      }
    }
    for (const field of fields) text = clearField(text, field);
    assert.equal(text, start, `seed ${seed}: what was typed is as it was`);
  }
});

test('fields asked for by their chips', () => {
  assert.equal(toggleField('', 'host'), '@host=');
  assert.equal(toggleField('a  ', 'host'), 'a @host=');
  assert.equal(toggleField('a @host=x b', 'host'), 'a b', 'with the value it has');
  assert.equal(toggleField('@host=(x,"y z") @host= @host!=w', 'host'), '@host!=w');
  assert.equal(toggleField('@hostname=x (@host=y) -@host=z', 'host'), '@hostname=x (@host=y) -@host=z @host=');
  for (const field of ['host', 'odd name', 'a"b', 'a\\', 'x=y', '\u202e', '(']) {
    const asked = toggleField('some text', field);
    assert.deepEqual([...askedFields(asked)], [field]);
    assert.deepEqual([...askedFields(`${asked}"a value"`)], [field]);
    assert.equal(toggleField(asked, field), 'some text');
    assert.equal(toggleField(`${asked}"a value"`, field), 'some text');
  }
  assert.deepEqual([...askedFields('@a=1 @b>2 @c!=3 @d= e= "@f=1" @g>')], ['a', 'd']);
});
