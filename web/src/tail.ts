/* Following a log: server-sent events over fetch.
 *
 * Not EventSource, because that cannot be told from which position to go on when Follow is switched on
 * again, and hides the server's sentence when it refuses. A broken connection is resumed behind the last
 * event by its id; `reset` means that this is no longer possible and the reader must read anew. */

import { indexPath, isAbort, readHit, readReport, request, Problem, type Report } from './api.ts';
import { parseJson } from './json.ts';
import type { Row } from './window.ts';

export interface ServerEvent {
  type: string;
  data: string;
  id: string | null;
}

/* The event-stream format of the HTML standard, fed with text as it comes. */
export class EventParser {
  /* Of the last block of lines that was complete, with or without data: where to resume. */
  lastId: string | null = null;
  private rest = '';
  private type = '';
  private data: string[] = [];
  private id: string | null = null;

  feed(text: string): ServerEvent[] {
    const events: ServerEvent[] = [];
    let input = this.rest + text;
    /* A carriage return at the very end may be half of a line end. */
    const held = input.endsWith('\r') ? '\r' : '';
    if (held !== '') input = input.slice(0, -1);
    const lines = input.split(/\r\n|\n|\r/);
    this.rest = lines.pop()! + held;
    for (const line of lines) {
      const event = this.line(line);
      if (event !== null) events.push(event);
    }
    return events;
  }

  private line(line: string): ServerEvent | null {
    if (line === '') return this.dispatch();
    const colon = line.indexOf(':');
    if (colon === 0) return null; /* a comment: the heartbeat */
    const name = colon < 0 ? line : line.slice(0, colon);
    let value = colon < 0 ? '' : line.slice(colon + 1);
    if (value.startsWith(' ')) value = value.slice(1);
    if (name === 'event') this.type = value;
    else if (name === 'data') this.data.push(value);
    else if (name === 'id' && !value.includes('\0')) this.id = value;
    return null;
  }

  private dispatch(): ServerEvent | null {
    const { type, data, id } = this;
    this.type = '';
    this.data = [];
    this.lastId = id;
    if (data.length === 0 && type !== 'reset') return null;
    return { type: type || 'message', data: data.join('\n'), id };
  }
}

export interface TailEvents {
  opened(resumed: boolean): void;
  rows(rows: Row[]): void;
  reset(): void;
  partial(report: Report): void; /* rows are missing: what, and why */
  lost(why: string): void; /* it will be tried again */
  refused(problem: Problem): void; /* it will not */
}

const RETRY_FIRST_MS = 500;
const RETRY_MAX_MS = 15_000;

export class Tail {
  private readonly abort = new AbortController();
  private lastId: string | null = null;

  constructor(
    private readonly indexes: readonly string[],
    private readonly q: string,
    private readonly events: TailEvents,
  ) {
    void this.run();
  }

  stop(): void {
    this.abort.abort();
  }

  private async run(): Promise<void> {
    let retryMs = RETRY_FIRST_MS;
    while (!this.abort.signal.aborted) {
      let why = 'the server closed the connection';
      try {
        await this.connect(() => (retryMs = RETRY_FIRST_MS));
      } catch (error) {
        if (isAbort(error) || this.abort.signal.aborted) return;
        if (error instanceof Problem && error.status >= 400 && error.status < 500) {
          return this.events.refused(error);
        }
        if (error instanceof Problem && error.status > 0) why = error.message;
        else why = 'the connection broke';
      }
      if (this.abort.signal.aborted) return;
      this.events.lost(why);
      await this.pause(retryMs);
      retryMs = Math.min(retryMs * 2, RETRY_MAX_MS);
    }
  }

  private async connect(connected: () => void): Promise<void> {
    const query = this.q === '' ? '' : `?${new URLSearchParams({ q: this.q })}`;
    const headers: Record<string, string> = { accept: 'text/event-stream' };
    if (this.lastId !== null) headers['last-event-id'] = this.lastId;
    const response = await request(indexPath(this.indexes, 'tail') + query, () => ({
      headers, cache: 'no-store', signal: this.abort.signal,
    }));
    connected();
    this.events.opened(this.lastId !== null);
    const reader = response.body!.getReader();
    const decoder = new TextDecoder();
    const parser = new EventParser();
    for (;;) {
      const { done, value } = await reader.read();
      if (done || this.abort.signal.aborted) return;
      this.take(parser.feed(decoder.decode(value, { stream: true })));
      this.lastId = parser.lastId ?? this.lastId;
    }
  }

  private take(events: readonly ServerEvent[]): void {
    let rows: Row[] = [];
    const flush = (): void => {
      if (rows.length > 0) this.events.rows(rows);
      rows = [];
    };
    for (const { type, data } of events) {
      if (type === 'reset') {
        flush();
        this.events.reset();
      } else if (type === 'partial') {
        this.events.partial(readReport(parseJson(data)));
      } else if (type === 'message') {
        rows.push(readHit(parseJson(data), this.indexes[0]!));
      }
    }
    flush();
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.abort.signal.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true });
    });
  }
}
