/**
 * Deadlines by name, most of which are put off long before they come. Setting one costs a map write:
 * the earliest is not looked for until the bound below it has come (GRP151).
 */
export class Timers {
  readonly #deadlines = new Map<string, number>();
  /** No deadline is earlier. */
  #boundMs = Infinity;

  set(name: string, atMs: number): void {
    this.#deadlines.set(name, atMs);
    if (atMs < this.#boundMs) this.#boundMs = atMs;
  }

  setIfAbsent(name: string, atMs: number): void {
    if (!this.#deadlines.has(name)) this.set(name, atMs);
  }

  cancel(name: string): void {
    this.#deadlines.delete(name);
    if (this.#deadlines.size === 0) this.#boundMs = Infinity;
  }

  /** When to call `due` next; it may then have nothing. */
  get deadlineMs(): number {
    return this.#boundMs;
  }

  /** Takes out the names that are due, in the order in which they were first set. */
  due(nowMs: number): string[] {
    if (nowMs < this.#boundMs) return [];
    const names: string[] = [];
    let earliest = Infinity;
    for (const [name, atMs] of this.#deadlines) {
      if (atMs <= nowMs) names.push(name);
      else earliest = Math.min(earliest, atMs);
    }
    for (const name of names) this.#deadlines.delete(name);
    this.#boundMs = earliest;
    return names;
  }
}
