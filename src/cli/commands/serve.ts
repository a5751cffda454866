/** `kedge serve`: the whole service on this machine. `npm start` is this command. */
import { resolve } from "node:path";
import { Command } from "commander";
import { DEFAULT_BROKER_IDS, type Gateway, startGateway } from "../../gateway/gateway.ts";
import { parsePort } from "../arguments.ts";
import { takeDataFolder } from "../local/data-folder.ts";
import { onLauncherGone } from "../local/launchers.ts";
import { packageRoot } from "../local/paths.ts";
import { claimPort, isLoopback } from "../local/ports.ts";
import type { Runtime } from "../local/runtime.ts";

interface ServeOptions {
  host: string;
  port: number;
  kafkaPort: number;
  data: string;
}

/** The gateway listens here whatever --host says: it speaks plain Kafka, passwords included. */
const KAFKA_HOST = "127.0.0.1";
/** Requests of Kafka clients that are under way when the service is stopped may finish for so long. */
const STOP_GRACE_MS = 1_000;
/** Whatever is not closed then, after so much more, ends with this process. */
const STOP_CLOSING_MS = 500;

export function serveCommand(): Command {
  return new Command("serve")
    .description("run the whole service on this machine: HTTP and a Kafka listener")
    .option("--host <address>", "address of the HTTP listener", "127.0.0.1")
    .option("--port <port>", "port of the HTTP listener", parsePort, 8787)
    .option("--kafka-port <port>", "port of the Kafka listener", parsePort, 9092)
    .option("--data <folder>", "folder that keeps the data across restarts", ".kedge")
    .action(serve);
}

async function serve(options: ServeOptions): Promise<void> {
  const startedAt = performance.now();
  const vars = workerVars(options.host);
  const dataFolder = resolve(options.data);
  await claimPort(options.host, options.port, "--port");
  await claimPort(KAFKA_HOST, options.kafkaPort, "--kafka-port");
  const giveBack = takeDataFolder(dataFolder);
  let runtime: Runtime | null = null;
  let gateway: Gateway | null = null;
  const stop = async (): Promise<void> => {
    await gateway?.stop(STOP_GRACE_MS);
    await runtime?.stop();
    giveBack();
  };
  try {
    // Loaded only here: miniflare takes half a second, which no other command should pay.
    const { startRuntime } = await loadRuntime();
    runtime = await startRuntime({
      configFile: resolve(packageRoot(), "wrangler.toml"),
      dataFolder,
      host: options.host,
      port: options.port,
      vars,
      log: (line) => console.error(line),
    });
    gateway = await startGateway({
      url: runtime.url,
      host: KAFKA_HOST,
      port: options.kafkaPort,
      // With a key the service is closed to Kafka clients too: they authenticate by SASL.
      apiKey: null,
      brokerIds: DEFAULT_BROKER_IDS,
      advertised: null,
      log: (line) => console.error(`gateway: ${line}`),
    });
  } catch (error) {
    await stop();
    throw error;
  }
  stopOnSignals(stop, giveBack);
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
  console.log(greeting(runtime.url, gateway.address, dataFolder, "KEDGE_OPEN" in vars, seconds));
}

async function loadRuntime(): Promise<typeof import("../local/runtime.ts")> {
  try {
    return await import("../local/runtime.ts");
  } catch (error) {
    const missing = error instanceof Error && "code" in error && error.code;
    if (missing !== "ERR_MODULE_NOT_FOUND") throw error;
    throw new Error(
      "the local runtime is not installed: run `npm install --save-dev miniflare esbuild`, or serve " +
        "from a checkout of Kedge",
    );
  }
}

/** Variables of the Worker that the environment may set; the others come from wrangler.toml. */
const FROM_ENVIRONMENT = [
  "KEDGE_API_KEY",
  "KEDGE_CLUSTER_ID",
  "KEDGE_CORS_ORIGINS",
  "KEDGE_PARTITIONER",
  "KEDGE_BROKER_CONFIG",
  "KEDGE_TOKEN_SECRET",
  "KEDGE_TRUSTED_GATEWAYS",
];

/**
 * Without a key, open to whoever asks on the loopback interface, and there only.
 *
 * @throws Error when the network would be let in without a key.
 */
function workerVars(host: string): Record<string, string> {
  const vars: Record<string, string> = {};
  for (const name of FROM_ENVIRONMENT) {
    const value = process.env[name];
    if (value) vars[name] = value;
  }
  if (vars.KEDGE_API_KEY !== undefined) return vars;
  if (isLoopback(host)) return { ...vars, KEDGE_OPEN: "loopback" };
  throw new Error(
    `--host ${host} would let the network in without a key: set KEDGE_API_KEY in the environment ` +
      "first, or leave --host out to serve this machine only",
  );
}

/**
 * Stops in order on SIGINT, SIGTERM and SIGHUP; a second signal ends at once. When the launcher (npm,
 * or the older Node that handed over) was killed outright nobody would ever send a signal, so its
 * end counts as one.
 *
 * Stopping has an end: connections may hang, and a workerd that held gigabytes takes its time to go.
 * What is acknowledged is on the disk, and workerd ends with this process (leash.ts).
 */
function stopOnSignals(stop: () => Promise<void>, giveBack: () => void): void {
  let stopping = false;
  const onSignal = (): void => {
    if (stopping) process.exit(130);
    stopping = true;
    setTimeout(() => {
      giveBack();
      process.exit(0);
    }, STOP_GRACE_MS + STOP_CLOSING_MS);
    stop().then(
      () => process.exit(0),
      (error: unknown) => {
        console.error(error);
        process.exit(1);
      },
    );
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, onSignal);
  onLauncherGone(onSignal);
}

function greeting(
  url: string,
  kafka: string,
  data: string,
  open: boolean,
  seconds: string,
): string {
  const access = open
    ? "open: everybody on this machine is super user"
    : "closed: API key, or SASL, needed";
  return [
    `Kedge is up after ${seconds} s.`,
    "",
    `  HTTP   ${url}   (${access})`,
    `  Kafka  ${kafka}`,
    `  Data   ${data}`,
    "",
    "Try next, in another shell:",
    "",
    `  npx kedge topics --create --topic hello --partitions 3${flag(url)}`,
    `  curl ${url}/topics/hello -H 'content-type: application/vnd.kafka.json.v2+json' \\`,
    `    -d '{"records":[{"key":"a","value":{"greeting":"hi"}}]}'`,
    `  kcat -b ${kafka} -t hello -C -e`,
    `  npx kedge console-consumer --topic hello --from-beginning --max-messages 1${flag(url)}`,
    "",
    "Ctrl-C stops it.",
  ].join("\n");
}

function flag(url: string): string {
  return url === "http://127.0.0.1:8787" ? "" : ` --bootstrap-server ${url}`;
}
