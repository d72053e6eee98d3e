/* Goal: a hit that is not in the message is seen: in the list, on the fold that hides it, and in the opened row.
 * Method: records whose traceback or field alone holds what is searched for. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newTag, openBrowser, openLog, send, timeAgo, waitForHits } from './alco_page.mjs';

const TRACE = 'Traceback (most recent call last):\n  File "pay.py", line 41\nGatewayTimeout: no <b>answer</b>\n' +
  `${'  frame\n'.repeat(1000)}the last GatewayTimeout`;

const marks = (page, where) => page.locator(`${where} mark`).allTextContents();

test('a hit in a folded traceback is quoted, and marked when the row is opened', async (t) => {
  const { page, troubles } = await openBrowser(t);
  const tag = newTag('trace');
  await send([
    { '@timestamp': timeAgo(2000), message: 'giving up', run: tag, exc_info: TRACE },
    { '@timestamp': timeAgo(1000), message: 'another', run: tag, exc_info: 'nothing\nto see' },
  ]);
  await openLog(page, { q: `@run=${tag} gatewaytimeout` });
  await waitForHits(page, 1);
  await page.locator('.rows .pill.found', { hasText: 'exc_info' }).waitFor();
  assert.equal(await page.locator('.rows .quote').textContent(), 'GatewayTimeout: no <b>answer</b>');
  assert.deepEqual(await marks(page, '.rows .quote'), ['GatewayTimeout']);
  await page.locator('.rows .pill').click();
  await page.locator('.x .trace mark').first().waitFor();
  await page.locator('.x .more', { hasText: '1 hit in the rest' }).click();
  assert.deepEqual(await marks(page, '.x .trace'), ['GatewayTimeout', 'GatewayTimeout']);

  await page.locator('.q-input').fill(`@run=${tag} /[A-Z]\\w+out: no/`);
  await page.locator('.q-input').press('Enter');
  await page.locator('.rows .quote mark', { hasText: 'GatewayTimeout: no' }).waitFor();
  assert.deepEqual(troubles, []);
});

test('in context the hits in folded texts are marked, other folds are not', async (t) => {
  const { page } = await openBrowser(t);
  const tag = newTag('folds');
  await send([
    { '@timestamp': timeAgo(2000), message: 'giving up', run: tag, exc_info: TRACE },
    { '@timestamp': timeAgo(1000), message: 'another', run: tag, exc_info: 'nothing\nto see' },
  ]);
  await openLog(page, { q: `@run=${tag} gatewaytimeout`, context: 'y' });
  await page.locator('.rows .r', { hasText: 'another' }).waitFor();
  await page.locator('.rows .r.found .pill.found').waitFor();
  assert.equal(await page.locator('.rows .pill.found').count(), 1);
});

test('a hit in a column is marked there, and in a field of one\'s choice it is quoted', async (t) => {
  const { page } = await openBrowser(t);
  const tag = newTag('named');
  await send([{ message: 'a line', run: tag, logger: 'shop.orders', detail: 'order 17 refused' }]);
  await openLog(page, { q: `@run=${tag} @logger:ORDERS` });
  await page.locator('.rows .c mark', { hasText: 'orders' }).waitFor();
  assert.equal(await page.locator('.rows .quote').count(), 0);
  await openLog(page, { q: `@run=${tag} @detail:refused` });
  assert.equal(await page.locator('.rows .quote').textContent(), 'order 17 refused');
  assert.deepEqual(await marks(page, '.rows .quote'), ['refused']);
  await page.locator('.rows .pill.found', { hasText: 'detail' }).click();
  await page.locator('.x td[data-field="detail"] mark', { hasText: 'refused' }).waitFor();
});
