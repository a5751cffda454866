/** The REST routes that have no Kafka API: fencing and API keys. */
import { type ConnectionOptions, connection } from "./connection.ts";
import { CommandFailure } from "./failure.ts";

const JSON_TYPE = "application/json";

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

  post<T>(path: string, body?: object): Promise<T> {
    return this.#call("POST", path, body);
  }

  delete(path: string): Promise<void> {
    return this.#call("DELETE", path);
  }

  /** @throws CommandFailure with the service's own words. */
  async #call<T>(method: string, path: string, body?: object): Promise<T> {
    const json = body === undefined ? null : JSON.stringify(body);
    const headers = { ...this.#headers, ...(json === null ? {} : { "content-type": JSON_TYPE }) };
    const response = await fetch(this.#base + path, { method, headers, body: json });
    const text = await response.text();
    if (response.ok) return (text === "" ? undefined : JSON.parse(text)) as T;
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
