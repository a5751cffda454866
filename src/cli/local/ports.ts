import { createServer } from "node:net";

/**
 * Makes sure that a port can be listened on. A service that was just killed may hold it for some
 * milliseconds more, so a busy port is tried again for a second.
 *
 * @throws Error that names the port and the flag that changes it.
 */
export async function claimPort(host: string, port: number, flag: string): Promise<void> {
  const deadline = Date.now() + 1_000;
  for (;;) {
    const code = await tryListen(host, port);
    if (code === null) return;
    if (code === "EADDRINUSE" && Date.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      continue;
    }
    const reason =
      code === "EADDRINUSE" ? "is in use by another program" : `cannot be used (${code})`;
    throw new Error(
      `${host}:${port} ${reason}: stop that program, or choose another port with ${flag}`,
    );
  }
}

function tryListen(host: string, port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(null)));
  });
}

/** Whether an address reaches this machine only. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127\.\d+\.\d+\.\d+$/.test(host);
}
