/* Builds the page: node build.mjs OUTDIR
 *
 * OUTDIR then holds index.html, app.<hash>.js, app.<hash>.css, each also as .gz, and manifest.txt: one line
 * `url-path file content-type` for each asset. The hash is of the content, so that all but index.html may
 * be kept by browsers for ever. The same sources give the same bytes. */

import { createHash } from 'node:crypto';
import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const SIZE_MAX = 60 * 1024; /* all assets together, as browsers get them */

const here = dirname(fileURLToPath(import.meta.url));
const out = process.argv[2];
if (out === undefined) {
  console.error('usage: node build.mjs OUTDIR');
  process.exit(2);
}

async function bundle() {
  const result = await build({
    entryPoints: [join(here, 'src/main.tsx')],
    absWorkingDir: here,
    bundle: true,
    minify: true,
    write: false,
    outfile: 'app.js',
    format: 'iife',
    target: ['es2020', 'chrome123', 'firefox120', 'safari17.5'],
    jsx: 'automatic',
    jsxImportSource: 'preact',
    charset: 'ascii',
    legalComments: 'none',
    logLevel: 'warning',
  });
  const output = (end) => Buffer.from(result.outputFiles.find((file) => file.path.endsWith(end)).contents);
  return { js: output('.js'), css: output('.css') };
}

function hashed(extension, bytes) {
  return `app.${createHash('sha256').update(bytes).digest('hex').slice(0, 10)}.${extension}`;
}

async function clean(directory) {
  await mkdir(directory, { recursive: true });
  for (const name of await readdir(directory)) {
    if (/^(app\.\w+\.(js|css)|index\.html)(\.gz)?$|^manifest\.txt$/.test(name)) await rm(join(directory, name));
  }
}

const { js, css } = await bundle();
const jsName = hashed('js', js);
const cssName = hashed('css', css);
const shell = await readFile(join(here, 'src/index.html'), 'utf8');
const html = Buffer.from(shell.replace('{{css}}', `/assets/${cssName}`).replace('{{js}}', `/assets/${jsName}`));
const assets = [
  { url: '/', file: 'index.html', type: 'text/html; charset=utf-8', bytes: html },
  { url: `/assets/${jsName}`, file: jsName, type: 'text/javascript; charset=utf-8', bytes: js },
  { url: `/assets/${cssName}`, file: cssName, type: 'text/css; charset=utf-8', bytes: css },
];

await clean(resolve(out));
let total = 0;
for (const { file, bytes } of assets) {
  const zipped = gzipSync(bytes, { level: 9 });
  total += zipped.length;
  await writeFile(join(out, file), bytes);
  await writeFile(join(out, `${file}.gz`), zipped);
  console.log(`${file}  ${bytes.length} bytes, ${zipped.length} gzip`);
}
await writeFile(join(out, 'manifest.txt'), assets.map(({ url, file, type }) => `${url} ${file} ${type}\n`).join(''));
console.log(`together ${total} bytes gzip, limit ${SIZE_MAX}`);
if (total > SIZE_MAX) {
  console.error('the page is too large');
  process.exit(1);
}
