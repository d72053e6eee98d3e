/* Goal: a page of another origin sees and changes nothing, with the reader's cookies in the browser, too; nothing
 * that was sent, stored or typed ever becomes markup or a script.
 * Method: another origin is a server of the test's own, on this address (the same site, so that cookies go along)
 * and by another name (another site). A text that became a script would set window.__xss, one that was stopped by
 * the content security policy is reported by the browser: either fails the test. */

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { openBrowser, timeAgo } from './alco_page.mjs';
import { logIn, ownServer, withUsers } from './alco_server.mjs';

const IMG = '<img src=x onerror="window.__xss=1;alert(1)">';
const SCRIPT = '</script><script>window.__xss=2;alert(2)</script>';
const BREAK = `"'><svg onload=window.__xss=3>`;
const LINK = 'javascript:window.__xss=4;alert(4)';
const HOSTILE = [IMG, SCRIPT, BREAK, LINK];

/* A page of another origin. */
async function foreign(t, html) {
  const server = createServer((_, answer) => answer.writeHead(200, { 'content-type': 'text/html' }).end(html));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const { port } = server.address();
  return { sameSite: `http://127.0.0.1:${port}/`, otherSite: `http://localhost:${port}/` };
}

async function openShop(t) {
  const server = await ownServer(t);
  await server.call('POST', '', { name: 'shop' });
  await server.send('shop', [{ '@timestamp': timeAgo(1000), message: 'a secret line', levelname: 'INFO' }]);
  return server;
}

async function assertNothingRan(page, what) {
  const { ran, made } = await page.evaluate(() => ({
    ran: window.__xss,
    made: [...document.querySelectorAll('img, svg[onload], #app script, iframe, a[href^="javascript:" i], [onerror], [onload]')]
      .map((element) => element.outerHTML),
  }));
  assert.equal(ran, undefined, what);
  assert.deepEqual(made, [], what);
}

test('every answer says that it is no frame, no script and not to be guessed at', async (t) => {
  const { url } = await openShop(t);
  const paths = ['/', '/grep/shop/?from=', '/grep/none/', '/admin/', '/api/v1/indexes', '/api/v1/indexes/none', '/nothing',
    '/api/v1/indexes/shop/search?format=text', '/api/v1/indexes/shop/search?format=csv', '/api/grep/shop/', '/collector/sphinx.conf',
    '/health', '/metrics', '/api/openapi.json', '/grep/shop'];
  const look = async (headers, path) => {
    const answer = await fetch(url + path, { redirect: 'manual', headers });
    const policy = answer.headers.get('content-security-policy') ?? '';
    assert.match(policy, /default-src 'none'; script-src 'self'; /, path);
    assert.match(policy, /frame-ancestors 'none'/, path);
    assert.doesNotMatch(policy, /unsafe|\*|https?:/, path);
    assert.equal(answer.headers.get('x-content-type-options'), 'nosniff', path);
    assert.equal(answer.headers.get('cross-origin-resource-policy'), 'same-origin', path);
    assert.equal(answer.headers.get('access-control-allow-origin'), null, path);
    return answer;
  };
  for (const path of paths) await look({}, path);
  await withUsers(url);
  for (const path of paths) await look({}, path);
  const evil = await look({ origin: 'http://evil.example' }, '/api/v1/indexes');
  assert.equal(evil.status, 403);
});

test('what is not the page is never HTML, whatever its address says', async (t) => {
  const { url, send } = await openShop(t);
  await send('shop', HOSTILE.map((message) => ({ '@timestamp': timeAgo(500), message })));
  const hostile = encodeURIComponent(IMG);
  for (const path of ['/api/v1/indexes/shop/search?format=text', '/api/v1/indexes/shop/search?format=csv', '/api/v1/indexes/shop/search',
    '/api/grep/shop/?format=api', `/api/v1/indexes/${hostile}`, `/nothing/${hostile}`, `/api/v1/indexes/shop/search?${hostile}=1`,
    `/api/v1/indexes/shop/search?from=${hostile}`, `/collector/sphinx.conf?node=${hostile}`, `/grep/shortcut/${hostile}/`]) {
    const answer = await fetch(url + path, { headers: { accept: 'text/html' }, redirect: 'manual' });
    const type = answer.headers.get('content-type');
    const body = await answer.text();
    if (type.startsWith('text/html')) assert.ok(!body.includes('onerror'), `${path}: the page as it is`);
    else assert.match(type, /^(application\/(problem\+)?json|application\/x-ndjson|text\/plain|text\/csv)/, path);
  }
});

test('frames of another origin stay empty', async (t) => {
  const { url } = await openShop(t);
  await withUsers(url);
  const { page } = await openBrowser(t);
  await page.goto(`${url}/grep/shop/?from=`);
  await logIn(page, 'ann');
  await page.locator('.rows .m', { hasText: 'a secret line' }).waitFor();
  const shown = [`${url}/`, `${url}/grep/shop/?from=`, `${url}/api/v1/indexes/shop/search`];
  const { sameSite, otherSite } = await foreign(t, shown.map((src) => `<iframe src="${src}"></iframe>`).join(''));
  const refused = [];
  page.on('requestfailed', (request) => { /* of frames: leaving the page may cut short what it still asks for */
    if (request.resourceType() === 'document') refused.push(`${request.failure().errorText} ${request.url()}`);
  });
  for (const origin of [sameSite, otherSite]) {
    refused.length = 0;
    await page.goto(origin, { waitUntil: 'load' }); /* which waits for frames */
    assert.deepEqual(refused.sort(), shown.map((src) => `net::ERR_BLOCKED_BY_RESPONSE ${src}`).sort(), origin);
    const frames = page.frames().slice(1);
    assert.equal(frames.length, shown.length);
    for (const frame of frames) assert.match(frame.url(), /^(chrome-error:.*)?$/, origin); /* '': in a process apart */
  }
});

test('a page of another origin reads nothing and changes nothing', async (t) => {
  const { url } = await openShop(t);
  const as = await withUsers(url);
  const { page } = await openBrowser(t);
  await page.goto(url);
  await logIn(page, 'root');
  await page.locator('.indexes').waitFor();
  const { sameSite, otherSite } = await foreign(t, '<p>an evil page');
  for (const origin of [sameSite, otherSite]) {
    await page.goto(origin);
    const seen = await page.evaluate(async (url) => {
      const all = { credentials: 'include' };
      const tried = (promise) => promise.then(async (answer) => `${answer.type} ${await answer.text()}`, () => 'failed');
      const loaded = (tag, src) => new Promise((resolve) => {
        const element = document.createElement(tag);
        element.onload = () => resolve('loaded');
        element.onerror = () => resolve('failed');
        element.src = src;
        document.body.append(element);
      });
      return [
        await tried(fetch(`${url}/api/v1/indexes/shop/search`, all)),
        await tried(fetch(`${url}/api/v1/indexes/shop/search`, { ...all, mode: 'no-cors' })),
        await tried(fetch(`${url}/api/v1/indexes/shop/tail`, { ...all, headers: { 'last-event-id': '1' } })),
        await loaded('script', `${url}/api/v1/indexes`),
        await tried(fetch(`${url}/api/v1/indexes`, { ...all, mode: 'no-cors', method: 'POST', body: '{"name":"planted"}' })),
        await tried(fetch(`${url}/api/v1/indexes/shop`, { ...all, method: 'DELETE' })),
        await tried(fetch(`${url}/api/v1/logout`, { ...all, mode: 'no-cors', method: 'POST' })),
      ];
    }, url);
    for (const answer of seen) assert.match(answer, /^(failed|opaque )$/, origin);
    await page.evaluate((url) => {
      const form = document.createElement('form');
      Object.assign(form, { method: 'post', action: `${url}/api/v1/indexes`, enctype: 'text/plain' });
      form.append(Object.assign(document.createElement('input'), { name: '{"name":"planted","x":"', value: '"}' }));
      document.body.append(form);
      form.submit();
    }, url);
    await page.waitForURL(`${url}/api/v1/indexes`);
    assert.match(await page.locator('body').textContent(), /"status":\s?403/);
  }
  assert.deepEqual((await as('GET', '/indexes')).indexes.map(({ name }) => name).sort(), ['logs', 'shop']);
  await page.goto(url); /* and the session goes on */
  await page.locator('.indexes').waitFor();
  assert.equal(await page.locator('dialog.login').count(), 0);
});

test('what stands in an address is text', async (t) => {
  const { url } = await openShop(t);
  const { page, troubles } = await openBrowser(t);
  for (const text of HOSTILE) {
    const e = encodeURIComponent(text);
    for (const [path, there] of [
      [`/grep/shop/?from=&q=${e}`, '.nothing, .q-note.error'],
      [`/grep/shop/?from=&q=${encodeURIComponent(`"${text.replaceAll('"', '')}"`)}`, '.nothing'],
      [`/grep/shop/?from=&q=${encodeURIComponent('@')}${e}`, '.nothing, .q-note.error'],
      [`/grep/shop/?search=${e}&start_ts=2020-01-01`, '.nothing'],
      [`/grep/shop/?from=${e}&to=${e}`, '.nothing'],
      [`/grep/shop/?from=&cols=${e}&line=${e}`, '.rows .row'],
      [`/grep/shop/?from=&context=${e}&${e}=${e}`, '.nothing'], /* a filter, as in old ALCO's addresses */
      [`/grep/${e}/?from=`, '.nothing'],
      [`/grep/shop,${e}/?from=`, '.nothing'],
      [`/${e}`, 'body'],
      [`/grep/shop/?from=#${e}`, '.rows .row'],
    ]) {
      await page.goto(url + path);
      await page.locator(there).first().waitFor();
      await assertNothingRan(page, path);
    }
  }
  assert.deepEqual(troubles, []);
});

test('what was stored is text, everywhere on the page', async (t) => {
  const { url, send, call } = await openShop(t);
  await send('shop', HOSTILE.map((text, i) => ({
    '@timestamp': timeAgo(1000 + i), message: text, levelname: text, logger: text, host: text, [text]: text, nested: { [text]: [text] },
    exc_info: `${text}\n${text}`,
  })));
  const { fields } = await call('GET', '/shop/fields');
  for (const text of HOSTILE.slice(0, 2)) {
    assert.ok(fields.some(({ name }) => name === text), text);
    await call('PATCH', `/shop/fields/${encodeURIComponent(text)}`, { filtered: true, context: true });
  }
  const { page, troubles } = await openBrowser(t);
  await page.goto(`${url}/grep/shop/?from=`);
  for (const text of HOSTILE) await page.locator('.panel .v', { hasText: text }).first().waitFor();
  await page.locator('.hist svg').waitFor();
  for (let i = 1; i <= HOSTILE.length; i++) { /* the last row but one, and so on: the newest is the plain one or a hostile one */
    await page.keyboard.press('k');
    await page.keyboard.press('Enter');
  }
  await page.locator('.x').first().waitFor();
  await assertNothingRan(page, 'rows');
  for (const text of HOSTILE) {
    await page.goto(`${url}/grep/shop/?from=`);
    await page.locator('.panel .v', { hasText: text }).first().click();
    await page.locator('.panel .v.on', { hasText: text }).first().waitFor();
    await page.locator('.rows .row').first().waitFor();
    await assertNothingRan(page, text);
  }
  assert.deepEqual(troubles, []);
});

test('a shortcut leads nowhere but into its log', async (t) => {
  const { url, call } = await openShop(t);
  const addresses = [LINK, 'data:text/html,<script>window.__xss=5</script>', '//evil.example/?q=a', 'http://evil.example/x?q=b', IMG,
    'java\tscript:window.__xss=6', `?from=&q=${LINK}`, '?from=\r\nSet-Cookie: alco_session=x'];
  for (const [i, address] of addresses.entries()) {
    await call('POST', '/shop/shortcuts', { name: `s${i}`, description: `${HOSTILE[i % HOSTILE.length]} ${i}`, url: address })
      .catch((error) => assert.match(error.message, /: 400 /));
  }
  const { shortcuts } = await call('GET', '/shop/shortcuts');
  assert.ok(shortcuts.length > 4, `${shortcuts.length} were taken`);
  const { page, troubles } = await openBrowser(t);
  for (const { name, description } of shortcuts) {
    await page.goto(url);
    const link = page.locator('.indexes .shortcut', { hasText: description });
    await link.waitFor();
    await assertNothingRan(page, description);
    assert.equal(await link.evaluate((a) => a.href), `${url}/grep/shortcut/${name}/`);
    await link.click();
    await page.waitForURL((at) => at.origin === url && at.pathname === '/grep/shop/');
    await page.locator('.rows .row, .nothing').first().waitFor();
    await assertNothingRan(page, name);
    assert.equal((await page.context().cookies()).length, 0);
  }
  assert.deepEqual(troubles, []);
});

test('a name that is markup is no name of a user', async (t) => {
  const { url } = await openShop(t);
  const as = await withUsers(url);
  for (const name of [...HOSTILE, 'a b', 'a\u202eb']) {
    await assert.rejects(as('POST', '/users', { name, role: 'reader', password: 'x' }), / 400 /);
  }
  await as('POST', '/users', { name: 'javascript@evil.example', role: 'reader', password: 'x' });
  const { page, troubles } = await openBrowser(t);
  await page.goto(url);
  await logIn(page, 'javascript@evil.example', 'x');
  await page.locator('.who > button', { hasText: 'javascript@evil.example' }).click();
  await assertNothingRan(page, 'name');
  assert.deepEqual(troubles, []);
});

test('a name that leads to us is no name of ours', async (t) => {
  const server = await openShop(t);
  const { page } = await openBrowser(t);
  const renamed = server.url.replace('127.0.0.1', 'attacker.localhost'); /* browsers take it for this machine */
  for (const path of ['/', '/api/v1/indexes', '/grep/shop/?from=']) {
    const answer = await page.goto(renamed + path);
    assert.equal(answer.status(), 421, path);
    assert.doesNotMatch(await page.content(), /logstash|secret/);
  }
});

test('what was stored is text in the administration', async (t) => {
  const server = await openShop(t);
  await server.send('shop', [Object.fromEntries(HOSTILE.map((text) => [text, text]))]);
  await server.call('POST', '/shop/shortcuts', { name: 'odd', url: LINK, description: IMG, default_field: BREAK });
  const { page, troubles } = await openBrowser(t);
  await page.goto(`${server.url}/admin/#index/shop`);
  for (const text of HOSTILE) await page.locator('.flags td.name').getByText(text, { exact: true }).waitFor();
  await page.locator('.grid td.name').getByText(LINK, { exact: true }).last().waitFor();
  await assertNothingRan(page, 'the administration');
  await page.goto(`${server.url}/admin/#index/${encodeURIComponent(IMG)}`);
  await assertNothingRan(page, 'a hostile place');
  assert.deepEqual(troubles, []);
});
