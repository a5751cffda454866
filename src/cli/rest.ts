/** The REST routes that have no Kafka API: fencing. */
import { type ConnectionOptions, connection } from "./connection.ts";
import { CommandFailure } from "./failure.ts";

export class Rest {
  readonly #base: string;
  readonly #headers: Readonly<Record<string, string>>;

  /** @throws CommandFailure when the address is none for HTTP. */
  constructor(options: ConnectionOptions, clusterId: string) {
    const { config, options: client } = connection(options);
    const url = config["bootstrap.servers"].split(",")[0] ?? "";
    const root = url.trim().replace(/\/+$/, "");
    this.#base = `${root}/v3/clusters/${encodeURIComponent(clusterId)}`;
    this.#headers = { ...(client.headers as Record<string, string> | undefined) };
  }

  get<T>(path: string): Promise<T> {
    return this.#call("GET", path);
  }

  post<T>(path: string): Promise<T> {
    return this.#call("POST", path);
  }

  /** @throws CommandFailure with the service's own words. */
  async #call<T>(method: string, path: string): Promise<T> {
    const response = await fetch(this.#base + path, { method, headers: this.#headers });
    const text = await response.text();
    if (response.ok) return JSON.parse(text) as T;
    throw new CommandFailure(messageOf(text) ?? `${method} ${path}: HTTP ${response.status}`);
  }
}

function messageOf(text: string): string | null {
  try {
    const { message } = JSON.parse(text) as { message?: unknown };
    return typeof message === "string" ? message : null;
  } catch {
    return null;
  }
}
