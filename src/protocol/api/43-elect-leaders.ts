/**
 * ElectLeaders (key 43). Elects leaders. 1 adds the type: 0 preferred, 1 unclean (KIP-460). Null means every partition.
 */
import type { RequestInputOf, RequestOf, ResponseInputOf, ResponseOf } from "../schema.ts";
import { defineApi, f, struct } from "../schema.ts";

export const electLeadersApi = defineApi({
  key: 43,
  name: "ElectLeaders",
  versions: [0, 2],
  flexible: 2,
  request: struct({
    electionType: f.int8({ versions: "1+" }),
    topicPartitions: f.array(
      struct({
        topic: f.string(),
        partitions: f.array(f.int32()),
      }),
      { nullable: "0+", default: [] },
    ),
    timeoutMs: f.int32({ default: 60000 }),
  }),
  response: struct({
    throttleTimeMs: f.int32({ default: 0 }),
    errorCode: f.int16({ versions: "1+" }),
    replicaElectionResults: f.array(
      struct({
        topic: f.string(),
        partitionResult: f.array(
          struct({
            partitionId: f.int32(),
            errorCode: f.int16(),
            errorMessage: f.string({ nullable: "0+" }),
          }),
        ),
      }),
    ),
  }),
});

export type ElectLeadersRequest = RequestOf<typeof electLeadersApi>;
export type ElectLeadersRequestInput = RequestInputOf<typeof electLeadersApi>;
export type ElectLeadersResponse = ResponseOf<typeof electLeadersApi>;
export type ElectLeadersResponseInput = ResponseInputOf<typeof electLeadersApi>;
