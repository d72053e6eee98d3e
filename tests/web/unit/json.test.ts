/* Goal: what was logged is shown as it was logged.
 * Method: against JSON.parse where that is right, by hand where it is not. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { jsonText, parseJson, plainText, RawNumber, type Json } from '../../../web/src/json.ts';

test('the same as JSON.parse for plain documents', () => {
  for (const text of ['null', ' [1, -2.5, 1e21 ,"a\\n\\u00e9\\ud83d\\ude00",true,false]', '{"a":{"b":[]},"c":{}}',
    '"\\\\"', '"\\\\\\""', '[["x\\\\"],""]', '{"a\\"b":1}']) {
    const plain = (value: Json): unknown => value instanceof Map
      ? Object.fromEntries([...value].map(([key, item]) => [key, plain(item)]))
      : Array.isArray(value) ? value.map(plain) : value instanceof RawNumber ? Number(value.text) : value;
    assert.deepEqual(plain(parseJson(text)), JSON.parse(text));
  }
});

test('numbers keep their spelling', () => {
  for (const text of ['12345678901234567890', '1.0', '1e5', '-0', '0.10', '1180591620717411303424']) {
    assert.equal(plainText(parseJson(text)), text);
  }
  assert.equal(parseJson('42'), 42);
});

test('keys keep their order, and none is magic', () => {
  const value = parseJson('{"10":1,"2":2,"__proto__":{"x":1},"constructor":3}') as Map<string, Json>;
  assert.deepEqual([...value.keys()], ['10', '2', '__proto__', 'constructor']);
  assert.equal(jsonText(value), '{"10":1,"2":2,"__proto__":{"x":1},"constructor":3}');
  assert.equal(({} as Record<string, unknown>)['x'], undefined);
});

test('broken documents are refused', () => {
  for (const text of ['', '{', '[1,]', '{"a"}', '"open', '"open\\"', '01', 'nul', '1 2', '[1}', '{a:1}', '['.repeat(300)]) {
    assert.throws(() => parseJson(text), SyntaxError, text);
  }
});

test('pretty', () => {
  assert.equal(jsonText(parseJson('{"a":[1.0,{}],"b":{"c":"x"}}'), 2),
    '{\n  "a": [\n    1.0,\n    {}\n  ],\n  "b": {\n    "c": "x"\n  }\n}');
});
