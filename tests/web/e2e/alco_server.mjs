/* Servers of a test's own: to be stopped and started again, to have another zone, or just to be empty.
 * ALCO names the program (default build/alco). */

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

/* An empty one that is gone after the test. */
export async function ownServer(t, env = {}) {
  const data = await mkdtemp(join(tmpdir(), 'alco-page-'));
  const server = await serve(data, undefined, env);
  t.after(async () => {
    await stop(server, 'SIGKILL');
    await rm(data, { recursive: true });
  });
  return server;
}
