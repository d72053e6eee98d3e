/* A running alco of a test's own, for what would disturb others: indexes, flags of fields, a zone.
 * ALCO names the program (default build/alco). It ends, and its records go, with the test. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const ALCO = process.env.ALCO ?? fileURLToPath(new URL('../../../build/alco', import.meta.url));

async function untilReady(child) {
  for await (const line of createInterface({ input: child.stdout })) {
    const ready = /^alco: ready on (http:\S+?)\/?$/.exec(line);
    if (ready !== null) return ready[1];
  }
  throw new Error('alco serve ended before it was ready');
}

/* { url, call(method, path, value), send(index, records) }; call answers with the JSON of a success. */
export async function startServer(t, env = {}) {
  const data = await mkdtemp(join(tmpdir(), 'alco-own-'));
  const child = spawn(ALCO, ['serve', '--data', data, '--listen', '127.0.0.1:0'],
    { stdio: ['ignore', 'pipe', 'ignore'], env: { ...process.env, ...env } });
  t.after(async () => {
    const ended = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : null;
    child.kill('SIGKILL');
    await ended;
    await rm(data, { recursive: true });
  });
  const url = await untilReady(child);
  child.stdout.resume();
  const ask = async (method, path, body) => {
    const response = await fetch(`${url}/api/v1/indexes${path}`, { method, body });
    const text = await response.text();
    assert.ok(response.ok, `${method} ${path}: ${response.status} ${text}`);
    return text === '' ? null : JSON.parse(text);
  };
  return {
    url,
    call: (method, path, value) => ask(method, path, value === undefined ? undefined : JSON.stringify(value)),
    send: async (index, records) => {
      const body = `${records.map((record) => JSON.stringify(record)).join('\n')}\n`;
      assert.equal((await ask('POST', `/${index}/logs`, body)).accepted, records.length);
    },
  };
}
