/** What the doctor makes of what it found: nothing is asked for here. */

export interface Finding {
  readonly check: string;
  /** skipped: what it needs was not to be had. */
  readonly status: "ok" | "problem" | "skipped";
  readonly found: string;
  /** What to do about a problem. */
  readonly advice: string | null;
}

/** A step that gave a value, or failed with these words. */
export type Result<T> = { readonly value: T } | { readonly failure: string };

export interface PartitionFacts {
  readonly topic: string;
  readonly partition: number;
  readonly leader: number | null;
  readonly replicas: readonly number[];
  readonly isr: readonly number[];
  /** Null: not to be learnt. */
  readonly minIsr: number | null;
}

export interface Facts {
  readonly url: string;
  /** How far the service's clock is ahead of ours, ms; null when it does not say. */
  readonly health: Result<{ readonly skewMs: number | null }>;
  /** Null: not asked for, since nothing answers. Status of a route behind the gate, and what it says. */
  readonly access: { readonly status: number; readonly message: string } | null;
  readonly brokers: Result<
    readonly { readonly id: number; readonly rack: string | null; readonly isFenced: boolean }[]
  > | null;
  readonly partitions: Result<readonly PartitionFacts[]> | null;
  /** Null: none was named. */
  readonly gateway: { readonly address: string; readonly failure: string | null } | null;
}

/** Dates in HTTP are whole seconds, and an answer takes its time. */
export const SKEW_MS_MAX = 10_000;
export const OFFSETS_TOPIC = "__consumer_offsets";
/** So many partitions are named; a line has an end. */
const NAMED_MAX = 5;

export function diagnose(facts: Facts): Finding[] {
  return [
    reachable(facts),
    admitted(facts),
    catalogue(facts),
    clock(facts),
    fencing(facts),
    ...partitions(facts),
    ...gateway(facts),
  ];
}

const ok = (check: string, found: string): Finding => ({
  ...{ check, status: "ok", found, advice: null },
});
const problem = (check: string, found: string, advice: string): Finding => ({
  ...{ check, status: "problem", found, advice },
});
const skipped = (check: string, found: string): Finding => ({
  ...{ check, status: "skipped", found, advice: null },
});

function reachable({ url, health }: Facts): Finding {
  const check = "service";
  if ("value" in health) return ok(check, `${url} answers`);
  const advice =
    "start the service (`npm start`), or say with --bootstrap-server or KEDGE_URL where it is";
  return problem(check, `${url} does not answer: ${health.failure}`, advice);
}

function admitted({ access }: Facts): Finding {
  const check = "access";
  if (access === null) return skipped(check, "the service does not answer");
  const { status, message } = access;
  if (status === 401) {
    return problem(check, message, "set KEDGE_API_KEY to the key of the deployment");
  }
  if (status === 403) {
    return problem(check, message, "use a key that may describe the cluster");
  }
  if (status === 503) {
    const advice = "give the deployment a key: `npx wrangler secret put KEDGE_API_KEY`";
    return problem(check, message, advice);
  }
  return ok(check, "the service lets us in");
}

function isAdmitted({ access }: Facts): boolean {
  return access !== null && ![401, 403, 503].includes(access.status);
}

function catalogue(facts: Facts): Finding {
  const check = "catalogue";
  const { access } = facts;
  if (access === null || !isAdmitted(facts)) return skipped(check, "it cannot be asked for");
  if (access.status === 200) return ok(check, "D1 answers and has the cluster");
  const advice =
    "apply the migrations (`npm run deploy` does, or `npx wrangler d1 migrations apply " +
    "kedge-catalogue --remote`), and compare KEDGE_CLUSTER_ID with the table clusters";
  return problem(check, `HTTP ${access.status}: ${access.message}`, advice);
}

function clock({ health }: Facts): Finding {
  const check = "clock";
  if ("failure" in health) return skipped(check, "the service does not answer");
  const { skewMs } = health.value;
  if (skewMs === null) return skipped(check, "the service does not say what time it is");
  const seconds = Math.round(Math.abs(skewMs) / 1000);
  if (Math.abs(skewMs) <= SKEW_MS_MAX) return ok(check, "ours and the service's agree");
  const way = skewMs > 0 ? "ahead of" : "behind";
  return problem(
    check,
    `the service's clock is ${seconds} s ${way} ours`,
    "set this machine's clock (NTP): producers stamp records with it, and retention goes by the stamps",
  );
}

function fencing({ brokers }: Facts): Finding {
  const check = "brokers";
  if (brokers === null) return skipped(check, "they cannot be asked for");
  if ("failure" in brokers) return skipped(check, brokers.failure);
  const fenced = brokers.value.filter(({ isFenced }) => isFenced);
  if (fenced.length === 0) return ok(check, `${brokers.value.length} brokers, none is fenced`);
  const named = fenced.map(({ id, rack }) => `${id} (${rack ?? "no rack"})`).join(", ");
  return problem(
    check,
    `fenced: ${named}`,
    `take them back when their regions are well: ${fenced.map(({ id }) => `\`kedge brokers --unfence ${id}\``).join(", ")}`,
  );
}

function partitions({ partitions: found }: Facts): Finding[] {
  const checks = ["leaders", "replicas", "min.insync.replicas", OFFSETS_TOPIC];
  if (found === null) return checks.map((check) => skipped(check, "they cannot be asked for"));
  if ("failure" in found) return checks.map((check) => skipped(check, found.failure));
  const all = found.value;
  const behind = all.filter(({ isr, replicas }) => isr.length < replicas.length);
  const under = all.filter(({ isr, minIsr }) => minIsr !== null && isr.length < minIsr);
  return [
    judge(
      "leaders",
      all.filter(({ leader }) => leader === null),
      `${all.length} partitions, each has a leader`,
      "without a leader",
      "unfence a broker that is in their ISR; if it is lost for good, `kedge leader-election " +
        "--election-type unclean` lets another replica lead, and loses what that one lacks",
    ),
    judge(
      "replicas",
      behind,
      "every replica is in sync",
      "under-replicated",
      "unfence the brokers that are missing in the ISR, or wait for those that catch up; " +
        "`kedge topics --describe --under-replicated-partitions` shows them",
    ),
    judge(
      "min.insync.replicas",
      under,
      "acks=all is taken everywhere",
      "refuse acks=all, having fewer replicas in sync than min.insync.replicas",
      "bring replicas back, or lower it: `kedge configs --alter --topic <t> --add-config " +
        "min.insync.replicas=<n>`; it cannot be more than a topic has replicas",
    ),
    offsetsTopic(all),
  ];
}

function judge(
  check: string,
  bad: readonly PartitionFacts[],
  good: string,
  what: string,
  advice: string,
): Finding {
  if (bad.length === 0) return ok(check, good);
  const named = bad.slice(0, NAMED_MAX).map(({ topic, partition }) => `${topic}-${partition}`);
  const more = bad.length > NAMED_MAX ? ` and ${bad.length - NAMED_MAX} more` : "";
  return problem(check, `${bad.length} partitions ${what}: ${named.join(", ")}${more}`, advice);
}

/** The first group makes it, so that a cluster without it has no groups, and that is no fault. */
function offsetsTopic(all: readonly PartitionFacts[]): Finding {
  const count = all.filter(({ topic }) => topic === OFFSETS_TOPIC).length;
  if (count > 0) return ok(OFFSETS_TOPIC, `${count} partitions`);
  return ok(OFFSETS_TOPIC, "not there yet: the first consumer group makes it");
}

function gateway({ gateway: given }: Facts): Finding[] {
  if (given === null) return [];
  const { address, failure } = given;
  if (failure === null) return [ok("gateway", `${address} speaks Kafka`)];
  const advice =
    "start one: `kedge gateway --url <url> --listen <host:port>`, and open its ports, one a broker";
  return [problem("gateway", `${address}: ${failure}`, advice)];
}
