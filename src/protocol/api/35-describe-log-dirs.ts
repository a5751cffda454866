/**
 * DescribeLogDirs (key 35). Sizes of replicas on disk. 3 adds a top-level error, 4 the volume's size (KIP-827).
 */
import type { RequestInputOf, RequestOf, ResponseInputOf, ResponseOf } from "../schema.ts";
import { defineApi, f, struct } from "../schema.ts";

export const describeLogDirsApi = defineApi({
  key: 35,
  name: "DescribeLogDirs",
  versions: [1, 4],
  flexible: 2,
  request: struct({
    topics: f.array(
      struct({
        topic: f.string(),
        partitions: f.array(f.int32()),
      }),
      { nullable: "0+" },
    ),
  }),
  response: struct({
    throttleTimeMs: f.int32({ default: 0 }),
    errorCode: f.int16({ versions: "3+" }),
    results: f.array(
      struct({
        errorCode: f.int16(),
        logDir: f.string(),
        topics: f.array(
          struct({
            name: f.string(),
            partitions: f.array(
              struct({
                partitionIndex: f.int32(),
                partitionSize: f.int64(),
                offsetLag: f.int64(),
                isFutureKey: f.bool(),
              }),
            ),
          }),
        ),
        totalBytes: f.int64({ versions: "4+", default: -1 }),
        usableBytes: f.int64({ versions: "4+", default: -1 }),
      }),
    ),
  }),
});

export type DescribeLogDirsRequest = RequestOf<typeof describeLogDirsApi>;
export type DescribeLogDirsRequestInput = RequestInputOf<typeof describeLogDirsApi>;
export type DescribeLogDirsResponse = ResponseOf<typeof describeLogDirsApi>;
export type DescribeLogDirsResponseInput = ResponseInputOf<typeof describeLogDirsApi>;
