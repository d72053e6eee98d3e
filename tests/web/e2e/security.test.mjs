/* Goal: what another site, a planted address or a hostile record can do to somebody who uses the page: nothing.
 * Method: a real browser and a second origin that frames, posts, fetches and renames; a script that ran would set
 * `window.wasHere` or raise a dialog. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { openBrowser } from './alco_page.mjs';
import { logIn, ownServer, withUsers } from './alco_server.mjs';

const HOSTILE = '"><img src=x onerror="window.wasHere=1;alert(1)"><script>window.wasHere=1</script>';

/* Another site: answers with the HTML that `page` makes. */
async function otherSite(t, page) {
  const site = createServer((request, response) => {
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' });
    response.end(page(request));
  });
  site.listen(0, '127.0.0.1');
  await once(site, 'listening');
  t.after(() => site.close());
  return `http://localhost:${site.address().port}/`; /* 127.0.0.1 is the same site with any port */
}

async function assertNothingRan(page) {
  for (const frame of page.frames()) assert.equal(await frame.evaluate(() => window.wasHere), undefined, frame.url());
}

test('no page of ours shows in a frame of another site', async (t) => {
  const server = await ownServer(t);
  const paths = ['/', '/grep/logs/?from=', '/admin/', '/api/v1/indexes', '/nothing'];
  const site = await otherSite(t, () => paths.map((path) => `<iframe src="${server.url}${path}"></iframe>`).join(''));
  const { page } = await openBrowser(t);
  const refused = [];
  page.on('console', (message) => refused.push(message.text()));
  await page.goto(site, { waitUntil: 'load' });
  assert.equal(page.frames().length, paths.length + 1);
  for (const frame of page.frames().slice(1)) {
    assert.equal(await frame.locator('#app, pre').count(), 0, frame.url());
  }
  assert.ok(refused.filter((text) => text.includes('frame-ancestors')).length >= 3, refused.join('\n'));
});

test('another site can neither read nor change, whoever is logged in', async (t) => {
  const server = await ownServer(t);
  await server.send('logs', [{ message: 'a secret line' }]);
  await withUsers(server.url);
  const { page } = await openBrowser(t);
  await page.goto(`${server.url}/admin/`);
  await logIn(page, 'root');
  await page.getByRole('link', { name: 'logs', exact: true }).waitFor();
  const api = `${server.url}/api/v1/indexes`;
  const site = await otherSite(t, () => `<form id="f" method="post" enctype="text/plain" action="${api}"><input name='{"name":"forged","x":"' value='"}'></form>`);
  await page.goto(site);
  const seen = await page.evaluate(async (url) => {
    const told = [];
    const attempt = async (name, path, options) => {
      try {
        const response = await fetch(url + path, { credentials: 'include', ...options });
        told.push(`${name}: ${response.type} ${response.status} ${(await response.text()).length}`);
      } catch {
        told.push(`${name}: refused`);
      }
    };
    await attempt('get', '/logs/search');
    await attempt('opaque', '/logs/search', { mode: 'no-cors' });
    await attempt('post', '', { method: 'POST', body: '{"name":"forged"}', mode: 'no-cors' });
    await attempt('patch', '/logs', { method: 'PATCH', body: '{"intervals":1}' });
    await attempt('delete', '/logs', { method: 'DELETE' });
    return told;
  }, api);
  assert.deepEqual(seen, ['get: refused', 'opaque: refused', 'post: refused', 'patch: refused', 'delete: refused']);
  const [answer] = await Promise.all([
    page.waitForResponse((response) => response.url() === api && response.request().method() === 'POST'),
    page.evaluate(() => document.getElementById('f').submit()),
  ]);
  assert.equal(answer.status(), 403);
  await page.waitForURL(api);
  await page.goto(`${server.url}/admin/`);
  await page.getByRole('link', { name: 'logs', exact: true }).waitFor();
  const names = await page.evaluate(async () => (await (await fetch('/api/v1/indexes')).json()).indexes.map(({ name, intervals }) => [name, intervals]));
  assert.deepEqual(names, [['logs', 30]]);
});

test('a name that leads to us is no name of ours', async (t) => {
  const server = await ownServer(t);
  const { page } = await openBrowser(t);
  const renamed = server.url.replace('127.0.0.1', 'attacker.localhost'); /* browsers take it for this machine */
  for (const path of ['/', '/api/v1/indexes', '/grep/logs/']) {
    const answer = await page.goto(renamed + path);
    assert.equal(answer.status(), 421, path);
    assert.doesNotMatch(await page.content(), /logstash/);
  }
});

test('nothing of an address becomes markup or script', async (t) => {
  const server = await ownServer(t);
  const { page, troubles } = await openBrowser(t);
  const text = encodeURIComponent(HOSTILE);
  for (const path of [
    `/grep/logs/?from=&q=${text}`, `/grep/logs/?from=${text}&to=${text}`, `/grep/logs/?from=&q=%2F${text}%2F`,
    `/grep/logs/?start_ts=${text}&search=${text}`, `/grep/logs/?from=&cols=${text}`, `/grep/logs/?from=&line=${text}&context=${text}`,
    `/grep/${text}/?from=`, `/grep/logs,${text}/?from=`, `/grep/shortcut/${text}/`, `/grep/shortcut/${text}/${text}/`,
    `/admin/#index/${text}`, `/admin/?x=${text}`, `/${text}`, `/api/grep/logs/?search=${text}`, `/api/v1/indexes/${text}`,
    '/grep/logs/?from=&q=x#javascript:window.wasHere=1',
  ]) {
    await page.goto(server.url + path, { waitUntil: 'load' });
    await page.waitForFunction(() => document.readyState === 'complete' && document.body !== null);
    await assertNothingRan(page);
    assert.equal(await page.locator('img[src="x"]').count(), 0, path);
  }
  assert.deepEqual(troubles, []);
});

test('nothing that is kept becomes markup or script, nor leads away', async (t) => {
  const server = await ownServer(t);
  await server.send('logs', [{ message: HOSTILE, [HOSTILE]: HOSTILE, host: HOSTILE, logger: HOSTILE, exc_info: HOSTILE, levelname: HOSTILE }]);
  await server.call('POST', '/logs/shortcuts', { name: 'script', url: 'javascript:alert(1)//?q=x', description: HOSTILE });
  await server.call('POST', '/logs/shortcuts', { name: 'away', url: 'https://elsewhere.example/?search=x', description: '//elsewhere.example' });
  await server.call('POST', '/logs/shortcuts', { name: 'field', url: `search=${HOSTILE}`, default_field: HOSTILE });
  const { page, troubles } = await openBrowser(t);
  await page.goto(server.url);
  await page.getByText(HOSTILE).first().waitFor();
  const links = await page.locator('a').evaluateAll((all) => all.map((a) => a.href));
  assert.ok(links.length >= 4);
  for (const link of links) assert.ok(link.startsWith(server.url), link);
  for (const name of ['script', 'away', 'field']) {
    await page.goto(`${server.url}/grep/shortcut/${name}/`);
    assert.equal(new URL(page.url()).origin, server.url);
    assert.match(new URL(page.url()).pathname, /^\/grep\/logs\/$/);
    await assertNothingRan(page);
  }
  await page.goto(`${server.url}/grep/logs/?from=`);
  await page.locator('.rows .t').first().click();
  await page.locator('.x .trace').waitFor();
  await assertNothingRan(page);
  await page.goto(`${server.url}/admin/#index/logs`);
  await page.locator('.flags td.name').filter({ hasText: HOSTILE }).waitFor();
  await page.locator('.grid td.name').filter({ hasText: 'elsewhere' }).first().waitFor();
  await assertNothingRan(page);
  assert.equal(await page.locator('img[src="x"]').count(), 0);
  assert.deepEqual(troubles, []);
});
