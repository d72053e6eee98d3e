/* What stands before everything while the server does not know who asks: the login form, or what the server says
 * while there are no users. The page behind it stays as it is and goes on when the gate opens. */

import { useSignal } from '@preact/signals';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import { ask, Problem } from './api.ts';
import { locked, openGate, wasServed } from './gate.ts';
import { asker, login, me } from './session.ts';

/* A page that never had an answer is asked for anew: for somebody known its address may lead elsewhere. */
function goOn(): void {
  if (wasServed()) openGate();
  else location.reload();
}

export function LoginGate() {
  const sentence = locked.value;
  return sentence === null ? null : <LoginDialog sentence={sentence} />;
}

function LoginDialog({ sentence }: { sentence: string }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => dialog.current!.showModal(), []);
  useOtherTab();
  const isLogin = !sentence.startsWith('there are no users');
  return (
    <dialog ref={dialog} class="login" aria-labelledby="login-title"
      onCancel={(event) => event.preventDefault()} onClose={() => dialog.current?.showModal()}>
      <h1 id="login-title"><span class="logo">alco<i>_</i></span> {isLogin ? 'Log in' : 'Nobody is served yet'}</h1>
      {isLogin ? <LoginForm /> : <NoUsers sentence={sentence} />}
    </dialog>
  );
}

/* Somebody may have logged in beside us, in another tab. */
function useOtherTab(): void {
  useEffect(() => {
    const look = (): void => void ask('/api/v1/me', {}).then(goOnAgain, () => undefined);
    addEventListener('focus', look);
    return () => removeEventListener('focus', look);
  }, []);
}

function LoginForm() {
  const form = useRef<HTMLFormElement>(null);
  const trouble = useSignal('');
  const busy = useSignal(false);
  const waitS = useSignal(0);

  const known = asker.value?.name ?? ''; /* whose session ended */
  useEffect(() => {
    if (waitS.value === 0) return;
    const timer = setTimeout(() => waitS.value--, 1000);
    return () => clearTimeout(timer);
  }, [waitS.value]);

  const field = (name: string): HTMLInputElement => form.current!.elements.namedItem(name) as HTMLInputElement;
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (busy.value || waitS.value > 0) return;
    busy.value = true;
    try {
      await login(field('name').value, field('password').value);
      goOn();
    } catch (error) {
      trouble.value = error instanceof Error ? error.message : String(error);
      waitS.value = error instanceof Problem ? error.waitS ?? 0 : 0;
      field('password').select(); /* gives it the focus, too */
    } finally {
      busy.value = false;
    }
  };
  return (
    <form ref={form} onSubmit={(event) => void submit(event)}>
      {wasServed() && <p>The session has ended. Log in to read on.</p>}
      <label>Name<input name="name" defaultValue={known} autofocus={known === ''} autocomplete="username" autocapitalize="off" spellcheck={false} required /></label>
      <label>Password<input name="password" type="password" autofocus={known !== ''} autocomplete="current-password" required /></label>
      {trouble.value !== '' && <p class="trouble" role="alert">{trouble.value}</p>}
      <button type="submit" class="btn" disabled={busy.value || waitS.value > 0}>
        {waitS.value > 0 ? `Log in (${waitS.value} s)` : 'Log in'}
      </button>
    </form>
  );
}

/* The sentence of the server with the command in it set apart. */
function NoUsers({ sentence }: { sentence: string }) {
  const parts = sentence.split('`');
  return (
    <>
      <p>{parts.map((part, i) => (i % 2 === 1 ? <code key={i}>{part}</code> : part))}</p>
      <button type="button" class="btn" onClick={goOnAgain}>Try again</button>
    </>
  );
}

/* Who asks is not known to be the one from before. */
function goOnAgain(): void {
  if (!wasServed()) return location.reload();
  openGate();
  void me().catch(() => undefined);
}
