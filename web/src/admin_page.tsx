/* The administration: indexes with their settings, fields and shortcuts; users. For admins; the server refuses
 * others, and its sentence is all they see. Where one is stands behind the # of the address. */

import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import './admin.css';
import { AdminIndexPage } from './admin_index.tsx';
import { AdminIndexes } from './admin_indexes.tsx';
import { placeOf } from './admin_text.ts';
import { AdminUsers } from './admin_users.tsx';
import { asker } from './session.ts';
import { Who } from './who.tsx';

export function AdminPage() {
  const hash = useSignal(location.hash);
  useEffect(() => {
    const follow = (): void => void (hash.value = location.hash);
    addEventListener('hashchange', follow);
    return () => removeEventListener('hashchange', follow);
  }, []);
  const place = placeOf(hash.value);
  const role = asker.value?.role;
  return (
    <div class="home admin">
      <header class="top">
        <a class="logo" href="/">alco<i>_</i></a>
        <nav aria-label="Administration">
          <a href="#" class={place.page === 'users' ? '' : 'on'}>Indexes</a>
          <a href="#users" class={place.page === 'users' ? 'on' : ''}>Users</a>
        </nav>
        <span class="spring" />
        <Who />
      </header>
      <main>
        {role !== undefined && role !== 'admin'
          ? <p class="banner" role="alert">This is for admins; you are {role}. <a class="link" href="/">To the logs</a></p>
          : place.page === 'users' ? <AdminUsers />
          : place.page === 'index' ? <AdminIndexPage key={place.name} name={place.name} />
          : <AdminIndexes />}
      </main>
    </div>
  );
}
