/**
 * AlterUserScramCredentials, key 51, version 0 (KIP-554). Sets and deletes SCRAM passwords. The password
 * itself is never sent: the client salts it, and what comes of that is hashed once more before it is
 * kept (ScramControlManager).
 *
 * Needs ALTER on the cluster (31). Of a user, none of whose passwords is changed then: 33 an unknown
 * mechanism, 91 nothing to delete, 92 the same password twice, 93 UNACCEPTABLE_CREDENTIAL.
 */
import type { ScramCredential, ScramName } from "../../cluster/credentials.ts";
import {
  CREDENTIAL_CHARS_MAX,
  SCRAM_ITERATIONS_MAX,
  SCRAM_ITERATIONS_MIN,
  SCRAM_USERS_PER_REQUEST_MAX,
} from "../../constants.ts";
import { ScramMechanism } from "../../protocol/acl-codes.ts";
import type { AlterUserScramCredentialsRequest } from "../../protocol/api/51-alter-user-scram-credentials.ts";
import { alterUserScramCredentialsApi } from "../../protocol/api/51-alter-user-scram-credentials.ts";
import { ErrorCode, KafkaError } from "../../protocol/errors.ts";
import { AclOperation, throwUnlessCluster } from "../access.ts";
import { defineHandler } from "../handler.ts";
import { scramCredentialOf } from "../scram.ts";

type Upsertion = AlterUserScramCredentialsRequest["upsertions"][number];

/** Salts and salted passwords are tens of bytes. */
const BYTES_MAX = 1_024;

export const alterUserScramCredentialsHandler = defineHandler(
  alterUserScramCredentialsApi,
  [0, 0],
  async (ctx, request) => {
    throwUnlessCluster(ctx, AclOperation.ALTER);
    const { deletions, upsertions } = request;
    throwIfTooMany(deletions.length + upsertions.length);
    const { security } = ctx.ports;
    const users = usersOf(request);
    const known = await security.scramCredentials(ctx.clusterId, users);
    const problems = new Map(users.map((user) => [user, problemOf(user, request, known)]));
    const isSound = ({ name }: { readonly name: string }): boolean => problems.get(name) === null;
    const set = await Promise.all(upsertions.filter(isSound).map(credentialOf));
    const deleted = deletions.filter(isSound).map(({ name: user, mechanism }) => ({
      ...{ user, mechanism },
    }));
    await security.alterScramCredentials(ctx.clusterId, set, deleted);
    return {
      results: users.map((user) => {
        const problem = problems.get(user) ?? null;
        const errorCode = problem?.code ?? ErrorCode.NONE;
        return { user, errorCode, errorMessage: problem?.message ?? null };
      }),
    };
  },
  {
    failure: (error, request) => ({
      results: usersOf(request).map((user) => ({
        ...{ user, errorCode: error.code, errorMessage: error.message },
      })),
    }),
  },
);

function usersOf({ deletions, upsertions }: AlterUserScramCredentialsRequest): string[] {
  return [...new Set([...deletions, ...upsertions].map(({ name }) => name))];
}

function throwIfTooMany(count: number): void {
  if (count <= SCRAM_USERS_PER_REQUEST_MAX) return;
  const text = `At most ${SCRAM_USERS_PER_REQUEST_MAX} passwords are changed by one request; there were ${count}.`;
  throw new KafkaError(ErrorCode.INVALID_REQUEST, text);
}

/** Null when all that is asked of this user can be done. */
function problemOf(
  user: string,
  { deletions, upsertions }: AlterUserScramCredentialsRequest,
  known: readonly ScramName[],
): KafkaError | null {
  const unacceptable = (text: string) => new KafkaError(ErrorCode.UNACCEPTABLE_CREDENTIAL, text);
  if (user === "") return unacceptable("Username must not be empty");
  if (user.length > CREDENTIAL_CHARS_MAX) {
    return unacceptable(`A username has at most ${CREDENTIAL_CHARS_MAX} characters`);
  }
  const set = upsertions.filter(({ name }) => name === user);
  const deleted = deletions.filter(({ name }) => name === user);
  const mechanisms = [...set, ...deleted].map(({ mechanism }) => mechanism);
  const codes: readonly number[] = Object.values(ScramMechanism);
  if (mechanisms.some((mechanism) => !codes.includes(mechanism))) {
    return new KafkaError(ErrorCode.UNSUPPORTED_SASL_MECHANISM, "Unknown SCRAM mechanism");
  }
  if (new Set(mechanisms).size < mechanisms.length) {
    const text = "A user credential cannot be altered twice in the same request";
    return new KafkaError(ErrorCode.DUPLICATE_RESOURCE, text);
  }
  const has = (mechanism: number): boolean =>
    known.some((one) => one.user === user && one.mechanism === mechanism);
  if (deleted.some(({ mechanism }) => !has(mechanism))) {
    const text = "Attempt to delete a user credential that does not exist";
    return new KafkaError(ErrorCode.RESOURCE_NOT_FOUND, text);
  }
  const problem = set.map(upsertionProblem).find((text) => text !== null) ?? null;
  return problem === null ? null : unacceptable(problem);
}

function upsertionProblem({ iterations, salt, saltedPassword }: Upsertion): string | null {
  if (iterations < SCRAM_ITERATIONS_MIN) {
    return `Too few iterations: ${iterations}, at least ${SCRAM_ITERATIONS_MIN} are needed`;
  }
  if (iterations > SCRAM_ITERATIONS_MAX) {
    return `Too many iterations: ${iterations}, at most ${SCRAM_ITERATIONS_MAX} are taken`;
  }
  for (const [what, bytes] of Object.entries({ salt, "salted password": saltedPassword })) {
    if (bytes.length > 0 && bytes.length <= BYTES_MAX) continue;
    return `The ${what} has ${bytes.length} bytes: 1 to ${BYTES_MAX} are taken`;
  }
  return null;
}

function credentialOf(upsertion: Upsertion): Promise<ScramCredential> {
  const { name: user, mechanism, salt, iterations, saltedPassword } = upsertion;
  return scramCredentialOf({ user, mechanism }, salt, iterations, saltedPassword);
}
