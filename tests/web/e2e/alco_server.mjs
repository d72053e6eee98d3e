/* Servers of a test's own: to be stopped and started again, to have another zone, or just to be empty.
 * ALCO names the program (default build/alco). */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const ALCO = process.env.ALCO ?? fileURLToPath(new URL('../../../build/alco', import.meta.url));

/* Starts alco on `data`; with the port of `listen` it can be kept over restarts, as the page knows it. */
export async function serve(data, listen = '127.0.0.1:0', env = {}) {
  const child = spawn(ALCO, ['serve', '--data', data, '--listen', listen],
    { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } });
  child.stderr.resume();
  for await (const line of createInterface({ input: child.stdout })) {
    const ready = /^alco: ready on (http:\S+?)\/?$/.exec(line);
    if (ready === null) continue;
    child.stdout.resume();
    return { url: ready[1], child };
  }
  throw new Error('alco serve ended before it was ready');
}

export async function stop({ child }, signal) {
  const ended = once(child, 'exit');
  child.kill(signal);
  await ended;
}

async function ask(url, method, path, body) {
  const response = await fetch(`${url}/api/v1/indexes${path}`, { method, body });
  const text = await response.text();
  assert.ok(response.ok, `${method} ${path}: ${response.status} ${text}`);
  return text === '' ? null : JSON.parse(text);
}

/* An empty one that is gone after the test, with { url, child, call, send }: call(method, path, value) speaks to
 * /api/v1/indexes + path and answers with the JSON of a success; send(index, records). */
export async function ownServer(t, env = {}) {
  const data = await mkdtemp(join(tmpdir(), 'alco-page-'));
  const server = await serve(data, undefined, env);
  t.after(async () => {
    await stop(server, 'SIGKILL');
    await rm(data, { recursive: true });
  });
  const call = async (method, path, value) => ask(server.url, method, path, value === undefined ? undefined : JSON.stringify(value));
  const send = async (index, records) => {
    const body = `${records.map((record) => JSON.stringify(record)).join('\n')}\n`;
    assert.equal((await ask(server.url, 'POST', `/${index}/logs`, body)).accepted, records.length);
  };
  return { ...server, call, send };
}

/* The passwords of `withUsers`. */
export const PASSWORDS = { root: 'a root of seven', ann: 'ann reads logs' };

/* Ends the freedom of a server without users: `root` is an admin, `ann` a reader. Answers with a call of the API
 * by root's token: as(method, path, value) below /api/v1. */
export async function withUsers(url) {
  const speak = async (token, method, path, value) => {
    const response = await fetch(`${url}/api/v1${path}`, {
      method, headers: token === null ? {} : { authorization: `Bearer ${token}` },
      body: value === undefined ? undefined : typeof value === 'string' ? value : JSON.stringify(value),
    });
    const text = await response.text();
    assert.ok(response.ok, `${method} ${path}: ${response.status} ${text}`);
    return text === '' ? null : JSON.parse(text);
  };
  await speak(null, 'POST', '/users', { name: 'root', role: 'admin', password: PASSWORDS.root });
  const login = await fetch(`${url}/api/v1/login`, { method: 'POST', body: JSON.stringify({ name: 'root', password: PASSWORDS.root }) });
  const cookie = login.headers.get('set-cookie').match(/alco_\w+=[^;]+/g).join('; ');
  const made = await fetch(`${url}/api/v1/users/root/tokens`, {
    method: 'POST', body: '{"name":"test"}', headers: { cookie, 'x-csrf-token': (await login.json()).csrf_token },
  });
  const { token } = await made.json();
  const as = (method, path, value) => speak(token, method, path, value);
  await as('POST', '/users', { name: 'ann', role: 'reader', password: PASSWORDS.ann });
  return as;
}

/* Fills in the form that stands before the page. */
export async function logIn(page, name, password = PASSWORDS[name]) {
  await page.getByLabel('Name').fill(name);
  await page.getByLabel('Password').fill(password);
  await page.getByLabel('Password').press('Enter');
}
