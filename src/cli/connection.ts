/** How a command finds the service and proves who it is. */
import { type Command, Option } from "commander";
import { Admin, type ClientOptions } from "../client/mod.ts";
import { CommandFailure } from "./failure.ts";
import { type Properties, readProperties } from "./properties.ts";

const DEFAULT_URL = "http://127.0.0.1:8787";

export interface ConnectionOptions {
  bootstrapServer?: string | undefined;
  commandConfig?: string | undefined;
}

/** A client's configs under Kafka's names, and what does not go by such a name. */
export interface Connection {
  readonly config: Properties & { "bootstrap.servers": string };
  readonly options: ClientOptions;
}

/** Adds --bootstrap-server, and --command-config as Kafka's tools have it. */
export function connectionOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        "--bootstrap-server <url>",
        `the service's http:// or https:// address (default: $KEDGE_URL, then ${DEFAULT_URL})`,
      ),
    )
    .option("--command-config <file>", "properties file with configs for the client");
}

/**
 * Settles address, configs and key: the command line goes before the properties, the properties
 * before the environment.
 *
 * @throws CommandFailure when the address is one for a Kafka client, or none at all.
 */
export function connection(options: ConnectionOptions, properties: Properties = {}): Connection {
  const file = options.commandConfig === undefined ? {} : readProperties(options.commandConfig);
  const config = { ...file, ...properties };
  const url =
    options.bootstrapServer ?? config["bootstrap.servers"] ?? process.env.KEDGE_URL ?? DEFAULT_URL;
  for (const one of url.split(",")) throwIfNoUrl(one.trim());
  const key = process.env.KEDGE_API_KEY;
  return {
    config: { ...config, "bootstrap.servers": url },
    options: key === undefined || key === "" ? {} : { headers: { authorization: `Bearer ${key}` } },
  };
}

function throwIfNoUrl(text: string): void {
  if (/^https?:\/\//i.test(text) && URL.canParse(text)) return;
  const example = `--bootstrap-server ${DEFAULT_URL}`;
  if (/^[^/]+:\d+$/.test(text)) {
    throw new CommandFailure(
      `${text} is the address of a Kafka listener, and kedge speaks HTTP: pass the service's URL, ` +
        `for example ${example} (or set KEDGE_URL)`,
    );
  }
  throw new CommandFailure(
    `${text} is no http:// or https:// URL: pass one, for example ${example}`,
  );
}

const NOBODY_THERE = new Set(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH"]);

/**
 * A client tries again for a minute, since a service may be restarting. Someone at a terminal who
 * forgot to start it, or mistyped its name, should hear of it at once.
 *
 * @throws CommandFailure when nothing listens at any of the addresses.
 */
export async function throwIfNobodyThere({ config }: Connection): Promise<void> {
  const urls = config["bootstrap.servers"].split(",").map((url) => url.trim());
  const reasons = await Promise.all(urls.map(reasonNotThere));
  if (reasons.some((reason) => reason === null)) return;
  throw new CommandFailure(
    `nothing listens at ${urls.join(", ")} (${reasons[0]}): start the service with \`npm start\`, or ` +
      "pass its URL with --bootstrap-server",
  );
}

/** Null when something answers, or fails in another way than by not being there. */
async function reasonNotThere(url: string): Promise<string | null> {
  try {
    await fetch(`${url.replace(/\/+$/, "")}/healthz`, { signal: AbortSignal.timeout(5_000) });
    return null;
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined;
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
    // Ports such as 1 and 25 are refused by fetch itself.
    if (cause instanceof Error && cause.message === "bad port") return cause.message;
    return NOBODY_THERE.has(code) ? code : null;
  }
}

/** Runs with an Admin client, and closes it. */
export async function withAdmin<T>(
  options: ConnectionOptions,
  clientId: string,
  work: (admin: Admin) => Promise<T>,
): Promise<T> {
  const found = connection(options);
  await throwIfNobodyThere(found);
  const admin = new Admin({ "client.id": clientId, ...found.config }, found.options);
  try {
    return await work(admin);
  } finally {
    await admin.close();
  }
}
