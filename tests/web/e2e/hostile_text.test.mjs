/* Goal: whatever a record says, it is text on the page: in its message, in names and values of fields, in
 * the value panel, in the query box and in what is said about finding nothing.
 * Method: the texts would run a script if they ever became markup; the page must show them letter by
 * letter, own no element made of them, and raise no dialog. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { logAddress, newTag, openBrowser, openLog, send, timeAgo, waitForHits } from './alco_page.mjs';

const IMG = '<img src=x onerror=alert(1)>';
const SCRIPT = '<script>alert(2)</script>';
const LINK = 'javascript:alert(3)';

async function assertNoMarkup(page) {
  const made = await page.evaluate(() =>
    [...document.querySelectorAll('img, #app script, iframe, object, a[href^="javascript:"], [onerror]')].length);
  assert.equal(made, 0);
}

test('markup in message, field names and values stays text', async (t) => {
  const { page, troubles } = await openBrowser(t);
  const tag = newTag('hostile');
  await send([{
    '@timestamp': timeAgo(1000), message: `${IMG} ${SCRIPT}`, run: tag, levelname: 'ERROR', host: IMG,
    logger: SCRIPT, [IMG]: 'a name', link: LINK, nested: { [SCRIPT]: IMG }, exc_info: `${IMG}\n${SCRIPT}`,
  }]);
  await openLog(page, { q: `@run=${tag}` });
  assert.equal(await page.locator('.rows .m').first().evaluate((cell) => cell.firstChild.firstChild.data), `${IMG} ${SCRIPT}`);
  await page.locator('.rows .t').first().click();
  const detail = page.locator('.rows .x');
  await detail.waitFor();
  assert.ok((await detail.locator('td.n').allTextContents()).includes(IMG));
  assert.equal(await detail.locator('td[data-field="host"]').textContent(), IMG);
  assert.equal(await detail.locator('td[data-field="link"]').textContent(), LINK);
  assert.match(await detail.locator('td[data-field="nested"]').textContent(), /<script>alert\(2\)<\/script>/);
  assert.equal(await detail.locator('.trace').textContent(), `${IMG}\n${SCRIPT}`);
  await page.locator('.panel .v', { hasText: IMG }).waitFor();
  await page.locator('.panel .v', { hasText: SCRIPT }).waitFor();
  await assertNoMarkup(page);
  assert.deepEqual(troubles, []);
});

test('a hostile value can be picked and is found by the query it makes', async (t) => {
  const { page, troubles } = await openBrowser(t);
  const tag = newTag('pick');
  await send([IMG, 'say "hi" \\ (x,y)', 'plain'].map((host) => ({
    '@timestamp': timeAgo(1000), message: `from ${tag}`, run: tag, host,
  })));
  for (const host of [IMG, 'say "hi" \\ (x,y)']) {
    await openLog(page, { q: `@run=${tag}` });
    await waitForHits(page, 3);
    await page.locator('.panel .v', { hasText: host }).click();
    await waitForHits(page, 1);
    await page.locator('.panel .v.on', { hasText: host }).waitFor();
    assert.equal(await page.locator('.rows .row').count(), 1);
  }
  await assertNoMarkup(page);
  assert.deepEqual(troubles, []);
});

test('a hostile query is only text', async (t) => {
  const { page, troubles } = await openBrowser(t);
  await page.goto(logAddress({ q: `"${IMG} ${newTag('none')}"` }));
  await page.locator('.nothing', { hasText: IMG }).waitFor();
  await assertNoMarkup(page);
  assert.deepEqual(troubles, []);
});

test('a long message is cut, and shown whole on demand', async (t) => {
  const { page } = await openBrowser(t);
  const tag = newTag('long');
  const message = `${'0123456789'.repeat(2000)} the end`;
  await send([{ '@timestamp': timeAgo(1000), message, run: tag }]);
  await openLog(page, { q: `@run=${tag}` });
  assert.ok((await page.locator('.rows .m').first().textContent()).length < 5000);
  await page.locator('.rows .t').first().click();
  await page.locator('.x .whole .more').click();
  assert.equal(await page.locator('.x .whole').textContent(), message);
});
