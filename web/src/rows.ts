/* The list of rows: a few screens of elements over a window of thousands of records.
 *
 * Shape: a scroller holds a sizer as tall as all loaded rows; in it a pane, shifted to its place, holds
 * elements for the rows in view and a little more, in reading order (so that text can be selected across
 * rows). Elements that leave the view are filled anew for rows that enter it.
 * Invariants: (1) whatever changes - rows put before, thrown away, opened, measured - the line at the top
 * of the view stays where it is, unless the caller asks for another place; (2) a scroll position that we
 * set ourselves is never taken for the reader's wish. */

import { make, textIsSelected } from './dom.ts';
import { Layout, type Anchor } from './layout.ts';
import { newRowElement, paintRow, type PaintStyle, type RowMarks } from './row_paint.ts';
import { dayOf } from './time.ts';
import type { Row, Side } from './window.ts';

export const ROW_HEIGHT = 20;
const MARKER_HEIGHT = 34; /* room for "start of the range" above the rows, and at least for "now" below */
const OVERSCAN = 300;
const PREFETCH_SCREENS = 2;

const DOUBLE_CLICK_MS = 250; /* a second click within it selects a word */

export type Part = 'gutter' | 'more' | 'pill' | 'cell' | 'text';

/* Where to look after the rows changed. */
export type Place = 'stay' | 'bottom' | 'top' | Anchor;

export interface Viewed {
  first: Row;
  last: Row;
  atBottom: boolean;
}

export interface ListEvents {
  nearEdge(side: Side): void;
  viewed(viewed: Viewed | null): void;
  scrolledUp(): void;
  reachedBottom(): void;
  clicked(row: Row, part: Part, field: string): void; /* field: of a pill or a cell */
  folded(row: Row): void; /* a long message is to be shown in full, or on one line again */
}

export interface ListSource {
  marks(row: Row): Omit<RowMarks, 'lead'>;
  style(): PaintStyle;
}

export class RowList {
  readonly olderMarker = make('div', 'marker older');
  readonly newerMarker = make('div', 'marker newer');
  private readonly sizer = make('div', 'sizer');
  private readonly pane = make('div', 'pane');
  private readonly layout = new Layout(ROW_HEIGHT, ROW_HEIGHT);
  private readonly elements = new Map<string, HTMLElement>();
  private readonly days = new WeakMap<Row, string>();
  private daysZone = '';
  private rows: readonly Row[] = [];
  private lastTop = 0;
  private width = 0;
  private hadSelection = false; /* when the pointer went down */
  private foldTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    readonly scroller: HTMLElement,
    private readonly source: ListSource,
    private readonly events: ListEvents,
  ) {
    this.pane.setAttribute('role', 'rowgroup');
    this.sizer.append(this.olderMarker, this.pane, this.newerMarker);
    scroller.append(this.sizer);
    scroller.addEventListener('scroll', () => this.onScroll(), { passive: true });
    this.pane.addEventListener('pointerdown', () => {
      clearTimeout(this.foldTimer);
      this.hadSelection = getSelection()?.isCollapsed === false;
    });
    this.pane.addEventListener('click', (event) => this.onClick(event));
    new ResizeObserver(() => this.onResize()).observe(scroller);
    this.newerMarker.style.top = `${MARKER_HEIGHT}px`;
  }

  /* ---- what the owner calls ---- */

  show(rows: readonly Row[], place: Place): void {
    const was = this.anchor();
    this.rows = rows;
    this.layout.setRows(rows, (row) => this.day(row));
    this.settle(place === 'stay' ? was : place);
  }

  /* Rows look different (columns, wrap, zone, marks); none came or went. */
  repaint(): void {
    const was = this.anchor();
    for (const element of this.elements.values()) element.remove();
    this.elements.clear();
    if (this.daysZone !== this.source.style().zone) this.layout.setRows(this.rows, (row) => this.day(row));
    this.layout.forgetMeasured();
    this.settle(was);
  }

  /* Paint some rows again where they are. */
  repaintRows(keys: Iterable<string>): void {
    const was = this.anchor();
    for (const key of keys) {
      this.elements.get(key)?.remove();
      this.elements.delete(key);
    }
    this.settle(was);
  }

  /* An opened row changed its height by itself. */
  remeasure(): void {
    this.settle(this.anchor());
  }

  reveal(key: string, where: 'nearest' | 'center'): void {
    const i = this.indexOf(key);
    if (i < 0) return;
    const view = this.scroller.clientHeight;
    const top = MARKER_HEIGHT + this.layout.lineTop(i);
    const bottom = top + ROW_HEIGHT;
    const now = this.scroller.scrollTop;
    if (where === 'center') this.scrollTo(top - view / 2 + ROW_HEIGHT / 2);
    else if (top < now) this.scrollTo(top);
    else if (bottom > now + view) this.scrollTo(bottom - view);
    this.render();
  }

  scrollBy(pixels: number): void {
    this.scroller.scrollTop += pixels;
    this.onScroll();
  }

  get viewHeight(): number {
    return this.scroller.clientHeight;
  }

  /* The position of a row's line in the view, to put it there again later. */
  offsetOf(key: string): number | null {
    const i = this.indexOf(key);
    return i < 0 ? null : MARKER_HEIGHT + this.layout.lineTop(i) - this.scroller.scrollTop;
  }

  isAtBottom(): boolean {
    const { scrollTop, clientHeight } = this.scroller;
    return scrollTop + clientHeight >= this.height() - this.below() - 2;
  }

  /* Did the reader scroll up since we last looked? (The event may still be on its way.) */
  hasScrolledUp(): boolean {
    return this.scroller.scrollTop < this.lastTop - 1;
  }

  isInView(key: string): boolean {
    const offset = this.offsetOf(key);
    return offset !== null && offset >= 0 && offset + ROW_HEIGHT <= this.viewHeight;
  }

  firstInView(): Row | null {
    const i = this.layout.indexAt(this.scroller.scrollTop - MARKER_HEIGHT + ROW_HEIGHT / 2);
    return this.rows[i] ?? null;
  }

  lastInView(): Row | null {
    const bottom = this.scroller.scrollTop - MARKER_HEIGHT + this.viewHeight;
    return this.rows[this.layout.indexAt(bottom - ROW_HEIGHT / 2)] ?? null;
  }

  /* ---- inside ---- */

  private day(row: Row): string {
    const { zone } = this.source.style();
    if (zone === 'utc') return row.time.slice(0, 10);
    const known = this.daysZone === zone ? this.days.get(row) : undefined;
    if (known !== undefined) return known;
    const day = dayOf(row.time, zone);
    this.days.set(row, day);
    this.daysZone = zone;
    return day;
  }

  private height(): number {
    return MARKER_HEIGHT + this.layout.total + this.below();
  }

  /* Room below the rows: so much that at the very end a whole row stands at the top of the view. */
  private below(): number {
    const cut = (this.scroller.clientHeight - this.layout.total - MARKER_HEIGHT) % ROW_HEIGHT;
    return MARKER_HEIGHT + ((cut + ROW_HEIGHT) % ROW_HEIGHT);
  }

  private indexOf(key: string): number {
    let low = 0;
    let high = this.rows.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.rows[middle]!.key < key) low = middle + 1;
      else high = middle;
    }
    return this.rows[low]?.key === key ? low : -1;
  }

  /* All lines in view: should the first of them vanish, the next one serves. */
  private anchor(): Anchor[] {
    const anchors: Anchor[] = [];
    const { scrollTop, clientHeight } = this.scroller;
    const top = scrollTop - MARKER_HEIGHT;
    if (this.rows.length === 0) return anchors;
    for (let i = this.layout.indexAt(top); i < this.rows.length; i++) {
      if (this.layout.top(i) > top + clientHeight) break;
      anchors.push({ key: this.rows[i]!.key, offset: this.layout.lineTop(i) - top });
    }
    return anchors;
  }

  private settle(place: Anchor[] | 'bottom' | 'top' | Anchor): void {
    this.place(place);
    this.render();
    /* Rows measured for the first time may have moved others: put the place right again. */
    for (let tries = 0; tries < 4 && this.measure(); tries++) {
      this.place(place);
      this.render();
    }
  }

  private place(place: Anchor[] | 'bottom' | 'top' | Anchor): void {
    this.sizer.style.height = `${this.height()}px`;
    this.newerMarker.style.top = `${MARKER_HEIGHT + this.layout.total}px`;
    if (place === 'bottom') return this.scrollTo(this.height());
    if (place === 'top') return this.scrollTo(0);
    for (const anchor of Array.isArray(place) ? place : [place]) {
      const i = this.indexOf(anchor.key);
      if (i >= 0) return this.scrollTo(MARKER_HEIGHT + this.layout.viewTop(i, anchor));
    }
  }

  private scrollTo(top: number): void {
    if (Math.abs(this.scroller.scrollTop - top) >= 1) this.scroller.scrollTop = top;
    this.lastTop = this.scroller.scrollTop;
  }

  private onScroll(): void {
    const top = this.scroller.scrollTop;
    const up = top < this.lastTop - 1;
    const moved = Math.abs(top - this.lastTop) >= 1;
    this.lastTop = top;
    this.render();
    const was = this.anchor();
    if (this.measure()) this.settle(was);
    if (up) this.events.scrolledUp();
    else if (moved && this.isAtBottom()) this.events.reachedBottom();
  }

  private onResize(): void {
    const { clientWidth } = this.scroller;
    if (clientWidth !== this.width) this.layout.forgetMeasured();
    this.width = clientWidth;
    this.settle(this.isAtBottom() ? 'bottom' : this.anchor());
  }

  private render(): void {
    const top = this.scroller.scrollTop - MARKER_HEIGHT;
    const view = this.scroller.clientHeight;
    if (this.rows.length === 0 || view === 0) {
      this.pane.replaceChildren();
      this.elements.clear();
      this.events.viewed(null);
      return;
    }
    const first = this.layout.indexAt(top - OVERSCAN);
    const last = this.layout.indexAt(top + view + OVERSCAN);
    this.fill(first, last);
    this.pane.style.transform = `translateY(${MARKER_HEIGHT + this.layout.top(first)}px)`;
    if (top < view * PREFETCH_SCREENS) this.events.nearEdge('older');
    if (top + view * (1 + PREFETCH_SCREENS) > this.layout.total) this.events.nearEdge('newer');
    this.events.viewed({
      first: this.rows[this.layout.indexAt(top)]!,
      last: this.rows[this.layout.indexAt(top + view - 1)]!,
      atBottom: this.isAtBottom(),
    });
  }

  /* Elements for rows first..last, in order, recycling those that went out of view. */
  private fill(first: number, last: number): void {
    const style = this.source.style();
    const wanted = new Set<string>();
    for (let i = first; i <= last; i++) wanted.add(this.rows[i]!.key);
    const free: HTMLElement[] = [];
    for (const [key, element] of this.elements) {
      if (wanted.has(key)) continue;
      this.elements.delete(key);
      free.push(element);
    }
    let next = this.pane.firstElementChild;
    for (let i = first; i <= last; i++) {
      const row = this.rows[i]!;
      const lead = this.layout.leadOf(i) > 0;
      let element = this.elements.get(row.key);
      if (element === undefined || (element.dataset['lead'] === 'y') !== lead) {
        element ??= free.pop() ?? newRowElement();
        paintRow(element, row, { ...this.source.marks(row), lead }, style);
        element.dataset['lead'] = lead ? 'y' : '';
        this.elements.set(row.key, element);
      }
      if (element === next) next = next.nextElementSibling;
      else this.pane.insertBefore(element, next);
    }
    for (const element of free) element.remove();
  }

  /* Heights of the elements that may differ from the fixed one. True if something moved. */
  private measure(): boolean {
    const heights: Array<[string, number]> = [];
    for (const [key, element] of this.elements) {
      const isOpen = element.lastElementChild?.classList.contains('x') === true;
      const lead = element.dataset['lead'] === 'y' ? ROW_HEIGHT : 0;
      if (isOpen || element.classList.contains('wide')) heights.push([key, element.offsetHeight - lead]);
      else heights.push([key, ROW_HEIGHT]);
    }
    return this.layout.measure(heights);
  }

  private onClick(event: MouseEvent): void {
    const target = event.target as HTMLElement;
    const element = target.closest<HTMLElement>('.row');
    const i = element === null ? -1 : this.indexOf(element.dataset['key'] ?? '');
    const row = this.rows[i];
    if (row === undefined || target.closest('.x, .day') !== null) return;
    const [part, selector] = PARTS.find(([, selector]) => target.closest(selector) !== null) ?? ['text', '.row'];
    const isText = part === 'text' || part === 'cell';
    if (isText && textIsSelected(element!)) return;
    this.events.clicked(row, part, target.closest<HTMLElement>(selector)!.dataset['field'] ?? '');
    if (part === 'text' && event.detail === 1 && !this.hadSelection) this.foldSoon(row);
  }

  /* Text is there to be selected: a click folds only once it is clear that no word gets selected by a
   * second one, and not if all it did was to end a selection. */
  private foldSoon(row: Row): void {
    this.foldTimer = setTimeout(() => {
      const element = this.elements.get(row.key);
      if (element !== undefined && !textIsSelected(element) && isFoldable(element, row)) this.events.folded(row);
    }, DOUBLE_CLICK_MS);
  }
}

const PARTS: ReadonlyArray<readonly [Part, string]> = [
  ['pill', '.pill'], ['more', '.more'], ['gutter', '.bar, .t, .l'], ['cell', '.c'],
];

/* Is there more of the message than one line shows? */
function isFoldable(element: HTMLElement, row: Row): boolean {
  if (element.classList.contains('wide')) return element.querySelector<HTMLElement>('.r')!.offsetHeight > ROW_HEIGHT;
  const text = element.querySelector('.text')!;
  return text.scrollWidth > text.clientWidth || row.message.includes('\n');
}
