/* Goal: range, histogram, wrap, columns and colours do what they say, and what is chosen is kept.
 * Method: known records spread over ten minutes, some very long; the page is worked by mouse and keys. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { messages, newTag, openBrowser, openLog, send, waitForHits } from './alco_page.mjs';

const COUNT = 600;
const MINUTE = 60_000;

/* One record a second, ending a minute ago at a full minute. */
async function sendTenMinutes(tag) {
  const end = Math.floor(Date.now() / MINUTE) * MINUTE - MINUTE;
  const start = end - COUNT * 1000;
  await send(Array.from({ length: COUNT }, (_, i) => ({
    '@timestamp': new Date(start + i * 1000).toISOString(), levelname: i % 10 === 0 ? 'ERROR' : 'INFO', run: tag,
    host: 'web-1', logger: 'shop', order: i, message: i % 3 === 0 ? `line ${i} ${'long '.repeat(120)}` : `line ${i}`,
  })));
  return { start, end };
}

test('a drag over the histogram shows that time alone, Back shows all again', async (t) => {
  const { page, troubles } = await openBrowser(t);
  const tag = newTag('drag');
  await sendTenMinutes(tag);
  await openLog(page, { q: `@run=${tag}`, from: '-15m' });
  await waitForHits(page, COUNT);
  const box = await page.locator('.hist svg').boundingBox();
  await page.mouse.move(box.x + box.width * 0.35, box.y + 20);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.5, box.y + 20, { steps: 4 });
  await page.mouse.up();
  await page.waitForURL(/from=.*to=/);
  const params = new URL(page.url()).searchParams;
  const [from, to] = [Date.parse(params.get('from')), Date.parse(params.get('to'))];
  await page.locator('.marker.older', { hasText: 'start of the range' }).waitFor({ state: 'attached' });
  await page.locator('.marker.newer', { hasText: 'end of the range' }).waitFor();
  const shown = (await page.locator('.st [role=status]').first().textContent());
  assert.ok(to - from < 6 * MINUTE && to - from > MINUTE, shown);
  await waitForHits(page, Math.round((to - from) / 1000));
  await page.goBack();
  await waitForHits(page, COUNT);
  assert.deepEqual(troubles, []);
});

test('from and to as one types them', async (t) => {
  const { page } = await openBrowser(t);
  const tag = newTag('range');
  const { start } = await sendTenMinutes(tag);
  await openLog(page, { q: `@run=${tag}` });
  await page.keyboard.press('t');
  const minute = (n) => new Date(start + n * MINUTE).toISOString().slice(0, 16).replace('T', ' ');
  await page.locator('input[name=from]').fill('last Tuesday');
  await page.locator('input[name=from]').press('Enter');
  await page.locator('input[name=from].wrong').waitFor();
  await page.locator('input[name=from]').fill(minute(2));
  await page.locator('input[name=to]').fill(minute(5));
  await page.locator('input[name=to]').press('Enter');
  await waitForHits(page, 180);
  await page.keyboard.press('g');
  await page.locator('.rows .m', { hasText: /^line 120/ }).waitFor();
});

test('wrapping long lines leaves the line at the top where it is', async (t) => {
  const { page } = await openBrowser(t);
  const tag = newTag('wrap');
  await sendTenMinutes(tag);
  await openLog(page, { q: `@run=${tag}` });
  for (let i = 0; i < 6; i++) await page.keyboard.press('b');
  const top = () => page.evaluate(() => {
    const rows = document.querySelector('.rows').getBoundingClientRect();
    const row = [...document.querySelectorAll('.rows .r')].find((line) => line.getBoundingClientRect().bottom > rows.top + 1);
    return { text: row.querySelector('.m').textContent, y: Math.round(row.getBoundingClientRect().top - rows.top) };
  });
  await page.waitForFunction(() => { /* older lines are loaded: one of them lies across the edge */
    const edge = document.querySelector('.rows').getBoundingClientRect().top;
    const line = [...document.querySelectorAll('.rows .r')].find((one) => one.getBoundingClientRect().bottom > edge + 1);
    return line !== undefined && line.getBoundingClientRect().top <= edge;
  });
  const before = await top();
  await page.keyboard.press('s');
  await page.locator('.rows.wrap').waitFor();
  assert.deepEqual(await top(), before);
  const tall = await page.locator('.rows .r').evaluateAll((lines) => lines.filter((line) => line.offsetHeight > 20).length);
  assert.ok(tall > 0, 'long lines are tall');
  const numbers = (await messages(page)).map((text) => Number(/line (\d+)/.exec(text)[1]));
  assert.deepEqual(numbers, numbers.map((_, i) => numbers[0] + i));
  const gap = () => page.evaluate(() => {
    const last = [...document.querySelectorAll('.rows .row')].at(-1).getBoundingClientRect();
    return document.querySelector('.marker.newer').getBoundingClientRect().top - last.bottom;
  });
  await page.keyboard.press('G');
  await page.locator('.rows .m', { hasText: `line ${COUNT - 1}` }).waitFor();
  assert.ok(Math.abs(await gap()) < 1, 'the end marker follows the last row');
  await page.keyboard.press('s');
  await page.locator('.rows:not(.wrap)').waitFor();
  assert.ok(Math.abs(await gap()) < 1);
});

test('columns and colours are kept', async (t) => {
  const { page } = await openBrowser(t);
  const tag = newTag('keep');
  await sendTenMinutes(tag);
  await openLog(page, { q: `@run=${tag}` });
  const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const dark = await background();
  const more = page.getByRole('button', { name: 'More', exact: true });
  await more.click();
  await page.getByRole('button', { name: 'light', exact: true }).click();
  const light = await background();
  assert.notEqual(light, dark);
  await page.locator('.panel .chips [data-field="order"]').first().click();
  await page.locator('.rows .c', { hasText: /^599$/ }).waitFor();
  await page.reload();
  await page.locator('.rows .c', { hasText: /^599$/ }).waitFor();
  assert.equal(await background(), light);
});

test('a server that is away is said, and tried again on demand', async (t) => {
  const { page } = await openBrowser(t);
  const tag = newTag('away');
  await sendTenMinutes(tag);
  let isAway = false;
  await page.route('**/api/v1/**', (route) => (isAway ? route.abort() : route.continue()));
  await openLog(page, { q: `@run=${tag}` });
  isAway = true;
  await page.keyboard.press('g');
  await page.locator('.nothing[role=alert]', { hasText: 'does not answer' }).waitFor();
  isAway = false;
  await page.getByRole('button', { name: 'Try again' }).click();
  await page.locator('.rows .m', { hasText: /^line 599/ }).waitFor();
});

test('a long message is cut before its pills are', async (t) => {
  const { page } = await openBrowser(t);
  const tag = newTag('pill');
  await send([{ message: `short ${tag}`, run: tag, exc_info: 'one\ntwo' },
    { message: `long ${tag} ${'and longer '.repeat(100)}`, run: tag, exc_info: 'one\ntwo' }]);
  await openLog(page, { q: `@run=${tag}` });
  await waitForHits(page, 2);
  const seen = await page.locator('.rows .r .pill').evaluateAll((pills) => pills.map((pill) => {
    const box = pill.getBoundingClientRect();
    return document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2) === pill;
  }));
  assert.deepEqual(seen, [true, true]);
});
