/**
 * ApiVersions (key 18). What the broker speaks.
 *
 * The response has header version 0 whatever its own version, so that a client can read the answer
 * to a version it guessed too high (KIP-511). 3 adds the client's name, and features in tags.
 */
import type { RequestInputOf, RequestOf, ResponseInputOf, ResponseOf } from "../schema.ts";
import { defineApi, f, struct } from "../schema.ts";

export const apiVersionsApi = defineApi({
  key: 18,
  name: "ApiVersions",
  versions: [0, 4],
  flexible: 3,
  request: struct({
    clientSoftwareName: f.string({ versions: "3+" }),
    clientSoftwareVersion: f.string({ versions: "3+" }),
  }),
  response: struct({
    errorCode: f.int16(),
    apiKeys: f.array(
      struct({
        apiKey: f.int16(),
        minVersion: f.int16(),
        maxVersion: f.int16(),
      }),
    ),
    throttleTimeMs: f.int32({ versions: "1+" }),
    supportedFeatures: f.array(
      struct({
        name: f.string(),
        minVersion: f.int16(),
        maxVersion: f.int16(),
      }),
      { versions: "3+", tag: 0, taggedVersions: "3+" },
    ),
    finalizedFeaturesEpoch: f.int64({ versions: "3+", default: -1, tag: 1, taggedVersions: "3+" }),
    finalizedFeatures: f.array(
      struct({
        name: f.string(),
        maxVersionLevel: f.int16(),
        minVersionLevel: f.int16(),
      }),
      { versions: "3+", tag: 2, taggedVersions: "3+" },
    ),
    zkMigrationReady: f.bool({ versions: "3+", tag: 3, taggedVersions: "3+" }),
  }),
});

export type ApiVersionsRequest = RequestOf<typeof apiVersionsApi>;
export type ApiVersionsRequestInput = RequestInputOf<typeof apiVersionsApi>;
export type ApiVersionsResponse = ResponseOf<typeof apiVersionsApi>;
export type ApiVersionsResponseInput = ResponseInputOf<typeof apiVersionsApi>;
