/** `kedge gateway`: a Kafka listener on this machine for a Worker anywhere. */
import { Command, InvalidArgumentError } from "commander";
import { DEFAULT_BROKER_IDS, type Gateway, startGateway } from "../../gateway/gateway.ts";
import { parsePort } from "../arguments.ts";

interface GatewayCommandOptions {
  url: string;
  listen: Address;
  brokers: number[];
  advertised?: string[];
  apiKey?: string | true;
}

interface Address {
  host: string;
  port: number;
}

export function gatewayCommand(): Command {
  return new Command("gateway")
    .description("let Kafka clients reach a Kedge deployment: TCP in, HTTPS out")
    .requiredOption("--url <url>", "the deployment, for example https://kedge.example.workers.dev")
    .option("--listen <host:port>", "where to listen", parseAddress, {
      host: "127.0.0.1",
      port: 9092,
    })
    .option(
      "--advertised <host:port,…>",
      "the addresses that clients are told to dial, one for each broker; a single one stands for " +
        "consecutive ports (default: the host they came on)",
      parseAddresses,
    )
    .option(
      "--brokers <ids>",
      "the broker ids to listen for, each on a port of its own from the first on",
      parseBrokers,
      [...DEFAULT_BROKER_IDS],
    )
    .option(
      "--api-key [key]",
      "everybody who connects is the holder of this key ($KEDGE_API_KEY when it is left out); without " +
        "the flag each connection authenticates by SASL",
    )
    .action(runGateway);
}

/** `host:port`, `[v6]:port` or `:port` (every interface). */
function parseAddress(text: string): Address {
  const match = /^(?:\[([^\]]+)\]|([^:]*)):(\d+)$/.exec(text);
  if (match === null) {
    throw new InvalidArgumentError("host:port is needed, for example 127.0.0.1:9092.");
  }
  return { host: match[1] ?? (match[2] || "0.0.0.0"), port: parsePort(match[3] ?? "") };
}

function parseAddresses(text: string): string[] {
  return text.split(",").map((one) => format(parseAddress(one.trim())));
}

function parseBrokers(text: string): number[] {
  const ids = text.split(",").map((id) => Number(id));
  if (!ids.every((id) => Number.isInteger(id) && id >= 0) || new Set(ids).size !== ids.length) {
    throw new InvalidArgumentError("different broker ids are needed, for example 1,2,3.");
  }
  return ids;
}

function format({ host, port }: Address): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Null: none. */
function sharedKey(given: string | true | undefined): string | null {
  if (given === undefined) return null;
  const key = given === true ? process.env.KEDGE_API_KEY : given;
  if (key) return key;
  throw new Error("--api-key has no key: give one, or set KEDGE_API_KEY");
}

async function runGateway(options: GatewayCommandOptions): Promise<void> {
  if (!URL.canParse(options.url) || !/^https?:$/.test(new URL(options.url).protocol)) {
    throw new Error(`--url ${options.url} is no http:// or https:// URL`);
  }
  const { host, port } = options.listen;
  let gateway: Gateway;
  try {
    gateway = await startGateway({
      url: options.url,
      host,
      port,
      brokerIds: options.brokers,
      advertised: options.advertised ?? null,
      apiKey: sharedKey(options.apiKey),
      log: (line) => console.error(`${new Date().toISOString()} gateway: ${line}`),
    });
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    if (code === "EADDRINUSE") {
      throw new Error(`${format(options.listen)} is in use: choose another with --listen`);
    }
    throw error;
  }
  const stop = (): void => {
    gateway.stop().then(() => process.exit(0));
  };
  process.once("SIGINT", stop);
  process.once("SIGTERM", stop);
  console.log(
    `Kafka clients: ${gateway.address} (brokers at ports ${gateway.ports.join(", ")})  →  ${options.url}/kafka`,
  );
}
