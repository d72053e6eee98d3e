/* Goal: a place in the log can be kept, shared and seen among its neighbours.
 * Method: one line in the middle of many is selected; the address, a new page and `c` must lead to it. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { messages, newTag, openBrowser, openLog, send, timeAgo, waitForHits } from './alco_page.mjs';

async function sendWithNeedles(tag) {
  await send(Array.from({ length: 3000 }, (_, i) => ({
    '@timestamp': timeAgo(60_000 - i * 10), run: tag,
    message: i % 500 === 250 ? `needle ${i} of ${tag}` : `straw ${i} of ${tag}`,
  })));
}

const currentText = (page) => page.locator('.rows .r.cur .m').textContent();

test('the address of a selected line leads back to it', async (t) => {
  const tag = newTag('line');
  await sendWithNeedles(tag);
  const { page, troubles } = await openBrowser(t);
  await openLog(page, { q: `@run=${tag}` });
  await page.keyboard.press('g');
  await page.locator('.rows .m', { hasText: `straw 0 of` }).waitFor();
  for (let i = 0; i < 4; i++) await page.keyboard.press('Space');
  await page.keyboard.press('j');
  await page.locator('.rows .r.cur').waitFor();
  const line = await currentText(page);
  await page.waitForURL(/line=\d+/);
  await page.goto('about:blank');
  await page.goBack();
  await page.locator('.rows .r.cur').waitFor();
  assert.equal(await currentText(page), line);
  assert.deepEqual(troubles, []);
});

test('c shows a hit among its neighbours and n the next hit', async (t) => {
  const tag = newTag('around');
  await sendWithNeedles(tag);
  const { page, troubles } = await openBrowser(t);
  await openLog(page, { q: `@run=${tag} needle` });
  await waitForHits(page, 6);
  await page.locator('.rows .m', { hasText: 'needle 1250' }).click();
  assert.equal(await currentText(page), `needle 1250 of ${tag}`);
  const where = await page.locator('.rows .r.cur').boundingBox();
  await page.keyboard.press('c');
  await page.locator('.rows .m', { hasText: `straw 1251 of ${tag}` }).waitFor();
  await page.locator('.rows .r.cur.found mark', { hasText: 'needle' }).waitFor();
  assert.equal(await currentText(page), `needle 1250 of ${tag}`);
  const shown = await messages(page);
  const at = shown.indexOf(`needle 1250 of ${tag}`);
  assert.equal(shown[at + 1], `straw 1251 of ${tag}`);
  assert.ok(Math.abs((await page.locator('.rows .r.cur').boundingBox()).y - where.y) <= 1, 'the line stays where it was');
  await waitForHits(page, 6);
  await page.keyboard.press('n');
  await page.locator('.rows .r.cur', { hasText: `needle 1750 of ${tag}` }).waitFor();
  await page.keyboard.press('N');
  await page.locator('.rows .r.cur', { hasText: `needle 1250 of ${tag}` }).waitFor();
  await page.keyboard.press('c');
  await page.locator('.rows .row', { hasText: 'straw' }).first().waitFor({ state: 'detached' });
  assert.equal((await messages(page)).length, 6);
  assert.deepEqual(troubles, []);
});

test('Enter opens the line and Enter closes it', async (t) => {
  const tag = newTag('open');
  await send([{ '@timestamp': timeAgo(1000), message: `a line of ${tag}`, run: tag, big: 12345678901234, exc_info: 'one\ntwo\nthree' }]);
  const { page } = await openBrowser(t);
  await openLog(page, { q: `@run=${tag}` });
  assert.equal(await page.locator('.rows .pill').textContent(), 'exc_info +3');
  await page.keyboard.press('j');
  await page.keyboard.press('Enter');
  await page.locator('.x .trace', { hasText: 'two' }).waitFor();
  assert.equal(await page.locator('.x td[data-field="big"]').textContent(), '12345678901234');
  await page.keyboard.press('Enter');
  await page.locator('.x').waitFor({ state: 'detached' });
});

test('the list of indexes leads to the log', async (t) => {
  const { page, troubles } = await openBrowser(t);
  await send([{ message: 'something to count', run: newTag('list') }]);
  await page.goto(new URL('/', process.env.ALCO_URL).href);
  const row = page.locator('.indexes tr', { hasText: 'logs' });
  await row.waitFor();
  assert.match(await row.locator('td').nth(2).textContent(), /^[\d,]+$/);
  await row.getByRole('link', { name: 'logs', exact: true }).click();
  await page.locator('.rows .row').first().waitFor();
  assert.match(page.url(), /\/grep\/logs\/\?from=$/);
  assert.deepEqual(troubles, []);
});
