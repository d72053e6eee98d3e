/* Goal: who is not known gets a login form in place and then what was asked for; a session that ends loses nothing
 * of what was being read; the bar says who reads; who leaves leaves nothing behind.
 * Method: servers of the test's own with users made through the API; sessions are ended by a new password. */

import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { openBrowser, timeAgo } from './alco_page.mjs';
import { logIn, ownServer, PASSWORDS, withUsers } from './alco_server.mjs';

const DIRECTORY = process.env.SCREENSHOTS;
const form = (page) => page.locator('dialog.login[open]');

async function picture(page, name) {
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.equal(overflow, 0, `as wide as its window: ${name}`);
  if (DIRECTORY === undefined) return;
  await mkdir(DIRECTORY, { recursive: true });
  await page.screenshot({ path: join(DIRECTORY, `${name}.png`), animations: 'disabled' });
}

function record(i, more = {}) {
  return { '@timestamp': timeAgo(60_000 - i * 100), message: `line ${i}`, levelname: i % 9 ? 'INFO' : 'ERROR', order: `n${i % 3}`, ...more };
}

async function openShop(t) {
  const server = await ownServer(t);
  await server.call('POST', '', { name: 'shop' });
  await server.send('shop', Array.from({ length: 300 }, (_, i) => record(i)));
  return server;
}

const lastLine = (page, text) => page.locator('.rows .m', { hasText: new RegExp(`^${text}$`) });

test('wrong, then right, by keys alone; the page is the one that was asked for', async (t) => {
  const { url } = await openShop(t);
  await withUsers(url);
  const { page, troubles } = await openBrowser(t);
  await page.goto(`${url}/grep/shop/?q=%40order%3Dn2&from=`);
  await form(page).waitFor();
  await page.waitForFunction(() => document.activeElement?.getAttribute('name') === 'name');
  assert.equal(await page.locator('.rows .row').count(), 0);
  await page.keyboard.type('ann');
  await page.keyboard.press('Tab');
  await page.keyboard.type('not hers');
  await page.keyboard.press('Enter');
  await form(page).locator('[role=alert]', { hasText: 'name or password is wrong' }).waitFor();
  await page.waitForFunction(() => document.activeElement?.getAttribute('name') === 'password');
  await page.keyboard.type(PASSWORDS.ann); /* what stood there was selected */
  await page.keyboard.press('Enter');
  await lastLine(page, 'line 299').waitFor();
  await page.locator('.st [role=status]', { hasText: /^100 hits/ }).waitFor();
  assert.equal(await page.locator('dialog.login').count(), 0);
  assert.equal(new URL(page.url()).searchParams.get('q'), '@order=n2');
  assert.deepEqual(troubles, []);
});

test('the form cannot be closed, and keys do not reach the page behind it', async (t) => {
  const { url } = await openShop(t);
  await withUsers(url);
  const { page } = await openBrowser(t);
  await page.goto(`${url}/grep/shop/?from=`);
  await form(page).waitFor();
  for (let i = 0; i < 3; i++) await page.keyboard.press('Escape');
  await page.mouse.click(20, 20);
  await page.keyboard.press('?');
  await form(page).waitFor();
  assert.equal(await page.locator('dialog.help[open]').count(), 0);
});

test('too many tries: how long to wait is said and waited for', async (t) => {
  const { url } = await openShop(t);
  await withUsers(url);
  for (let i = 0; i < 10; i++) {
    const body = JSON.stringify({ name: 'ann', password: `no ${i}` });
    assert.equal((await fetch(`${url}/api/v1/login`, { method: 'POST', body })).status, 401);
  }
  const { page } = await openBrowser(t);
  await page.goto(url);
  await logIn(page, 'ann');
  await form(page).locator('[role=alert]', { hasText: /too many tries to log in with this name: try again in \d+ s/ }).waitFor();
  const button = form(page).getByRole('button');
  assert.match(await button.textContent(), /^Log in \(\d+ s\)$/);
  assert.ok(await button.isDisabled());
  await picture(page, 'login-throttled');
  await page.getByRole('button', { name: 'Log in', exact: true, disabled: false }).click();
  await page.locator('.indexes a', { hasText: 'shop' }).waitFor();
});

test('without users strangers get the server\'s own words, and no form', async (t) => {
  const { url } = await openShop(t);
  const { page, troubles } = await openBrowser(t, { extraHTTPHeaders: { 'x-forwarded-for': '203.0.113.9' } });
  await page.goto(url);
  await form(page).locator('code', { hasText: 'alco user add NAME --role admin' }).waitFor();
  await form(page).getByText('there are no users yet').waitFor();
  assert.equal(await page.locator('input').count(), 0);
  await picture(page, 'login-no-users');
  await withUsers(url);
  await page.getByRole('button', { name: 'Try again' }).click();
  await logIn(page, 'root');
  await page.locator('.indexes a', { hasText: 'shop' }).waitFor();
  assert.deepEqual(troubles, []);
});

test('this machine without users: nobody is named, nothing to leave', async (t) => {
  const { url } = await openShop(t);
  const { page } = await openBrowser(t);
  const known = page.waitForResponse('**/api/v1/me');
  await page.goto(`${url}/grep/shop/?from=`);
  await known;
  await lastLine(page, 'line 299').waitFor();
  assert.equal(await page.locator('.who').count(), 0);
});

test('a session that ends while one reads: rows stay, reading goes on behind it', async (t) => {
  const { url } = await openShop(t);
  const as = await withUsers(url);
  const { page, troubles } = await openBrowser(t);
  await page.goto(`${url}/grep/shop/?from=`);
  await logIn(page, 'ann');
  await lastLine(page, 'line 299').waitFor();
  await page.evaluate(() => (window.isSamePage = true));
  await as('PATCH', '/users/ann', { password: 'another one' });
  await page.keyboard.press('g');
  await form(page).waitFor();
  await lastLine(page, 'line 299').waitFor();
  await form(page).getByText('The session has ended').waitFor();
  await picture(page, 'login-while-reading');
  assert.equal(await page.getByLabel('Name').inputValue(), 'ann');
  await page.keyboard.type('another one'); /* the password alone is missing */
  await page.keyboard.press('Enter');
  await lastLine(page, 'line 0').waitFor();
  assert.equal(await page.locator('dialog.login').count(), 0);
  assert.equal(await page.evaluate(() => window.isSamePage), true);
  assert.deepEqual(troubles, []);
});

test('a session that ends while one follows: the tail goes on without a gap', async (t) => {
  const { url } = await openShop(t);
  const as = await withUsers(url);
  const { page, troubles } = await openBrowser(t);
  await page.goto(`${url}/grep/shop/?from=`);
  await logIn(page, 'ann');
  await lastLine(page, 'line 299').waitFor();
  await page.keyboard.press('F');
  const send = (i) => as('POST', '/indexes/shop/logs', `${JSON.stringify(record(0, { '@timestamp': timeAgo(0), message: `new ${i}` }))}\n`);
  await send(1);
  await lastLine(page, 'new 1').waitFor();
  await as('PATCH', '/users/ann', { password: 'another one' });
  await form(page).waitFor();
  await send(2);
  await send(3);
  await lastLine(page, 'new 1').waitFor();
  assert.equal(await lastLine(page, 'new 2').count(), 0);
  await logIn(page, 'ann', 'another one');
  await lastLine(page, 'new 3').waitFor();
  await send(4);
  await lastLine(page, 'new 4').waitFor();
  const shown = (await page.locator('.rows .row .m').allTextContents()).slice(-5);
  assert.deepEqual(shown, ['line 299', 'new 1', 'new 2', 'new 3', 'new 4']);
  await page.locator('.btn.follow.live').waitFor();
  assert.deepEqual(troubles, []);
});

test('logging in in another tab opens this one, too', async (t) => {
  const { url } = await openShop(t);
  await withUsers(url);
  const { page } = await openBrowser(t);
  await page.goto(`${url}/grep/shop/?from=`);
  await form(page).waitFor();
  const other = await page.context().newPage();
  await other.goto(url);
  await logIn(other, 'ann');
  await other.locator('.indexes').waitFor();
  await page.bringToFront();
  await page.evaluate(() => dispatchEvent(new Event('focus'))); /* without a window manager none comes */
  await lastLine(page, 'line 299').waitFor();
  await page.locator('.who > button', { hasText: 'ann' }).waitFor();
});

test('who reads is named, and leaves with the token against forged requests', async (t) => {
  const { url } = await openShop(t);
  await withUsers(url);
  const { page, troubles } = await openBrowser(t);
  await page.goto(`${url}/grep/shop/?from=`);
  await logIn(page, 'root');
  await lastLine(page, 'line 299').waitFor();
  await page.locator('.who > button', { hasText: 'root' }).click();
  await page.locator('.who .sheet p', { hasText: 'admin' }).waitFor();
  const [before] = (await page.context().cookies()).filter(({ name }) => name === 'alco_session');
  const asked = page.waitForRequest('**/api/v1/logout');
  await page.getByRole('button', { name: 'log out' }).click();
  const csrf = (await page.context().cookies()).find(({ name }) => name === 'alco_csrf')?.value;
  const shown = (await (await asked).allHeaders())['x-csrf-token'];
  assert.match(shown, /^\S{16,}$/);
  if (csrf !== undefined) assert.equal(shown, csrf);
  await form(page).waitFor();
  assert.equal(await page.locator('.rows .row').count(), 0, 'nothing of the log is left');
  assert.equal(await page.locator('.who').count(), 0);
  assert.ok(!(await page.context().cookies()).some(({ name }) => name === 'alco_session'));
  const { status } = await fetch(`${url}/api/v1/me`, { headers: { cookie: `alco_session=${before.value}` } });
  assert.equal(status, 401);
  assert.deepEqual(troubles, []);
});

test('a session that cannot be ended is said not to be', async (t) => {
  const { url } = await openShop(t);
  await withUsers(url);
  const { page } = await openBrowser(t);
  await page.goto(url);
  await logIn(page, 'ann');
  await page.locator('.who > button').click();
  await page.evaluate(() => (document.cookie = 'alco_csrf=; Path=/; Max-Age=0'));
  await page.getByRole('button', { name: 'log out' }).click();
  await page.locator('.who [role=alert]', { hasText: 'X-CSRF-Token' }).waitFor();
});

for (const [name, sees] of [['ann', 0], ['root', 1]]) {
  test(`the way to the administration: ${name}`, async (t) => {
    const { url } = await openShop(t);
    await withUsers(url);
    const { page } = await openBrowser(t);
    await page.goto(url);
    await logIn(page, name);
    await page.locator('.who > button', { hasText: name }).waitFor();
    assert.equal(await page.locator('a[href="/admin/"]').count(), sees);
    await page.goto(`${url}/grep/shop/?from=`);
    await page.locator('.who > button', { hasText: name }).waitFor();
    await page.getByRole('button', { name: 'More', exact: true }).click();
    assert.equal(await page.locator('a[href="/admin/"]').count(), sees);
  });
}

test('old addresses lead on after the login', async (t) => {
  const { url, call } = await openShop(t);
  await call('POST', '/shop/shortcuts', { name: 'second', description: 'the second', url: '?from=-1h', default_field: 'order' });
  const as = await withUsers(url);
  const { page } = await openBrowser(t);
  await page.goto(`${url}/grep/shortcut/second/n1/`);
  await logIn(page, 'ann');
  await page.waitForURL(/\/grep\/shop\/\?/);
  await page.locator('.st [role=status]', { hasText: /^100 hits/ }).waitFor();
  await as('PATCH', '/users/ann', { password: 'another one' });
  await page.goto(`${url}/grep/shop/`);
  await logIn(page, 'ann', 'another one');
  await page.waitForURL(/start_ts=/);
  await lastLine(page, 'line 0').waitFor(); /* such a view begins at its beginning */
});

test('what is typed as a name stays text', async (t) => {
  const { url } = await openShop(t);
  await withUsers(url);
  const { page, troubles } = await openBrowser(t);
  await page.goto(url);
  await logIn(page, '<img src=x onerror=alert(1)>', '<script>alert(2)</script>');
  await form(page).locator('[role=alert]', { hasText: 'name or password is wrong' }).waitFor();
  assert.equal(await page.locator('img, #app script').count(), 0);
  assert.deepEqual(troubles, []);
});

test('a very long name leaves room for the rest', async (t) => {
  const { url } = await openShop(t);
  const as = await withUsers(url);
  const name = 'w'.repeat(64);
  await as('POST', '/users', { name, role: 'reader', password: 'long' });
  const { page } = await openBrowser(t, { viewport: { width: 700, height: 900 } });
  await page.goto(`${url}/grep/shop/?from=`);
  await logIn(page, name, 'long');
  await lastLine(page, 'line 299').waitFor();
  await page.locator('.who > button').click();
  await picture(page, 'login-long-name');
  const box = await page.locator('.who .sheet').boundingBox();
  assert.ok(box.x >= 0 && box.x + box.width <= 700, JSON.stringify(box));
});

for (const colorScheme of ['dark', 'light']) {
  for (const width of [1440, 700]) {
    test(`pictures: ${colorScheme}, ${width} px`, async (t) => {
      const { url } = await openShop(t);
      const as = await withUsers(url);
      const { page, troubles } = await openBrowser(t, { colorScheme, viewport: { width, height: 900 } });
      const take = (name) => picture(page, `login-${name}-${width}-${colorScheme}`);
      await page.goto(url);
      await form(page).waitFor();
      await take('empty');
      await logIn(page, 'root', 'wrong');
      await form(page).locator('[role=alert]').waitFor();
      await take('wrong');
      await logIn(page, 'root');
      await page.locator('.who > button').waitFor();
      await page.locator('.indexes').waitFor();
      await take('home');
      await page.goto(`${url}/grep/shop/?from=`);
      await page.locator('.hist svg').waitFor();
      await page.locator('.who > button').click();
      await take('menu');
      await page.keyboard.press('Escape');
      await as('PATCH', '/users/root', { password: 'another one' });
      await page.locator('.rows').press('g');
      await form(page).waitFor();
      await take('over-log');
      assert.deepEqual(troubles, []);
    });
  }
}
