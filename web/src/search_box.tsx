/* The query box: an input over a coloured copy of its text, and below it what the server made of it. */

import { useEffect, useRef } from 'preact/hooks';
import { isCaseSensitive, parseQueryText, type Part } from './query_text.ts';
import type { LogControl } from './log_control.ts';

export function SearchBox({ control }: { control: LogControl }) {
  const input = useRef<HTMLInputElement>(null);
  const mirror = useRef<HTMLDivElement>(null);
  const text = control.draft.value;
  const problem = control.reader.problem.value;
  const refused = problem !== null && problem.status === 400 && text.trim() === control.view.value.q
    ? problem : null;
  const readAs = control.reader.report.value?.readAs ?? null;

  /* At once, not after the next paint: whoever presses `/` types on. */
  control.focusSearch = () => {
    const box = input.current!;
    box.focus();
    box.setSelectionRange(text.length, text.length);
  };

  const follow = (): void => {
    mirror.current!.scrollLeft = input.current!.scrollLeft;
  };
  useEffect(follow, [text]);

  return (
    <form class={`q ${refused ? 'refused' : ''}`} role="search" onSubmit={(event) => {
      event.preventDefault();
      control.submit();
    }}>
      <div class="q-text">
        <div class="q-mirror" ref={mirror} aria-hidden="true">
          <Coloured text={text} known={new Set(control.reader.summary.fields.value.map((field) => field.name))} />
        </div>
        <input ref={input} class="q-input" type="text" name="q" value={text}
          placeholder="search, or @field=value" aria-label="Search" autocomplete="off"
          autocapitalize="off" spellcheck={false} title={readAs === null ? '' : `read as: ${readAs}`}
          aria-invalid={refused !== null} aria-describedby="q-note"
          onInput={(event) => (control.draft.value = event.currentTarget.value)}
          onScroll={follow} onKeyDown={(event) => {
            if (event.key === 'Escape') event.currentTarget.blur();
          }} />
      </div>
      {text !== '' && (
        <button type="button" class="q-clear" title="Clear the query" aria-label="Clear the query"
          onClick={() => control.go({ q: '', context: 'off' })}>{'\u00d7'}</button>
      )}
      <button type="button" class={`q-toggle ${isCaseSensitive(text) ? 'on' : ''}`}
        title="Tell upper from lower case (case:yes)" aria-pressed={isCaseSensitive(text)}
        onClick={() => control.toggleCase()}>Aa</button>
      <button type="button" class={`q-toggle ${control.view.value.context === 'off' ? '' : 'on'}`}
        title="The lines around the hits, too: the text goes, @filters stay (c)" aria-pressed={control.view.value.context !== 'off'}
        onClick={() => control.toggleContext()}>context</button>
      <button type="submit" class="q-toggle go" title="Show the hits (Enter)">grep</button>
      <div class={`q-note ${refused ? 'error' : ''}`} id="q-note" role={refused ? 'alert' : undefined}>
        {refused !== null && refused.column !== null && (
          <div class="q-column">
            <span class="q-before">{text.slice(0, refused.column - 1)}</span>{'\u25b2'}
          </div>
        )}
        {refused !== null ? refused.message : readAs !== null && text !== '' ? `read as: ${readAs}` : ''}
      </div>
    </form>
  );
}

function Coloured({ text, known }: { text: string; known: ReadonlySet<string> }) {
  return <>{parseQueryText(text, known).map((part) => <ColouredPart key={part.start} text={text} part={part} />)}</>;
}

function ColouredPart({ text, part }: { text: string; part: Part }) {
  const whole = text.slice(part.start, part.end);
  if (part.kind === 'filter') {
    const valueAt = part.valueStart! - part.start;
    const opAt = valueAt - part.op!.length;
    return (
      <>
        <span class={part.negated ? 'neg' : 'f'}>{whole.slice(0, opAt)}</span>
        <span class="op">{part.op}</span>
        {part.op === '!=' || part.negated ? <span class="neg">{whole.slice(valueAt)}</span> : whole.slice(valueAt)}
      </>
    );
  }
  const shade = part.negated ? 'neg' : part.kind === 'regex' ? 're'
    : part.kind === 'word-op' || part.kind === 'bracket' ? 'op' : '';
  return shade === '' ? <>{whole}</> : <span class={shade}>{whole}</span>;
}
