/**
 * The bit fields of authorized operations (KIP-430): bit n stands for the AclOperation of code n.
 * Without an authorizer Kafka names every operation that the kind of resource knows
 * (AclEntry.supportedOperations); a request that did not ask gets "not given".
 */
const READ = 3;
const WRITE = 4;
const CREATE = 5;
const DELETE = 6;
const ALTER = 7;
const DESCRIBE = 8;
const CLUSTER_ACTION = 9;
const DESCRIBE_CONFIGS = 10;
const ALTER_CONFIGS = 11;
const IDEMPOTENT_WRITE = 12;

const bits = (...operations: readonly number[]): number =>
  operations.reduce((field, operation) => field | (1 << operation), 0);

export const OPERATIONS_NOT_GIVEN = -2147483648;

export const TOPIC_OPERATIONS = bits(
  READ,
  WRITE,
  CREATE,
  DELETE,
  ALTER,
  DESCRIBE,
  DESCRIBE_CONFIGS,
  ALTER_CONFIGS,
);

export const CLUSTER_OPERATIONS = bits(
  CREATE,
  ALTER,
  DESCRIBE,
  CLUSTER_ACTION,
  DESCRIBE_CONFIGS,
  ALTER_CONFIGS,
  IDEMPOTENT_WRITE,
);

/** Without DESCRIBE_CONFIGS and ALTER_CONFIGS: groups have no configs of their own here. */
export const GROUP_OPERATIONS = bits(READ, DELETE, DESCRIBE);
