/* Goal: the page holds under what real logs and real servers do: restarts, slow answers, huge and odd records.
 * Method: a server of the test's own is stopped and started again; answers are held back; records of the
 * largest sizes and the oddest names are read. ALCO names the program (default build/alco). */

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { alcoUrl, messages, newTag, openBrowser, openLog, send, timeAgo, waitForHits } from './alco_page.mjs';
import { ownServer, serve, stop } from './alco_server.mjs';

async function store(url, tag, from, to) {
  const lines = Array.from({ length: to - from }, (_, i) =>
    JSON.stringify({ message: `record ${from + i} of ${tag}`, run: tag }));
  const response = await fetch(`${url}/api/v1/indexes/logs/logs`, { method: 'POST', body: `${lines.join('\n')}\n` });
  assert.equal(response.status, 200);
}

for (const signal of ['SIGTERM', 'SIGKILL']) {
  test(`Follow goes on over a restart without gap or double (${signal})`, async (t) => {
    const data = await mkdtemp(join(tmpdir(), 'alco-page-'));
    let server = await serve(data, '127.0.0.1:0');
    t.after(async () => {
      if (server.child.exitCode === null && server.child.signalCode === null) await stop(server, 'SIGKILL');
      await rm(data, { recursive: true });
    });
    const { page, troubles } = await openBrowser(t);
    const tag = newTag('restart');
    await store(server.url, tag, 0, 5);
    await page.goto(`${server.url}/grep/logs/?${new URLSearchParams({ q: `@run=${tag}` })}`);
    await page.locator('.rows .row').first().waitFor();
    await page.keyboard.press('F');
    await page.locator('.st .live', { hasText: 'following' }).waitFor();
    await store(server.url, tag, 5, 10);
    await page.locator('.rows .m', { hasText: `record 9 of ${tag}` }).waitFor();
    for (let round = 1; round <= 2; round++) {
      await stop(server, signal);
      await page.locator('.st .notice', { hasText: 'trying again' }).waitFor();
      server = await serve(data, new URL(server.url).host);
      await store(server.url, tag, round * 10, round * 10 + 5); /* before the page is back, or after */
      await page.locator('.st .notice').waitFor({ state: 'detached' });
      await store(server.url, tag, round * 10 + 5, round * 10 + 10);
      await page.locator('.rows .m', { hasText: `record ${round * 10 + 9} of ${tag}` }).waitFor();
    }
    assert.deepEqual(await messages(page), Array.from({ length: 30 }, (_, i) => `record ${i} of ${tag}`));
    assert.deepEqual(troubles, []);
  });
}

test("times in addresses of old ALCO are the server's local time", async (t) => {
  const server = await ownServer(t, { TZ: 'EST5' });
  const at = (ms) => new Date(ms).toISOString();
  const local = (ms) => at(ms - 5 * 3_600_000).slice(0, 23).replace('T', ' ');
  const noon = Math.floor(Date.now() / 1000) * 1000 - 43_200_000;
  const minutes = [-1, 0, 1, 2, 12 * 60 - 3];
  const response = await fetch(`${server.url}/api/v1/indexes/logs/logs`, {
    method: 'POST', body: minutes.map((n) => JSON.stringify({ '@timestamp': at(noon + n * 60_000), message: `minute ${n}` })).join('\n'),
  });
  assert.equal(response.status, 200);
  const { page } = await openBrowser(t);
  const open = async (params, hits) => {
    await page.goto(`${server.url}/grep/logs/?${new URLSearchParams(params)}`);
    await waitForHits(page, hits);
    return messages(page);
  };
  assert.deepEqual(await open({}, 1), ['minute 717'], 'the last five minutes');
  assert.deepEqual(await open({ start_ts: local(noon) }, 4), ['minute 0', 'minute 1', 'minute 2', 'minute 717']);
  const both = { start_ts: local(noon), end_ts: local(noon + 60_000) };
  const old = await (await fetch(`${server.url}/api/grep/logs/?${new URLSearchParams(both)}`)).json();
  assert.deepEqual(await open(both, 2), old.results.map(({ logline }) => logline));
});

test('a new query cancels the one that is still waited for, and says that it is at work', async (t) => {
  const { page, troubles } = await openBrowser(t);
  const tag = newTag('held');
  await send([{ '@timestamp': timeAgo(1000), message: `quick ${tag}`, run: tag }, { message: `slow ${tag}`, run: tag }]);
  await page.route((url) => /slow/.test(url.searchParams.get('q') ?? ''), () => { /* no answer, ever */ });
  await openLog(page, { q: `@run=${tag}` });
  await waitForHits(page, 2);
  const cancelled = [];
  page.on('requestfailed', (request) => cancelled.push(request.url()));
  await page.locator('.q-input').fill(`@run=${tag} slow `);
  await page.locator('.q-input').press('Enter');
  await page.locator('.progress.on').waitFor({ state: 'attached' });
  await page.locator('.rows[aria-busy=true]').waitFor();
  assert.match(await page.locator('.st [role=status]').first().textContent(), /\u2026/, 'no count of the old query');
  await page.locator('.q-input').fill(`@run=${tag} quick`);
  await page.locator('.q-input').press('Enter');
  await waitForHits(page, 1);
  assert.deepEqual(await messages(page), [`quick ${tag}`]);
  assert.ok(cancelled.some((url) => /slow/.test(url)), 'the old request is given up');
  await page.locator('.rows[aria-busy=false]').waitFor();
  assert.deepEqual(troubles, []);
});

test('going to the start at once does not lose the counts', async (t) => {
  const { page } = await openBrowser(t);
  const tag = newTag('early');
  await send(Array.from({ length: 300 }, (_, i) => ({
    '@timestamp': timeAgo(60_000 - i), message: `record ${i} of ${tag}`, run: tag, levelname: 'INFO',
  })));
  let let_go;
  const held = new Promise((go) => (let_go = go));
  await page.route('**/fields*', async (route) => {
    await held;
    await route.continue();
  });
  await openLog(page, { q: `@run=${tag}` });
  await page.keyboard.press('g');
  await page.locator('.rows .m', { hasText: `record 0 of ${tag}` }).waitFor();
  let_go();
  await waitForHits(page, 300);
  await page.locator('.hist svg').waitFor();
  await page.locator('.panel .v', { hasText: 'INFO' }).waitFor();
});

test('messages of a megabyte are listed, opened and shown whole', async (t) => {
  const { page, troubles } = await openBrowser(t);
  const tag = newTag('huge');
  const long = `${'0123456789abcdef'.repeat(60_000)} needle`;
  for (let i = 0; i < 12; i++) {
    await send([{ '@timestamp': timeAgo(5000 - i), message: `${i} of ${tag} ${long}`, run: tag }]);
  }
  await openLog(page, { q: `@run=${tag} needle` });
  await waitForHits(page, 12);
  assert.equal(await page.locator('.rows .row').count(), 12);
  await page.locator('.rows .t').first().click();
  await page.locator('.x .whole .more', { hasText: '1 hit in the rest' }).click();
  assert.equal(await page.locator('.x .whole').textContent(), `0 of ${tag} ${long}`);
  assert.deepEqual(await page.locator('.x .whole mark').allTextContents(), ['needle']);
  await page.keyboard.press('s');
  await page.locator('.rows.wrap').waitFor();
  await page.keyboard.press('G');
  await page.locator('.rows .m', { hasText: `11 of ${tag}` }).waitFor();
  assert.deepEqual(troubles, []);
});

test('a record of a thousand fields, and fields of odd names', async (t) => {
  const { page, troubles } = await openBrowser(t);
  const tag = newTag('fields');
  const many = Object.fromEntries(Array.from({ length: 990 }, (_, i) => [`field_${i}`, i]));
  const odd = {
    '__proto__x': 1, constructor: 'c', toString: 't', 'two\nlines': 'n', '\u202eright\u202c': 'r', '<b>bold</b>': 'b',
    'a b "c"': 'q', '': 'nameless', 'with.dot': 'd',
  };
  const line = JSON.stringify({ message: `odd ${tag}`, run: tag, ...odd }).replace('"__proto__x"', '"__proto__"');
  await send([{ '@timestamp': timeAgo(2000), message: `many ${tag}`, run: tag, ...many }]);
  const response = await fetch(`${alcoUrl}/api/v1/indexes/logs/logs`, { method: 'POST', body: `${line}\n` });
  assert.equal(response.status, 200);
  await openLog(page, { q: `@run=${tag}` });
  await waitForHits(page, 2);
  await page.locator('.rows .r', { hasText: `many ${tag}` }).locator('.t').click();
  await page.locator('.x td[data-field="field_989"]').waitFor({ state: 'attached' });
  assert.equal(await page.locator('.x tr').count(), 991);
  await page.keyboard.press('Enter');
  await page.locator('.x').waitFor({ state: 'detached' });
  await page.locator('.rows .r', { hasText: `odd ${tag}` }).locator('.t').click();
  await page.locator('.x').waitFor();
  const names = await page.locator('.x td.n').allTextContents();
  for (const name of ['__proto__', ...Object.keys(odd).slice(1)]) assert.ok(names.includes(name), `${JSON.stringify(name)} of ${names}`);
  for (const name of ['__proto__', 'constructor', 'a b "c"', '<b>bold</b>']) {
    const row = page.locator('.x tr').filter({ has: page.locator('td.n').getByText(name, { exact: true }) });
    await row.getByText('only', { exact: true }).click();
    await waitForHits(page, 1);
    await page.goBack();
    await waitForHits(page, 2);
    await page.locator('.rows .r', { hasText: `odd ${tag}` }).locator('.t').click();
    await row.waitFor();
    await row.getByText('column', { exact: true }).click();
    await page.locator('.rows .c', { hasText: /^(1|c|q|b)$/ }).first().waitFor();
    await row.getByText('column', { exact: true }).click();
  }
  assert.deepEqual(troubles, []);
});

test('hundreds of indexes in the lists', async (t) => {
  const server = await ownServer(t);
  for (let i = 0; i < 200; i++) {
    const response = await fetch(`${server.url}/api/v1/indexes`, {
      method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ name: `index_${i}` }),
    });
    assert.equal(response.status, 201);
  }
  const { page, troubles } = await openBrowser(t);
  await page.goto(`${server.url}/`);
  await page.locator('.indexes tbody tr').nth(200).waitFor({ state: 'attached' });
  await page.locator('.indexes a', { hasText: 'index_99' }).click();
  await page.locator('.nothing').waitFor();
  await page.locator('.which > button').click();
  const last = page.locator('.which .sheet a', { hasText: 'all indexes' });
  await last.scrollIntoViewIfNeeded();
  const box = await page.locator('.which .sheet').boundingBox();
  assert.ok(box.y + box.height <= 900, 'the menu ends within the window');
  await last.click();
  await page.locator('.indexes').waitFor();
  assert.deepEqual(troubles, []);
});
