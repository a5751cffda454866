/**
 * Prometheus' text format, version 0.0.4. Own code, since the maintained library, prom-client, requires
 * Node's util, http, zlib and cluster, which a Worker without nodejs_compat has not; and it keeps values
 * between scrapes, where most of ours are read anew each time.
 */

export const EXPOSITION_TYPE = "text/plain; version=0.0.4; charset=utf-8";

export type Labels = Readonly<Record<string, string | number>>;

export interface Sample {
  readonly labels?: Labels;
  readonly value: number;
  /** "_bucket", "_sum" or "_count" of a histogram. */
  readonly suffix?: string;
}

export class Exposition {
  #text = "";

  /** A family without samples is left out. */
  add(
    name: string,
    type: "counter" | "gauge" | "histogram",
    help: string,
    samples: readonly Sample[],
  ): void {
    if (samples.length === 0) return;
    const explained = help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
    const lines = [`# HELP ${name} ${explained}`, `# TYPE ${name} ${type}`];
    for (const { labels = {}, value, suffix = "" } of samples) {
      lines.push(`${name}${suffix}${labelText(labels)} ${numberText(value)}`);
    }
    this.#text += `${lines.join("\n")}\n`;
  }

  toString(): string {
    return this.#text;
  }
}

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function escaped(value: string | number): string {
  return String(value).replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

function numberText(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
}
