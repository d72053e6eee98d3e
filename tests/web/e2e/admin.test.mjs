/* Goal: what old ALCO's admin did, in the page: indexes, fields one by one and many at once, shortcuts, users.
 * Method: a server of each test's own; every change is done in the page and looked for with the API. */

import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { openBrowser } from './alco_page.mjs';
import { logIn, ownServer, withUsers } from './alco_server.mjs';

const HOSTILE = '<img src=x onerror=alert(1)>';
const PASSWORD = 'correct horse';

async function openAdmin(t, server, hash = '', options = {}) {
  const opened = await openBrowser(t, options);
  await opened.page.goto(`${server.url}/admin/${hash}`);
  return opened;
}

async function indexOf(server, name) {
  return server.call('GET', `/${name}`);
}

async function fieldsOf(server, index) {
  const { fields } = await server.call('GET', `/${index}/fields`);
  return new Map(fields.map((field) => [field.name, field]));
}

async function api(server, method, path, body) {
  const response = await fetch(`${server.url}/api/v1${path}`, { method, body: body === undefined ? undefined : JSON.stringify(body) });
  assert.ok(response.ok, `${method} ${path}: ${response.status} ${await response.clone().text()}`);
  return response.status === 204 ? null : response.json();
}

/* Does it and waits until the server has answered. */
async function changed(page, act) {
  await Promise.all([page.waitForResponse((response) => response.request().method() === 'PATCH'), act()]);
}

test('the life of an index', async (t) => {
  const server = await ownServer(t);
  const { page, troubles } = await openAdmin(t, server);
  await page.getByLabel('New index').fill('bad name');
  await page.getByRole('button', { name: 'Create' }).click();
  await page.getByRole('alert').filter({ hasText: '20 letters' }).waitFor();
  assert.equal(await page.getByLabel('New index').inputValue(), 'bad name', 'what was typed stays');
  await page.getByLabel('New index').fill('web');
  await page.getByRole('button', { name: 'Create' }).click();
  await page.getByRole('link', { name: 'web', exact: true }).click();
  await page.getByLabel('Routing keys').fill('logstash.web, logstash.shop.#');
  await page.getByLabel('Days kept').fill('0');
  await page.getByLabel('Text fields').fill('exc_info, body');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await page.getByRole('alert').filter({ hasText: 'intervals 0' }).waitFor();
  await page.getByLabel('Days kept').fill('7');
  await page.getByLabel('Durable queue').check();
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await page.getByText('Saved: routing_key, durable, intervals, text_fields.').waitFor();
  const { routing_key: keys, intervals, durable, text_fields: texts, queue_name: queue } = await indexOf(server, 'web');
  assert.deepEqual({ keys, intervals, durable, texts, queue },
    { keys: 'logstash.web,logstash.shop.#', intervals: 7, durable: true, texts: ['exc_info', 'body'], queue });
  await page.reload();
  assert.equal(await page.getByLabel('Days kept').inputValue(), '7');
  await page.getByRole('button', { name: 'Merge now' }).click();
  await page.getByText('Everything is merged.').waitFor();
  await page.getByRole('button', { name: /Drop index/ }).click();
  await page.getByLabel('Type web to drop it').fill('wob');
  assert.ok(await page.getByRole('button', { name: 'Drop index', exact: true }).isDisabled(), 'a wrong name drops nothing');
  await page.getByLabel('Type web to drop it').fill('web');
  await page.getByRole('button', { name: 'Drop index', exact: true }).click();
  await page.getByLabel('New index').waitFor();
  await page.getByRole('link', { name: 'web', exact: true }).waitFor({ state: 'detached' });
  assert.deepEqual((await api(server, 'GET', '/indexes')).indexes.map(({ name }) => name), ['logs']);
  assert.deepEqual(troubles, []);
});

test('one flag by a click; an excluded field is gone from what comes later', async (t) => {
  const server = await ownServer(t);
  await server.send('logs', [{ message: 'a', secret: 's', [HOSTILE]: 1 }]);
  const { page, troubles } = await openAdmin(t, server, '#index/logs');
  await page.getByText(HOSTILE).waitFor();
  await changed(page, () => page.getByLabel('secret: excluded').check());
  assert.equal((await fieldsOf(server, 'logs')).get('secret').excluded, true);
  await server.send('logs', [{ message: 'b', secret: 's' }]);
  const { hits } = await server.call('GET', '/logs/search?q=b');
  assert.deepEqual(hits.map(({ fields }) => fields), [{}]);
  await changed(page, () => page.getByLabel(`${HOSTILE}: display`).uncheck());
  assert.equal((await fieldsOf(server, 'logs')).get(HOSTILE).display, false);
  assert.deepEqual(troubles, []);
});

test('one flag of many fields at once, and of no other', async (t) => {
  const server = await ownServer(t);
  const record = { message: 'wide' };
  for (let i = 0; i < 300; i++) record[`metric_${i}`] = i;
  for (let i = 0; i < 40; i++) record[`other_${i}`] = 'x';
  await server.send('logs', [record]);
  const { page, troubles } = await openAdmin(t, server, '#index/logs');
  await page.getByLabel('Filter', { exact: true }).fill('METRIC');
  await page.getByText('300 of 340').waitFor();
  await page.getByLabel('Select all shown').check();
  await page.getByText('300 selected').waitFor();
  const before = await fieldsOf(server, 'logs');
  await page.getByLabel('Flag', { exact: true }).selectOption('context');
  await page.getByRole('button', { name: 'Set', exact: true }).click();
  await page.getByText('context set for 300.').waitFor();
  const after = await fieldsOf(server, 'logs');
  for (const [name, field] of after) {
    assert.deepEqual(field, { ...before.get(name), context: name.startsWith('metric_') }, name);
  }
  await page.getByRole('button', { name: 'Clear', exact: true }).click();
  await page.getByText('context cleared for 300.').waitFor();
  assert.deepEqual(await fieldsOf(server, 'logs'), before);
  assert.deepEqual(troubles, []);
});

test('changing many can be stopped, and what is refused is named', async (t) => {
  const server = await ownServer(t);
  await server.send('logs', [Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`f${i}`, i]))]);
  const { page } = await openBrowser(t);
  const held = [];
  await page.route('**/fields/*', (route) => void held.push(route));
  await page.goto(`${server.url}/admin/#index/logs`);
  await page.getByLabel('Select all shown').check();
  await page.getByRole('button', { name: 'Set', exact: true }).click();
  await page.getByRole('progressbar').waitFor();
  while (held.length < 4) await page.waitForRequest('**/fields/*');
  await page.getByRole('button', { name: 'Stop' }).click();
  const [refused, ...passed] = held;
  await refused.fulfill({ status: 503, contentType: 'application/problem+json', body: '{"detail":"no room for that"}' });
  await Promise.all(passed.map((route) => route.continue()));
  await page.getByText('filtered set for 3, refused for 1, stopped before 36.').waitFor();
  await page.getByText('no room for that').waitFor();
  const set = [...(await fieldsOf(server, 'logs')).values()].filter(({ filtered }) => filtered);
  assert.equal(set.length, 3);
});

test('the life of a shortcut', async (t) => {
  const server = await ownServer(t);
  const { page, troubles } = await openAdmin(t, server, '#index/logs');
  const form = page.getByRole('form', { name: 'New shortcut' });
  await form.getByLabel('New shortcut').fill('slow!');
  await form.getByLabel('Search').fill('search=slow');
  await form.getByLabel('Description').fill(HOSTILE);
  await form.getByRole('button', { name: 'Create' }).click();
  await form.getByRole('alert').filter({ hasText: 'slow!' }).waitFor();
  assert.equal(await form.getByLabel('Description').inputValue(), HOSTILE, 'what was typed stays');
  await form.getByLabel('New shortcut').fill('slow');
  await form.getByRole('button', { name: 'Create' }).click();
  await page.getByRole('cell', { name: HOSTILE }).waitFor();
  await page.getByRole('button', { name: 'edit' }).click();
  const edit = page.getByRole('form', { name: 'Shortcut slow' });
  await edit.getByLabel('Default field').fill('host');
  await edit.getByLabel('Description').fill('slow ones');
  await edit.getByRole('button', { name: 'Save slow' }).click();
  await page.getByRole('cell', { name: 'slow ones' }).waitFor();
  assert.deepEqual(await server.call('GET', '/logs/shortcuts/slow'),
    { name: 'slow', index: 'logs', description: 'slow ones', url: 'search=slow', default_field: 'host' });
  await page.getByRole('button', { name: 'drop', exact: true }).click();
  await page.getByText('slow is gone.').waitFor();
  assert.deepEqual((await server.call('GET', '/logs/shortcuts')).shortcuts, []);
  assert.deepEqual(troubles, []);
});

test('users, roles, passwords and tokens', async (t) => {
  const server = await ownServer(t);
  const { page, troubles } = await openAdmin(t, server, '#users');
  const form = page.getByRole('form', { name: 'New user' });
  await form.getByLabel('New user').fill('ann');
  await form.getByLabel('Role').selectOption('reader');
  await form.getByLabel('Password').fill(PASSWORD);
  await form.getByRole('button', { name: 'Add' }).click();
  await form.getByRole('alert').filter({ hasText: 'admin' }).waitFor();
  await form.getByLabel('Role').selectOption('admin');
  await form.getByRole('button', { name: 'Add' }).click();
  await page.getByRole('heading', { name: 'Log in' }).waitFor(); /* the page begins anew */
  await page.getByLabel('Name', { exact: true }).fill('ann');
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await page.getByLabel('Password', { exact: true }).press('Enter');
  await page.getByRole('article', { name: 'ann' }).waitFor();
  await form.getByLabel('New user').fill('rob');
  await form.getByLabel('Password').fill(PASSWORD);
  await form.getByRole('button', { name: 'Add' }).click();
  const rob = page.getByRole('article', { name: 'rob' });
  await rob.getByLabel('Role of rob').selectOption('writer');
  await rob.getByText('rob is writer.').waitFor();
  await rob.getByRole('textbox', { name: 'New token' }).fill('ship');
  await rob.getByRole('button', { name: 'Make' }).click();
  const token = await rob.locator('.secret code').textContent();
  const asRob = (path, init = {}) => fetch(`${server.url}/api/v1${path}`, { ...init, headers: { authorization: `Bearer ${token}` } });
  assert.equal((await asRob('/indexes/logs/logs', { method: 'POST', body: '{"message":"x"}\n' })).status, 200);
  assert.equal((await asRob('/indexes/logs/search')).status, 403);
  await rob.getByRole('button', { name: 'Drop token ship' }).click();
  await rob.getByText('Token ship is gone.').waitFor();
  assert.equal((await asRob('/indexes/logs')).status, 401);
  const ann = page.getByRole('article', { name: 'ann' });
  await ann.getByLabel('Role of ann').selectOption('reader');
  await ann.getByRole('alert').filter({ hasText: 'admin' }).waitFor();
  assert.equal(await ann.getByLabel('Role of ann').inputValue(), 'admin', 'shows what is, not what was tried');
  await rob.getByLabel('New password').fill('another one');
  await rob.getByRole('button', { name: 'Set' }).click();
  await rob.getByText('New password; sessions have ended.').waitFor();
  await rob.getByRole('button', { name: /Drop user/ }).click();
  await rob.getByLabel('Type rob to drop it').fill('rob');
  await rob.getByRole('button', { name: 'Drop user', exact: true }).click();
  await rob.waitFor({ state: 'detached' });
  assert.deepEqual(troubles, []);
});

test('whoever is no admin sees a sentence and nothing else', async (t) => {
  const server = await ownServer(t);
  await withUsers(server.url);
  const { page } = await openAdmin(t, server);
  await logIn(page, 'ann');
  await page.getByRole('alert').filter({ hasText: 'This is for admins; you are reader.' }).waitFor();
  assert.equal(await page.locator('main form, main table').count(), 0);
});

for (const [name, viewport, colorScheme] of [
  ['admin-dark', { width: 1440, height: 900 }, 'dark'], ['admin-light', { width: 1440, height: 900 }, 'light'],
  ['admin-narrow-dark', { width: 700, height: 900 }, 'dark'], ['admin-narrow-light', { width: 700, height: 900 }, 'light'],
]) {
  test(`nothing is wider than the window: ${name}`, async (t) => {
    const server = await ownServer(t);
    await server.call('POST', '', { name: 'shop' });
    await server.send('shop', [Object.fromEntries(['host', 'logger', 'levelname', 'exc_info', 'application', 'user_id', 'duration_ms']
      .map((field) => [field, field === 'exc_info' ? 'Traceback' : 'x']))]);
    await server.call('POST', '/shop/shortcuts', { name: 'errors', url: 'levelname=ERROR', description: 'errors of today' });
    const { page, troubles } = await openAdmin(t, server, '', { viewport, colorScheme });
    for (const [hash, ready] of [['', 'table'], ['#index/shop', '.flags td'], ['#users', 'form']]) {
      await page.goto(`${server.url}/admin/${hash}`);
      await page.locator(`main ${ready}`).first().waitFor();
      const overflow = await page.evaluate(() => {
        const main = document.querySelector('main');
        return Math.max(main.scrollWidth - main.clientWidth, document.documentElement.scrollWidth - innerWidth);
      });
      assert.equal(overflow, 0, hash);
      if (process.env.SCREENSHOTS !== undefined) {
        await mkdir(process.env.SCREENSHOTS, { recursive: true });
        await page.screenshot({ path: join(process.env.SCREENSHOTS, `${name}${hash.replace(/\W/g, '-')}.png`) });
      }
    }
    assert.deepEqual(troubles, []);
  });
}
