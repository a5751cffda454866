/** The codes of ACLs on the wire (org.apache.kafka.common.acl, .resource), and their names. */

export const AclResourceType = {
  ANY: 1,
  TOPIC: 2,
  GROUP: 3,
  CLUSTER: 4,
  TRANSACTIONAL_ID: 5,
  DELEGATION_TOKEN: 6,
  USER: 7,
} as const;

export const AclPatternType = { ANY: 1, MATCH: 2, LITERAL: 3, PREFIXED: 4 } as const;

export const AclOperation = {
  ANY: 1,
  ALL: 2,
  READ: 3,
  WRITE: 4,
  CREATE: 5,
  DELETE: 6,
  ALTER: 7,
  DESCRIBE: 8,
  CLUSTER_ACTION: 9,
  DESCRIBE_CONFIGS: 10,
  ALTER_CONFIGS: 11,
  IDEMPOTENT_WRITE: 12,
  CREATE_TOKENS: 13,
  DESCRIBE_TOKENS: 14,
  TWO_PHASE_COMMIT: 15,
} as const;

export const AclPermission = { ANY: 1, DENY: 2, ALLOW: 3 } as const;

/** The one name that a CLUSTER resource has (Resource.CLUSTER_NAME). */
export const CLUSTER_NAME = "kafka-cluster";
/** Every resource of a type, or every host; as a principal's name every principal of its type. */
export const WILDCARD = "*";

type Codes = Readonly<Record<string, number>>;

/** "TOPIC" for 2; "UNKNOWN" for a code without a name, as in Kafka. */
export function codeName(codes: Codes, code: number): string {
  return Object.keys(codes).find((name) => codes[name] === code) ?? "UNKNOWN";
}

/** Undefined for a name that is none. */
export function codeOf(codes: Codes, name: string): number | undefined {
  return Object.hasOwn(codes, name) ? codes[name] : undefined;
}

/** ScramMechanism: the codes of keys 50 and 51. */
export const ScramMechanism = { "SCRAM-SHA-256": 1, "SCRAM-SHA-512": 2 } as const;
