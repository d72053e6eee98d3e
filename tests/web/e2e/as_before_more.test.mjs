/* Goal: the smaller things that who comes from old ALCO's page looks for: its list, how a log opens, flags
 * of fields, what is on in a panel, keys held down, what a row says.
 * Method: as in as_before.test.mjs; where indexes or flags are changed, on a server of the test's own. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { alcoUrl, messages, newTag, openBrowser, openLog, send, timeAgo, waitForHits } from './alco_page.mjs';
import { ownServer } from './alco_server.mjs';

const DAY_MS = 86_400_000;
const query = (page) => page.locator('.q-input').inputValue();
const heading = (page, name) => page.locator('h3 > button', { hasText: new RegExp(`^${name}$`) });
const section = (page, name) => page.locator('.panel section').filter({ has: heading(page, name) });
const fieldsOf = (place) => place.locator('[data-field]').evaluateAll((chips) => chips.map((chip) => chip.dataset.field));

/* Address of the log page on a server of the test's own. */
const logOf = (server, params, index = 'logs') => `${server.url}/grep/${index}/?${new URLSearchParams(params)}`;

async function openHosts(t) {
  const opened = await openBrowser(t);
  const tag = newTag('more');
  await send(['alpha', 'alpha', 'beta', 'gamma'].map((host, i) => ({
    '@timestamp': timeAgo(60_000 - i * 1000), message: `line ${i} on ${host}`, host, run: tag,
  })));
  await openLog(opened.page, { q: `@run=${tag}`, from: '-1h' });
  await waitForHits(opened.page, 4);
  const value = (text) => opened.page.locator('.panel .v', { hasText: text });
  await value('alpha').waitFor();
  return { ...opened, tag, value };
}

test('the list: by name, with what was logged in the last five minutes and links to it', async (t) => {
  const server = await ownServer(t);
  const { page, troubles } = await openBrowser(t);
  for (const name of ['zeta', 'alpha']) await server.call('POST', '', { name });
  await server.send('alpha', [0, 60_000, 3_600_000, 2 * DAY_MS].map((ago) => ({ '@timestamp': timeAgo(ago), message: 'a line' })));
  await server.call('POST', '/zeta/shortcuts', { name: 'two', description: 'the <second> one' });
  await server.call('POST', '/zeta/shortcuts', { name: 'one' });
  await page.goto(`${server.url}/grep/`);
  const row = page.locator('.indexes tbody tr');
  await row.nth(2).locator('.shortcut').nth(1).waitFor();
  assert.deepEqual(await row.locator('td:first-child a:first-child').allTextContents(), ['alpha', 'logs', 'zeta']);
  assert.deepEqual(await row.locator('td:nth-child(2)').allTextContents(), ['2', '0', '0']);
  assert.deepEqual(await row.locator('td:nth-child(3)').allTextContents(), ['4', '0', '0']);
  assert.deepEqual(await row.nth(2).locator('.shortcut').evaluateAll((links) =>
    links.map((link) => [link.textContent, link.getAttribute('href')])),
  [['one', '/grep/shortcut/one/'], ['the <second> one', '/grep/shortcut/two/']]);
  await page.getByRole('link', { name: 'alpha', exact: true }).click();
  await waitForHits(page, 4);
  assert.deepEqual(troubles, []);
});

test('a log without a time opens with its last five minutes, other arguments stay', async (t) => {
  const server = await ownServer(t, { TZ: 'UTC' });
  const { page } = await openBrowser(t);
  await server.send('logs', [[0, 'a'], [60_000, 'b'], [120_000, 'a'], [3_600_000, 'a']].map(([ago, host]) =>
    ({ '@timestamp': timeAgo(ago), message: `${ago / 1000} s ago`, host })));
  await page.goto(`${server.url}/grep/logs/`);
  await waitForHits(page, 3);
  const since = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)$/.exec(new URL(page.url()).searchParams.get('start_ts'));
  assert.ok(Math.abs(Date.now() - Date.parse(`${since[1]}T${since[2]}Z`) - 300_000) < 60_000, since[0]);
  assert.equal(await page.locator('.since input').inputValue(), since[2], 'the start time is shown');
  await page.goto(`${server.url}/grep/logs/?host=a&columns=host`);
  await waitForHits(page, 2);
  assert.deepEqual(await messages(page), ['120 s ago', '0 s ago']);
});

test('a shortcut with a value opens the log with the value chosen', async (t) => {
  const server = await ownServer(t, { TZ: 'UTC' });
  const { page } = await openBrowser(t);
  await server.call('POST', '', { name: 'web' });
  await server.send('web', ['a', 'b'].flatMap((host) => ['slow', 'fast'].map((message) => ({ message: `${message} on ${host}`, host }))));
  await server.call('POST', '/web/shortcuts', { name: 'slow', url: 'search=slow', default_field: 'host' });
  await page.goto(`${server.url}/grep/shortcut/slow/b/`);
  await waitForHits(page, 1);
  assert.deepEqual(await messages(page), ['slow on b']);
  assert.equal(await query(page), 'slow @host=b');
  assert.equal(new URL(page.url()).pathname, '/grep/web/');
  await page.goto(`${server.url}/grep/shortcut/slow/`);
  await waitForHits(page, 2);
});

test('a log that is not there is said, with a way back', async (t) => {
  const { page, troubles } = await openBrowser(t);
  const answer = await page.goto(`${alcoUrl}/grep/nothere/?start_ts=2026-01-01`);
  assert.equal(answer.status(), 404);
  await page.locator('.nothing', { hasText: 'No such log' }).getByRole('link', { name: 'All indexes' }).click();
  await page.locator('.indexes').waitFor();
  assert.deepEqual(troubles, []);
});

test('flags of fields decide what the page shows', async (t) => {
  const server = await ownServer(t);
  const { page, troubles } = await openBrowser(t);
  const line = (i, more) => ({ '@timestamp': timeAgo(9000 - i * 1000), message: `line ${i}`, host: 'h', shop: `s${i % 2}`, hidden: i, ...more });
  await server.send('logs', [line(0, { note: 'said here', gone: 1 }), line(1, { note: '' }), line(2, { note: null }), line(3, {})]);
  const chips = (name) => section(page, name);
  await page.goto(logOf(server, { from: '-1h' }));
  await chips('@field=value').locator('[data-field="shop"]').waitFor();
  await section(page, 'host').waitFor();
  assert.deepEqual(await fieldsOf(chips('columns')), ['gone', 'hidden', 'host', 'note', 'shop'], 'by name');
  assert.deepEqual(await fieldsOf(chips('@field=value')), ['gone', 'hidden', 'note', 'shop']);
  assert.equal(await section(page, 'shop').count(), 0);
  assert.equal(await page.locator('.rows .pill').count(), 0);
  for (const [name, flags] of [['shop', { filtered: true }], ['host', { filtered: false }], ['hidden', { display: false }],
    ['note', { context: true, display: false }], ['gone', { excluded: true, display: false }]]) {
    await server.call('PATCH', `/logs/fields/${name}`, flags);
  }
  await server.send('logs', [line(4, { gone: 2 })]);
  await page.reload();
  await section(page, 'shop').locator('.v').nth(1).waitFor();
  assert.deepEqual(await section(page, 'shop').locator('.v').evaluateAll((list) => list.map((one) => one.dataset.value)), ['s0', 's1']);
  assert.equal(await section(page, 'host').count(), 0, 'filtered no more');
  assert.deepEqual(await fieldsOf(chips('columns')), ['host', 'shop'], 'displayed ones');
  assert.deepEqual(await fieldsOf(chips('@field=value')), ['host', 'note'], 'displayed or context, without a panel');
  assert.deepEqual(await page.locator('.rows .row', { has: page.locator('.pill', { hasText: 'note' }) }).locator('.m .text').allTextContents(),
    ['line 0'], 'a pill only where there is something');
  await page.locator('.rows .t').last().click();
  await page.locator('.x td[data-field="shop"]').waitFor();
  assert.equal(await page.locator('.x td[data-field="gone"]').count(), 0, 'excluded: not stored');
  assert.deepEqual(troubles, []);
});

test('dates: a chip for each kept day of the index; in a view of today only today is on', async (t) => {
  const server = await ownServer(t);
  const { page } = await openBrowser(t);
  await server.call('POST', '', { name: 'short', intervals: 3 });
  await server.send('short', [{ message: 'a line' }]);
  await page.goto(logOf(server, { from: '' }, 'short'));
  const chips = page.locator('.day-chip');
  const isOn = () => chips.evaluateAll((list) => list.map((chip) => chip.classList.contains('on')));
  await chips.nth(2).waitFor();
  assert.deepEqual(await isOn(), [true, true, true]);
  const days = await chips.evaluateAll((list) => list.map((chip) => chip.dataset.day));
  assert.deepEqual(days.map((day) => Date.parse(day) - Date.parse(days[0])), [0, DAY_MS, 2 * DAY_MS], 'oldest first');
  await chips.nth(1).click();
  await page.locator('.day-chip:nth-child(1):not(.on)').waitFor();
  assert.deepEqual(await isOn(), [false, true, true], 'it and all later ones');
  await chips.nth(2).click();
  await page.locator('.day-chip:nth-child(2):not(.on)').waitFor();
  assert.deepEqual(await isOn(), [false, false, true]);
  const next = new Date(Date.parse(days[2]) + 2 * DAY_MS).toISOString();
  await page.goto(logOf(server, { from: next }, 'short'));
  await chips.nth(2).waitFor();
  assert.deepEqual(await isOn(), [false, false, true], 'the last one is always on');
  await page.goto(logOf(server, { start_ts: `${days[0]} 01:02:03` }, 'short'));
  await chips.nth(2).waitFor();
  assert.equal(await page.locator('.since input').inputValue(), '01:02:03');
});

test('a panel has the values of the range and the query, the most frequent first', async (t) => {
  const { page, tag } = await openHosts(t);
  await send([{ '@timestamp': timeAgo(2 * 3_600_000), message: 'an old line', host: 'zulu', run: tag }]);
  const values = () => section(page, 'host').locator('.v').evaluateAll((list) => list.map((one) => one.dataset.value));
  assert.deepEqual(await values(), ['alpha', 'beta', 'gamma']);
  await openLog(page, { q: `@run=${tag}`, from: '-3h' });
  await page.locator('.panel .v', { hasText: 'zulu' }).waitFor();
  assert.deepEqual(await values(), ['alpha', 'beta', 'gamma', 'zulu']);
  await openLog(page, { q: `@run=${tag} old`, from: '-3h' });
  await page.locator('.panel .v', { hasText: 'zulu' }).waitFor();
  assert.deepEqual(await values(), ['zulu']);
});

test('parts of the panel fold', async (t) => {
  const { page, value } = await openHosts(t);
  const name = heading(page, 'host');
  await name.click();
  await value('alpha').waitFor({ state: 'detached' });
  assert.equal(await name.getAttribute('aria-expanded'), 'false');
  await name.click();
  await value('alpha').waitFor();
  for (const [part, inside] of [['dates', '.day-chip'], ['columns', '[data-field]']]) {
    const held = section(page, part).locator(inside).first();
    await held.waitFor();
    await heading(page, part).click();
    await held.waitFor({ state: 'detached' });
  }
});

test('a bar runs while one waits for rows', async (t) => {
  const { page, value } = await openHosts(t);
  let letGo = () => {};
  const held = new Promise((resolve) => (letGo = resolve));
  await page.route('**/search?**', async (route) => {
    await held;
    await route.continue();
  });
  assert.equal(await page.locator('.progress.on').count(), 0);
  await value('beta').click();
  await page.locator('.progress.on').waitFor({ state: 'attached' });
  await page.locator('.rows[aria-busy=true]').waitFor();
  letGo();
  await waitForHits(page, 1);
  await page.locator('.progress.on').waitFor({ state: 'detached' });
});

test('each hit is marked; among other lines the whole line is shaded', async (t) => {
  const { page, tag } = await openHosts(t);
  await page.locator('.q-input').fill(`@run=${tag} ON ALPHA`);
  await page.locator('.q-input').press('Enter');
  await waitForHits(page, 2);
  assert.deepEqual(await page.locator('.rows .m mark').allTextContents(), ['on alpha', 'on alpha']);
  await page.getByRole('button', { name: 'context', exact: true }).click();
  await page.locator('.rows .m', { hasText: 'line 3' }).waitFor();
  const shade = (line) => line.evaluate((element) => getComputedStyle(element).backgroundColor);
  const found = await shade(page.locator('.rows .r.found').first());
  const other = await shade(page.locator('.rows .r', { hasText: 'line 3' }));
  assert.notEqual(found, other);
  assert.equal(await page.locator('.rows .r.found').count(), 2);
});

test('context reads backwards, too, and marks the hits it comes to', async (t) => {
  const { page, troubles } = await openBrowser(t);
  const tag = newTag('back');
  await send(Array.from({ length: 3000 }, (_, i) => ({
    '@timestamp': timeAgo(600_000 - i * 100), run: tag, message: i % 100 === 50 ? `needle ${i}` : `straw ${i}`,
  })));
  await openLog(page, { q: `@run=${tag} needle`, from: '-1h' });
  await page.locator('.rows .r', { hasText: 'needle 2950' }).click();
  await page.getByRole('button', { name: 'context', exact: true }).click();
  await page.locator('.rows .m', { hasText: /^straw 2949$/ }).waitFor();
  const first = async () => Number((await messages(page))[0].split(' ')[1]);
  for (let i = 0; i < 100 && await first() > 500; i++) {
    await page.keyboard.press('b');
    await page.locator('.marker.older', { hasText: 'loading' }).waitFor({ state: 'detached' });
  }
  assert.ok(await first() <= 500, 'far above the first page');
  await page.locator('.rows .r.found mark', { hasText: 'needle' }).first().waitFor();
  const rows = await page.locator('.rows .r').evaluateAll((lines) =>
    lines.map((line) => Number(line.querySelector('.m').textContent.split(' ')[1])));
  assert.deepEqual(rows, rows.map((_, i) => rows[0] + i), 'every line');
  assert.deepEqual(troubles, []);
});

test('a Ctrl key that went up elsewhere is up; on a cell it changes nothing', async (t) => {
  const { page, tag, value } = await openHosts(t);
  await page.evaluate(() => document.body.dispatchEvent(new KeyboardEvent('keydown', { key: 'Control', ctrlKey: true, bubbles: true })));
  await value('alpha').click();
  await waitForHits(page, 2);
  await page.evaluate(() => document.body.dispatchEvent(new KeyboardEvent('keydown', { key: 'Control', ctrlKey: true, bubbles: true })));
  await value('beta').click();
  await waitForHits(page, 1);
  assert.equal(await query(page), `@run=${tag} @host=beta`, 'only this one');
  await page.goBack();
  await waitForHits(page, 2);
  await value('gamma').click({ modifiers: ['Control'] });
  await waitForHits(page, 3);
  await page.locator('.rows .c[data-field="host"]', { hasText: 'gamma' }).click({ modifiers: ['Control'] });
  await waitForHits(page, 1);
  assert.equal(await query(page), `@run=${tag} @host=gamma`);
});

test('a row says the time of day, and in full when one points at it', async (t) => {
  const { page } = await openBrowser(t);
  const tag = newTag('time');
  const at = timeAgo(60_000).slice(0, 19);
  await send([{ '@timestamp': `${at}.123456789Z`, message: 'a line', run: tag, host: 'h.example', logger: '' },
    { '@timestamp': `${at}.500Z`, message: 'the next', run: tag, host: '10.1.2.3' }]);
  await openLog(page, { q: `@run=${tag}`, from: '-1h' });
  await waitForHits(page, 2);
  const times = page.locator('.rows .t');
  assert.deepEqual(await times.allTextContents(), [`${at.slice(11)}.123`, `${at.slice(11)}.500`]);
  assert.equal(await times.first().getAttribute('title'), `${at.replace('T', ' ')}.123456789 UTC`);
  const hosts = page.locator('.rows .c[data-field="host"]');
  assert.deepEqual(await hosts.allTextContents(), ['h', '10.1.2.3'], 'an address is no name with a domain');
  assert.deepEqual(await hosts.evaluateAll((cells) => cells.map((cell) => cell.title)), ['host: h.example', 'host: 10.1.2.3']);
});
