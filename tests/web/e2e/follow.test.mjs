/* Goal: what is stored while one follows appears by itself; scrolling up holds the view still.
 * Method: records are sent through the API while the page is open; the page is never loaded again. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { logAddress, messages, newTag, openBrowser, openLog, send, timeAgo } from './alco_page.mjs';

function records(tag, from, to) {
  return Array.from({ length: to - from }, (_, i) => ({
    '@timestamp': timeAgo(0), message: `record ${from + i} of ${tag}`, levelname: 'INFO', run: tag,
  }));
}

test('a sent record appears under Follow without reload', async (t) => {
  const { page, troubles } = await openBrowser(t);
  const tag = newTag('follow');
  await send(records(tag, 0, 3));
  await openLog(page, { q: `@run=${tag}` });
  await page.evaluate(() => (window.neverReloaded = true));
  await page.getByRole('button', { name: 'Follow', exact: true }).click();
  await page.locator('.st .live', { hasText: 'following' }).waitFor();
  for (let i = 3; i < 8; i++) {
    await send(records(tag, i, i + 1));
    await page.locator('.rows .m', { hasText: `record ${i} of ${tag}` }).waitFor();
  }
  assert.deepEqual(await messages(page), Array.from({ length: 8 }, (_, i) => `record ${i} of ${tag}`));
  assert.equal(await page.evaluate(() => window.neverReloaded), true);
  assert.deepEqual(troubles, []);
});

test('scrolling up pauses Follow, the pill counts, and going back shows all of it once', async (t) => {
  const { page, troubles } = await openBrowser(t);
  const tag = newTag('pause');
  await send(records(tag, 0, 200));
  await openLog(page, { q: `@run=${tag}` });
  await page.keyboard.press('F');
  await page.locator('.st .live', { hasText: 'following' }).waitFor();
  await send(records(tag, 200, 201));
  await page.locator('.rows .m', { hasText: `record 200 of ${tag}` }).waitFor();
  await page.mouse.move(700, 500);
  await page.mouse.wheel(0, -700);
  await page.locator('.st .live', { hasText: 'paused' }).waitFor();
  const still = await page.locator('.rows').evaluate((rows) => rows.scrollTop);
  await send(records(tag, 201, 231));
  await page.locator('.new', { hasText: '30 new' }).waitFor();
  assert.equal(await page.locator('.rows').evaluate((rows) => rows.scrollTop), still);
  await page.locator('.new').click();
  await page.locator('.rows .m', { hasText: `record 230 of ${tag}` }).waitFor();
  await page.locator('.st .live', { hasText: 'following' }).waitFor();
  const shown = await messages(page);
  const first = Number(/record (\d+)/.exec(shown[0])[1]);
  assert.deepEqual(shown, shown.map((_, i) => `record ${first + i} of ${tag}`));
  assert.deepEqual(troubles, []);
});

test('Escape stops Follow', async (t) => {
  const { page } = await openBrowser(t);
  const tag = newTag('stop');
  await send(records(tag, 0, 3));
  await openLog(page, { q: `@run=${tag}` });
  await page.keyboard.press('F');
  await page.locator('.st .live').waitFor();
  await page.keyboard.press('Escape');
  await page.locator('.st .live').waitFor({ state: 'detached' });
  await send(records(tag, 3, 4));
  await page.keyboard.press('G');
  await page.locator('.rows .m', { hasText: `record 3 of ${tag}` }).waitFor();
});

test('Follow on a query that finds nothing yet', async (t) => {
  const { page, troubles } = await openBrowser(t);
  const tag = newTag('none');
  await page.goto(logAddress({ q: `@run=${tag}` }));
  await page.locator('.nothing', { hasText: 'Nothing found' }).waitFor();
  await page.keyboard.press('F');
  await page.locator('.st .live', { hasText: 'following' }).waitFor();
  await send(records(tag, 0, 5));
  await page.locator('.rows .m', { hasText: `record 4 of ${tag}` }).waitFor();
  assert.deepEqual(await messages(page), [0, 1, 2, 3, 4].map((i) => `record ${i} of ${tag}`));
  assert.deepEqual(troubles, []);
});

test('a late record takes its place among the others', async (t) => {
  const { page } = await openBrowser(t);
  const tag = newTag('late');
  const at = Date.now() - 10_000;
  const record = (i) => ({ '@timestamp': new Date(at + i).toISOString(), message: `record ${i} of ${tag}`, run: tag });
  await send([record(0), record(2), record(4)]);
  await openLog(page, { q: `@run=${tag}` });
  await page.keyboard.press('F');
  await page.locator('.st .live', { hasText: 'following' }).waitFor();
  await send([record(3), record(5), record(1)]);
  await page.locator('.rows .m', { hasText: `record 5 of ${tag}` }).waitFor();
  assert.deepEqual(await messages(page), [0, 1, 2, 3, 4, 5].map((i) => `record ${i} of ${tag}`));
});

test('under Follow the histogram moves on with the clock', async (t) => {
  const { page, troubles } = await openBrowser(t);
  const tag = newTag('axis');
  await send(records(tag, 0, 3));
  await openLog(page, { q: `@run=${tag}`, from: '-1m' });
  const bars = page.locator('.hist svg');
  await bars.waitFor();
  await page.keyboard.press('F');
  await page.locator('.st .live', { hasText: 'following' }).waitFor();
  const shape = () => page.locator('.hist path').evaluateAll((paths) => paths.map((path) => path.getAttribute('d')).join(''));
  const before = await shape();
  await page.waitForFunction((old) => [...document.querySelectorAll('.hist path')]
    .map((path) => path.getAttribute('d')).join('') !== old, before);
  assert.equal(await bars.count(), 1);
  assert.deepEqual(troubles, []);
});
