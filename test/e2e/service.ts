/** The service as a user runs it: a process of its own, on free ports, with its own data folder. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const ROOT = join(import.meta.dirname, "../..");
const KEDGE = join(ROOT, "src/cli/kedge.mjs");

export interface Service {
  readonly url: string;
  /** `host:port` of the Kafka listener. */
  readonly kafka: string;
  readonly port: number;
  readonly kafkaPort: number;
  readonly dataFolder: string;
  readonly process: ChildProcess;
  /** Everything that it printed so far. */
  output(): string;
  /** Ends it and waits; SIGTERM unless told otherwise. */
  stop(signal?: NodeJS.Signals): Promise<number | NodeJS.Signals | null>;
}

export interface ServiceOptions {
  readonly dataFolder?: string;
  /** 0: a free one. */
  readonly port?: number;
  readonly kafkaPort?: number;
  readonly env?: Readonly<Record<string, string>>;
}

const START_MS = 60_000;

export function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), "kedge-e2e-"));
}

/** Starts `kedge serve` and waits until it says that it is up. */
export async function startService(options: ServiceOptions = {}): Promise<Service> {
  const dataFolder = options.dataFolder ?? temporaryFolder();
  const args = ["serve", "--data", dataFolder];
  args.push("--port", String(options.port ?? 0), "--kafka-port", String(options.kafkaPort ?? 0));
  const child = spawn(process.execPath, [KEDGE, ...args], {
    cwd: ROOT,
    env: { ...process.env, ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let text = "";
  child.stdout.on("data", (data) => {
    text += data;
  });
  child.stderr.on("data", (data) => {
    text += data;
  });
  await until(
    () => text.includes("Ctrl-C stops it.") || child.exitCode !== null,
    () => `the service is up; it said:\n${text}`,
    START_MS,
  );
  const url = /HTTP\s+(http:\/\/\S+)/.exec(text)?.[1];
  const kafka = /Kafka\s+(\S+:\d+)/.exec(text)?.[1];
  if (url === undefined || kafka === undefined) throw new Error(`no service:\n${text}`);
  return {
    url,
    kafka,
    port: Number(new URL(url).port),
    kafkaPort: Number(kafka.split(":").at(-1)),
    dataFolder,
    process: child,
    output: () => text,
    async stop(signal = "SIGTERM") {
      if (child.exitCode !== null || child.signalCode !== null) {
        return child.signalCode ?? child.exitCode;
      }
      const ended = new Promise<number | NodeJS.Signals | null>((resolve) => {
        child.once("exit", (code, by) => resolve(by ?? code));
      });
      child.kill(signal);
      return ended;
    },
  };
}

/** Stops it and removes its data. */
export async function discard(service: Service): Promise<void> {
  await service.stop();
  rmSync(service.dataFolder, { recursive: true, force: true });
}

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string | Buffer;
  readonly cwd?: string;
  readonly timeoutMs?: number;
}

/** Runs a program to its end. */
export function run(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Outcome & { readonly bytes: Buffer }> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: options.cwd ?? ROOT,
      env: { ...process.env, ...options.env },
      timeout: options.timeoutMs ?? 60_000,
    });
    const out: Buffer[] = [];
    let stderr = "";
    child.stdout.on("data", (data: Buffer) => out.push(data));
    child.stderr.on("data", (data) => {
      stderr += data;
    });
    child.on("error", reject);
    child.on("close", (code) => {
      const bytes = Buffer.concat(out);
      resolve({ code, stdout: bytes.toString("utf8"), stderr, bytes });
    });
    child.stdin.on("error", () => {});
    child.stdin.end(options.input ?? "");
  });
}

/** `kedge …` against a service. */
export function kedge(
  service: { readonly url: string },
  args: readonly string[],
  options: RunOptions = {},
): Promise<Outcome & { readonly bytes: Buffer }> {
  const env = { KEDGE_URL: service.url, ...options.env };
  return run(process.execPath, [KEDGE, ...args], { ...options, env });
}

export async function until(
  check: () => boolean | Promise<boolean>,
  what: string | (() => string),
  timeoutMs = 10_000,
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await check())) {
    if (Date.now() > deadline) {
      throw new Error(`timed out waiting until ${typeof what === "string" ? what : what()}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Whether anything accepts connections there. */
export async function answers(url: string): Promise<boolean> {
  try {
    await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(2_000) });
    return true;
  } catch {
    return false;
  }
}
