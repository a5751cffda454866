/** The rows of README's tables of configs, made from the registries. */
import { BROKER_CONFIGS, type UpdateMode } from "../../../src/cluster/broker-configs.ts";
import type { ConfigDef } from "../../../src/cluster/config-def.ts";
import { TOPIC_CONFIGS } from "../../../src/cluster/topic-configs.ts";

const CHANGED: Readonly<Record<UpdateMode, string>> = {
  "read-only": "deployment",
  "cluster-wide": "running",
  "per-broker": "running",
};

export function topicConfigRows(): string[][] {
  return TOPIC_CONFIGS.map((def) => {
    const [synonym] = def.synonyms;
    const fallback = synonym === undefined ? "" : `\`${synonym.name}\``;
    return [...common(def), fallback, def.doc];
  });
}

export function brokerConfigRows(): string[][] {
  return BROKER_CONFIGS.map((def) => [...common(def), CHANGED[def.mode], def.doc]);
}

function common(def: ConfigDef): string[] {
  const fallback = def.default === null ? "" : `\`${def.default === "" ? '""' : def.default}\``;
  return [`\`${def.name}\``, def.type, fallback, range(def)];
}

function range({ oneOf, min, max }: ConfigDef): string {
  if (oneOf !== undefined) return oneOf.join(", ");
  if (min !== undefined && max !== undefined) return `${min} to ${max}`;
  return min === undefined ? "" : `from ${min}`;
}
