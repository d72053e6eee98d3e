/* Users, their roles, passwords and tokens. */

import { useSignal } from '@preact/signals';
import { addToken, addUser, changeUser, dropToken, dropUser, ROLES, users, type Role, type User } from './admin_api.ts';
import { DropButton, Input, Said, Section, text, useDoing, useLoaded } from './admin_form.tsx';
import { copyText } from './dom.ts';
import { asker } from './session.ts';

export function AdminUsers() {
  const loaded = useLoaded('', users);
  const list = loaded.value.value;
  const reload = (): Promise<void> => loaded.load();
  return (
    <Section title="Users">
      {loaded.trouble.value !== '' && <p class="banner" role="alert">{loaded.trouble.value}</p>}
      {list !== null && list.length === 0 && (
        <p class="note">No users: whoever works on this machine may do everything, others nothing. The first one is an
          admin; from then on everybody logs in.</p>
      )}
      {list?.map((user) => <UserCard key={user.name} user={user} reload={reload} />)}
      {list !== null && <AddUser isFirst={list.length === 0} reload={reload} />}
    </Section>
  );
}

function AddUser({ isFirst, reload }: { isFirst: boolean; reload: () => Promise<void> }) {
  const doing = useDoing();
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const name = text(form, 'name').trim();
    if (!await doing.run(() => addUser(name, text(form, 'role') as Role, text(form, 'password')), `${name} is there.`)) return;
    if (isFirst) return location.reload(); /* from now on we have to log in */
    form.reset();
    await reload();
  };
  return (
    <form class="settings" aria-label="New user" onSubmit={(event) => void submit(event)}>
      <Input label="New user" name="name" required placeholder="name" />
      <RoleField value={isFirst ? 'admin' : 'reader'} />
      <Input label="Password" name="password" type="password" required={isFirst} autocomplete="new-password"
        note={isFirst ? 'you log in with it right away' : 'without one the user has only tokens'} />
      <div class="foot">
        <button type="submit" class="btn" disabled={doing.busy.value}>Add</button>
        <Said doing={doing} />
      </div>
    </form>
  );
}

const MAY: Record<Role, string> = {
  reader: 'reads logs and settings', writer: 'sends logs and does nothing else', admin: 'does everything',
};

function RoleField({ value }: { value: Role }) {
  return (
    <label class="field"><span>Role</span>
      <select name="role">
        {ROLES.map((role) => <option key={role} value={role} selected={role === value}>{role}: {MAY[role]}</option>)}
      </select>
    </label>
  );
}

function UserCard({ user, reload }: { user: User; reload: () => Promise<void> }) {
  const doing = useDoing();
  const { name } = user;
  const act = async (what: () => Promise<unknown>, said: string): Promise<boolean> => {
    const isDone = await doing.run(what, said);
    if (isDone) await reload();
    return isDone;
  };
  const setRole = (event: Event): void => {
    const select = event.currentTarget as HTMLSelectElement;
    const role = select.value as Role;
    select.value = user.role; /* it changes when the server has it */
    void act(() => changeUser(name, { role }), `${name} is ${role}.`);
  };
  const setPassword = async (event: Event): Promise<void> => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const isMe = asker.value?.name === name;
    if (!await act(() => changeUser(name, { password: text(form, 'password') }), 'New password; sessions have ended.')) return;
    form.reset();
    if (isMe) location.reload();
  };
  return (
    <article class="user" aria-label={name}>
      <h3>{name}{asker.value?.name === name && <small> that is you</small>}{!user.has_password && <small> without a password</small>}</h3>
      <div class="line">
        <label class="field"><span>Role</span>
          <select aria-label={`Role of ${name}`} value={user.role} onChange={setRole}>
            {ROLES.map((role) => <option key={role} value={role}>{role}</option>)}
          </select></label>
        <form class="line" aria-label={`Password of ${name}`} onSubmit={(event) => void setPassword(event)}>
          <Input label="New password" name="password" type="password" required autocomplete="new-password" />
          <button type="submit" class="btn" disabled={doing.busy.value}>Set</button>
        </form>
        <DropButton what="user" name={name} onDrop={() => act(() => dropUser(name), '')} />
      </div>
      <Tokens user={user} act={act} />
      <Said doing={doing} />
    </article>
  );
}

function Tokens({ user, act }: { user: User; act: (what: () => Promise<unknown>, said: string) => Promise<boolean> }) {
  const fresh = useSignal<string | null>(null);
  const isCopied = useSignal(false);
  const add = async (event: Event): Promise<void> => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    isCopied.value = false;
    const isMade = await act(async () => (fresh.value = await addToken(user.name, text(form, 'token').trim())), '');
    if (isMade) form.reset();
  };
  return (
    <>
      {user.tokens.length > 0 && (
        <ul class="tokens">{user.tokens.map((token) => (
          <li key={token.name}>token <b>{token.name}</b> <small>since {token.created.slice(0, 10)}</small>
            <button type="button" class="link danger" aria-label={`Drop token ${token.name}`}
              onClick={() => void act(() => dropToken(user.name, token.name), `Token ${token.name} is gone.`)}>drop</button></li>
        ))}</ul>
      )}
      <form class="line" aria-label={`New token of ${user.name}`} onSubmit={(event) => void add(event)}>
        <Input label="New token" name="token" placeholder="name, or none" />
        <button type="submit" class="btn">Make</button>
      </form>
      {fresh.value !== null && (
        <p class="secret" role="status">Shown this once: <code>{fresh.value}</code>{' '}
          <button type="button" class="btn" onClick={() => void copyText(fresh.value!).then((ok) => (isCopied.value = ok))}>
            {isCopied.value ? 'Copied' : 'Copy'}</button></p>
      )}
    </>
  );
}
