/** Standard output under load: many small pieces become few writes, and a slow reader slows us. */
import { once } from "node:events";

const BUFFERED_BYTES = 64 * 1024;

export class Output {
  #parts: Uint8Array[] = [];
  #bytes = 0;

  /** Keeps a piece until `flush`, or until there is enough of it for a write. */
  async write(piece: Uint8Array): Promise<void> {
    this.#parts.push(piece);
    this.#bytes += piece.length;
    if (this.#bytes >= BUFFERED_BYTES) await this.flush();
  }

  /** Resolves when the reader can take more. */
  async flush(): Promise<void> {
    if (this.#parts.length === 0) return;
    const all = Buffer.concat(this.#parts);
    this.#parts = [];
    this.#bytes = 0;
    if (!process.stdout.write(all)) await once(process.stdout, "drain");
  }
}
