/* Goal: who knows old ALCO's page finds its panels, clicks, modes and addresses here.
 * Method: each behaviour of the old page is done by mouse and keys on records of its own; rows, query box
 * and address must say what it did. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { alcoUrl, logAddress, messages, newTag, openBrowser, openLog, send, timeAgo, waitForHits } from './alco_page.mjs';

const DAY_MS = 86_400_000;
const query = (page) => page.locator('.q-input').inputValue();
const address = (page) => Object.fromEntries(new URL(page.url()).searchParams);
const isoDay = (ms) => new Date(ms).toISOString().slice(0, 10);
const cell = (page, field, text) => page.locator(`.rows .c[data-field="${field}"]`, { hasText: text });
const section = (page, name) => page.locator('.panel section').filter({ has: page.getByRole('button', { name, exact: true }) });

/* One record at noon of each of the last days, the newest of them yesterday. */
async function sendDays(tag, n) {
  const noon = Math.floor(Date.now() / DAY_MS) * DAY_MS + DAY_MS / 2;
  await send(Array.from({ length: n }, (_, i) => ({
    '@timestamp': new Date(noon - (n - i) * DAY_MS).toISOString(), message: `day ${n - i} before`, run: tag,
  })));
  return noon;
}

async function openShop(t, params = {}) {
  const opened = await openBrowser(t);
  const tag = newTag('shop');
  await send([
    ['web-1.shop.example', 'orders', 'accepted'], ['web-2.shop.example', 'orders', 'refused'],
    ['web-1.shop.example', 'auth', 'signed in'],
  ].map(([host, logger, message], i) => ({
    '@timestamp': timeAgo(60_000 - i * 1000), host, logger, message, run: tag, levelname: 'INFO', order: `n${i}`,
  })));
  await openLog(opened.page, { q: `@run=${tag}`, ...params });
  await waitForHits(opened.page, 3);
  return { ...opened, tag };
}

test('dates: a chip for each day that is kept, a click shows what was logged since', async (t) => {
  const { page, troubles } = await openBrowser(t);
  const tag = newTag('dates');
  const noon = await sendDays(tag, 5);
  await openLog(page, { q: `@run=${tag}`, from: '' });
  await waitForHits(page, 5);
  const { intervals } = await (await fetch(`${alcoUrl}/api/v1/indexes/logs`)).json();
  const chips = page.locator('.day-chip');
  await chips.last().waitFor();
  const days = await chips.evaluateAll((list) => list.map((chip) => chip.dataset.day));
  assert.deepEqual(days, Array.from({ length: intervals }, (_, i) => isoDay(noon - (intervals - 1 - i) * DAY_MS)));
  assert.equal(await page.locator('.day-chip.on').count(), intervals, 'no bound: all days');
  await page.locator(`.day-chip[data-day="${isoDay(noon - 2 * DAY_MS)}"]`).click();
  await waitForHits(page, 2);
  assert.equal(address(page).from, `${isoDay(noon - 2 * DAY_MS)}T00:00:00Z`);
  assert.deepEqual(await page.locator('.day-chip.on').evaluateAll((list) => list.map((chip) => chip.dataset.day)),
    [2, 1, 0].map((n) => isoDay(noon - n * DAY_MS)));
  await page.locator('.day-chip').last().click();
  await waitForHits(page, 0);
  await page.goBack();
  await waitForHits(page, 2);
  assert.deepEqual(troubles, []);
});

test('start time: Enter applies it to the first day, and the range begins there', async (t) => {
  const { page } = await openBrowser(t);
  const tag = newTag('start');
  const noon = await sendDays(tag, 4);
  await openLog(page, { q: `@run=${tag}`, from: `${isoDay(noon - 3 * DAY_MS)}T00:00:00Z` });
  await waitForHits(page, 3);
  const time = page.locator('.since input');
  await time.fill('25:99');
  await time.press('Enter');
  await page.locator('.since input.wrong').waitFor();
  await time.fill('12:00:01');
  await time.press('Enter');
  await waitForHits(page, 2);
  assert.equal(address(page).from, `${isoDay(noon - 3 * DAY_MS)}T12:00:01Z`);
  assert.equal(await page.locator('.since input').inputValue(), '12:00:01');
  await page.locator(`.day-chip[data-day="${isoDay(noon - DAY_MS)}"]`).click();
  await waitForHits(page, 0);
  assert.equal(address(page).from, `${isoDay(noon - DAY_MS)}T12:00:01Z`, 'the time is kept');
  await openLog(page, { q: `@run=${tag}`, from: '2001-01-01T00:00:00Z' });
  const first = await page.locator('.day-chip.on').first().getAttribute('data-day');
  await time.fill('12:00:02');
  await time.press('Enter');
  await page.waitForURL(/12%3A00%3A02/);
  assert.equal(address(page).from, `${first}T12:00:02Z`, 'the first of the days that are on');
});

test('a range from a fixed moment begins at that moment, others at the newest line', async (t) => {
  const { page } = await openBrowser(t);
  const tag = newTag('begin');
  await send(Array.from({ length: 1500 }, (_, i) => ({ '@timestamp': timeAgo(600_000 - i * 100), message: `line ${i}`, run: tag })));
  await openLog(page, { q: `@run=${tag}`, from: timeAgo(3_600_000) });
  await page.locator('.rows .m', { hasText: /^line 0$/ }).waitFor();
  await openLog(page, { q: `@run=${tag}`, from: '-1h' });
  await page.locator('.rows .m', { hasText: /^line 1499$/ }).waitFor();
});

test('columns: a click shows or hides without reading anew, the last one taken away brings all', async (t) => {
  const { page, troubles } = await openShop(t);
  await cell(page, 'host', 'web-1').first().waitFor();
  let searches = 0;
  page.on('request', (request) => (searches += /\/search\?/.test(request.url()) ? 1 : 0));
  const chip = (name) => section(page, 'columns').locator(`[data-field="${name}"]`);
  await chip('order').click();
  await cell(page, 'order', 'n2').waitFor();
  assert.equal(address(page).cols, 'host,logger,order');
  await chip('host').click();
  await cell(page, 'host', 'web-1').first().waitFor({ state: 'detached' });
  await chip('logger').click();
  assert.equal(address(page).cols, 'order');
  await chip('order').click();
  await cell(page, 'host', 'web-1').first().waitFor();
  assert.equal(await section(page, 'columns').locator('[data-field]:not(.on)').count(), 0, 'all on');
  const wide = await page.locator('.rows .r').first().evaluate((line) => {
    const text = line.querySelector('.m').getBoundingClientRect();
    return [text.width, line.getBoundingClientRect().right - text.right];
  });
  assert.ok(wide[0] > 150 && wide[1] >= 0, `the message is still there: ${wide}`);
  for (let i = 0; i < 4; i++) await page.goBack();
  await cell(page, 'order', 'n2').waitFor({ state: 'detached' });
  assert.equal(address(page).cols, 'host,logger', 'Back undoes the first click, too');
  await page.goForward();
  await cell(page, 'order', 'n2').waitFor();
  assert.equal(searches, 0);
  const shared = page.url();
  await page.getByRole('button', { name: 'as at first' }).click();
  assert.equal(address(page).cols, undefined);
  await page.goBack();
  assert.equal(page.url(), shared);
  await cell(page, 'order', 'n2').waitFor();
  assert.deepEqual(troubles, []);
});

test('a click on a cell shows only its value, if the panel has it; hosts are short', async (t) => {
  const { page, tag } = await openShop(t, { cols: 'host,order' });
  await page.locator('.panel .v', { hasText: 'web-1' }).waitFor();
  const host = cell(page, 'host', 'web-1').first();
  assert.equal(await host.textContent(), 'web-1');
  assert.equal(await host.getAttribute('title'), 'host: web-1.shop.example');
  await cell(page, 'order', 'n1').click();
  await page.locator('.rows .r.cur').waitFor();
  assert.equal(await query(page), `@run=${tag}`, 'a field without values in the panel');
  const box = await host.boundingBox();
  await page.mouse.move(box.x + 1, box.y + 10);
  await page.mouse.down();
  await page.mouse.move(box.x + 30, box.y + 10, { steps: 4 });
  await page.mouse.up();
  assert.match(await page.evaluate(() => getSelection().toString()), /web/);
  assert.equal(await query(page), `@run=${tag}`, 'selecting is no click');
  await cell(page, 'host', 'web-2').click();
  await waitForHits(page, 1);
  assert.equal(await query(page), `@run=${tag} @host=web-2.shop.example`);
});

test('of many fields those of the rows come first', async (t) => {
  await send([Object.fromEntries([['message', 'many'], ...Array.from({ length: 60 }, (_, i) => [`a_field_${i}`, i])])]);
  const { page } = await openShop(t);
  for (const name of ['columns', '@field=value']) {
    const chips = section(page, name).locator('[data-field]');
    await chips.nth(20).waitFor();
    await section(page, name).locator('[data-field="order"]').waitFor();
    assert.ok(await chips.count() < 40, 'others on demand');
    await section(page, name).getByRole('button', { name: /^\d+ more$/ }).click();
    await section(page, name).locator('[data-field="a_field_59"]').waitFor();
  }
});

test('@field= chips put a field into the query box and take it out', async (t) => {
  const { page, tag } = await openShop(t);
  const chips = section(page, '@field=value');
  assert.equal(await chips.locator('[data-field="host"]').count(), 0, 'fields with values in the panel need none');
  await chips.locator('[data-field="order"]').click();
  assert.equal(await query(page), `@run=${tag} @order=`);
  await page.keyboard.type('n1');
  await page.keyboard.press('Enter');
  await waitForHits(page, 1);
  assert.deepEqual(await messages(page), ['refused']);
  await chips.locator('[data-field="order"].on').click();
  assert.equal(await query(page), `@run=${tag}`);
  await page.keyboard.press('Enter');
  await waitForHits(page, 3);
});

async function sendNeedles(tag) {
  await send(Array.from({ length: 4000 }, (_, i) => ({
    '@timestamp': timeAgo(600_000 - i * 100), run: tag, message: i % 10 === 5 ? `needle ${i}` : `straw ${i}`,
  })));
}

test('grep: hits load on at both ends', async (t) => {
  const { page } = await openBrowser(t);
  const tag = newTag('grep');
  await sendNeedles(tag);
  await openLog(page, { q: `@run=${tag}`, from: '-1h' });
  await page.locator('.q-input').fill(`@run=${tag} needle`);
  await page.getByRole('button', { name: 'grep', exact: true }).click();
  await waitForHits(page, 400);
  await page.locator('.rows .m', { hasText: /^needle 3995$/ }).waitFor();
  const seen = new Set();
  const look = async () => (await messages(page)).forEach((text) => seen.add(text));
  for (let last = -1; last !== seen.size;) {
    last = seen.size;
    await look();
    await page.keyboard.press('b');
    await page.locator('.rows[aria-busy=false]').waitFor();
  }
  await page.locator('.marker.older', { hasText: 'start of the range' }).waitFor();
  await look();
  assert.equal(seen.size, 400);
});

test('context: all lines from a hit on, with hits marked as one scrolls; grep again', async (t) => {
  const { page, troubles } = await openBrowser(t);
  const tag = newTag('context');
  await sendNeedles(tag);
  await openLog(page, { q: `@run=${tag}`, from: timeAgo(3_600_000) });
  await page.locator('.q-input').fill(`@run=${tag} needle`);
  const toggle = page.getByRole('button', { name: 'context', exact: true });
  await toggle.click();
  await page.locator('.rows .r.found', { hasText: 'needle 5' }).first().waitFor();
  await page.locator('.rows .m', { hasText: /^straw 6$/ }).waitFor();
  assert.equal(address(page).context, 'y');
  assert.equal(await toggle.getAttribute('aria-pressed'), 'true');
  const first = async () => Number((await messages(page))[0].split(' ')[1]);
  for (let i = 0; i < 100 && await first() < 1000; i++) {
    await page.keyboard.press('Space');
    await page.locator('.marker.newer', { hasText: 'loading' }).waitFor({ state: 'detached' });
  }
  await page.locator('.rows .r.found mark', { hasText: 'needle' }).first().waitFor();
  const rows = await page.locator('.rows .r').evaluateAll((lines) =>
    lines.map((line) => [line.querySelector('.m').textContent, line.classList.contains('found')]));
  const numbers = rows.map(([text]) => Number(text.split(' ')[1]));
  assert.deepEqual(numbers, numbers.map((_, i) => numbers[0] + i), 'every line');
  assert.ok(numbers[0] >= 1000, 'far beyond the first page');
  await toggle.click();
  await page.locator('.rows .m', { hasText: 'straw' }).first().waitFor({ state: 'detached' });
  assert.equal(address(page).context, undefined);
  assert.deepEqual(troubles, []);
});

test('a pill opens the text of its own field and closes it', async (t) => {
  const { page } = await openBrowser(t);
  const tag = newTag('pills');
  await send([{ '@timestamp': timeAgo(1000), message: 'failed', run: tag, host: 'a', exc_info: 'Traceback\n  one', stack_info: 'Stack\n  two' }]);
  await openLog(page, { q: `@run=${tag}` });
  const pill = (name) => page.locator('.rows .pill', { hasText: name });
  await pill('exc_info').click();
  await page.locator('.pill.on', { hasText: 'exc_info' }).waitFor();
  assert.deepEqual(await page.locator('.x pre').allTextContents(), ['Traceback\n  one']);
  await pill('stack_info').click();
  await page.locator('.x pre').nth(1).waitFor();
  await pill('exc_info').click();
  await page.locator('.x pre', { hasText: 'Traceback' }).waitFor({ state: 'detached' });
  assert.deepEqual(await page.locator('.x pre').allTextContents(), ['Stack\n  two']);
  await pill('stack_info').click();
  await page.locator('.x').waitFor({ state: 'detached' });
});

test('a click on a long message shows all of it, the next one folds it; selecting does neither', async (t) => {
  const { page } = await openBrowser(t);
  const tag = newTag('fold');
  await send([{ '@timestamp': timeAgo(2000), message: `long ${'word '.repeat(200)}`, run: tag },
    { '@timestamp': timeAgo(1000), message: 'short', run: tag }]);
  await page.clock.install(); /* to see what does not happen later */
  await openLog(page, { q: `@run=${tag}` });
  await waitForHits(page, 2);
  const long = page.locator('.rows .row', { hasText: 'long' });
  const text = long.locator('.text');
  await text.dblclick({ position: { x: 60, y: 10 } });
  assert.equal(await page.evaluate(() => getSelection().toString().trim()), 'word');
  await page.clock.runFor(1000);
  assert.equal(await page.locator('.row.wide').count(), 0, 'it selected a word');
  await text.click({ position: { x: 300, y: 10 } });
  assert.equal(await page.evaluate(() => getSelection().isCollapsed), true);
  await page.clock.runFor(1000);
  assert.equal(await page.locator('.row.wide').count(), 0, 'it ended the selection');
  await page.locator('.rows .row', { hasText: 'short' }).locator('.text').click();
  await page.clock.runFor(1000);
  assert.equal(await page.locator('.row.wide').count(), 0, 'there is no more of it');
  await text.click({ position: { x: 60, y: 10 } });
  await page.locator('.row.wide', { hasText: 'long' }).waitFor();
  assert.ok(await long.evaluate((row) => row.offsetHeight) >= 60);
  await text.click({ position: { x: 60, y: 30 } });
  await page.locator('.row.wide').waitFor({ state: 'detached' });
  assert.equal(await long.evaluate((row) => row.offsetHeight), 20);
});

test('addresses of old ALCO open the same view', async (t) => {
  const { page } = await openBrowser(t);
  const tag = newTag('address');
  const hosts = ['alpha', 'beta', 'gamma'];
  await send(hosts.flatMap((host, i) => [0, 1].map((n) => ({
    '@timestamp': timeAgo(600_000 - i * 1000 - n), message: `payment ${n ? 'refused' : 'taken'} on ${host}`, host, logger: 'shop', run: tag,
  }))));
  const start = timeAgo(3_600_000).slice(0, 19).replace('T', ' ');
  const open = (params) => page.goto(`${alcoUrl}/grep/logs/?${new URLSearchParams({ start_ts: start, run: tag, ...params })}`);
  await open({ search: 'payment,refused', host__in: 'alpha,beta' });
  await waitForHits(page, 2);
  assert.deepEqual((await messages(page)).sort(), ['payment refused on alpha', 'payment refused on beta']);
  await open({ search: 'payment refused', host: 'gamma', context: 'y', columns: 'logger' });
  await page.locator('.rows .r.found', { hasText: 'payment refused on gamma' }).waitFor();
  await page.locator('.rows .m', { hasText: 'payment taken on gamma' }).waitFor();
  assert.equal(await page.locator('.rows .r').count(), 2);
  assert.deepEqual(await page.locator('.rows .r').first().locator('.c').allTextContents(), ['shop']);
  await page.getByRole('button', { name: 'context', exact: true }).click();
  await waitForHits(page, 1);
  const now = address(page);
  assert.deepEqual(Object.keys(now).sort(), ['cols', 'from', 'line', 'q'], 'new state is written in our names');
  assert.match(now.q, /^payment refused /);
});

test('the error bar reads on when it is clicked', async (t) => {
  const { page } = await openBrowser(t);
  const tag = newTag('bar');
  await send(Array.from({ length: 3000 }, (_, i) => ({ '@timestamp': timeAgo(600_000 - i * 100), message: `line ${i}`, run: tag })));
  let held = true;
  await page.route('**/search?**cursor=**', (route) => (held ? route.abort() : route.continue()));
  await openLog(page, { q: `@run=${tag}`, from: '-1h' });
  await page.locator('.rows .m', { hasText: /^line 2999$/ }).waitFor();
  for (let i = 0; i < 12; i++) await page.keyboard.press('b');
  const bar = page.locator('.marker.older button.failed', { hasText: 'does not answer' });
  await bar.waitFor();
  held = false;
  await bar.click();
  await bar.waitFor({ state: 'detached' });
  for (let i = 0; i < 4; i++) await page.keyboard.press('b');
  await page.locator('.rows .m', { hasText: /^line 27\d\d$/ }).first().waitFor();
});

test('the list of indexes: what came in the last five minutes, links, shortcuts', async (t) => {
  const { page, troubles } = await openBrowser(t);
  const tag = newTag('list');
  await send([{ message: `a line of ${tag}`, run: tag }]);
  const made = await fetch(`${alcoUrl}/api/v1/indexes/logs/shortcuts`, {
    method: 'POST', headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'slow_orders', description: 'orders that were slow', url: `?q=%40run%3D${tag}&from=` }),
  });
  assert.equal(made.status, 201, await made.text());
  t.after(() => fetch(`${alcoUrl}/api/v1/indexes/logs/shortcuts/slow_orders`, { method: 'DELETE' }));
  await page.goto(`${alcoUrl}/grep/`);
  const row = page.locator('.indexes tr', { hasText: 'logs' });
  await row.waitFor();
  const { indexes } = await (await fetch(`${alcoUrl}/api/v1/indexes`)).json();
  assert.ok(Number((await row.locator('td').nth(1).textContent()).replace(/,/g, '')) >= 1);
  assert.equal(await page.locator('.indexes tbody tr').count(), indexes.length);
  await row.locator('.shortcut', { hasText: 'orders that were slow' }).click();
  await page.locator('.rows .m', { hasText: `a line of ${tag}` }).waitFor();
  assert.deepEqual(troubles, []);
});
