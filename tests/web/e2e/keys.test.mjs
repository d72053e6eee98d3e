/* Goal: the keys of less, on the page; and none of them while one types.
 * Method: numbered lines; after each key the line at the top or the selected one is looked at. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newTag, openBrowser, openLog, send, timeAgo, waitForHits } from './alco_page.mjs';

const COUNT = 1000;

async function openNumbered(t) {
  const opened = await openBrowser(t);
  const tag = newTag('keys');
  await send(Array.from({ length: COUNT }, (_, i) => ({
    '@timestamp': timeAgo(60_000 - i * 10), message: `line ${i} of ${tag}`, run: tag,
  })));
  await openLog(opened.page, { q: `@run=${tag}` });
  await waitForHits(opened.page, COUNT);
  return { ...opened, tag };
}

/* Numbers of the lines wholly in view. */
function inView(page) {
  return page.evaluate(() => {
    const view = document.querySelector('.rows').getBoundingClientRect();
    return [...document.querySelectorAll('.rows .r')].filter((line) => {
      const box = line.getBoundingClientRect();
      return box.top >= view.top - 1 && box.bottom <= view.bottom + 1;
    }).map((line) => Number(/line (\d+)/.exec(line.querySelector('.m').textContent)[1]));
  });
}

const current = async (page) =>
  Number(/line (\d+)/.exec(await page.locator('.rows .r.cur .m').textContent())[1]);

test('pages, half pages and lines', async (t) => {
  const { page, troubles } = await openNumbered(t);
  const bottom = await inView(page);
  assert.equal(bottom.at(-1), COUNT - 1, 'it opens at the newest line');
  assert.ok(bottom.length >= 34, `${bottom.length} lines in view`);
  await page.keyboard.press('b');
  const back = await inView(page);
  assert.ok(back[0] < bottom[0] && back.at(-1) >= bottom[0], 'a page back shows the last line seen');
  await page.keyboard.press('u');
  const half = await inView(page);
  assert.ok(back[0] - half[0] > back.length / 3 && back[0] - half[0] < back.length, 'half a page');
  await page.keyboard.press('d');
  assert.deepEqual(await inView(page), back);
  await page.keyboard.press('Space');
  assert.deepEqual(await inView(page), bottom, 'and a page on again');
  await page.keyboard.press('u');
  const top = (await inView(page))[0];
  await page.keyboard.press('j');
  assert.equal(await current(page), top, 'the first line in view is selected');
  await page.keyboard.press('j');
  await page.keyboard.press('j');
  assert.equal(await current(page), top + 2);
  await page.keyboard.press('k');
  assert.equal(await current(page), top + 1);
  for (let i = 0; i < 3; i++) await page.keyboard.press('k');
  assert.equal(await current(page), top - 2, 'the view follows the selected line');
  assert.deepEqual(troubles, []);
});

test('keys are letters while one types', async (t) => {
  const { page, tag } = await openNumbered(t);
  const before = await inView(page);
  await page.keyboard.press('/');
  await page.keyboard.type(' gbF');
  assert.equal(await page.locator('.q-input').inputValue(), `@run=${tag} gbF`);
  assert.deepEqual(await inView(page), before);
  assert.equal(await page.locator('.st .live').count(), 0);
  await page.keyboard.press('Escape');
  await page.keyboard.press('?');
  await page.locator('dialog.help').waitFor();
  await page.keyboard.press('Escape');
  await page.locator('dialog.help').waitFor({ state: 'hidden' });
});

test('x hides the panel, y copies an address that leads back', async (t) => {
  const { page } = await openNumbered(t);
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  await page.keyboard.press('x');
  await page.locator('.panel').waitFor({ state: 'hidden' });
  await page.keyboard.press('x');
  await page.locator('.panel').waitFor({ state: 'visible' });
  await page.keyboard.press('u');
  await page.keyboard.press('j');
  const line = await current(page);
  await page.keyboard.press('y');
  await page.locator('.st .notice', { hasText: 'address copied' }).waitFor();
  await page.goto(await page.evaluate(() => navigator.clipboard.readText()));
  await page.locator('.rows .r.cur').waitFor();
  assert.equal(await current(page), line);
});

test('[ and ] go from bar to bar of the histogram', async (t) => {
  const { page } = await openBrowser(t);
  const tag = newTag('bars');
  const start = Math.floor(Date.now() / 60_000) * 60_000 - 600_000;
  await send([0, 1, 2].flatMap((burst) => Array.from({ length: 100 }, (_, i) => ({
    '@timestamp': new Date(start + burst * 120_000 + i).toISOString(), message: `burst ${burst} line ${i} of ${tag}`, run: tag,
  }))));
  await openLog(page, { q: `@run=${tag}`, from: '-15m' });
  await page.locator('.hist svg').waitFor();
  const top = (text) => page.waitForFunction((wanted) => {
    const list = document.querySelector('.rows').getBoundingClientRect();
    const row = [...document.querySelectorAll('.rows .r')].find((line) => line.getBoundingClientRect().top >= list.top - 1);
    return row?.querySelector('.m').textContent.startsWith(wanted);
  }, text);
  await page.keyboard.press('g');
  await top('burst 0 line 0 ');
  await page.keyboard.press(']');
  await top('burst 1 line 0 ');
  await page.keyboard.press('[');
  await top('burst 0 line 0 ');
});

test('values of the panel by keyboard: only, this too, not this', async (t) => {
  const { page } = await openBrowser(t);
  const tag = newTag('panelkeys');
  await send(['web-1', 'web-2', 'web-3'].map((host) => ({ '@timestamp': timeAgo(1000), message: `from ${tag}`, run: tag, host })));
  await openLog(page, { q: `@run=${tag}` });
  const value = (host) => page.locator('.panel .v', { hasText: host });
  await value('web-1').focus();
  await page.keyboard.press('Enter');
  await page.locator('.panel .v.on', { hasText: 'web-1' }).waitFor();
  await value('web-2').focus();
  await page.keyboard.press('Control+Enter');
  await page.locator('.panel .v.on', { hasText: 'web-2' }).waitFor();
  await waitForHits(page, 2);
  await value('web-1').focus();
  await page.keyboard.press('Shift+Enter');
  await page.locator('.panel .v.not', { hasText: 'web-1' }).waitFor();
  await waitForHits(page, 1);
});
