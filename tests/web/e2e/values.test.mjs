/* Goal: the value panel filters, and the query text is the only place where filters live.
 * Method: clicks on values of known records; counts, box, address and rows must agree. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { logAddress, messages, newTag, openBrowser, openLog, send, timeAgo, waitForHits } from './alco_page.mjs';

async function openWithHosts(t, name) {
  const opened = await openBrowser(t);
  const tag = newTag(name);
  const hosts = ['alpha', 'alpha', 'alpha', 'beta', 'beta', 'gamma one'];
  await send(hosts.map((host, i) => ({
    '@timestamp': timeAgo(60_000 - i * 1000), message: `line ${i} on ${host}`, levelname: i % 2 ? 'ERROR' : 'INFO',
    host, run: tag,
  })));
  await openLog(opened.page, { q: `@run=${tag}` });
  await waitForHits(opened.page, hosts.length);
  const value = (text) => opened.page.locator('.panel .v', { hasText: text });
  await value('alpha').waitFor();
  return { ...opened, tag, value };
}

const query = (page) => page.locator('.q-input').inputValue();

test('counts of values are shown', async (t) => {
  const { value } = await openWithHosts(t, 'counts');
  assert.equal(await value('alpha').locator('em').textContent(), '3');
  assert.equal(await value('beta').locator('em').textContent(), '2');
  assert.equal(await value('gamma one').locator('em').textContent(), '1');
});

test('a click shows only that value, whatever was chosen before', async (t) => {
  const { page, tag, value, troubles } = await openWithHosts(t, 'click');
  await value('beta').click();
  await waitForHits(page, 2);
  assert.equal(await query(page), `@run=${tag} @host=beta`);
  assert.equal(new URL(page.url()).searchParams.get('q'), `@run=${tag} @host=beta`);
  assert.deepEqual(await messages(page), ['line 3 on beta', 'line 4 on beta']);
  await value('gamma one').click();
  await waitForHits(page, 1);
  assert.equal(await query(page), `@run=${tag} @host="gamma one"`);
  assert.equal(await value('alpha').locator('em').textContent(), '3', 'other values keep their counts');
  assert.deepEqual(troubles, []);
});

test('Ctrl+click adds a value and takes it away again', async (t) => {
  const { page, tag, value } = await openWithHosts(t, 'ctrl');
  await value('alpha').click();
  await waitForHits(page, 3);
  await value('beta').click({ modifiers: ['Control'] });
  await waitForHits(page, 5);
  assert.equal(await query(page), `@run=${tag} @host=(alpha,beta)`);
  await value('alpha').click({ modifiers: ['Control'] });
  await waitForHits(page, 2);
  assert.equal(await query(page), `@run=${tag} @host=beta`);
  await value('beta').click({ modifiers: ['Control'] });
  await waitForHits(page, 6);
  assert.equal(await query(page), `@run=${tag}`);
});

test('Alt+click and Shift+click leave a value out', async (t) => {
  const { page, tag, value } = await openWithHosts(t, 'alt');
  await value('alpha').click({ modifiers: ['Alt'] });
  await waitForHits(page, 3);
  assert.equal(await query(page), `@run=${tag} @host!=alpha`);
  await value('beta').click({ modifiers: ['Shift'] });
  await waitForHits(page, 1);
  assert.equal(await query(page), `@run=${tag} @host!=alpha @host!=beta`);
});

test('a filter typed by hand shows in the panel, and Back undoes a click', async (t) => {
  const { page, tag, value } = await openWithHosts(t, 'typed');
  await page.locator('.q-input').fill(`@run=${tag} @host=(beta,"gamma one")`);
  await page.locator('.q-input').press('Enter');
  await waitForHits(page, 3);
  await page.locator('.panel .v.on', { hasText: 'gamma one' }).waitFor();
  await value('alpha').click();
  await waitForHits(page, 3);
  assert.equal(await query(page), `@run=${tag} @host=alpha`);
  await page.goBack();
  await page.locator('.panel .v.on', { hasText: 'gamma one' }).waitFor();
  assert.equal(await query(page), `@run=${tag} @host=(beta,"gamma one")`);
});

test('marking text in a row is no click, and does not stop the next one', async (t) => {
  const { page, value } = await openWithHosts(t, 'mark');
  const box = await page.locator('.rows .m', { hasText: 'line 2' }).boundingBox();
  await page.mouse.move(box.x + 2, box.y + 10);
  await page.mouse.down();
  await page.mouse.move(box.x + 60, box.y + 10, { steps: 5 });
  await page.mouse.up();
  assert.match(await page.evaluate(() => getSelection().toString()), /line/);
  assert.equal(await page.locator('.rows .r.cur').count(), 0);
  await value('beta').click();
  await waitForHits(page, 2);
});

test('only and not beside a field of an opened row', async (t) => {
  const { page, tag } = await openWithHosts(t, 'detail');
  await page.locator('.rows .t').last().click();
  const field = page.locator('.x tr', { hasText: 'gamma one' });
  await field.getByText('not', { exact: true }).click();
  await waitForHits(page, 5);
  assert.equal(await query(page), `@run=${tag} @host!="gamma one"`);
});

test('nothing found says what was searched and offers a wider range', async (t) => {
  const { page } = await openBrowser(t);
  const tag = newTag('old');
  await send([{ '@timestamp': timeAgo(3 * 3600_000), message: `an old line of ${tag}`, run: tag }]);
  await page.goto(logAddress({ q: `@run=${tag}`, from: '-1h' }));
  await page.locator('.nothing', { hasText: `@run=${tag}` }).waitFor();
  await page.locator('.nothing').getByRole('button', { name: /Look in the last 6 hours/ }).click();
  await page.locator('.rows .m', { hasText: `an old line of ${tag}` }).waitFor();
});
