/* Where rows stand: heights, tops, and the anchor that keeps the text under the reader's eyes still.
 *
 * A row may have a lead (the header of a new day) above it. Most rows have the one fixed height; opened
 * and wrapped ones are measured and remembered by key. */

export interface LaidRow {
  key: string;
}

/* A row's line and how far below the top of the view it stands (negative: scrolled out above). */
export interface Anchor {
  key: string;
  offset: number;
}

export class Layout {
  private rows: readonly LaidRow[] = [];
  private leads = new Uint8Array(0); /* 1: row i begins a new day */
  private tops = new Float64Array(1); /* tops[i] of the lead; tops[n] is the total height */
  private readonly measured = new Map<string, number>();

  constructor(public rowHeight: number, public leadHeight: number) {}

  setRows<Row extends LaidRow>(rows: readonly Row[], dayOf: (row: Row) => string): void {
    this.rows = rows;
    this.leads = new Uint8Array(rows.length);
    let day = rows.length > 0 ? dayOf(rows[0]!) : '';
    for (let i = 1; i < rows.length; i++) {
      const next = dayOf(rows[i]!);
      if (next !== day) this.leads[i] = 1;
      day = next;
    }
    this.setTops();
  }

  private setTops(): void {
    const { rows } = this;
    const tops = new Float64Array(rows.length + 1);
    for (let i = 0; i < rows.length; i++) {
      tops[i + 1] = tops[i]! + this.leadOf(i) + (this.measured.get(rows[i]!.key) ?? this.rowHeight);
    }
    this.tops = tops;
  }

  get total(): number {
    return this.tops[this.rows.length]!;
  }

  leadOf(i: number): number {
    return this.leads[i] === 1 ? this.leadHeight : 0;
  }

  top(i: number): number {
    return this.tops[i]!;
  }

  lineTop(i: number): number {
    return this.tops[i]! + this.leadOf(i);
  }

  bottom(i: number): number {
    return this.tops[i + 1]!;
  }

  /* The row that covers height y; the first or last one beyond the ends. -1 if there is none. */
  indexAt(y: number): number {
    let low = 0;
    let high = this.rows.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.tops[middle + 1]! <= y) low = middle + 1;
      else high = middle;
    }
    return Math.min(low, this.rows.length - 1);
  }

  /* Take over measured heights, without leads. True if anything moved. */
  measure(heights: Iterable<readonly [key: string, height: number]>): boolean {
    let moved = false;
    for (const [key, height] of heights) {
      const old = this.measured.get(key) ?? this.rowHeight;
      if (Math.abs(old - height) < 0.5) continue;
      if (Math.abs(height - this.rowHeight) < 0.5) this.measured.delete(key);
      else this.measured.set(key, height);
      moved = true;
    }
    if (moved) this.setTops();
    return moved;
  }

  /* Back to the fixed height for all rows. */
  forgetMeasured(): void {
    this.measured.clear();
    this.setTops();
  }

  /* The first row whose line is (partly) in view when the view begins at height y. */
  anchorAt(y: number): Anchor | null {
    const i = this.indexAt(y);
    return i < 0 ? null : { key: this.rows[i]!.key, offset: this.lineTop(i) - y };
  }

  /* The height at which the view must begin to show row i as the anchor says. */
  viewTop(i: number, anchor: Anchor): number {
    return this.lineTop(i) - anchor.offset;
  }
}
