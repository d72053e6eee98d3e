/* What the end-to-end tests share: a browser, a running alco, and records of their own.
 *
 * ALCO_URL      address of a running alco with an index `logs` (required)
 * CHROME        the browser (default /usr/bin/chromium)
 * Every test marks its records with a tag of its own in the field `run`, so that tests neither see each
 * other's records nor those of an earlier run. Waiting is always for a condition. `page.route` comes before
 * the page is opened: of an open page Chromium may let the next request by. */

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';

/* One installation of packages serves the page and its tests. */
const require = createRequire(new URL('../../../web/package.json', import.meta.url));
const { chromium } = require('playwright-core');

const CHROME_FLAGS = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync',
];

export const alcoUrl = (() => {
  const url = process.env.ALCO_URL;
  assert.ok(url, 'ALCO_URL must name a running alco, e.g. ALCO_URL=http://127.0.0.1:8000');
  return url.replace(/\/$/, '');
})();

export function newTag(name) {
  return `${name}-${Date.now().toString(36)}-${Math.random().toString(36).slice(2, 7)}`;
}

/* Stores records; returns when they are durable, and so found by any search begun later. */
export async function send(records, index = 'logs') {
  const body = records.map((record) => JSON.stringify(record)).join('\n') + '\n';
  const response = await fetch(`${alcoUrl}/api/v1/indexes/${index}/logs`, { method: 'POST', body });
  const text = await response.text();
  assert.equal(response.status, 200, text);
  const answer = JSON.parse(text);
  assert.deepEqual({ accepted: answer.accepted, rejected: answer.rejected },
    { accepted: records.length, rejected: 0 });
}

export function timeAgo(ms) {
  return new Date(Date.now() - ms).toISOString();
}

/* A page that fails the test on any script error, blocked content or dialog. */
export async function openBrowser(t, options = {}) {
  const browser = await chromium.launch({ executablePath: process.env.CHROME ?? '/usr/bin/chromium', args: CHROME_FLAGS });
  t.after(() => browser.close());
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, colorScheme: 'dark', ...options });
  const page = await context.newPage();
  const troubles = [];
  page.on('pageerror', (error) => troubles.push(`script error: ${error.message}`));
  page.on('dialog', (dialog) => {
    troubles.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on('console', (message) => {
    if (/Content Security Policy|Refused to/.test(message.text())) troubles.push(message.text());
  });
  return { page, troubles };
}

export function logAddress(params, index = 'logs') {
  return `${alcoUrl}/grep/${index}/?${new URLSearchParams(params)}`;
}

/* The log page of one tag, with its rows on the screen. */
export async function openLog(page, params) {
  await page.goto(logAddress(params));
  await page.locator('.rows .row').first().waitFor();
}

export async function waitForHits(page, n) {
  const shown = n.toLocaleString('en');
  await page.locator('.st [role=status]').first().filter({ hasText: new RegExp(`^${shown} hits`) }).waitFor();
}

/* The messages of the rows that stand in the list, top to bottom. */
export function messages(page) {
  return page.locator('.rows .row .m').allTextContents();
}
