/** `kedge gateway`: a Kafka listener on this machine for a Worker anywhere. */
import { Command, InvalidArgumentError } from "commander";
import { type Gateway, startGateway } from "../../gateway/gateway.ts";
import { parsePort } from "../arguments.ts";

interface GatewayCommandOptions {
  url: string;
  listen: Address;
  advertised?: Address;
  apiKey?: string;
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
      "--advertised <host:port>",
      "the address that clients are told to dial (default: the one they came on)",
      parseAddress,
    )
    .option("--api-key <key>", "sent with every request (default: $KEDGE_API_KEY)")
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

function format({ host, port }: Address): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
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
      advertised: options.advertised === undefined ? null : format(options.advertised),
      apiKey: options.apiKey ?? process.env.KEDGE_API_KEY ?? null,
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
  console.log(`Kafka clients: ${gateway.address}  →  ${options.url}/kafka`);
}
