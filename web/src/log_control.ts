/* What one can do on a log page: every key, click and menu entry ends in a method here.
 *
 * It joins the view (the address), the reader (rows and requests) and the list (what is on the screen).
 * The address is written here and nowhere else. */

import { computed, effect, signal, untracked } from '@preact/signals';
import { indexInfo, type IndexInfo } from './api.ts';
import { nextStep } from './buckets.ts';
import { columnWidths, defaultColumns } from './columns.ts';
import { makeBlocks, makeDetail, type DetailActions } from './detail.ts';
import { copyText } from './dom.ts';
import type { Command } from './keys.ts';
import { plainText } from './json.ts';
import { fieldAt } from './level.ts';
import { clearField, excludeValue, onlyValue, toggleCase, toggleField, toggleValue } from './query_text.ts';
import { Reader, type Screen } from './reader.ts';
import { isEmpty, rowElementId } from './row_paint.ts';
import { ROW_HEIGHT, RowList, type ListEvents, type ListSource, type Part, type Place, type Viewed } from './rows.ts';
import { panelShown, storeColumns, storedColumns, wrap, zone } from './settings.ts';
import { formatNs, msOf, trimZeros } from './time.ts';
import { logAddress, type Context, type RowRef, type View } from './url_state.ts';
import type { Row, Side } from './window.ts';

export type Pick = 'only' | 'toggle' | 'exclude';

const NO_PILLS: ReadonlySet<string> = new Set();

/* Where the style sheet makes the panel a sheet. */
function isNarrow(): boolean {
  return matchMedia('(max-width: 760px)').matches;
}

export class LogControl implements Screen, ListSource, ListEvents {
  readonly view;
  readonly draft; /* the text in the query box */
  readonly reader;
  readonly current = signal<Row | null>(null);
  readonly viewedRows = signal<Viewed | null>(null);
  readonly helpOpen = signal(false);
  readonly rangeOpen = signal(false);
  readonly sheetOpen = signal(false); /* the panel on a narrow screen */
  focusSearch = (): void => {}; /* set by the query box */
  readonly said = signal(''); /* a short word in the status line */

  readonly retention = signal<IndexInfo[]>([]);

  private readonly expanded = new Set<string>();
  private readonly openPills = new Map<string, Set<string>>(); /* by row */
  private readonly turned = new Set<string>(); /* rows folded otherwise than `wrap` says */
  private list: RowList | null = null;
  private readonly stops: Array<() => void> = [];
  private addressTimer: ReturnType<typeof setTimeout> | undefined;
  private saidTimer: ReturnType<typeof setTimeout> | undefined;
  private widths: { columns: string; text: string } | null = null;

  constructor(view: View) {
    this.view = signal(view);
    this.draft = signal(view.q);
    this.reader = new Reader(this, view);
  }

  /* Columns: as the address says, as chosen here before, or the page's own choice. */
  readonly columns = computed(() =>
    this.view.value.columns ?? this.chosenColumns.value ?? this.ownColumns.value);
  private readonly chosenColumns = signal<string[] | null>(null);
  private readonly ownColumns = signal<string[]>([]);
  private readonly seenFields = signal<ReadonlySet<string>>(new Set()); /* of the rows that came first */

  get hasChosenColumns(): boolean {
    return (this.view.value.columns ?? this.chosenColumns.value) !== null;
  }

  readonly contextFields = computed(() => {
    const fields = this.reader.summary.fields.value;
    if (fields.length === 0) return ['exc_info', 'stack_info'];
    return fields.filter((field) => field.context).map((field) => field.name);
  });

  readonly filterFields = computed(() =>
    this.reader.summary.fields.value.filter((field) => field.filtered).map((field) => field.name));

  attach(scroller: HTMLElement): void {
    this.list = new RowList(scroller, this, this);
    this.chosenColumns.value = storedColumns(this.view.value.indexes);
    scroller.classList.toggle('wrap', wrap.value === 'on');
    let first = true;
    this.stops.push(effect(() => {
      void [this.columns.value, this.contextFields.value, this.filterFields.value, wrap.value, zone.value];
      if (!first) untracked(() => this.repaint());
      first = false;
    }));
    this.stops.push(effect(() => {
      const fields = this.reader.summary.fields.value;
      if (fields.length > 0) untracked(() => this.chooseColumns());
    }));
    void this.reader.run(this.view.value);
    const names = this.view.value.indexes;
    void Promise.all(names.map((name) => indexInfo(name))).then((found) => (this.retention.value = found), () => undefined);
  }

  /* The two places beyond the rows, for whoever draws them. */
  mountMarkers(mount: (marker: HTMLElement, side: Side) => void): void {
    if (this.list === null) return;
    mount(this.list.olderMarker, 'older');
    mount(this.list.newerMarker, 'newer');
  }

  close(): void {
    this.stops.forEach((stop) => stop());
    clearTimeout(this.addressTimer);
    this.reader.close();
  }

  /* ---- the view ---- */

  /* Another view of the log; `push` makes it a step to go back from. */
  go(change: Partial<View>, push = true): void {
    const view = { ...this.view.value, line: null, ...change };
    this.open(view);
    clearTimeout(this.addressTimer);
    history[push ? 'pushState' : 'replaceState'](null, '', logAddress(view));
  }

  /* The address changed by itself (back, forward). */
  apply(view: View): void {
    const now = this.view.value;
    if (logAddress({ ...view, columns: now.columns }) === logAddress(now)) {
      this.view.value = view;
      return;
    }
    this.open(view);
  }

  private open(view: View): void {
    this.view.value = view;
    this.draft.value = view.q;
    this.current.value = null;
    this.widths = null;
    this.expanded.clear();
    this.openPills.clear();
    this.turned.clear();
    void this.reader.run(view);
  }

  submit(): void {
    const context = this.view.value.context === 'filtered' ? 'filtered' : 'off';
    this.go({ q: this.draft.value.trim(), context });
    this.list?.scroller.focus({ preventScroll: true });
  }

  /* The button beside the query: what is typed counts, too. */
  toggleContext(): void {
    const q = this.draft.value.trim();
    this.list?.scroller.focus({ preventScroll: true });
    if (q === this.view.value.q) return this.lookAround(null);
    this.go({ q, context: this.view.value.context === 'off' ? 'filtered' : 'off' });
  }

  /* `@field=` into the query box, or out of it. */
  toggleAsked(field: string): void {
    this.draft.value = toggleField(this.draft.value, field);
    this.sheetOpen.value = false;
    this.focusSearch();
  }

  setRange(from: string, to: string): void {
    this.rangeOpen.value = false;
    this.go({ from, to });
  }

  setRangeMs(fromMs: number, toMs: number): void {
    const time = (ms: number): string => trimZeros(formatNs(BigInt(Math.round(ms)) * 1_000_000n));
    this.setRange(time(fromMs), time(toMs));
  }

  pickValue(field: string, value: string, pick: Pick): void {
    const edit = { only: onlyValue, toggle: toggleValue, exclude: excludeValue }[pick];
    this.go({ q: edit(this.draft.value, field, value) });
  }

  clearField(field: string): void {
    this.go({ q: clearField(this.draft.value, field) });
  }

  toggleCase(): void {
    this.go({ q: toggleCase(this.draft.value) });
  }

  setColumns(columns: string[] | null): void {
    const isOwn = columns?.join() === this.ownColumns.value.join();
    const chosen = isOwn ? null : columns;
    storeColumns(this.view.value.indexes, chosen);
    clearTimeout(this.addressTimer);
    const before = { ...this.view.value, columns: this.columns.value };
    if (this.view.value.columns === null) history.replaceState(null, '', logAddress(before)); /* for Back */
    this.chosenColumns.value = chosen;
    this.view.value = { ...this.view.value, columns: chosen };
    history.pushState(null, '', logAddress(this.view.value));
  }

  /* Shown or hidden without reading anew; with none left all are shown. */
  flipColumn(name: string): void {
    const columns = this.columns.value;
    const left = columns.includes(name) ? columns.filter((other) => other !== name) : [...columns, name];
    this.setColumns(left.length > 0 ? left : this.fieldNames());
  }

  private writeAddress(): void {
    clearTimeout(this.addressTimer);
    this.addressTimer = setTimeout(() => history.replaceState(null, '', logAddress(this.view.value)), 150);
  }

  /* ---- Screen: what the reader asks for ---- */

  show(rows: readonly Row[], place: Place): void {
    if (rows.length > 0 && (this.widths === null || this.reader.summary.fields.value.length === 0)) {
      this.chooseColumns();
    }
    this.list?.show(rows, place);
    const { line } = this.view.value;
    if (this.current.value === null && line !== null) {
      const row = this.reader.window.rows.find((other) => other.id === line.id && other.index === line.index);
      if (row !== undefined) this.mark(row);
    }
  }

  repaintRows(keys: Iterable<string>): void {
    this.list?.repaintRows(keys);
  }

  hasScrolledUp(): boolean {
    return this.list?.hasScrolledUp() ?? false;
  }

  private chooseColumns(): void {
    const own = defaultColumns(this.reader.summary.fields.value, this.reader.window.rows);
    if (own.join() !== this.ownColumns.value.join()) this.ownColumns.value = own;
    const filled = this.reader.window.rows.slice(-100).flatMap((row) =>
      [...row.fields.keys()].filter((name) => !isEmpty(fieldAt(row.fields, name))));
    this.seenFields.value = new Set(filled);
    this.setWidths();
  }

  /* Widths are taken once for a set of columns: they must not wander while one reads. */
  private setWidths(): void {
    const { rows } = this.reader.window;
    if (this.list === null || rows.length === 0) return;
    const columns = this.columns.value;
    const index = this.view.value.indexes.length > 1;
    const key = JSON.stringify([columns, index]);
    if (this.widths?.columns === key) return;
    const widths = columnWidths(columns, rows);
    if (index) widths.unshift(Math.min(20, Math.max(...this.view.value.indexes.map((name) => name.length))));
    const text = widths.map((width) => `minmax(0, calc(${width}ch + 14px))`).join(' ');
    this.widths = { columns: key, text };
    this.list.scroller.style.setProperty('--columns', text);
  }

  private repaint(): void {
    this.list?.scroller.classList.toggle('wrap', wrap.value === 'on'); /* before rows are measured */
    this.setWidths();
    this.list?.repaint();
  }

  /* ---- ListSource: how rows look ---- */

  marks(row: Row): ReturnType<ListSource['marks']> {
    const pills = this.openPills.get(row.key) ?? NO_PILLS;
    return {
      current: row.key === this.current.value?.key,
      hit: this.reader.hitKeys.has(row.key),
      detail: this.expanded.has(row.key)
        ? makeDetail(row, this.contextFields.value, zone.value, this.detailActions)
        : pills.size > 0 ? makeBlocks(row, pills, this.contextFields.value, this.detailActions) : null,
      pills,
      wide: (wrap.value === 'on') !== this.turned.has(row.key),
    };
  }

  style(): ReturnType<ListSource['style']> {
    return {
      columns: this.columns.value,
      contextFields: this.contextFields.value,
      showIndex: this.view.value.indexes.length > 1,
      filterFields: this.filterFields.value,
      zone: zone.value,
    };
  }

  private readonly detailActions: DetailActions = {
    only: (field, value) => this.pickValue(field, value, 'only'),
    not: (field, value) => this.pickValue(field, value, 'exclude'),
    toggleColumn: (field) => this.flipColumn(field),
    around: (row) => this.lookAround(row),
    link: (row) => this.linkTo(row),
    resized: () => this.list?.remeasure(),
  };

  /* ---- ListEvents: what happens in the list ---- */

  nearEdge(side: Side): void {
    void this.reader.extend(side);
  }

  viewed(viewed: Viewed | null): void {
    const old = this.viewedRows.value;
    if (old?.first === viewed?.first && old?.last === viewed?.last && old?.atBottom === viewed?.atBottom) return;
    this.viewedRows.value = viewed;
  }

  scrolledUp(): void {
    this.reader.pause();
  }

  reachedBottom(): void {
    this.reader.reachedBottom();
  }

  clicked(row: Row, part: Part, field: string): void {
    if (part === 'cell' && this.pickCell(row, field)) return;
    this.setCurrent(row);
    if (part === 'pill' && !this.expanded.has(row.key)) this.flipPill(row, field);
    else if (part === 'gutter' || part === 'more' || part === 'pill') this.flip(row);
  }

  /* A value that stands in the panel is chosen there; anything else is plain text. */
  private pickCell(row: Row, field: string): boolean {
    const value = plainText(fieldAt(row.fields, field) ?? null);
    const known = this.reader.summary.panel.value.find(({ name }) => name === field)?.values;
    if (known?.some((other) => other.value === value) !== true) return false;
    this.pickValue(field, value, 'only');
    return true;
  }

  folded(row: Row): void {
    if (!this.turned.delete(row.key)) this.turned.add(row.key);
    this.list?.repaintRows([row.key]);
  }

  private flipPill(row: Row, field: string): void {
    const open = new Set(this.openPills.get(row.key));
    if (!open.delete(field)) open.add(field);
    this.openPills.set(row.key, open);
    this.list?.repaintRows([row.key]);
  }

  /* ---- one row ---- */

  private mark(row: Row | null): void {
    const old = this.current.value;
    if (old?.key === row?.key) return;
    this.current.value = row;
    const keys = [old?.key, row?.key].filter((key) => key !== undefined);
    this.list?.repaintRows(keys);
    const grid = this.list?.scroller;
    if (row === null) grid?.removeAttribute('aria-activedescendant');
    else grid?.setAttribute('aria-activedescendant', rowElementId(row.key));
  }

  setCurrent(row: Row): void {
    this.mark(row);
    this.view.value = { ...this.view.value, line: { index: row.index, id: row.id } };
    this.writeAddress();
  }

  flip(row: Row): void {
    this.openPills.delete(row.key);
    if (!this.expanded.delete(row.key)) this.expanded.add(row.key);
    this.list?.repaintRows([row.key]);
  }

  /* A link that means the same tomorrow: with absolute bounds. */
  linkTo(row: Row): string {
    const { from, to } = this.reader.hitReading();
    const line: RowRef = { index: row.index, id: row.id };
    return location.origin + logAddress({ ...this.view.value, from, to, line, columns: this.view.value.columns ?? this.chosenColumns.value });
  }

  /* From hits to the lines around them and back; the place is kept. With a row: among all lines. */
  lookAround(row: Row | null): void {
    const seen = row ?? this.current.value ?? this.list?.firstInView() ?? null;
    const context: Context = row !== null ? 'all' : this.view.value.context === 'off' ? 'filtered' : 'off';
    const place = context === 'off' && seen !== null ? this.reader.nearestHit(seen) : seen;
    const line = place === null ? null : { index: place.index, id: place.id };
    const offset = place === null ? null : (this.list?.offsetOf(place.key) ?? null);
    const view: View = { ...this.view.value, context, line };
    history.pushState(null, '', logAddress(view));
    this.view.value = view;
    this.current.value = place;
    void this.reader.run(view, offset);
  }

  /* ---- commands ---- */

  do(command: Command): void {
    const { list } = this;
    if (list === null) return;
    const page = list.viewHeight - 2 * ROW_HEIGHT;
    switch (command) {
      case 'down': return this.step(1);
      case 'up': return this.step(-1);
      case 'half-down': return this.leap(page / 2);
      case 'half-up': return this.leap(-page / 2);
      case 'page-down': return this.leap(page);
      case 'page-up': return this.leap(-page);
      case 'start': return this.toStart();
      case 'end': return this.toEnd();
      case 'follow': return this.follow(true);
      case 'search': return this.focusSearch();
      case 'next': return void this.nextHit('newer');
      case 'previous': return void this.nextHit('older');
      case 'context': return this.lookAround(null);
      case 'around': return this.lookAround(this.current.value ?? list.firstInView());
      case 'step-back': return this.toStep('older');
      case 'step-on': return this.toStep('newer');
      case 'wrap': return this.flipWrap();
      case 'expand': return this.expandCurrent();
      case 'link': return void this.copyLink();
      case 'time': return void (this.rangeOpen.value = true);
      case 'panel': return this.flipPanel();
      case 'help': return void (this.helpOpen.value = true);
      case 'escape': return this.escape();
    }
  }

  private flipWrap(): void {
    this.turned.clear();
    wrap.value = wrap.value === 'on' ? 'off' : 'on';
  }

  private step(by: 1 | -1): void {
    const { list, reader } = this;
    if (list === null) return;
    if (by < 0) reader.pause();
    const { rows } = reader.window;
    const now = this.current.value;
    const at = now === null ? -1 : reader.window.indexOf(now.key);
    const visible = now !== null && list.isInView(now.key);
    const row = at >= 0 && visible ? rows[at + by] : by > 0 ? list.firstInView() : list.lastInView();
    if (row === undefined || row === null) return;
    this.setCurrent(row);
    list.reveal(row.key, 'nearest');
  }

  private leap(pixels: number): void {
    const { list } = this;
    if (list === null) return;
    if (pixels < 0) this.reader.pause();
    list.scrollBy(Math.round(pixels / ROW_HEIGHT) * ROW_HEIGHT);
  }

  private toStart(): void {
    this.reader.pause();
    void this.reader.goStart();
  }

  private toEnd(): void {
    if (this.reader.follow.value === 'paused') this.reader.resume();
    else void this.reader.goEnd();
  }

  /* From bar to bar of the histogram; rows of the bar that holds the top line begin above it or at it. */
  private toStep(side: Side): void {
    const chart = this.reader.summary.chart.value;
    const first = this.list?.firstInView() ?? null;
    const ms = chart === null || first === null ? null : nextStep(chart, msOf(first.time), side);
    if (ms === null) return this.say(side === 'older' ? 'no bar before this one' : 'no bar after this one');
    this.reader.pause();
    void this.reader.goTime(ms);
  }

  follow(on: boolean): void {
    if (!on) return this.reader.stopFollow();
    if (this.reader.follow.value === 'paused') return this.reader.resume();
    if (this.view.value.to !== '') {
      const view = { ...this.view.value, to: '', line: null };
      this.view.value = view;
      this.writeAddress();
    }
    void this.reader.startFollow();
  }

  private async nextHit(side: Side): Promise<void> {
    const { list, reader } = this;
    const from = this.current.value ?? (side === 'older' ? list?.lastInView() : list?.firstInView()) ?? null;
    if (list === null || from === null) return;
    if (this.view.value.context === 'off') return this.step(side === 'older' ? -1 : 1);
    const hit = await reader.findHit(side, from);
    if (hit === null) return this.say(side === 'older' ? 'no hit before this one' : 'no hit after this one');
    await reader.goRow(hit, list.viewHeight / 3);
    const { window } = reader;
    const row = window.rows[window.indexOf(hit.key)];
    if (row !== undefined) this.setCurrent(row);
  }

  private expandCurrent(): void {
    const row = this.current.value ?? this.list?.firstInView() ?? null;
    if (row === null) return;
    this.setCurrent(row);
    this.flip(row);
  }

  private async copyLink(): Promise<void> {
    const row = this.current.value;
    if (row === null) return this.say('no line is selected');
    this.say((await copyText(this.linkTo(row))) ? 'address copied' : 'no clipboard');
  }

  get isPanelOpen(): boolean {
    return isNarrow() ? this.sheetOpen.value : panelShown.value === 'on';
  }

  flipPanel(): void {
    if (isNarrow()) this.sheetOpen.value = !this.sheetOpen.value;
    else panelShown.value = panelShown.value === 'on' ? 'off' : 'on';
  }

  /* Close what lies on top; with nothing open, stop following, then leave the context. */
  private escape(): void {
    if (this.helpOpen.value) this.helpOpen.value = false;
    else if (this.rangeOpen.value) this.rangeOpen.value = false;
    else if (this.sheetOpen.value) this.sheetOpen.value = false;
    else if (this.reader.follow.value !== 'off') this.reader.stopFollow();
    else if (this.view.value.context !== 'off') this.lookAround(null);
    else this.mark(null);
  }

  say(text: string): void {
    this.said.value = text;
    clearTimeout(this.saidTimer);
    this.saidTimer = setTimeout(() => (this.said.value = ''), 2500);
  }

  /* Fields that may be columns; before the server has named them those of the rows. */
  fieldNames(): string[] {
    const known = this.reader.summary.fields.value;
    if (known.length === 0) return [...this.seenFields.value];
    return this.seenFirst(known.filter((field) => field.display).map((field) => field.name));
  }

  /* A log may have thousands of fields: those that are there to be seen come first. */
  seenFirst(names: readonly string[]): string[] {
    const seen = this.seenFields.value;
    return [...names.filter((name) => seen.has(name)), ...names.filter((name) => !seen.has(name))];
  }
}
