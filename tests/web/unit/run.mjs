/* Builds the unit tests together with the modules they test and runs them: node run.mjs [NAME...] */

import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const require = createRequire(new URL('../../../web/package.json', import.meta.url));
const { build } = require('esbuild');

const here = dirname(fileURLToPath(import.meta.url));
const wanted = process.argv.slice(2);
const tests = (await readdir(here)).filter((name) => name.endsWith('.test.ts'))
  .filter((name) => wanted.length === 0 || wanted.includes(basename(name, '.test.ts'))).sort();
if (tests.length === 0) {
  console.error(`no such test: ${wanted.join(' ')}`);
  process.exit(2);
}

const out = await mkdtemp(join(tmpdir(), 'alco-page-unit-'));
try {
  await build({
    entryPoints: tests.map((name) => join(here, name)),
    bundle: true, platform: 'node', format: 'esm', target: 'node18', outdir: out,
    outExtension: { '.js': '.mjs' }, sourcemap: 'inline', logLevel: 'warning',
  });
  const files = tests.map((name) => join(out, name.replace(/\.ts$/, '.mjs')));
  const result = spawnSync(process.execPath, ['--enable-source-maps', '--test', ...files], { stdio: 'inherit' });
  process.exitCode = result.status ?? 1;
} finally {
  await rm(out, { recursive: true });
}
