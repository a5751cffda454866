import { Prng } from "../../../../src/lib/prng.ts";

/** Data that real batches look like, and data that strains a codec; the same in every run. */
export function samples(): Map<string, Uint8Array> {
  const prng = new Prng(7);
  const rows = Array.from({ length: 6000 }, (_, id) =>
    JSON.stringify({
      id,
      user: `user-${prng.int(900)}`,
      at: 1.7e12 + id * 13,
      score: prng.float(),
    }),
  );
  const json = new TextEncoder().encode(rows.join("\n"));
  const skewed = Uint8Array.from({ length: 200_000 }, () => Math.floor(prng.float() ** 4 * 256));
  const farApart = new Uint8Array(700_000);
  const noise = prng.bytes(90_000);
  farApart.set(noise);
  farApart.set(noise, 600_000);
  return new Map([
    ["nothing", new Uint8Array(0)],
    ["one byte", Uint8Array.of(42)],
    ["twelve equal bytes", new Uint8Array(12).fill(7)],
    ["json", json],
    ["a little json", json.subarray(0, 700)],
    ["zeros", new Uint8Array(400_000)],
    ["noise", prng.bytes(150_000)],
    ["skewed bytes", skewed],
    ["all byte values", Uint8Array.from({ length: 5000 }, (_, i) => i & 255)],
    ["a repeat from far away", farApart],
    ["a block and a byte", json.subarray(0, 131_073)],
    ["short periods", Uint8Array.from({ length: 70_000 }, (_, i) => (i % 3) * (i % 5))],
  ]);
}
