/* Goal: a query that cannot be read is explained where it stands.
 * Method: a regular expression that is none; the server's own sentence must be on the page. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { alcoUrl, logAddress, openBrowser } from './alco_page.mjs';

const BROKEN = '/order [0-9/';

test('the sentence of the server stands under the box', async (t) => {
  const answer = await fetch(`${alcoUrl}/api/v1/indexes/logs/search?${new URLSearchParams({ q: BROKEN })}`);
  assert.equal(answer.status, 400);
  const { detail } = await answer.json();
  const { page, troubles } = await openBrowser(t);
  await page.goto(logAddress({ q: BROKEN }));
  await page.locator('.q.refused').waitFor();
  assert.ok((await page.locator('.q-note').textContent()).includes(detail));
  await page.locator('.q-input').fill('');
  await page.locator('.q-input').press('Enter');
  await page.locator('.q:not(.refused)').waitFor();
  assert.deepEqual(troubles, []);
});

test('an index that does not exist is named, with a way back', async (t) => {
  const { page } = await openBrowser(t);
  await page.goto(logAddress({}, 'no_such_index'));
  await page.locator('.nothing[role=alert]').waitFor();
  await page.locator('.nothing a', { hasText: 'All indexes' }).click();
  await page.locator('.indexes a', { hasText: 'logs' }).waitFor();
});
